//! `linnet import`: a checkpoint from somebody else's file.

mod expected;

use crate::cli::ImportArgs;
use crate::during::during_images;
use crate::error::Error;
use crate::images::{check_fit, tell_remarks};
use crate::init::refuse_a_checkpoint;
use crate::print::print;
use import::{Imported, masks, onnx, weights};
use models::checkpoint::{Checkpoint, IMPORTED_FROM, IMPORTED_SHA256, Meta};
use models::data::{DataSource, Dataset, Normalisation, Pixels};
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
    let source = DataSource::typed(&args.data, args.data_dir.as_deref())?;
    let network = Network::of(args)?;
    let source = match network.graph() {
        Some(graph) => source.for_network(graph.input(), graph.classes()),
        None => source,
    };
    tell_remarks(&source)?;
    let logits = args.expected.as_deref().map(|path| weights::array(path, "logits")).transpose()?;
    let rows = logits.as_ref().and_then(|logits| logits.shape().first().copied()).unwrap_or(0);
    let test = source.test(args.accuracy_images.max(rows).max(1))?;
    let mut imported = network.read(args, &test)?;
    if let Some(path) = &args.masks {
        imported.masks = masks::read(path, &imported.graph, args.mask_threshold)?;
    }
    check_fit(&imported.graph, &test)?;
    let normalisation = normalisation(args, &imported, &source)?;
    warn_of_scale(args, &test);
    if let Some(dropped) = imported.dropped {
        print(&format!("the file's last operator, {dropped}, is left out: a network answers logits"))?;
    }
    let Imported { graph, parameters, masks, .. } = imported;
    let digest = models::checkpoint::file_digest(&args.file)?;
    let meta = Meta {
        net: args.net.clone().unwrap_or_else(|| name_from(&stem(&args.file))),
        data: source.name().to_owned(),
        method: if masks == Masks::all_kept(&graph) { "ar" } else { "imported" }.to_owned(),
        settings: serde_json::json!({ IMPORTED_FROM: name(&args.file), IMPORTED_SHA256: digest }),
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
    if let (Some(expected), Some(logits)) = (&args.expected, &logits) {
        expected::compare(&checkpoint, (expected, logits), args.expected_images.as_deref(), &test)?;
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
    let classes = during_images(("classes of", images.len(), "test images"), |seen| {
        real::classify(graph, parameters, masks, normalisation, images, seen)
    })?;
    let correct = classes.iter().enumerate().filter(|(i, class)| images.label(*i) == **class).count();
    let percent = 100.0 * correct as f64 / images.len() as f64;
    print(&format!(
        "{correct} of the first {} test images are classified rightly: {percent:.2} %",
        images.len()
    ))
}

/// What is known of the network before its images are.
enum Network<'a> {
    /// All of it.
    Whole(Box<Imported>),
    /// Its graph, which a file of weights is for.
    Graph(Graph),
    /// A built-in network's name, which a file of weights is for.
    BuiltIn(&'a str),
}

impl<'a> Network<'a> {
    fn of(args: &'a ImportArgs) -> Result<Self, Error> {
        let extension = args.file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension {
            "onnx" => match (&args.net, &args.graph) {
                (None, None) => Ok(Self::Whole(Box::new(onnx::read(&args.file)?))),
                _ => Err(Error::Option {
                    option: "--net",
                    expected: "neither --net nor --graph for an ONNX file, which has its own".into(),
                    found: "one of them".into(),
                }),
            },
            "safetensors" | "pth" | "pt" | "th" | "tar" => Self::of_weights(args),
            _ => Err(Error::Option {
                option: "FILE",
                expected: "a name that ends in .safetensors, .pth, .pt, .th, .pth.tar or .onnx".into(),
                found: args.file.display().to_string(),
            }),
        }
    }

    fn of_weights(args: &'a ImportArgs) -> Result<Self, Error> {
        match (&args.net, &args.graph) {
            (Some(net), None) => Ok(Self::BuiltIn(net)),
            (None, Some(path)) => {
                let bytes = read_capped(path, GRAPH_LIMIT)?;
                let graph = serde_json::from_slice(&bytes).map(Self::Graph);
                Ok(graph
                    .map_err(|error| models::Error::format(path, "a graph in JSON", error.to_string()))?)
            }
            (None, None) | (Some(_), Some(_)) => Err(Error::Option {
                option: "--net",
                expected: "a network's name, or --graph with a file, for a file of weights".into(),
                found: if args.net.is_some() { "both" } else { "neither" }.into(),
            }),
        }
    }

    fn graph(&self) -> Option<&Graph> {
        match self {
            Self::Whole(imported) => Some(&imported.graph),
            Self::Graph(graph) => Some(graph),
            Self::BuiltIn(_) => None,
        }
    }

    /// Reads its weights; a built-in network is one for images as those of `test`.
    fn read(self, args: &ImportArgs, test: &Dataset) -> Result<Imported, Error> {
        let graph = match self {
            Self::Whole(imported) => return Ok(*imported),
            Self::Graph(graph) => graph,
            Self::BuiltIn(net) => nets::build(net, test.shape(), test.classes())?,
        };
        Ok(weights::read(&args.file, graph, args.mask_threshold, &args.rename)?)
    }
}

/// Says on standard error what looks like means and deviations for images in 0 to 255.
fn warn_of_scale(args: &ImportArgs, test: &Dataset) {
    let given = args.mean.iter().chain(&args.std).flatten();
    let largest = given.copied().map(f32::abs).fold(0.0, f32::max);
    if largest > 1.0 && matches!(test.images(), Pixels::Bytes(_)) {
        eprintln!(
            "warning: --mean and --std go up to {largest}, but images are in 0 to 1 before them; if they are meant for images in 0 to \
             255, divide both by 255"
        );
    }
}

/// As given and as the file says, or as the data set usually has it; said aloud.
fn normalisation(
    args: &ImportArgs,
    imported: &Imported,
    source: &DataSource,
) -> Result<Normalisation, Error> {
    let channels = imported.graph.input().c;
    let given =
        |mean: &[f32], std: &[f32]| Normalisation { mean: mean.to_vec(), std: std.to_vec() }.spread(channels);
    let (normalisation, whose) = match (&args.mean, &args.std, &imported.normalisation) {
        (Some(mean), Some(std), None) => (given(mean, std), "as given"),
        (Some(mean), Some(std), Some(own)) => {
            let given = given(mean, std);
            given.check(own.mean.len())?;
            (both(&given, own), "as given, and then the file's own")
        }
        (None, None, Some(own)) => (own.clone(), "the file's own"),
        (None, None, None) => {
            (source.default_normalisation(channels), "the data set's usual one, since none was given")
        }
        (mean, _, _) => {
            return Err(Error::Option {
                option: "--mean",
                expected: "both --mean and --std, or neither".into(),
                found: if mean.is_some() { "--mean alone" } else { "--std alone" }.into(),
            });
        }
    };
    normalisation.check(channels)?;
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
