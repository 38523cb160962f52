//! One pass over the training images: steps of an optimizer, and the masks' part in them.

use crate::answers::Answers;
use crate::images::{Order, batches, correct};
use crate::masking::Chooser;
use crate::network::{Mode, Network};
use crate::optimizer::Optimizer;
use crate::stage::{Stage, loss};
use crate::watch::{Progress, Watch};
use models::data::{Dataset, Normalisation};
use models::mask::Masks;
use tch::{Tensor, no_grad};

/// What stays the same over the passes of a stage.
pub(crate) struct Lesson<'a> {
    pub(crate) train: &'a Dataset,
    pub(crate) normalisation: &'a Normalisation,
    pub(crate) stage: &'a Stage,
    /// Index of the stage.
    pub(crate) index: usize,
    pub(crate) seed: u64,
    /// Epochs before the first stage, with the same seed.
    pub(crate) before: usize,
    pub(crate) network: &'a Network,
    /// The teacher's, if the stage distils.
    pub(crate) answers: Option<&'a Answers<'a>>,
}

/// What a pass found.
pub(crate) struct Pass {
    /// Mean loss over the images.
    pub(crate) loss: f64,
    /// Share classified correctly.
    pub(crate) accuracy: f64,
}

impl Lesson<'_> {
    /// Goes over all images as epoch `epoch` (from 1; 0 is the pass before the first). Without an optimizer, weights
    /// and running statistics stay. Masks change on the way, if the chooser does that.
    pub(crate) fn pass(
        &self,
        masks: &mut Masks,
        chooser: &mut Chooser,
        mut optimizer: Option<&mut Optimizer>,
        epoch: usize,
        watch: &mut dyn Watch,
    ) -> Pass {
        let (stage, network) = (self.stage, self.network);
        let (graph, device) = (network.graph(), network.device());
        chooser.begin(graph, masks, device);
        let mut gates = chooser.gates(graph, masks, device);
        let mode = if optimizer.is_some() { Mode::Train } else { Mode::Evaluate };
        let weights: Vec<&Tensor> = match optimizer {
            Some(_) => network.trainable().map(|(_, tensor)| tensor).collect(),
            None => Vec::new(),
        };
        let order =
            Order { seed: self.seed, stage: self.index, epoch: self.before + epoch, augment: stage.augment };
        let count = self.train.len().div_ceil(stage.batch);
        let (before, steps) = (epoch.saturating_sub(1) * count, stage.epochs * count);
        let answers = self.answers.map(|answers| answers.epoch(&order));
        let (mut total, mut right, mut seen) = (0.0, 0, 0);
        for (number, batch) in batches(self.train, self.normalisation, stage.batch, order, device).enumerate()
        {
            let (logits, activated) = network.forward_activated(&batch.images, &gates, mode);
            let answers = answers.as_ref().map(|answers| answers.to(&batch));
            let loss = loss(&logits, &batch.labels, answers.as_ref().zip(stage.distil));
            let looked = if chooser.looks() { activated.as_slice() } else { &[] };
            let outputs = looked.iter().map(|layer| &layer.output);
            let wanted: Vec<&Tensor> = weights.iter().copied().chain(outputs).collect();
            let mut gradients = Tensor::run_backward(&[&loss], &wanted, false, false);
            let of_outputs = gradients.split_off(weights.len());
            no_grad(|| chooser.batch(looked, &of_outputs, optimizer.is_some()));
            if let Some(optimizer) = optimizer.as_deref_mut() {
                let step = before + number;
                optimizer.step(network.trainable(), &gradients, stage.rate_at(step, steps));
                if let Some(next) = chooser.after(graph, masks, step + 1, device) {
                    *masks = next;
                    gates = chooser.gates(graph, masks, device);
                }
            }
            let size = batch.labels.size()[0];
            total += loss.double_value(&[]) * size as f64;
            right += correct(&logits, &batch.labels);
            seen += size;
            watch.batch(Progress {
                stage: &stage.name,
                epoch,
                epochs: stage.epochs,
                batch: number + 1,
                batches: count,
                loss: total / seen as f64,
                accuracy: right as f64 / seen as f64,
            });
        }
        Pass { loss: total / seen as f64, accuracy: right as f64 / seen as f64 }
    }
}
