//! A checkpoint made ready to run: data, calibration, scales, plan, secrets, accuracy in the clear.

use crate::error::Error;
use crate::experiment::Compile;
use crate::init;
use models::checkpoint::{Checkpoint, IMPORTED_FROM};
use models::data::{DataSource, Dataset};
use models::fixed::QuantModel;
use models::fixed::calibrate::calibrate;
use models::fixed::evaluate::{self, Rounding};
use models::fixed::lower::lower;
use models::fixed::quantise::Scales;
use models::fixed::search::{Pinned, search};
use models::real;
use protocols::he::HeBackend;
use protocols::plan::compile::{Choices, ServerSecrets, compile};
use protocols::plan::cost::{inference_bytes, predict};
use protocols::plan::{Plan, ReluVariant};
use std::path::Path;

/// The scales of a network that was never trained and has no classes to keep: usual ones of trained networks.
const UNTRAINED: Scales = Scales { fa: 6, fw: 8 };

/// A compiled model.
pub(crate) struct Compiled {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) model: QuantModel,
    pub(crate) plan: Plan,
    pub(crate) secrets: ServerSecrets,
    /// Share of calibration images whose class the scales keep.
    pub(crate) agreement: f64,
    pub(crate) source: DataSource,
}

/// Accuracy on test images, in the clear.
#[derive(Clone, Copy)]
pub(crate) struct ClearAccuracy {
    pub(crate) images: usize,
    pub(crate) float: f64,
    pub(crate) fixed: f64,
    /// Activation inputs that left their calibrated bound, over all images.
    pub(crate) out_of_bounds: u64,
}

/// Added to both searched scales of an imported network. Its maker may have trained it on the images of the search, so
/// that it is surer of their classes than of others'; the search's scales then change some classes in a hundred of
/// images new to it (`tests/across/real_data.rs`).
const SPARE_BITS: u32 = 1;

impl Compiled {
    /// Loads and compiles the checkpoint in `folder`. Calibration uses held-out images, never test images.
    pub(crate) fn load(
        folder: &Path,
        choices: &Compile,
        relu: ReluVariant,
        backend: HeBackend,
    ) -> Result<Self, Error> {
        let checkpoint = Checkpoint::load(folder)?;
        let source = DataSource::parse(&checkpoint.meta.data, choices.data_dir.as_deref())?;
        let held_out = source.load(checkpoint.meta.seed)?.held_out.take(choices.calibration_images);
        let Checkpoint { graph, parameters, masks, normalisation, .. } = &checkpoint;
        let calibration = calibrate(graph, parameters, masks, normalisation, &held_out);
        let lowered = lower(graph, parameters, masks)?;
        let untrained = (checkpoint.meta.method == init::METHOD).then_some(UNTRAINED);
        let pinned = Pinned {
            fa: choices.fa.or(untrained.map(|scales| scales.fa)),
            fw: choices.fw.or(untrained.map(|scales| scales.fw)),
            ring_bits: choices.ring,
        };
        let name = &checkpoint.meta.net;
        let options = Choices { relu, backend, he: None, bytes_per_second: choices.bytes_per_second };
        let cost = |model: &QuantModel| {
            let (plan, _) = compile(name, model, &options).ok()?;
            Some(inference_bytes(&predict(&plan)) as f64)
        };
        let mut found = search(&lowered, &calibration, choices.agreement, pinned, cost)?;
        if checkpoint.meta.settings.get(IMPORTED_FROM).is_some() {
            let Scales { fa, fw } = found.model.scales;
            let finer = |given: Option<u32>, found: u32| given.or(Some(found + SPARE_BITS));
            let finer = Pinned { fa: finer(pinned.fa, fa), fw: finer(pinned.fw, fw), ..pinned };
            found = search(&lowered, &calibration, choices.agreement, finer, cost)?;
        }
        let (plan, secrets) = compile(name, &found.model, &options)?;
        Ok(Self { model: found.model, agreement: found.agreement, plan, secrets, checkpoint, source })
    }

    /// Classifies the first `images` test images over the reals and in the ring.
    pub(crate) fn clear_accuracy(&self, test: &Dataset, images: usize) -> ClearAccuracy {
        let data = test.take(images);
        let Checkpoint { graph, parameters, masks, normalisation, .. } = &self.checkpoint;
        let float = real::classify(graph, parameters, masks, normalisation, &data);
        let fixed = evaluate::classify(&self.model, normalisation, &data);
        let share = |classes: &[usize]| {
            let right = classes.iter().enumerate().filter(|(i, class)| data.label(*i) == **class).count();
            right as f64 / data.len().max(1) as f64
        };
        ClearAccuracy {
            images: data.len(),
            float: share(&float),
            fixed: share(&fixed.classes),
            out_of_bounds: fixed.out_of_bounds,
        }
    }

    /// One test image, normalised, and its classes over the reals and in the ring.
    pub(crate) fn clear_classes(&self, test: &Dataset, image: usize) -> (Vec<f32>, usize, usize) {
        let Checkpoint { graph, parameters, masks, normalisation, .. } = &self.checkpoint;
        let normalised = normalisation.apply(test.image(image), test.shape());
        let float = real::argmax(&real::logits(graph, parameters, masks, &normalised));
        let fixed =
            evaluate::evaluate(&self.model, self.model.quantise_image(&normalised), &mut Rounding::Nearest);
        (normalised, float, real::argmax(&fixed.logits))
    }
}
