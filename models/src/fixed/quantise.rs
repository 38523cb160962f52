//! From real weights to integers modulo 2^k, with the proof that nothing wraps.

use super::calibrate::Calibration;
use super::curve::Curve;
use super::linear::IntegerWeights;
use super::lower::{Lowered, SegmentWeights};
use super::ring::{MAX_RING_BITS, Ring};
use super::rounded::{Rounded, round_all};
use super::scales::{StepScale, StepScales};
use super::steps::{ActivationStep, ReshareStep, Segment, Step, TermOp, ValueId};
use crate::Error;
use crate::graph::Shape;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use std::collections::HashSet;
use std::sync::Arc;

pub use super::rounded::MAX_WEIGHT;

/// How much larger than the largest calibration value a bound must be.
pub const HEADROOM: f64 = 1.25;

/// Integer weights and biases of every step, `None` for those that are not linear. They are most of a network's memory and never
/// change, so whoever needs them holds the same.
pub type Weights = Arc<[Option<IntegerWeights>]>;

/// A network over the integers. Its steps are public; its weights belong to the server.
#[derive(Clone, Debug)]
pub struct QuantModel {
    /// The ring of every share.
    pub ring: Ring,
    /// The scales it was made with.
    pub scales: StepScales,
    /// Shape of the image.
    pub input: Shape,
    /// The steps, scales and bounds filled in.
    pub steps: Vec<Step>,
    /// What its linear steps multiply by and add.
    pub weights: Weights,
}

impl QuantModel {
    /// Shapes of all values: the image, then every step's output.
    pub fn shapes(&self) -> Vec<Shape> {
        value_shapes(self.input, &self.steps)
    }

    /// The image at its scale, as ring elements.
    pub fn quantise_image(&self, normalised: &[f32]) -> Vec<u64> {
        quantise_image(self.ring, self.scales.image, normalised)
    }

    /// log2 of the logits' scale.
    pub fn output_scale(&self) -> u32 {
        self.scale_of(ValueId::made_by(self.steps.len() - 1))
    }

    /// log2 of a value's scale.
    pub(super) fn scale_of(&self, value: ValueId) -> u32 {
        let Some(step) = value.maker() else { return self.scales.image };
        match &self.steps[step] {
            Step::Linear(segment) => segment.scale,
            Step::Activation(layer) => self.scale_of(layer.source).saturating_sub(layer.truncate),
            Step::Product(product) => self.scale_of(product.left) + self.scale_of(product.right),
            Step::Reshare(reshare) => self.scale_of(reshare.source).saturating_sub(reshare.truncate),
        }
    }

    /// Units that keep their nonlinearity.
    pub fn kept(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Activation(a) => a.kept.len(),
                Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => 0,
            })
            .sum()
    }
}

/// A normalised image as multiples of 2^-scale, as ring elements.
pub fn quantise_image(ring: Ring, scale: u32, normalised: &[f32]) -> Vec<u64> {
    let scale = f64::from(scale).exp2();
    normalised.iter().map(|x| ring.from_signed((f64::from(*x) * scale).round() as i64)).collect()
}

/// Shapes of all values: the image, then every step's output.
pub fn value_shapes(input: Shape, steps: &[Step]) -> Vec<Shape> {
    std::iter::once(input).chain(steps.iter().map(Step::shape)).collect()
}

/// What a step's value and its division need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Width {
    /// log2 of the scale of what the step makes.
    pub scale: u32,
    /// Bits that a rescaling drops.
    pub truncate: u32,
    /// m of a rescaling: its input is promised to stay below 2^m in magnitude.
    pub bound_bits: u32,
    /// Bits of the smallest ring that it can be done in; 0 where any will do.
    pub ring_bits: u32,
    /// Sum of E|x| + 1 over the units of a layer whose shares are truncated alone; 0 for others.
    pub spoiled: f64,
}

/// At most one inference in two to the power of this is expected to be spoiled by shares that are truncated alone.
///
/// Where u + v = x modulo 2^k for a share v that is uniform, the shares read as signed numbers add up to x itself but for at most
/// |x| + 1 of the 2^k values of v, and then u / 2^f + v / 2^f is off by 2^(k-f). So the sum of E|x| + 1 over all units that are truncated alone,
/// over 2^k, bounds how likely any is off (source: SecureML, section 4.1, with the mean magnitude in place of the largest).
pub const SPOILED_BITS: u32 = 20;

/// The width of every step at `scales`. Only what is divided and what is decoded has to fit the ring: a value that is passed
/// on as it is may wrap, since sums and products are exact modulo 2^k.
///
/// # Errors
/// [`Error::Model`] where a layer would be rescaled to a scale that is no coarser than its input's, or that keeps units
/// would be passed on.
pub fn widths(
    lowered: &Lowered,
    calibration: &Calibration,
    scales: &StepScales,
) -> Result<Vec<Width>, Error> {
    let mut made: Vec<Width> = Vec::with_capacity(lowered.steps.len());
    for (step, scale) in lowered.steps.iter().zip(&scales.steps) {
        let scale_of = |value: ValueId| value.maker().map_or(scales.image, |maker| made[maker].scale);
        let mut width = Width { scale: 0, truncate: 0, bound_bits: 0, ring_bits: 0, spoiled: 0.0 };
        match (step, *scale) {
            (Step::Linear(segment), StepScale::Weights(fw)) => {
                width.scale = segment.scale_with(fw, scale_of);
                let weighted = segment.terms.iter().filter(|term| term.has_weights());
                let bits = weighted.map(|term| width.scale - term.owed_bits() - scale_of(term.source));
                // Weights that make up for a finer term may need more bits than any ring has room for.
                let most = bits.max().unwrap_or(0);
                if most > MOST_WEIGHT_BITS {
                    width.ring_bits = MAX_RING_BITS + most - MOST_WEIGHT_BITS;
                }
            }
            (Step::Activation(layer), StepScale::Rescaled(fa) | StepScale::Truncated(fa))
                if layer.kept.is_empty() || matches!(scale, StepScale::Rescaled(_)) =>
            {
                let source = scale_of(layer.source);
                width.scale = fa;
                width.truncate = source.checked_sub(fa).filter(|f| *f > 0).ok_or_else(|| {
                    let expected = format!("a scale coarser than its input's 2^-{source}");
                    Error::model(&layer.name, expected, format!("2^-{fa}"))
                })?;
                let largest = f64::from(calibration.largest[layer.measures]);
                width.bound_bits = bits_for(largest, source, width.truncate);
                width.ring_bits = width.bound_bits.saturating_add(2);
                if let StepScale::Truncated(_) = scale {
                    let mean = f64::from(calibration.mean[layer.measures]);
                    width.spoiled = layer.shape.size() as f64 * (1.0 + mean * f64::from(source).exp2());
                    let spoiled = width.spoiled + made.iter().map(|width| width.spoiled).sum::<f64>();
                    width.ring_bits = width.ring_bits.max(spoiled.log2().ceil() as u32 + SPOILED_BITS);
                }
            }
            (Step::Activation(layer), StepScale::Passed) if layer.kept.is_empty() => {
                width.scale = scale_of(layer.source);
            }
            (Step::Product(product), StepScale::Passed) => {
                width.scale = scale_of(product.left) + scale_of(product.right);
            }
            (step, other) => {
                let expected = "bits for a segment, a scale for a layer that keeps units";
                return Err(Error::model(step.name(), expected, format!("{other:?}")));
            }
        }
        made.push(width);
    }
    if let (Some(last), Some(StepScale::Weights(_) | StepScale::Passed)) =
        (made.last_mut(), scales.steps.last())
    {
        let largest = f64::from(*calibration.largest.last().expect("a graph has nodes"));
        last.ring_bits = last.ring_bits.max(bits_for(largest, last.scale, 0).saturating_add(2));
    }
    Ok(made)
}

/// Rounds weights, sets every step's scale and bound, and picks the ring.
///
/// With `ring_bits` the ring is given and a model that could wrap in it is refused, naming the step; without, the
/// smallest ring that fits is taken.
pub fn quantise(
    lowered: &Lowered,
    calibration: &Calibration,
    scales: &StepScales,
    ring_bits: Option<u32>,
) -> Result<QuantModel, Error> {
    quantise_again((lowered, &Rounded::default()), calibration, scales, ring_bits)
}

/// [`quantise`], with the kernels that were rounded for other scales of the same network.
///
/// # Errors
/// As [`quantise`].
pub(super) fn quantise_again(
    (lowered, rounded): (&Lowered, &Rounded),
    calibration: &Calibration,
    scales: &StepScales,
    ring_bits: Option<u32>,
) -> Result<QuantModel, Error> {
    let widths = widths(lowered, calibration, scales)?;
    let mut needed: (u32, &str) = (scales.image + 2, "input");
    for (step, width) in lowered.steps.iter().zip(&widths) {
        if width.ring_bits > needed.0 {
            needed = (width.ring_bits, step.name());
        }
    }
    let ring = pick_ring(needed, ring_bits)?;
    let scale_of = |value: ValueId| value.maker().map_or(scales.image, |maker| widths[maker].scale);
    // What an activation layer divides.
    let divided: HashSet<ValueId> = (lowered.steps.iter().zip(&widths).zip(&scales.steps))
        .filter_map(|((step, width), scale)| match (step, scale) {
            (Step::Activation(layer), StepScale::Rescaled(_)) if width.truncate > 0 => Some(layer.source),
            _ => None,
        })
        .collect();
    let made = |(index, width): (usize, &Width)| -> Result<(Step, Option<IntegerWeights>), Error> {
        let mut step = lowered.steps[index].clone();
        match &mut step {
            Step::Linear(segment) => {
                let real = lowered.weights[index].as_ref().expect("linear steps carry weights");
                segment.scale = width.scale;
                let mut weights = quantise_segment(segment, (index, real), scale_of, rounded)?;
                if divided.contains(&ValueId::made_by(index)) && is_divided_exactly(segment) {
                    weights.bias.iter_mut().for_each(|b| *b -= 1);
                }
                return Ok((step, Some(weights)));
            }
            Step::Activation(ActivationStep { name, source, shape, .. })
                if matches!(scales.steps[index], StepScale::Passed | StepScale::Truncated(_)) =>
            {
                let Width { truncate, bound_bits, .. } = *width;
                let (name, source, shape) = (name.clone(), *source, *shape);
                step = Step::Reshare(ReshareStep { name, source, shape, truncate, bound_bits });
            }
            Step::Activation(layer) => {
                layer.curve = Curve::new(layer.activation, width.scale);
                (layer.truncate, layer.bound_bits) = (width.truncate, width.bound_bits);
                let largest = f64::from(calibration.largest[layer.measures]);
                layer.skipped = layer.may_skip(1, largest, width.scale + width.truncate);
            }
            Step::Product(_) | Step::Reshare(_) => {}
        }
        Ok((step, None))
    };
    let made: Vec<_> = widths.par_iter().enumerate().map(made).collect::<Result<_, _>>()?;
    let (steps, weights): (_, Vec<_>) = made.into_iter().unzip();
    Ok(QuantModel { ring, scales: scales.clone(), input: lowered.input, steps, weights: weights.into() })
}

/// Smallest m with `HEADROOM * largest * 2^scale <= 2^m - 2^truncate`, and room for at least three compared bits.
pub(super) fn bits_for(largest: f64, scale: u32, truncate: u32) -> u32 {
    let reach = HEADROOM * largest * f64::from(scale).exp2() + f64::from(truncate).exp2();
    (reach.log2().ceil().max(0.0) as u32).max(truncate + 2)
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

/// Rounds the weights of a segment whose scale is set.
fn quantise_segment(
    segment: &mut Segment,
    (step, real): (usize, &SegmentWeights<f32, f32>),
    scale_of: impl Fn(ValueId) -> u32,
    rounded: &Rounded,
) -> Result<IntegerWeights, Error> {
    let mut kernels = Vec::with_capacity(segment.terms.len());
    for (number, (term, kernel)) in segment.terms.iter_mut().zip(&real.kernels).enumerate() {
        let gap = segment.scale - scale_of(term.source);
        let multiplier = term.multiplier(gap);
        match &mut term.op {
            TermOp::Times { by } => {
                let rounded = multiplier.round();
                if rounded == 0.0 || rounded.abs() > MOST_TIMES {
                    let expected =
                        format!("a factor of 1 to {MOST_TIMES} in magnitude at {gap} more bits of scale");
                    let found = format!("{} over {}", term.factor, term.divisor);
                    return Err(Error::model(&segment.name, expected, found));
                }
                *by = rounded as i64;
                kernels.push(Arc::default());
            }
            TermOp::Conv { .. } => {
                kernels.push(
                    rounded.kernel((step, number), gap, || round_all(kernel, multiplier, &segment.name))?,
                );
            }
        }
    }
    let factor = f64::from(segment.scale).exp2();
    let bias = real.bias.iter().map(|b| (f64::from(*b) * factor).round() as i64).collect();
    Ok(IntegerWeights { kernels, bias })
}

/// Whether a segment's value is one of its sources' scale with zeros below, so that one less is divided to the very quotient: the
/// low bits of shares u and v of 2^f q - 1 always add up to 2^f - 1, so that a division that drops them and adds 1 gives q.
/// Without, it gives q + 1 for one share in 2^f. A max pool, which compares values by their difference, is exact by it.
fn is_divided_exactly(segment: &Segment) -> bool {
    segment.terms.iter().all(|term| matches!(term.op, TermOp::Times { by } if by % 2 == 0))
}

/// Most bits of a weight's scale where values are passed on: those of [`MAX_WEIGHT`] for real weights below four.
const MOST_WEIGHT_BITS: u32 = 22;

/// Largest magnitude of a public factor at a segment's scale: numbers of as many bits are exact in double precision.
const MOST_TIMES: f64 = (1u64 << 50) as f64;

impl ActivationStep {
    /// Whether `x` (signed, at the source's scale) keeps the bound that the step was compiled for.
    pub fn keeps_bound(&self, x: i64) -> bool {
        x.unsigned_abs() < (1u64 << self.bound_bits) - (1u64 << (self.truncate + self.skipped))
    }
}

impl ReshareStep {
    /// Whether `x` (signed, at the source's scale) keeps the bound that the step was compiled for.
    pub fn keeps_bound(&self, x: i64) -> bool {
        self.truncate == 0 || x.unsigned_abs() < 1u64 << self.bound_bits
    }
}
