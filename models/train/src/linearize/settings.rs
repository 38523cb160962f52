//! What determines the outcome of a linearization: presets, and the stages of training that come of them.

use super::method::{Method, Selection};
use crate::kind::Kind;
use crate::masking::Masking;
use crate::masking::shrinking::Pace;
use crate::optimizer::Rule;
use crate::pricing::objective::Objective;
use crate::privshap::ShapleySettings;
use crate::stage::{Augmentation, Distillation, Schedule, Stage};
use crate::train::default_threads;
use models::data::DataSource;
use protocols::timing::Rates;
use serde::{Deserialize, Serialize};

/// Ways in which an image is shifted and mirrored, unless another number is asked for.
pub const VARIANTS: usize = 16;

/// Everything that determines the outcome of a linearization, beside the trained network and the budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearizeSettings {
    /// How units are chosen.
    pub method: Method,
    /// What budgets are budgets of.
    #[serde(default, skip_serializing_if = "Objective::is_relus")]
    pub objective: Objective,
    /// What work takes on the machine that time is predicted for; this project's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// How the layers' Shapley values are measured, by methods that use them.
    pub shapley: ShapleySettings,
    /// How often units are chosen while budgets shrink step by step; `None` goes to the budget at once, or by epochs where the
    /// method's paper does, and chooses anew after every epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// How units are compared, where the method leaves it open and budgets shrink step by step.
    #[serde(default)]
    pub selection: Selection,
    /// Whether [`Method::PrivshapPublished`] learns units' weights between projections, as its authors' code does.
    #[serde(default)]
    pub learn_alphas: bool,
    /// Epochs in which budgets shrink, or after each of which the masks are chosen anew.
    pub replace_epochs: usize,
    /// Adam's learning rate in them.
    pub replace_rate: f64,
    /// Epochs with the masks frozen.
    pub finetune_epochs: usize,
    /// Epochs of both kinds, shared out alike, of a budget that starts from the network of the one before; as many as of the
    /// first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_epochs: Option<usize>,
    /// SGD's learning rate in them, at the start; where budgets shrink step by step, Adam goes on.
    pub finetune_rate: f64,
    /// Share of the steps over which the rate first rises, where budgets shrink step by step.
    #[serde(default)]
    pub warmup: f64,
    /// How much the teacher's answers count.
    #[serde(default)]
    pub distillation: Distillation,
    /// Images a step.
    pub batch: usize,
    /// How images are shifted and mirrored.
    pub augment: Augmentation,
    /// How many training images, the first ones, are used; `None` uses all.
    pub limit: Option<usize>,
    /// How many held-out and test images, the first ones, accuracies are measured on; `None` uses all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_limit: Option<usize>,
    /// Determines what is random: the order of images, how they are shifted, and the units of [`Method::Random`]; the trained
    /// network's seed if absent. Which images are held out it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Threads of libtorch.
    pub threads: usize,
}

impl LinearizeSettings {
    /// The preset: budgets that shrink step by step, Adam 2e-3 along half a cosine after a short rise; for `shapes` shorter and
    /// with twice the rate. Digits are shifted and not mirrored, images of one's own neither.
    pub fn recipe(source: &DataSource) -> Self {
        let (replace_epochs, finetune_epochs, replace_rate, finetune_rate, batch, augment) =
            match Kind::of(source) {
                Kind::Drawn => (4, 6, 4e-3, 1e-2, 64, Augmentation::None),
                Kind::Photographs | Kind::Large => {
                    (60, 60, 2e-3, 1e-3, 256, Augmentation::Variants(VARIANTS))
                }
                Kind::Digits => (60, 60, 2e-3, 1e-3, 256, Augmentation::Shifted),
                Kind::Own => (60, 60, 2e-3, 1e-3, 256, Augmentation::None),
            };
        Self {
            method: Method::Privshap,
            objective: Objective::Relus,
            rates: None,
            pace: Some(Pace::default()),
            selection: Selection::default(),
            learn_alphas: false,
            shapley: ShapleySettings::default(),
            replace_epochs,
            replace_rate,
            finetune_epochs,
            chain_epochs: None,
            finetune_rate,
            warmup: 0.05,
            distillation: Distillation::default(),
            batch,
            augment,
            limit: None,
            eval_limit: None,
            seed: None,
            threads: default_threads(source),
        }
    }

    /// The authors' preset: to the budget at once, or by epochs; Adam 1e-3, then SGD.
    pub fn published(source: &DataSource) -> Self {
        Self { pace: None, replace_rate: 1e-3, warmup: 0.0, ..Self::recipe(source) }
    }

    /// Epochs in which a budget shrinks, and all; of the first of a chain or a `further` one.
    pub(super) fn epochs(&self, further: bool) -> (usize, usize) {
        let all = self.replace_epochs + self.finetune_epochs;
        match self.chain_epochs.filter(|_| further) {
            None => (self.replace_epochs, all),
            Some(chained) => {
                let share = self.replace_epochs as f64 / all as f64;
                (((share * chained as f64).round() as usize).clamp(1, chained), chained)
            }
        }
    }

    /// The method's stages, whose epochs add up to the same number for every method.
    pub(super) fn stages(&self, mut masking: Masking, further: bool) -> Vec<Stage> {
        let (shrinking, all) = self.epochs(further);
        if let Masking::Shrinking(plan) = &mut masking {
            plan.epochs = shrinking;
        }
        let replace = Stage {
            name: "replace".into(),
            epochs: self.replace_epochs,
            batch: self.batch,
            augment: self.augment,
            rule: Rule::Adam,
            rate: self.replace_rate,
            schedule: Schedule::Constant,
            warmup: 0.0,
            distil: Some(self.distillation),
            masking,
        };
        if matches!(replace.masking, Masking::Shrinking(_)) {
            let (name, schedule) = ("shrink".into(), Schedule::Cosine);
            return vec![Stage { name, epochs: all, schedule, warmup: self.warmup, ..replace }];
        }
        if self.method == Method::PrivshapPublished {
            let epochs = self.replace_epochs + self.finetune_epochs;
            return vec![Stage { epochs, schedule: Schedule::Steps, ..replace }];
        }
        let finetune = Stage {
            name: "finetune".into(),
            epochs: self.finetune_epochs,
            rule: Rule::Sgd { momentum: 0.9, weight_decay: 5e-4, decays_all: false },
            rate: self.finetune_rate,
            schedule: Schedule::Cosine,
            masking: Masking::Frozen,
            ..replace.clone()
        };
        vec![replace, finetune]
    }
}
