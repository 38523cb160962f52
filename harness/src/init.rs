//! `linnet init`: a checkpoint that was never trained.

use crate::cli::InitArgs;
use crate::error::Error;
use crate::images::{check_fit, tell_remarks};
use crate::print::print;
use models::checkpoint::{Checkpoint, Meta, REST};
use models::data::DataSource;
use models::graph::Graph;
use models::mask::{Masks, parse_budget};
use models::text::name_from;
use models::{initial, nets};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use std::path::Path;

/// Stands as the method of such checkpoints in every result.
pub(crate) const METHOD: &str = "random-init";

/// Training images that batch norms measure.
const IMAGES: usize = 8;

/// Errors where `out` holds a checkpoint already, or could hold none: before anything is made for it.
pub(crate) fn refuse_a_checkpoint(out: &Path) -> Result<(), Error> {
    let file = out.join(REST);
    if !file.exists() {
        return Ok(results::check_room(out)?);
    }
    Err(Error::Option {
        option: "--out",
        expected: "a folder without a checkpoint".into(),
        found: file.display().to_string(),
    })
}

/// Writes the checkpoint; refuses a folder that has one.
pub(crate) fn init(args: &InitArgs) -> Result<(), Error> {
    refuse_a_checkpoint(&args.out)?;
    let read = args.onnx.as_deref().map(import::onnx::read).transpose()?;
    let usual = read.as_ref().map_or("shapes".to_owned(), |read| {
        DataSource::Noise { shape: read.graph.input(), classes: read.graph.classes() }.name()
    });
    let typed = args.data.as_ref().unwrap_or(&usual);
    let source = match DataSource::stand_in(typed).filter(|_| args.data_dir.is_none()) {
        Some(noise) => {
            eprintln!("note: without --data-dir, random pixels of {typed}'s size stand in: {}", noise.name());
            noise
        }
        None => DataSource::typed(typed, args.data_dir.as_deref())?,
    };
    let source = match &read {
        Some(read) => source.for_network(read.graph.input(), read.graph.classes()),
        None => source,
    };
    tell_remarks(&source)?;
    let budget = args.budget.as_deref();
    let budget = |units: usize| Ok(budget.map(|text| parse_budget(text, units)).transpose()?);
    let checkpoint = match (read, &args.onnx) {
        (Some(read), Some(path)) => {
            let name = name_from(&path.file_stem().unwrap_or_default().to_string_lossy());
            random_of(&name, read.graph, &source, args.seed, budget)?
        }
        _ => random(&args.net, &source, args.seed, budget)?,
    };
    checkpoint.save(&args.out)?;
    print(&format!(
        "{}: {} with random weights, {} nonlinear units",
        args.out.display(),
        checkpoint.meta.net,
        checkpoint.masks.count()
    ))
}

/// A built-in network of random weights for images of `source`; `budget` says how many of its units are kept, all if it does
/// not.
pub(crate) fn random(
    net: &str,
    source: &DataSource,
    seed: u64,
    budget: impl FnOnce(usize) -> Result<Option<usize>, Error>,
) -> Result<Checkpoint, Error> {
    let test = source.test(1)?;
    random_of(net, nets::build(net, test.shape(), test.classes())?, source, seed, budget)
}

/// The same of another network.
fn random_of(
    net: &str,
    graph: Graph,
    source: &DataSource,
    seed: u64,
    budget: impl FnOnce(usize) -> Result<Option<usize>, Error>,
) -> Result<Checkpoint, Error> {
    let train = source.training(seed, IMAGES)?;
    check_fit(&graph, &train)?;
    let all = Masks::all_kept(&graph);
    let budget = budget(all.count())?;
    let normalisation = source.default_normalisation(train.shape().c);
    let images: Vec<Vec<f32>> =
        (0..train.len()).map(|i| normalisation.apply(train.image(i), train.shape())).collect();
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let masks = match budget {
        Some(count) => initial::masks(&graph, count, &mut rng)?,
        None => all,
    };
    let parameters = initial::parameters(&graph, &masks, &images, &mut rng)?;
    let meta = Meta {
        net: net.to_owned(),
        data: source.name(),
        method: METHOD.to_owned(),
        budget,
        seed,
        settings: serde_json::json!({ "normalisation_images": train.len(), "data_sha256": train.digest() }),
        ..Meta::default()
    };
    Ok(Checkpoint { graph, parameters, masks, normalisation, meta })
}
