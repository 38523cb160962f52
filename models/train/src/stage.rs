//! One stage of training as data: what is minimised, by which rule, for how long.

use crate::Error;
use crate::masking::Masking;
use crate::optimizer::Rule;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

/// How much the teacher's answers count beside the labels (Hinton et al. 2015).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distillation {
    /// Times the divergence from them; the labels' cross-entropy counts once.
    pub weight: f64,
    /// What logits are divided by; gradients are scaled back by its square.
    pub temperature: f64,
}

impl Distillation {
    /// Refuses what has no meaning.
    pub(crate) fn check(self) -> Result<(), Error> {
        let sound = self.weight >= 0.0 && self.temperature > 0.0;
        let found = || format!("{} and {}", self.weight, self.temperature);
        let expected = "a weight of at least 0 and a temperature above 0";
        if sound { Ok(()) } else { Err(Error::config("distillation", expected, found())) }
    }
}

/// Refuses a share of steps that is none.
pub(crate) fn check_warmup(warmup: f64) -> Result<(), Error> {
    match (0.0..1.0).contains(&warmup) {
        true => Ok(()),
        false => {
            Err(Error::config("warmup", "a share of the steps, 0 or more and below 1", warmup.to_string()))
        }
    }
}

impl Default for Distillation {
    fn default() -> Self {
        Self { weight: 1.0, temperature: 4.0 }
    }
}

/// How images differ from epoch to epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// They stay as they are.
    None,
    /// Shifted and mirrored anew in every epoch.
    Fresh,
    /// Shifted anew in every epoch and never mirrored, as digits are not.
    Shifted,
    /// Shifted and mirrored in so many ways, each image in its own; an epoch shows one of them, the next epoch the next. A
    /// teacher answers each of them once.
    Variants(usize),
}

/// How the learning rate goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same throughout.
    Constant,
    /// Times 0.1 at half and again at three quarters of the epochs.
    Steps,
    /// From the full rate at the start to zero at the end, along half a cosine, after every step.
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
    /// How images are shifted and mirrored.
    pub augment: Augmentation,
    /// How gradients become steps.
    pub rule: Rule,
    /// Learning rate at the start.
    pub rate: f64,
    /// How it goes down.
    pub schedule: Schedule,
    /// Share of the steps over which the rate first rises, in a straight line.
    pub warmup: f64,
    /// Whether the teacher's answers count beside the labels, and how much.
    pub distil: Option<Distillation>,
    /// What becomes of the masks.
    pub masking: Masking,
}

impl Stage {
    /// Learning rate of a step, counted from 0, of `steps`.
    pub fn rate_at(&self, step: usize, steps: usize) -> f64 {
        let done = step as f64 / steps as f64;
        let rising = self.warmup * steps as f64;
        let risen = if (step as f64) < rising { (step + 1) as f64 / (rising + 1.0) } else { 1.0 };
        self.rate
            * risen
            * match self.schedule {
                Schedule::Constant => 1.0,
                Schedule::Steps if 2 * step < steps => 1.0,
                Schedule::Steps if 4 * step < 3 * steps => 0.1,
                Schedule::Steps => 0.01,
                Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            }
    }
}

/// Mean cross-entropy, plus distillation from a teacher's logits if there are any:
/// `weight * T^2 * KL(softmax(teacher / T) || softmax(logits / T))`.
pub(crate) fn loss(logits: &Tensor, labels: &Tensor, teacher: Option<(&Tensor, Distillation)>) -> Tensor {
    let hard = logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0);
    let Some((teacher, Distillation { weight, temperature })) = teacher else { return hard };
    let soft = |x: &Tensor| (x / temperature).log_softmax(1, None);
    let divergence = soft(logits).kl_div(&soft(teacher), Reduction::Sum, true);
    hard + divergence * (weight * temperature * temperature / labels.size()[0] as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_scale_with_the_steps() {
        let rule = Rule::Adam;
        let stage = |schedule| Stage {
            name: "p".into(),
            epochs: 1,
            batch: 1,
            augment: Augmentation::None,
            rule,
            rate: 0.1,
            schedule,
            warmup: 0.0,
            distil: None,
            masking: Masking::Frozen,
        };
        let steps = stage(Schedule::Steps);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} {b}");
        for (step, rate) in [(0, 0.1), (79, 0.1), (80, 0.01), (119, 0.01), (120, 0.001), (159, 0.001)] {
            close(steps.rate_at(step, 160), rate);
        }
        assert_eq!([2, 3, 4, 5].map(|s| (steps.rate_at(s, 6) * 1e3).round()), [100.0, 10.0, 10.0, 1.0]);
        let cosine = stage(Schedule::Cosine);
        close(cosine.rate_at(0, 4), 0.1);
        close(cosine.rate_at(2, 4), 0.05);
        close(stage(Schedule::Constant).rate_at(3, 4), 0.1);
        // Three of thirty steps: a quarter, a half and three quarters of the rate, then all of it.
        let warmed = Stage { warmup: 0.1, ..stage(Schedule::Constant) };
        for (step, rate) in [(0, 0.025), (1, 0.05), (2, 0.075), (3, 0.1), (29, 0.1)] {
            close(warmed.rate_at(step, 30), rate);
        }
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
        for weight in [1.0, 0.25] {
            let distil = Distillation { weight, temperature: 4.0 };
            let both = loss(&logits, &labels, Some((&teacher, distil))).double_value(&[]);
            assert!((both - hard - weight * 16.0 * divergence).abs() < 1e-12);
        }
    }
}
