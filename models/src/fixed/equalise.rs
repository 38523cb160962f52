//! Scales of their own for the channels of a layer, where they cost nothing.
//!
//! A ReLU of a multiple is that multiple of the ReLU: a channel that is multiplied by a positive number before the layer and
//! divided by it after changes nothing over the reals. Both are weights, the segment's before and the next segments', so that
//! small channels of a layer can be larger, and lose less in the layer's few bits (cross-layer equalisation; Nagel et al. 2019,
//! arXiv:1906.04721). It is done where most units are kept: there a bit fewer is a bit fewer to compare. Elsewhere bits of a
//! layer are cheap, and weights that are divided lose as much.
//!
//! A channel goes half of the way, in bits, to where it would reach as far as the largest. All of the way, and up to 16 times as
//! far, values of other images leave the bounds of calibration: of ResNet20 linearized to 50,000 units by SNL, 55 of 2,000 test
//! images' activations in place of 2.

use super::calibrate::Calibration;
use super::lower::Lowered;
use super::steps::{ActivationStep, PublicMap, Segment, Step, Term, TermOp, ValueId};
use std::sync::Arc;

/// By how much a channel counts as smaller than the largest, at most: some are hardly used by any image of calibration, which others
/// may use.
const MOST: f32 = 4.0;

/// Multiplies the small channels of layers that keep most of their units; of `lowered` as it was lowered, whose values are
/// `calibration`'s.
pub fn equalise(lowered: &mut Lowered, calibration: &Calibration) {
    for step in 0..lowered.steps.len() {
        if let Some(factors) = factors(lowered, step, calibration) {
            multiply(lowered, step, &factors);
        }
    }
}

/// What every channel of step `step` may be multiplied with; `None` where it is no such layer, or where something reads it that
/// cannot divide.
fn factors(lowered: &Lowered, step: usize, calibration: &Calibration) -> Option<Vec<f32>> {
    let Step::Activation(layer) = &lowered.steps[step] else { return None };
    let keeps_most = layer.activation.is_homogeneous() && 2 * layer.kept.len() > layer.shape.size();
    let made = |value: ValueId| Some(&lowered.steps[value.maker()?]);
    let Some(Step::Linear(segment)) = made(layer.source) else { return None };
    let source_is_its_own = readers(lowered, layer.source).count() == 0;
    let mut terms = readers(lowered, ValueId::made_by(step)).peekable();
    let divided = terms.peek().is_some() && terms.all(|term| term.has_weights());
    let is_multiplied = lowered.steps.iter().any(|other| {
        matches!(other, Step::Product(_))
            && other.sources().iter().any(|value| [layer.source, ValueId::made_by(step)].contains(value))
    });
    if is_multiplied {
        return None;
    }
    if !(keeps_most && source_is_its_own && divided && segment.terms.iter().all(Term::has_weights)) {
        return None;
    }
    let channels = &calibration.channels[layer.measures];
    let largest = channels.iter().fold(0f32, |m, x| m.max(*x));
    (largest > 0.0).then(|| {
        channels.iter().map(|channel| (largest / channel.max(largest / MOST)).max(1.0).sqrt()).collect()
    })
}

/// The terms that read `value`.
fn readers(lowered: &Lowered, value: ValueId) -> impl Iterator<Item = &Term> {
    let segments = lowered.steps.iter().filter_map(|step| match step {
        Step::Linear(segment) => Some(segment),
        Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => None,
    });
    segments.flat_map(|segment| &segment.terms).filter(move |term| term.source == value)
}

/// Multiplies what step `step` reads, and divides what reads it.
fn multiply(lowered: &mut Lowered, step: usize, factors: &[f32]) {
    let Step::Activation(ActivationStep { source, .. }) = &lowered.steps[step] else { return };
    let source = *source;
    for (at, (one, weights)) in lowered.steps.iter().zip(&mut lowered.weights).enumerate() {
        let (Step::Linear(Segment { terms, .. }), Some(weights)) = (one, weights) else { continue };
        if source == ValueId::made_by(at) {
            let kernels = weights.kernels.iter_mut().map(Arc::make_mut);
            for values in kernels.chain([&mut weights.bias]) {
                let row = values.len() / factors.len();
                for (row, factor) in values.chunks_exact_mut(row).zip(factors) {
                    row.iter_mut().for_each(|weight| *weight *= factor);
                }
            }
        }
        for (term, kernel) in terms.iter().zip(&mut weights.kernels) {
            if let TermOp::Conv { out, window, groups } = term.op
                && term.source == ValueId::made_by(step)
            {
                let factors = after(&term.pre, factors);
                let (ins, outs) = (factors.len() / groups, out / groups);
                let planes =
                    Arc::make_mut(kernel).chunks_exact_mut(window.kernel.0 * window.kernel.1).enumerate();
                for (number, plane) in planes {
                    let factor = factors[number / ins / outs * ins + number % ins];
                    plane.iter_mut().for_each(|weight| *weight /= factor);
                }
            }
        }
    }
}

/// The channels' factors after public maps.
fn after(maps: &[PublicMap], factors: &[f32]) -> Vec<f32> {
    maps.iter().fold(factors.to_vec(), |factors, map| match map {
        PublicMap::SumPool { .. } | PublicMap::Slice { .. } => factors,
        PublicMap::Channels { picked } => picked.iter().map(|channel| factors[*channel]).collect(),
        PublicMap::PadChannels { before, after, .. } => {
            [vec![1.0; *before], factors, vec![1.0; *after]].concat()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::calibrate;
    use super::super::lower::lower;
    use super::super::weighted::Weighted;
    use super::*;
    use crate::data::DataSource;
    use crate::graph::Shape;
    use crate::{initial, nets};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    /// The logits over the reals, and how far every channel of every layer reaches.
    fn values(lowered: &Lowered, image: &[f32]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let mut made: Vec<(Vec<f64>, Shape)> =
            vec![(image.iter().map(|x| f64::from(*x)).collect(), lowered.input)];
        let mut reaches = Vec::new();
        for (step, weights) in lowered.steps.iter().zip(&lowered.weights) {
            let value = match (step, weights) {
                (Step::Linear(segment), Some(weights)) => {
                    let plane = segment.shape.h * segment.shape.w;
                    let mut sum: Vec<f64> =
                        (0..segment.shape.size()).map(|i| f64::from(weights.bias[i / plane])).collect();
                    for (term, kernel) in segment.terms.iter().zip(&weights.kernels) {
                        let (source, shape) = &made[term.source.index()];
                        let weighted = Weighted { term: term.clone(), kernel: kernel.to_vec() };
                        sum.iter_mut().zip(weighted.apply(source, *shape)).for_each(|(a, b)| *a += b);
                    }
                    sum
                }
                (Step::Activation(layer), _) => {
                    let source = &made[layer.source.index()].0;
                    let plane = layer.shape.h * layer.shape.w;
                    let reach = |channel: &[f64]| channel.iter().fold(0f64, |m, x| m.max(x.abs()));
                    reaches.push(source.chunks(plane).map(reach).collect());
                    let mut value = source.clone();
                    layer.kept.iter().for_each(|unit| value[*unit as usize] = value[*unit as usize].max(0.0));
                    value
                }
                (step, _) => panic!("{} is no lowered step", step.name()),
            };
            made.push((value, step.shape()));
        }
        (made.pop().unwrap().0, reaches)
    }

    /// The logits are the same, no channel reaches less far than before, and no layer further.
    #[test]
    fn nothing_changes_but_how_far_channels_reach() {
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let source = DataSource::parse("shapes", None).unwrap();
        let (data, normalisation) = (source.load_test().unwrap().take(6), source.default_normalisation(3));
        let images: Vec<Vec<f32>> =
            (0..6).map(|i| normalisation.apply(data.image(i), data.shape())).collect();
        for net in ["mini", "resnet20", "minionn"] {
            let graph = nets::build(net, Shape::new(3, 32, 32), 10).unwrap();
            for share in [1, 4] {
                let units: usize = graph.activations().map(|layer| layer.shape.size()).sum();
                let masks = initial::masks(&graph, units / share, &mut rng).unwrap();
                let parameters = initial::parameters(&graph, &masks, &images[..2], &mut rng).unwrap();
                let calibration = calibrate(&graph, &parameters, &masks, &normalisation, &data);
                let before = lower(&graph, &parameters, &masks).unwrap();
                let mut equal = before.clone();
                equalise(&mut equal, &calibration);
                // MiniONN's are ReLU6, which are no multiples of each other.
                let changes = share == 1 && net != "minionn";
                assert_eq!(equal.weights != before.weights, changes, "{net}: where most units are kept");
                for image in &images {
                    let ((one, was), (other, is)) = (values(&before, image), values(&equal, image));
                    let off = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    assert!(off < 1e-3, "{net}: logits are {off} off");
                    let channels = was.iter().flatten().zip(is.iter().flatten());
                    channels
                        .for_each(|(was, is)| assert!(*is > was * 0.999 - 1e-3, "{net}: {was} became {is}"));
                }
                let largest = |all: &dyn Fn(&[f32]) -> Vec<f64>| -> Vec<f64> {
                    let found = images.iter().map(|image| all(image));
                    found.reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a.max(*b)).collect()).unwrap()
                };
                let reach = |lowered: &Lowered| {
                    largest(&|image: &[f32]| {
                        values(lowered, image)
                            .1
                            .iter()
                            .map(|r| r.iter().copied().fold(0.0, f64::max))
                            .collect()
                    })
                };
                for (was, is) in reach(&before).iter().zip(reach(&equal)) {
                    assert!((is - was).abs() < 1e-3 * was, "{net}: {was} became {is}");
                }
            }
        }
    }
}
