//! `linnet init`: a checkpoint that was never trained.

use crate::cli::InitArgs;
use crate::error::Error;
use crate::print::print;
use models::checkpoint::{Checkpoint, Meta, REST};
use models::data::DataSource;
use models::mask::{Masks, parse_budget};
use models::{initial, nets};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use std::path::Path;

/// Stands as the method of such checkpoints in every result.
pub(crate) const METHOD: &str = "random-init";

/// Training images that batch norms measure.
const IMAGES: usize = 8;

/// Errors where `out` holds a checkpoint already.
pub(crate) fn refuse_a_checkpoint(out: &Path) -> Result<(), Error> {
    let file = out.join(REST);
    if !file.exists() {
        return Ok(());
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
    let source = DataSource::parse(&args.data, args.data_dir.as_deref())?;
    let budget = args.budget.as_deref();
    let checkpoint = random(&args.net, &source, args.seed, |units| {
        Ok(budget.map(|text| parse_budget(text, units)).transpose()?)
    })?;
    checkpoint.save(&args.out)?;
    print(&format!(
        "{}: {} with random weights, {} nonlinear units",
        args.out.display(),
        args.net,
        checkpoint.masks.count()
    ))
}

/// A network of random weights for images of `source`; `budget` says how many of its units are kept, all if it does not.
pub(crate) fn random(
    net: &str,
    source: &DataSource,
    seed: u64,
    budget: impl FnOnce(usize) -> Result<Option<usize>, Error>,
) -> Result<Checkpoint, Error> {
    let train = source.load(seed)?.train.take(IMAGES);
    let graph = nets::build(net, train.shape(), train.classes())?;
    let all = Masks::all_kept(&graph);
    let budget = budget(all.count())?;
    let normalisation = source.default_normalisation();
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
        data: source.name().to_owned(),
        method: METHOD.to_owned(),
        budget,
        seed,
        settings: serde_json::json!({ "normalisation_images": train.len(), "data_sha256": train.digest() }),
        ..Meta::default()
    };
    Ok(Checkpoint { graph, parameters, masks, normalisation, meta })
}
