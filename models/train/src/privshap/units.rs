//! The Shapley value of every unit, by the limit of many small players.
//!
//! Where players are many and each is small, the Shapley value is the Aumann-Shapley value (Aumann and Shapley, "Values of
//! Non-Atomic Games", 1974): what a player adds to coalitions that have the same share `t` of everybody, over all `t`,
//!
//!   v_u = integral from 0 to 1 of dU/dalpha_u at alpha = (t, ..., t) dt.
//!
//! A unit's `alpha` is its weight in `alpha * act(x) + (1 - alpha) * x`, and the utility U is the mean probability of the
//! right class: accuracy has no derivatives. A backward pass gives the derivatives of all units at once, so a few levels of
//! `t` replace the lattice of coalitions. The values' sum is U with all units less U with none, up to the integral's
//! error.

use crate::gates::Gates;
use crate::images::Batch;
use crate::network::{Mode, Network, hosted};
use tch::{Kind, Tensor, no_grad};

/// Images that are differentiated at once.
const AT_ONCE: i64 = 100;

/// What units add, a list a layer in network order.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitValues {
    /// In probability of the right class.
    pub values: Vec<Vec<f32>>,
    /// The probability with all units, less that with none.
    pub difference: f64,
}

/// Measures the units of `network` on the images of `batch`, at the middles of `levels` equal parts of the way.
pub fn unit_values(network: &Network, batch: &Batch, levels: usize) -> UnitValues {
    let graph = network.graph();
    let images = batch.labels.size()[0];
    let even = |level: f64| {
        Gates::soft(
            graph,
            graph.activations().map(|layer| {
                let size = [layer.shape.c as i64, layer.shape.h as i64, layer.shape.w as i64];
                Tensor::full(size, level, (Kind::Float, network.device()))
            }),
        )
    };
    let pieces = || (0..images).step_by(AT_ONCE as usize).map(|start| (start, AT_ONCE.min(images - start)));
    let right = |logits: &Tensor, (start, count): (i64, i64)| {
        let labels = batch.labels.narrow(0, start, count).unsqueeze(1);
        logits.softmax(1, Kind::Float).gather(1, &labels, false).sum(Kind::Float)
    };
    let utility = |coalition: u64| -> f64 {
        let gates = Gates::coalition(graph, coalition);
        let of = |(start, count)| {
            let images = batch.images.narrow(0, start, count);
            let logits = no_grad(|| network.forward(&images, &gates, Mode::Evaluate));
            right(&logits, (start, count)).double_value(&[])
        };
        pieces().map(of).sum::<f64>() / images as f64
    };
    let mut sums: Vec<Tensor> = Vec::new();
    for level in 0..levels {
        let gates = even((level as f64 + 0.5) / levels as f64);
        for piece in pieces() {
            let shown = batch.images.narrow(0, piece.0, piece.1);
            let (logits, activated) = network.forward_activated(&shown, &gates, Mode::Evaluate);
            let outputs: Vec<&Tensor> = activated.iter().map(|layer| &layer.output).collect();
            let of_outputs = Tensor::run_backward(&[right(&logits, piece)], &outputs, false, false);
            let of_alphas = activated.iter().zip(&of_outputs).map(|(layer, of)| layer.alpha_gradient(of));
            let scale = 1.0 / (levels as f64 * images as f64);
            no_grad(|| match sums.is_empty() {
                true => sums = of_alphas.map(|sum| sum * scale).collect(),
                false => sums.iter_mut().zip(of_alphas).for_each(|(sum, more)| {
                    let _ = sum.g_add_(&(more * scale));
                }),
            });
        }
    }
    UnitValues { values: hosted(&sums), difference: utility(u64::MAX) - utility(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::whole;
    use crate::train::{TrainSettings, train};
    use crate::watch::Silent;
    use models::data::DataSource;
    use tch::Device;

    #[test]
    fn what_units_add_is_what_all_add_together() {
        let temp = tempfile::tempdir().unwrap();
        let settings = TrainSettings {
            epochs: 8,
            limit: Some(2_500),
            threads: 1,
            ..TrainSettings::recipe("mini", &DataSource::Shapes)
        };
        let teacher = train(&settings, &DataSource::Shapes, temp.path(), &mut Silent).unwrap();
        let network = Network::new(&teacher.graph, &teacher.parameters, Device::Cpu);
        let held_out = DataSource::Shapes.load(1).unwrap().held_out.take(150);
        let batch = whole(&held_out, &teacher.normalisation, Device::Cpu);
        let off = |levels| {
            let found = unit_values(&network, &batch, levels);
            let sum: f64 = found.values.iter().flatten().map(|value| f64::from(*value)).sum();
            assert!(found.difference > 0.1, "the network has learnt something: {}", found.difference);
            (sum - found.difference).abs()
        };
        let (coarse, fine) = (off(2), off(64));
        assert!(fine < 0.005 && fine < coarse, "{coarse} with 2 levels, {fine} with 64");
    }
}
