//! Scales that fit a ring: which layers have to be rescaled in it, and which segments have to do with coarser weights.
//!
//! A layer that keeps nothing may pass its value on ([`StepScale::Passed`]), at a scale that then grows by the bits of the
//! next weights. Only where a value is divided or decoded does it have to fit, so that is where the need of a chain of
//! segments shows.

use super::calibrate::Calibration;
use super::lower::Lowered;
use super::quantise::{Width, widths};
use super::scales::{StepScale, StepScales};
use super::steps::{ProductStep, Step, Term, ValueId};
use std::cmp::Reverse;

/// How layers that keep nothing may pass their values on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Not at all: every layer is rescaled by a protocol.
    Never,
    /// As they are ([`StepScale::Passed`]).
    Exact,
    /// Truncated as well ([`StepScale::Truncated`]), where the ring is wide enough.
    Truncated,
}

/// What a fit may do.
#[derive(Clone, Copy, Debug)]
pub struct Freedom {
    /// Pass values on, in one way or another.
    pub passing: Passing,
    /// Take so many bits from the weights of a segment, where nothing else helps.
    pub coarser: u32,
}

/// `base`, but with few layers rescaled and everything within a ring of `ring_bits`; `None` where `freedom` is not enough.
///
/// Layers are chosen greedily. Where shares may be truncated alone, first that whose truncation spoils least; else one to be
/// rescaled, so that the network fits as far as possible from the image on: on a chain that is the
/// fewest, as with intervals; where values are added it need not be.
pub fn fit(
    lowered: &Lowered,
    calibration: &Calibration,
    base: &StepScales,
    ring_bits: u32,
    freedom: Freedom,
) -> Option<StepScales> {
    let fitting = Fitting { lowered, calibration, base, ring_bits };
    let mut found = base.clone();
    for (scale, step) in found.steps.iter_mut().zip(&lowered.steps) {
        if freedom.passing != Passing::Never && can_pass(step) {
            *scale = StepScale::Passed;
        }
    }
    // Every round truncates or rescales one layer more, or takes a bit from a segment.
    while let Some(tight) = fitting.first_misfit(&found)? {
        let truncated = match freedom.passing {
            Passing::Truncated => fitting.truncated(&found, tight),
            Passing::Never | Passing::Exact => None,
        };
        let divided = truncated.or_else(|| fitting.rescaled(&found, tight));
        found = divided.or_else(|| fitting.coarser(&found, tight, freedom.coarser))?;
    }
    Some(fitting.without_idle(found, freedom.passing))
}

fn can_pass(step: &Step) -> bool {
    matches!(step, Step::Activation(layer) if layer.kept.is_empty())
}

/// Scales by which `layer` is divided, and what they make of every step.
struct Divided {
    layer: usize,
    scales: StepScales,
    widths: Vec<Width>,
}

/// Sum over all layers.
fn spoiled(widths: &[Width]) -> f64 {
    widths.iter().map(|width| width.spoiled).sum()
}

struct Fitting<'a> {
    lowered: &'a Lowered,
    calibration: &'a Calibration,
    base: &'a StepScales,
    ring_bits: u32,
}

impl Fitting<'_> {
    fn widths(&self, scales: &StepScales) -> Option<Vec<Width>> {
        widths(self.lowered, self.calibration, scales).ok()
    }

    /// The first step that does not fit; `None` in place of that where the scales make no sense.
    fn first_misfit(&self, scales: &StepScales) -> Option<Option<usize>> {
        let widths = self.widths(scales)?;
        Some(Some(self.reach(&widths)).filter(|step| *step < widths.len()))
    }

    /// One layer more is rescaled, so that the network fits beyond `tight` or, failing that, that `tight` needs less.
    fn rescaled(&self, scales: &StepScales, tight: usize) -> Option<StepScales> {
        let divided = self.divided(scales, tight, StepScale::Rescaled)?.into_iter().map(|tried| {
            let Divided { layer, ref widths, .. } = tried;
            let units = Reverse(self.lowered.steps[layer].shape().size());
            ((self.reach(widths), Reverse(widths[tight].ring_bits), units, layer), tried)
        });
        divided.max_by_key(|(reward, _)| *reward).map(|(_, best)| best.scales)
    }

    /// One layer more is truncated, so that `tight` needs less: that which spoils fewest inferences.
    fn truncated(&self, scales: &StepScales, tight: usize) -> Option<StepScales> {
        let divided = self.divided(scales, tight, StepScale::Truncated)?.into_iter();
        let best = divided.min_by(|one, other| spoiled(&one.widths).total_cmp(&spoiled(&other.widths)));
        Some(best?.scales)
    }

    /// Every way to divide one layer more, as `divided` says, after which `tight` needs less and nothing before it is too wide.
    fn divided(
        &self,
        scales: &StepScales,
        tight: usize,
        divided: impl Fn(u32) -> StepScale,
    ) -> Option<Vec<Divided>> {
        let before = self.widths(scales)?[tight].ring_bits;
        let candidates = (0..tight).filter(|layer| scales.steps[*layer] == StepScale::Passed);
        let tried = candidates.filter_map(|layer| {
            let mut scales = scales.clone();
            let StepScale::Rescaled(fa) = self.base.steps[layer] else { return None };
            scales.steps[layer] = divided(fa);
            let widths = self.widths(&scales)?;
            let helps = self.reach(&widths) >= tight && widths[tight].ring_bits < before;
            helps.then_some(Divided { layer, scales, widths })
        });
        Some(tried.collect())
    }

    /// The first step that does not fit; the number of all where there is none.
    fn reach(&self, widths: &[Width]) -> usize {
        widths.iter().position(|width| width.ring_bits > self.ring_bits).unwrap_or(widths.len())
    }

    /// Of the segments that make the scale of what does not fit, the one that has lost fewest gets a bit less, as long as none
    /// loses more than `most`; the last of several.
    fn coarser(&self, scales: &StepScales, tight: usize, most: u32) -> Option<StepScales> {
        let lost = |segment: &usize| match (scales.steps[*segment], self.base.steps[*segment]) {
            (StepScale::Weights(fw), StepScale::Weights(given)) if fw > 1 => Some(given.saturating_sub(fw)),
            _ => None,
        };
        let chain = self.chain(scales, tight)?;
        let losers = chain.into_iter().filter_map(|segment| Some((lost(&segment)?, segment)));
        let (lost, segment) = losers.min_by_key(|(lost, segment)| (*lost, Reverse(*segment)))?;
        let mut coarser = scales.clone();
        match &mut coarser.steps[segment] {
            StepScale::Weights(fw) if lost < most => *fw -= 1,
            _ => return None,
        }
        Some(coarser)
    }

    /// The segments whose weights make the scale that step `tight` has to do with: from its own back to where a value was last
    /// rescaled, always by the finest of what is added.
    fn chain(&self, scales: &StepScales, tight: usize) -> Option<Vec<usize>> {
        let made = self.widths(scales)?;
        let scale = |value: ValueId| value.maker().map_or(scales.image, |maker| made[maker].scale);
        let finer =
            |step: &ProductStep| if scale(step.right) > scale(step.left) { step.right } else { step.left };
        let mut chain = Vec::new();
        let mut at = match &self.lowered.steps[tight] {
            Step::Linear(_) => Some(tight),
            Step::Activation(layer) => layer.source.maker(),
            Step::Product(step) => finer(step).maker(),
            Step::Reshare(step) => step.source.maker(),
        };
        while let Some(step) = at {
            at = match &self.lowered.steps[step] {
                Step::Linear(segment) => {
                    let StepScale::Weights(fw) = scales.steps[step] else { return None };
                    let bits = |term: &Term| scale(term.source) + if term.has_weights() { fw } else { 0 };
                    let finest = segment.terms.iter().max_by_key(|term| bits(term))?;
                    chain.extend(finest.has_weights().then_some(step));
                    finest.source.maker()
                }
                Step::Activation(layer) if scales.steps[step] == StepScale::Passed => layer.source.maker(),
                Step::Activation(_) => None,
                Step::Product(step) => finer(step).maker(),
                Step::Reshare(step) => step.source.maker(),
            };
        }
        Some(chain)
    }

    /// The same without what the later divisions have made needless: divisions, or protocols for them.
    fn without_idle(&self, mut scales: StepScales, passing: Passing) -> StepScales {
        for (index, step) in self.lowered.steps.iter().enumerate() {
            let (true, StepScale::Rescaled(fa)) = (can_pass(step), self.base.steps[index]) else { continue };
            let cheaper = match passing {
                Passing::Never => &[][..],
                Passing::Exact => &[StepScale::Passed],
                Passing::Truncated => &[StepScale::Passed, StepScale::Truncated(fa)],
            };
            for cheaper in cheaper {
                if scales.steps[index] == *cheaper {
                    break;
                }
                let most = self.widths(&scales).map_or(0.0, |widths| spoiled(&widths));
                let before = std::mem::replace(&mut scales.steps[index], *cheaper);
                let fits = self.widths(&scales).is_some_and(|widths| {
                    // A protocol less may spoil more, a truncation less may not.
                    let no_more = matches!(before, StepScale::Rescaled(_)) || spoiled(&widths) <= most;
                    no_more && self.reach(&widths) == widths.len()
                });
                if fits {
                    break;
                }
                scales.steps[index] = before;
            }
        }
        scales
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::calibrate;
    use super::super::lower::lower;
    use super::super::scales::Scales;
    use super::*;
    use crate::data::DataSource;
    use crate::graph::{Activation, Graph, Node, Op, Shape, Window};
    use crate::{initial, nets};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    /// Convolutions in a row, an activation after each.
    fn chain(layers: usize) -> Graph {
        let mut nodes = vec![Node { name: "x".into(), op: Op::Input, inputs: vec![] }];
        for layer in 0..layers {
            let last = nodes.len() - 1;
            let conv = Op::Conv { out: 3, window: Window::square(3, 1, 1), bias: true, groups: 1 };
            nodes.push(Node { name: format!("c{layer}"), op: conv, inputs: vec![last] });
            let act = Op::Act { activation: Activation::Relu };
            nodes.push(Node { name: format!("a{layer}"), op: act, inputs: vec![last + 1] });
        }
        let last = nodes.len() - 1;
        nodes.push(Node { name: "fc".into(), op: Op::Linear { out: 4, bias: true }, inputs: vec![last] });
        Graph::new(Shape::new(3, 32, 32), nodes).unwrap()
    }

    /// The graph with random weights and nothing kept.
    fn linear(graph: &Graph) -> (Lowered, Calibration) {
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        let source = DataSource::parse("shapes", None).unwrap();
        let (data, normalisation) = (source.load_test().unwrap().take(4), source.default_normalisation(3));
        let images: Vec<Vec<f32>> =
            (0..data.len()).map(|i| normalisation.apply(data.image(i), data.shape())).collect();
        let masks = initial::masks(graph, 0, &mut rng).unwrap();
        let parameters = initial::parameters(graph, &masks, &images, &mut rng).unwrap();
        let calibration = calibrate(graph, &parameters, &masks, &normalisation, &data);
        (lower(graph, &parameters, &masks).unwrap(), calibration)
    }

    fn rescaled(scales: &StepScales) -> usize {
        scales.steps.iter().filter(|scale| matches!(scale, StepScale::Rescaled(_))).count()
    }

    /// The fewest rescalings that fit, by trying all.
    fn fewest(
        lowered: &Lowered,
        calibration: &Calibration,
        base: &StepScales,
        ring_bits: u32,
    ) -> Option<usize> {
        let layers: Vec<usize> = (0..lowered.steps.len()).filter(|i| can_pass(&lowered.steps[*i])).collect();
        (0u32..1 << layers.len())
            .filter(|chosen| {
                let mut scales = base.clone();
                let passed = layers.iter().enumerate().filter(|(i, _)| chosen >> i & 1 == 0);
                passed.for_each(|(_, layer)| scales.steps[*layer] = StepScale::Passed);
                widths(lowered, calibration, &scales)
                    .is_ok_and(|widths| widths.iter().all(|width| width.ring_bits <= ring_bits))
            })
            .map(|chosen| chosen.count_ones() as usize)
            .min()
    }

    #[test]
    fn a_chain_is_rescaled_as_seldom_as_it_can_be() {
        let (lowered, calibration) = linear(&chain(8));
        let base = StepScales::uniform(&lowered, Scales { fa: 5, fw: 6 });
        let mut seen = Vec::new();
        for ring_bits in 12..=48 {
            let freedom = Freedom { passing: Passing::Exact, coarser: 0 };
            let found = fit(&lowered, &calibration, &base, ring_bits, freedom);
            let found = found.as_ref().map(rescaled);
            assert_eq!(found, fewest(&lowered, &calibration, &base, ring_bits), "{ring_bits} bits");
            seen.extend(found);
        }
        seen.dedup();
        assert!(seen.len() >= 4 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    }

    /// Where values are added, the greedy choice is at most one layer from the best.
    #[test]
    fn a_residual_network_is_rescaled_seldom() {
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let (lowered, calibration) = linear(&graph);
        let base = StepScales::uniform(&lowered, Scales { fa: 5, fw: 6 });
        for ring_bits in 12..=48 {
            let freedom = Freedom { passing: Passing::Exact, coarser: 0 };
            let found = fit(&lowered, &calibration, &base, ring_bits, freedom).as_ref().map(rescaled);
            let best = fewest(&lowered, &calibration, &base, ring_bits);
            assert_eq!(found.is_some(), best.is_some(), "{ring_bits} bits");
            assert!(found <= best.map(|best| best + 1), "{ring_bits} bits: {found:?} where {best:?} do");
        }
    }

    /// Bits are taken only from segments, no more than allowed, and only where the ring asks for it.
    #[test]
    fn coarser_weights_fit_a_narrower_ring() {
        let (lowered, calibration) = linear(&chain(3));
        let base = StepScales::uniform(&lowered, Scales { fa: 5, fw: 6 });
        let at = |ring_bits, coarser| {
            fit(&lowered, &calibration, &base, ring_bits, Freedom { passing: Passing::Never, coarser })
        };
        let needed = (8..48).find(|bits| at(*bits, 0).is_some()).unwrap();
        assert_eq!(at(needed, 3), Some(base.clone()));
        let narrow = at(needed - 2, 3).unwrap();
        assert!(at(needed - 2, 1).is_none());
        for (narrow, base) in narrow.steps.iter().zip(&base.steps) {
            match (narrow, base) {
                (StepScale::Weights(fw), StepScale::Weights(of)) => assert!(fw <= of && fw + 3 >= *of),
                (narrow, base) => assert_eq!(narrow, base),
            }
        }
    }
}
