//! One stage of training as data: what is minimised, by which rule, for how long.

use crate::masking::Masking;
use crate::optimizer::Rule;
use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

/// Temperature of distillation (Hinton et al. 2015); its gradients are scaled back by the square.
pub const TEMPERATURE: f64 = 4.0;

/// How the learning rate goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same throughout.
    Constant,
    /// Times 0.1 at half and again at three quarters of the epochs.
    Steps,
    /// From the full rate at the start to zero at the end, along half a cosine.
    Cosine,
}

/// A stage of the training schedule: a number of epochs of one recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// For the record: `train`, `replace`, `finetune`.
    pub name: String,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Whether images are shifted and mirrored.
    pub augment: bool,
    /// How gradients become steps.
    pub rule: Rule,
    /// Learning rate at the start.
    pub rate: f64,
    /// How it goes down.
    pub schedule: Schedule,
    /// Whether the teacher's answers count beside the labels.
    pub distil: bool,
    /// What becomes of the masks.
    pub masking: Masking,
}

impl Stage {
    /// Learning rate of an epoch, counted from 0.
    pub fn rate_at(&self, epoch: usize) -> f64 {
        let done = epoch as f64 / self.epochs as f64;
        self.rate
            * match self.schedule {
                Schedule::Constant => 1.0,
                Schedule::Steps if 2 * epoch < self.epochs => 1.0,
                Schedule::Steps if 4 * epoch < 3 * self.epochs => 0.1,
                Schedule::Steps => 0.01,
                Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            }
    }
}

/// Mean cross-entropy, plus distillation from a teacher's logits if there are any:
/// `T^2 * KL(softmax(teacher / T) || softmax(logits / T))`.
pub(crate) fn loss(logits: &Tensor, labels: &Tensor, teacher: Option<&Tensor>) -> Tensor {
    let hard = logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0);
    let Some(teacher) = teacher else { return hard };
    let soft = |x: &Tensor| (x / TEMPERATURE).log_softmax(1, None);
    let divergence = soft(logits).kl_div(&soft(teacher), Reduction::Sum, true);
    hard + divergence * (TEMPERATURE * TEMPERATURE / labels.size()[0] as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_scale_with_the_epochs() {
        let rule = Rule::Adam;
        let stage = |schedule, epochs| Stage {
            name: "p".into(),
            epochs,
            batch: 1,
            augment: false,
            rule,
            rate: 0.1,
            schedule,
            distil: false,
            masking: Masking::Frozen,
        };
        let steps = stage(Schedule::Steps, 160);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} {b}");
        for (epoch, rate) in [(0, 0.1), (79, 0.1), (80, 0.01), (119, 0.01), (120, 0.001), (159, 0.001)] {
            close(steps.rate_at(epoch), rate);
        }
        let short = stage(Schedule::Steps, 6);
        assert_eq!([2, 3, 4, 5].map(|e| (short.rate_at(e) * 1e3).round()), [100.0, 10.0, 10.0, 1.0]);
        let cosine = stage(Schedule::Cosine, 4);
        close(cosine.rate_at(0), 0.1);
        close(cosine.rate_at(2), 0.05);
        close(stage(Schedule::Constant, 4).rate_at(3), 0.1);
    }

    #[test]
    fn distillation_as_by_hand() {
        let logits = Tensor::from_slice(&[0f64, 0.0]).reshape([1, 2]);
        let labels = Tensor::from_slice(&[1i64]);
        let hard = std::f64::consts::LN_2;
        assert!((loss(&logits, &labels, None).double_value(&[]) - hard).abs() < 1e-12);
        // Teacher logits 4 ln 3 apart are 3 : 1 at temperature 4.
        let teacher = Tensor::from_slice(&[4.0 * 3f64.ln(), 0.0]).reshape([1, 2]);
        let divergence = 0.75 * (0.75f64 / 0.5).ln() + 0.25 * (0.25f64 / 0.5).ln();
        let both = loss(&logits, &labels, Some(&teacher)).double_value(&[]);
        assert!((both - hard - 16.0 * divergence).abs() < 1e-12);
    }
}
