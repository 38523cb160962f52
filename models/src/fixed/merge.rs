//! Fewer steps for the same network: two segments with nothing kept between them as one, and terms that read the same as
//! one.
//!
//! A layer that keeps nothing may pass its value on, yet the segment behind it costs an exchange, and its weights a scale of
//! their own. Where the product of both is a segment again (`weighted.rs`) neither is needed: the layer vanishes, and
//! what is read behind it is read before it. Kernels may grow by that, so whether it pays is for a price to say.
//!
//! Borders are exact: behind a bias, a convolution that pads zeros makes less of it at borders, so a merged segment may have
//! a bias for every unit.

use super::calibrate::Calibration;
use super::expr::narrow;
use super::fit::{Freedom, Passing, fit};
use super::lower::{Lowered, SegmentWeights};
use super::quantise::{QuantModel, quantise_again};
use super::ring::MAX_RING_BITS;
use super::rounded::Rounded;
use super::scales::{Scales, StepScales};
use super::search::{FEWEST_RING_BITS, Pinned};
use super::steps::{Segment, Step, ValueId};
use super::weighted::Weighted;
use crate::graph::Shape;
use std::sync::Arc;

/// `lowered` with everything merged that makes it cheaper by `price`, one at a time from the image on; `None` is the price
/// of what cannot be run.
pub fn cheapest(mut lowered: Lowered, mut price: impl FnMut(&Lowered) -> Option<f64>) -> Lowered {
    let mut least = None;
    // Whatever was merged may make room for another merge before it.
    loop {
        let (mut step, mut found) = (0, false);
        while step < lowered.steps.len() {
            let Some(tried) = merged(&lowered, step) else {
                step += 1;
                continue;
            };
            // Most networks have nothing to merge, and no price is asked for.
            if least.is_none() {
                least = price(&lowered);
            }
            let Some(before) = least else { return lowered };
            match price(&tried) {
                Some(cost) if cost < before => {
                    (lowered, least, found) = (tried, Some(cost), true);
                    // The merged segment may be one for another merge.
                    step = step.saturating_sub(1);
                }
                _ => step += 1,
            }
        }
        if !found {
            return lowered;
        }
    }
}

/// `lowered` with everything merged that lowers its `cost` (`None` where it cannot be run) at usual scales, as its own are not
/// known yet, or pinned ones; in the ring in which it costs least unmerged. Layers pass values on as `passing` says.
pub fn cheapest_as_usual(
    lowered: Lowered,
    calibration: &Calibration,
    pinned: Pinned,
    passing: Passing,
    cost: impl Fn(&QuantModel) -> Option<f64>,
) -> Lowered {
    let usual = Scales::USUAL;
    let scales = Scales { fa: pinned.fa.unwrap_or(usual.fa), fw: pinned.fw.unwrap_or(usual.fw) };
    let fitted = |lowered: &Lowered, ring_bits: u32| {
        let base = StepScales::uniform(lowered, scales);
        fit(lowered, calibration, &base, ring_bits, Freedom { passing, coarser: 0 })
    };
    let price = |network: (&Lowered, &Rounded), scales: &StepScales| {
        cost(&quantise_again(network, calibration, scales, pinned.ring_bits).ok()?)
    };
    let mut ring = None;
    cheapest(lowered, |lowered| {
        if let Some(ring_bits) = ring {
            return price((lowered, &Rounded::default()), &fitted(lowered, ring_bits)?);
        }
        // The first that is asked for: the network unmerged.
        let rings = pinned.ring_bits.map_or(FEWEST_RING_BITS..=MAX_RING_BITS, |bits| bits..=bits);
        let mut fitting: Vec<(u32, StepScales)> = Vec::new();
        for ring_bits in rings {
            let found = fitted(lowered, ring_bits);
            let found = found.filter(|scales| fitting.last().is_none_or(|(_, last)| last != scales));
            fitting.extend(found.map(|scales| (ring_bits, scales)));
        }
        let rounded = Rounded::default();
        let price = |scales: &StepScales| price((lowered, &rounded), scales);
        let priced = fitting.iter().filter_map(|(bits, scales)| Some((price(scales)?, *bits)));
        let (least, ring_bits) = priced.min_by(|(one, _), (other, _)| one.total_cmp(other))?;
        ring = Some(ring_bits);
        Some(least)
    })
}

/// `lowered` without layer `step` where its segments can be one, or with those terms of segment `step` summed that read the
/// same; `None` where there is no such thing.
pub fn merged(lowered: &Lowered, step: usize) -> Option<Lowered> {
    match &lowered.steps[step] {
        Step::Linear(_) => summed(lowered, step),
        Step::Activation(layer) if layer.kept.is_empty() => passed_through(lowered, step, layer.source),
        Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => None,
    }
}

/// A segment with its weights.
struct Whole {
    name: String,
    terms: Vec<Weighted>,
    /// Of every unit.
    bias: Vec<f64>,
    shape: Shape,
}

impl Whole {
    /// Segment `step`; `None` where it is none.
    fn of(lowered: &Lowered, step: usize) -> Option<Self> {
        let (Step::Linear(segment), Some(weights)) = (&lowered.steps[step], &lowered.weights[step]) else {
            return None;
        };
        let Segment { name, terms, shape, .. } = segment;
        let terms = terms.iter().cloned().zip(weights.kernels.iter().map(|kernel| kernel.to_vec()));
        let each = shape.size() / weights.bias.len();
        let bias = weights.bias.iter().flat_map(|b| std::iter::repeat_n(f64::from(*b), each));
        let terms = terms.map(|(term, kernel)| Weighted { term, kernel }).collect();
        Some(Self { name: name.clone(), terms, bias: bias.collect(), shape: *shape })
    }

    /// This segment, of which `value` is what `first` makes; `None` where that is no segment.
    fn after(self, first: &Self, value: ValueId) -> Option<Self> {
        let mut terms = Vec::with_capacity(self.terms.len());
        let mut bias = self.bias;
        for term in self.terms {
            if term.term.source != value {
                terms.push(term);
                continue;
            }
            let made = term.apply(&first.bias, first.shape);
            bias.iter_mut().zip(made).for_each(|(sum, b)| *sum += b);
            for of in &first.terms {
                terms.push(term.after(of)?);
            }
        }
        let name = format!("{}+{}", first.name, self.name);
        Some(Self { name, terms, bias, shape: self.shape })
    }

    /// With those terms as one that are convolutions of the same.
    fn summed(mut self) -> Self {
        let before = self.terms.len();
        let mut terms: Vec<Weighted> = Vec::with_capacity(before);
        for term in self.terms {
            let sums = terms.iter().enumerate().find_map(|(i, one)| Some((i, one.plus(&term, self.shape)?)));
            match sums {
                Some((i, sum)) => terms[i] = sum,
                None => terms.push(term),
            }
        }
        if terms.len() < before {
            self.name.push_str(".sum");
        }
        Self { terms, ..self }
    }

    fn into_step(self) -> (Step, Option<SegmentWeights<f32, f32>>) {
        let (terms, kernels) = self.terms.into_iter().map(|one| (one.term, Arc::new(one.kernel))).unzip();
        let bias = narrow(self.bias.iter().map(|b| *b as f32).collect(), self.shape);
        let segment = Segment { name: self.name, terms, shape: self.shape, scale: 0 };
        (Step::Linear(segment), Some(SegmentWeights { kernels, bias }))
    }
}

fn summed(lowered: &Lowered, step: usize) -> Option<Lowered> {
    let whole = Whole::of(lowered, step)?;
    let before = whole.terms.len();
    let whole = whole.summed();
    (whole.terms.len() < before).then(|| with(lowered, step, whole))
}

/// Layer `step` and the segment that makes its `source`, in the segment that alone reads it.
fn passed_through(lowered: &Lowered, step: usize, source: ValueId) -> Option<Lowered> {
    let value = ValueId::made_by(step);
    let maker = source.maker()?;
    let [reader] = readers(lowered, value)[..] else { return None };
    if readers(lowered, source) != [step] {
        return None;
    }
    let first = Whole::of(lowered, maker)?;
    let whole = Whole::of(lowered, reader)?.after(&first, value)?.summed();
    Some(without(with(lowered, reader, whole), [maker, step]))
}

/// The steps that read `value`.
fn readers(lowered: &Lowered, value: ValueId) -> Vec<usize> {
    (0..lowered.steps.len()).filter(|step| lowered.steps[*step].sources().contains(&value)).collect()
}

/// `lowered` with segment `step` as given.
fn with(lowered: &Lowered, step: usize, whole: Whole) -> Lowered {
    let mut lowered = lowered.clone();
    (lowered.steps[step], lowered.weights[step]) = whole.into_step();
    lowered
}

/// `lowered` without steps that nothing reads any more.
fn without(mut lowered: Lowered, gone: [usize; 2]) -> Lowered {
    let renumber = |value: &mut ValueId| {
        if let Some(maker) = value.maker() {
            *value = ValueId::made_by(maker - gone.iter().filter(|step| **step < maker).count());
        }
    };
    lowered.steps.iter_mut().flat_map(Step::sources_mut).for_each(renumber);
    let stays = |(index, _): &(usize, _)| !gone.contains(index);
    let weights = lowered.weights.into_iter().enumerate().filter(|(index, _)| !gone.contains(index));
    let steps = lowered.steps.into_iter().enumerate().filter(stays);
    Lowered {
        input: lowered.input,
        steps: steps.map(|(_, step)| step).collect(),
        weights: weights.map(|(_, weights)| weights).collect(),
    }
}
