//! Fixed-point scales, log2 each, and where values are brought back to one.

use super::lower::Lowered;
use super::steps::Step;

/// One pair for a whole network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scales {
    /// Activations and the image are multiples of 2^-fa.
    pub fa: u32,
    /// Weights are multiples of 2^-fw.
    pub fw: u32,
}

impl Scales {
    /// Usual ones of trained networks.
    pub const USUAL: Self = Self { fa: 6, fw: 8 };
}

/// A scale for every step of a lowered network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepScales {
    /// The image is a multiple of 2^-image.
    pub image: u32,
    /// By step.
    pub steps: Vec<StepScale>,
}

/// What a step does to the scale of what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepScale {
    /// A segment: its weights add so many bits to the finest scale among its sources.
    Weights(u32),
    /// An activation layer: its output is a multiple of 2 to minus this.
    Rescaled(u32),
    /// A layer that keeps nothing: its output is its input, at the input's scale. A product, at the sum of its inputs'.
    Passed,
    /// A layer that keeps nothing: its output is a multiple of 2 to minus this, since each party truncates its own share.
    Truncated(u32),
}

impl StepScales {
    /// The same pair everywhere; every activation layer rescales.
    pub fn uniform(lowered: &Lowered, Scales { fa, fw }: Scales) -> Self {
        let scale = |step: &Step| match step {
            Step::Linear(_) => StepScale::Weights(fw),
            Step::Activation(_) => StepScale::Rescaled(fa),
            Step::Product(_) | Step::Reshare(_) => StepScale::Passed,
        };
        Self { image: fa, steps: lowered.steps.iter().map(scale).collect() }
    }

    /// The finest scale of activations and of weights.
    pub fn finest(&self) -> Scales {
        let mut finest = Scales { fa: self.image, fw: 0 };
        for scale in &self.steps {
            match scale {
                StepScale::Weights(fw) => finest.fw = finest.fw.max(*fw),
                StepScale::Rescaled(fa) | StepScale::Truncated(fa) => finest.fa = finest.fa.max(*fa),
                StepScale::Passed => {}
            }
        }
        finest
    }
}
