//! Networks that were never trained: random weights of sensible size and random masks, to time a network's shapes.

use crate::Error;
use crate::graph::{Graph, Op, Parameters};
use crate::mask::{Mask, Masks};
use crate::real::node_value;
use crate::tensor::Tensor;
use rand::Rng;
use rand_chacha::ChaCha12Rng;

/// Weights drawn uniformly with He's variance of 2 / fan-in, biases zero, and every batch norm's statistics those of
/// its input over `images` (normalised) under `masks`, so that activations are of order 1 everywhere.
///
/// Errors without images, or where one has not the graph's input size.
pub fn parameters(
    graph: &Graph,
    masks: &Masks,
    images: &[Vec<f32>],
    rng: &mut ChaCha12Rng,
) -> Result<Parameters, Error> {
    let size = graph.input().size();
    if let Some(found) = images.iter().map(Vec::len).find(|length| *length != size) {
        return Err(Error::argument("images", format!("{size} values each"), found.to_string()));
    }
    if images.is_empty() {
        return Err(Error::argument("images", "at least one, for batch norms to measure", "none"));
    }
    let draw = |(name, shape): (String, Vec<usize>)| {
        let count: usize = shape.iter().product();
        let is_matrix = shape.len() > 1;
        let data = match name.rsplit('.').next() {
            Some("weight") if is_matrix => {
                let reach = (6.0 * shape[0] as f32 / count as f32).sqrt();
                (0..count).map(|_| rng.random_range(-reach..=reach)).collect()
            }
            Some("weight" | "running_var") => vec![1.0; count],
            _ => vec![0.0; count],
        };
        Ok((name, Tensor::new(shape, data)?))
    };
    let mut parameters: Parameters =
        graph.parameter_shapes().into_iter().map(draw).collect::<Result<_, Error>>()?;
    let mut values: Vec<Vec<Vec<f32>>> = vec![Vec::with_capacity(graph.nodes().len()); images.len()];
    for (id, node) in graph.nodes().iter().enumerate() {
        if let Op::BatchNorm { .. } = node.op {
            let input = node.inputs[0];
            let channels = graph.shape(input).c;
            let (mean, variance) = statistics(values.iter().map(|v| v[input].as_slice()), channels);
            parameters.insert(format!("{}.running_mean", node.name), Tensor::new(vec![channels], mean)?);
            parameters.insert(format!("{}.running_var", node.name), Tensor::new(vec![channels], variance)?);
        }
        for (values, image) in values.iter_mut().zip(images) {
            values.push(node_value(graph, &parameters, masks, image, id, values));
        }
    }
    Ok(parameters)
}

/// Masks that keep exactly `count` units, every choice of them equally likely.
///
/// Errors when the graph has fewer units.
pub fn masks(graph: &Graph, count: usize, rng: &mut ChaCha12Rng) -> Result<Masks, Error> {
    let units: usize = graph.activations().map(|layer| layer.shape.size()).sum();
    if count > units {
        return Err(Error::argument(
            "budget",
            format!("at most the network's {units} units"),
            count.to_string(),
        ));
    }
    let mut flags = vec![false; units];
    rand::seq::index::sample(rng, units, count).into_iter().for_each(|unit| flags[unit] = true);
    let mut masks = Masks::all_kept(graph);
    let mut rest = flags.as_slice();
    for layer in graph.activations() {
        let (own, others) = rest.split_at(layer.shape.size());
        masks.set(layer.name, Mask::new(layer.shape, own.to_vec())?);
        rest = others;
    }
    Ok(masks)
}

/// Mean and variance per channel over all values.
fn statistics<'a>(values: impl Iterator<Item = &'a [f32]>, channels: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut sums, mut squares, mut count) = (vec![0f64; channels], vec![0f64; channels], 0);
    for value in values {
        let area = value.len() / channels;
        count += area;
        for (c, plane) in value.chunks_exact(area).enumerate() {
            sums[c] += plane.iter().map(|x| f64::from(*x)).sum::<f64>();
            squares[c] += plane.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        }
    }
    let count = count as f64;
    let variance = |(sum, square): (&f64, &f64)| (square / count - (sum / count).powi(2)).max(0.0) as f32;
    let variance = sums.iter().zip(&squares).map(variance).collect();
    (sums.iter().map(|sum| (sum / count) as f32).collect(), variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::nets;
    use crate::real::forward;
    use rand::SeedableRng;

    fn images(graph: &Graph, rng: &mut ChaCha12Rng) -> Vec<Vec<f32>> {
        (0..6).map(|_| (0..graph.input().size()).map(|_| rng.random_range(-2.0..2.0)).collect()).collect()
    }

    #[test]
    fn batch_norms_have_mean_zero_and_variance_one_on_their_images() {
        for name in ["mini", "resnet18"] {
            let mut rng = ChaCha12Rng::seed_from_u64(3);
            let graph = nets::build(name, Shape::new(3, 16, 16), 10).unwrap();
            let images = images(&graph, &mut rng);
            let units: usize = graph.activations().map(|layer| layer.shape.size()).sum();
            let masks = masks(&graph, units / 3, &mut rng).unwrap();
            let parameters = parameters(&graph, &masks, &images, &mut rng).unwrap();
            graph.check_parameters(&parameters).unwrap();
            let all: Vec<_> = images.iter().map(|i| forward(&graph, &parameters, &masks, i)).collect();
            for (id, node) in graph.nodes().iter().enumerate() {
                if let Op::BatchNorm { .. } = node.op {
                    let values = all.iter().map(|v| v[id].as_slice());
                    let (mean, variance) = statistics(values, graph.shape(id).c);
                    // A variance far above batch norm's 1e-5 becomes 1 up to `f32`'s rounding.
                    let measured = parameters[&format!("{}.running_var", node.name)].data();
                    for ((mean, variance), measured) in mean.iter().zip(&variance).zip(measured) {
                        assert!(mean.abs() < 1e-3, "{name} {}: mean {mean}", node.name);
                        let expected = measured / (measured + 1e-5);
                        assert!((variance - expected).abs() < 1e-3, "{name} {}: {variance}", node.name);
                    }
                }
            }
        }
    }

    #[test]
    fn the_seed_determines_everything() {
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let draw = |seed| {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let images = images(&graph, &mut rng);
            let masks = masks(&graph, 900, &mut rng).unwrap();
            (parameters(&graph, &masks, &images, &mut rng).unwrap(), masks)
        };
        assert_eq!(draw(1), draw(1));
        let ((weights, kept), (other_weights, other_kept)) = (draw(1), draw(2));
        assert!(weights != other_weights && kept != other_kept);
    }

    #[test]
    fn budgets_are_met_exactly_and_spread_over_all_layers() {
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        for count in [0, 1, 4_608, 9_215, 9_216] {
            assert_eq!(masks(&graph, count, &mut rng).unwrap().count(), count);
        }
        let half = masks(&graph, 4_608, &mut rng).unwrap();
        for (name, mask) in half.iter() {
            // A deviation is below that of n fair coins, sqrt(n) / 2; eight of them never happen.
            let (n, kept) = (mask.shape().size() as f64, mask.count() as f64);
            assert!((kept - n / 2.0).abs() < 4.0 * n.sqrt(), "{name}: {kept} of {n}");
        }
        let message = masks(&graph, 9_217, &mut rng).unwrap_err().to_string();
        assert_eq!(message, "budget: expected at most the network's 9216 units, found 9217");
    }

    #[test]
    fn images_must_fit() {
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let message = |images: &[Vec<f32>], rng: &mut ChaCha12Rng| {
            parameters(&graph, &Masks::all_kept(&graph), images, rng).unwrap_err().to_string()
        };
        assert_eq!(message(&[vec![0.0; 5]], &mut rng), "images: expected 3072 values each, found 5");
        assert!(message(&[], &mut rng).contains("at least one"));
    }
}
