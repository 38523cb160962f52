//! From real weights to integers modulo 2^k, with the proof that nothing wraps.

use super::calibrate::Calibration;
use super::curve::Curve;
use super::linear::IntegerWeights;
use super::lower::{Lowered, SegmentWeights};
use super::ring::{MAX_RING_BITS, Ring};
use super::steps::{ActivationStep, Segment, Step, TermOp};
use crate::Error;
use crate::graph::Shape;
use serde::{Deserialize, Serialize};

/// log2 of the fixed-point scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scales {
    /// Activations and the image are multiples of 2^-fa.
    pub fa: u32,
    /// Weights are multiples of 2^-fw.
    pub fw: u32,
}

/// How much larger than the largest calibration value a bound must be.
pub const HEADROOM: f64 = 1.25;

/// A network over the integers. Its steps are public; its weights belong to the server.
#[derive(Clone, Debug)]
pub struct QuantModel {
    /// The ring of every share.
    pub ring: Ring,
    /// The scales it was made with.
    pub scales: Scales,
    /// Shape of the image.
    pub input: Shape,
    /// The steps, scales and bounds filled in.
    pub steps: Vec<Step>,
    /// The weights of step `i`; `None` for activation steps.
    pub weights: Vec<Option<IntegerWeights>>,
}

impl QuantModel {
    /// Shapes of all values: the image, then every step's output.
    pub fn shapes(&self) -> Vec<Shape> {
        value_shapes(self.input, &self.steps)
    }

    /// The image at scale 2^fa, as ring elements.
    pub fn quantise_image(&self, normalised: &[f32]) -> Vec<u64> {
        quantise_image(self.ring, self.scales, normalised)
    }

    /// Units that keep their nonlinearity.
    pub fn kept(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Activation(a) => a.kept.len(),
                Step::Linear(_) => 0,
            })
            .sum()
    }
}

/// A normalised image at scale 2^fa, as ring elements.
pub fn quantise_image(ring: Ring, scales: Scales, normalised: &[f32]) -> Vec<u64> {
    let scale = f64::from(scales.fa).exp2();
    normalised.iter().map(|x| ring.from_signed((f64::from(*x) * scale).round() as i64)).collect()
}

/// Shapes of all values: the image, then every step's output.
pub fn value_shapes(input: Shape, steps: &[Step]) -> Vec<Shape> {
    std::iter::once(input).chain(steps.iter().map(Step::shape)).collect()
}

/// Rounds weights, sets every step's scale and bound, and picks the ring.
///
/// With `ring_bits` the ring is given and a model that could wrap in it is refused, naming the step; without, the
/// smallest ring that fits is taken.
pub fn quantise(
    lowered: &Lowered,
    calibration: &Calibration,
    scales: Scales,
    ring_bits: Option<u32>,
) -> Result<QuantModel, Error> {
    let mut steps = lowered.steps.clone();
    let mut value_scales = vec![scales.fa];
    let mut needed: (u32, &str) = (scales.fa + 2, "input");
    let mut weights = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter_mut().enumerate() {
        match step {
            Step::Linear(segment) => {
                let real = lowered.weights[index].as_ref().expect("linear steps carry weights");
                weights.push(Some(quantise_segment(segment, real, scales, &value_scales)?));
                value_scales.push(segment.scale);
                if index + 1 == lowered.steps.len() {
                    let largest = f64::from(*calibration.largest.last().expect("a graph has nodes"));
                    let bits = bits_for(largest, segment.scale, 0);
                    needed = widest(needed, bits, lowered.steps[index].name());
                }
            }
            Step::Activation(activation) => {
                activation.curve = Curve::new(activation.activation, scales.fa);
                activation.truncate = value_scales[activation.source.index()] - scales.fa;
                let largest = f64::from(calibration.largest[activation.measures]);
                activation.bound_bits =
                    bits_for(largest, value_scales[activation.source.index()], activation.truncate);
                needed = widest(needed, activation.bound_bits, lowered.steps[index].name());
                weights.push(None);
                value_scales.push(scales.fa);
            }
        }
    }
    let ring = pick_ring(needed, ring_bits)?;
    Ok(QuantModel { ring, scales, input: lowered.input, steps, weights })
}

/// Smallest m with `HEADROOM * largest * 2^scale <= 2^m - 2^truncate`, and room for at least three compared bits.
fn bits_for(largest: f64, scale: u32, truncate: u32) -> u32 {
    let reach = HEADROOM * largest * f64::from(scale).exp2() + f64::from(truncate).exp2();
    (reach.log2().ceil().max(0.0) as u32).max(truncate + 2)
}

/// Rings needed so far (m + 2) against another bound.
fn widest<'a>(needed: (u32, &'a str), bound_bits: u32, name: &'a str) -> (u32, &'a str) {
    if bound_bits + 2 > needed.0 { (bound_bits + 2, name) } else { needed }
}

fn pick_ring((needed, step): (u32, &str), asked: Option<u32>) -> Result<Ring, Error> {
    let limit = asked.unwrap_or(MAX_RING_BITS).min(MAX_RING_BITS);
    if needed > limit {
        return Err(Error::model(
            step,
            format!("values that fit a ring of {limit} bits with two to spare"),
            format!("a step that needs {needed} bits (it would wrap)"),
        ));
    }
    let bits = asked.unwrap_or(needed);
    Ring::new(bits)
        .ok_or_else(|| Error::argument("ring", format!("1 to {MAX_RING_BITS} bits"), bits.to_string()))
}

fn quantise_segment(
    segment: &mut Segment,
    real: &SegmentWeights<f32, f32>,
    scales: Scales,
    value_scales: &[u32],
) -> Result<IntegerWeights, Error> {
    let owed =
        segment.terms.iter().map(|t| t.divisor.next_power_of_two().trailing_zeros()).max().unwrap_or(0);
    let highest = segment.terms.iter().map(|t| value_scales[t.source.index()]).max().unwrap_or(scales.fa);
    segment.scale = highest + scales.fw + owed;
    let mut kernels = Vec::with_capacity(segment.terms.len());
    for (term, kernel) in segment.terms.iter_mut().zip(&real.kernels) {
        let gap = segment.scale - value_scales[term.source.index()];
        match &mut term.op {
            TermOp::Shift { shift } => {
                if !term.divisor.is_power_of_two() {
                    return Err(Error::model(
                        &segment.name,
                        "an average over a power of two, or a convolution after it",
                        format!("a bare average over {}", term.divisor),
                    ));
                }
                *shift = gap - term.divisor.trailing_zeros();
                kernels.push(Vec::new());
            }
            TermOp::Conv { .. } => {
                let factor = f64::from(gap).exp2() / term.divisor as f64;
                kernels.push(round_all(kernel, factor, &segment.name)?);
            }
        }
    }
    let factor = f64::from(segment.scale).exp2();
    let bias = real.bias.iter().map(|b| (f64::from(*b) * factor).round() as i64).collect();
    Ok(IntegerWeights { kernels, bias })
}

/// Largest magnitude of an integer weight: it keeps products exact and noise small.
pub const MAX_WEIGHT: u32 = 1 << 24;

fn round_all(kernel: &[f32], factor: f64, name: &str) -> Result<Vec<i32>, Error> {
    kernel
        .iter()
        .map(|w| {
            let scaled = (f64::from(*w) * factor).round();
            if scaled.abs() <= f64::from(MAX_WEIGHT) {
                Ok(scaled as i32)
            } else {
                Err(Error::model(
                    name,
                    format!("weights of magnitude at most {MAX_WEIGHT} after scaling"),
                    scaled.to_string(),
                ))
            }
        })
        .collect()
}

impl ActivationStep {
    /// Whether `x` (signed, at the source's scale) keeps the bound that the step was compiled for.
    pub fn keeps_bound(&self, x: i64) -> bool {
        x.unsigned_abs() < (1u64 << self.bound_bits) - (1u64 << self.truncate)
    }
}
