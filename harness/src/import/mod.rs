//! `linnet import`: a checkpoint from somebody else's file.

mod expected;

use crate::cli::ImportArgs;
use crate::error::Error;
use crate::init::refuse_a_checkpoint;
use crate::print::print;
use import::{Imported, masks, onnx, weights};
use models::checkpoint::{Checkpoint, IMPORTED_FROM, Meta};
use models::data::{DataSource, Dataset, Normalisation};
use models::disk::read_capped;
use models::graph::Graph;
use models::mask::Masks;
use models::text::name_from;
use models::{nets, real};
use std::path::Path;

/// Largest file that describes a graph.
const GRAPH_LIMIT: u64 = 16_000_000;

/// Reads the file, says how well the network does, and writes the checkpoint; refuses a folder that has one.
pub(crate) fn import(args: &ImportArgs) -> Result<(), Error> {
    refuse_a_checkpoint(&args.out)?;
    let source = DataSource::parse(&args.data, args.data_dir.as_deref())?;
    let test = source.load_test()?;
    let mut imported = read(args, &test)?;
    if let Some(path) = &args.masks {
        imported.masks = masks::read(path, &imported.graph, args.mask_threshold)?;
    }
    let classes = imported.graph.classes();
    if (imported.graph.input(), classes) != (test.shape(), test.classes()) {
        return Err(Error::Option {
            option: "--data",
            expected: format!(
                "images of {} in {classes} classes, as the network has",
                imported.graph.input()
            ),
            found: format!("images of {} in {}", test.shape(), test.classes()),
        });
    }
    let normalisation = normalisation(args, &imported, &source)?;
    if let Some(dropped) = imported.dropped {
        print(&format!("the file's last operator, {dropped}, is left out: a network answers logits"))?;
    }
    let Imported { graph, parameters, masks, .. } = imported;
    let digest = models::checkpoint::file_digest(&args.file)?;
    let meta = Meta {
        net: args.net.clone().unwrap_or_else(|| name_from(&stem(&args.file))),
        data: source.name().to_owned(),
        method: if masks == Masks::all_kept(&graph) { "ar" } else { "imported" }.to_owned(),
        settings: serde_json::json!({ IMPORTED_FROM: name(&args.file), "sha256": digest }),
        ..Meta::default()
    };
    let checkpoint = Checkpoint { graph, parameters, masks, normalisation, meta };
    checkpoint.check()?;
    print(&format!(
        "{}: {} activation layers, {} of {} units keep their nonlinearity",
        name(&args.file),
        checkpoint.graph.activations().count(),
        checkpoint.masks.count(),
        Masks::all_kept(&checkpoint.graph).count(),
    ))?;
    if let Some(expected) = &args.expected {
        expected::compare(&checkpoint, expected, args.expected_images.as_deref(), &test)?;
    }
    classify(&checkpoint, &test.take(args.accuracy_images))?;
    checkpoint.save(&args.out)?;
    print(&format!("written to {}", args.out.display()))
}

/// Prints how many of the first test images the network classifies rightly; of none, nothing.
fn classify(checkpoint: &Checkpoint, images: &Dataset) -> Result<(), Error> {
    if images.is_empty() {
        return Ok(());
    }
    let Checkpoint { graph, parameters, masks, normalisation, .. } = checkpoint;
    let classes = real::classify(graph, parameters, masks, normalisation, images)?;
    let correct = classes.iter().enumerate().filter(|(i, class)| images.label(*i) == **class).count();
    let percent = 100.0 * correct as f64 / images.len() as f64;
    print(&format!(
        "{correct} of the first {} test images are classified rightly: {percent:.2} %",
        images.len()
    ))
}

fn read(args: &ImportArgs, test: &Dataset) -> Result<Imported, Error> {
    let extension = args.file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "onnx" => match (&args.net, &args.graph) {
            (None, None) => Ok(onnx::read(&args.file)?),
            _ => Err(Error::Option {
                option: "--net",
                expected: "neither --net nor --graph for an ONNX file, which has its own".into(),
                found: "one of them".into(),
            }),
        },
        "safetensors" | "pth" | "pt" | "th" | "tar" => {
            Ok(weights::read(&args.file, graph(args, test)?, args.mask_threshold, &args.rename)?)
        }
        _ => Err(Error::Option {
            option: "FILE",
            expected: "a name that ends in .safetensors, .pth, .pt, .th, .pth.tar or .onnx".into(),
            found: args.file.display().to_string(),
        }),
    }
}

/// The network that a file of weights is for.
fn graph(args: &ImportArgs, test: &Dataset) -> Result<Graph, Error> {
    match (&args.net, &args.graph) {
        (Some(net), None) => Ok(nets::build(net, test.shape(), test.classes())?),
        (None, Some(path)) => {
            let bytes = read_capped(path, GRAPH_LIMIT)?;
            let graph = serde_json::from_slice(&bytes);
            Ok(graph.map_err(|error| models::Error::format(path, "a graph in JSON", error.to_string()))?)
        }
        (None, None) | (Some(_), Some(_)) => Err(Error::Option {
            option: "--net",
            expected: "a network's name, or --graph with a file, for a file of weights".into(),
            found: if args.net.is_some() { "both" } else { "neither" }.into(),
        }),
    }
}

/// As given and as the file says, or as the data set usually has it; said aloud.
fn normalisation(
    args: &ImportArgs,
    imported: &Imported,
    source: &DataSource,
) -> Result<Normalisation, Error> {
    let (normalisation, whose) = match (&args.mean, &args.std, &imported.normalisation) {
        (Some(mean), Some(std), None) => (Normalisation { mean: mean.clone(), std: std.clone() }, "as given"),
        (Some(mean), Some(std), Some(own)) => {
            let given = Normalisation { mean: mean.clone(), std: std.clone() };
            given.check(own.mean.len())?;
            (both(&given, own), "as given, and then the file's own")
        }
        (None, None, Some(own)) => (own.clone(), "the file's own"),
        (None, None, None) => {
            (source.default_normalisation(), "the data set's usual one, since none was given")
        }
        (mean, _, _) => {
            return Err(Error::Option {
                option: "--mean",
                expected: "both --mean and --std, or neither".into(),
                found: if mean.is_some() { "--mean alone" } else { "--std alone" }.into(),
            });
        }
    };
    normalisation.check(imported.graph.input().c)?;
    let Normalisation { mean, std } = &normalisation;
    print(&format!("images are normalised by mean {mean:?}, deviation {std:?} ({whose})"))?;
    Ok(normalisation)
}

/// The normalisation that does what one does and then the other.
fn both(first: &Normalisation, then: &Normalisation) -> Normalisation {
    let channels = || first.mean.iter().zip(&first.std).zip(then.mean.iter().zip(&then.std));
    Normalisation {
        mean: channels().map(|((mean, std), (then_mean, _))| mean + std * then_mean).collect(),
        std: channels().map(|((_, std), (_, then_std))| std * then_std).collect(),
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::graph::Shape;

    #[test]
    fn two_normalisations_are_done_one_after_the_other() {
        let first = Normalisation { mean: vec![0.5, 0.25], std: vec![0.5, 0.125] };
        let then = Normalisation { mean: vec![2.0, -1.0], std: vec![4.0, 0.5] };
        let shape = Shape::new(2, 1, 1);
        for image in [[0, 255], [51, 102]] {
            let once = first.apply(&image[..], shape);
            let twice = [(once[0] - 2.0) / 4.0, (once[1] + 1.0) / 0.5];
            let found = both(&first, &then).apply(&image[..], shape);
            assert!(found.iter().zip(twice).all(|(found, twice)| (found - twice).abs() < 1e-5), "{found:?}");
        }
    }
}
