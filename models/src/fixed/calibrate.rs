//! What a network's values look like on calibration data (never test data).

use crate::data::{Dataset, Normalisation};
use crate::graph::{Graph, Parameters, Shape};
use crate::mask::Masks;
use crate::real::forward;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

/// Measured on calibration images, over the reals.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Largest magnitude of every graph node's output.
    pub largest: Vec<f32>,
    /// The same of every channel of it.
    pub channels: Vec<Vec<f32>>,
    /// Mean magnitude of every graph node's output.
    pub mean: Vec<f32>,
    /// The images, normalised.
    pub images: Vec<Vec<f32>>,
    /// The network's logits of each.
    pub logits: Vec<Vec<f32>>,
}

/// Of one node's output for one image.
struct Magnitudes {
    channels: Vec<f32>,
    mean: f32,
}

impl Magnitudes {
    fn of(value: &[f32], shape: Shape) -> Self {
        // The order of magnitudes is that of their bits, and that of integers is found many at a time. What is no number counts
        // as infinite, which no ring holds.
        let largest = |channel: &[f32]| {
            let bits = channel.iter().fold(0, |largest, x| largest.max(x.abs().to_bits()));
            f32::from_bits(bits.min(f32::INFINITY.to_bits()))
        };
        let channels = value.chunks_exact(shape.h * shape.w).map(largest).collect();
        Self { channels, mean: sum_of_magnitudes(value) / value.len().max(1) as f32 }
    }
}

/// In eight sums, which are added up many at a time.
fn sum_of_magnitudes(value: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (eights, rest) = value.as_chunks::<8>();
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, x)| *sum += x.abs());
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| x.abs()).sum::<f32>()
}

/// Runs `data` through the network, on all processors, and records how large every node's values are.
pub fn calibrate(
    graph: &Graph,
    parameters: &Parameters,
    masks: &Masks,
    normalisation: &Normalisation,
    data: &Dataset,
) -> Calibration {
    let images = (0..data.len()).map(|i| normalisation.apply(data.image(i), data.shape())).collect();
    Calibration::on(graph, parameters, masks, images)
}

impl Calibration {
    /// The same for normalised images.
    pub fn on(graph: &Graph, parameters: &Parameters, masks: &Masks, images: Vec<Vec<f32>>) -> Self {
        Self::watched(graph, parameters, masks, images, || ())
    }

    /// The same; tells `seen` of every image that is done.
    pub fn watched(
        graph: &Graph,
        parameters: &Parameters,
        masks: &Masks,
        images: Vec<Vec<f32>>,
        seen: impl Fn() + Sync,
    ) -> Self {
        let measured: Vec<(Vec<Magnitudes>, Vec<f32>)> = images
            .par_iter()
            .map(|image| {
                let mut values = forward(graph, parameters, masks, image);
                let of_node = |(node, value): (usize, &Vec<f32>)| Magnitudes::of(value, graph.shape(node));
                let magnitudes = values.iter().enumerate().map(of_node).collect();
                seen();
                (magnitudes, values.pop().expect("a graph has nodes"))
            })
            .collect();
        let nodes = graph.nodes().len();
        let mut channels: Vec<Vec<f32>> = (0..nodes).map(|node| vec![0.0; graph.shape(node).c]).collect();
        let (mut mean, mut logits) = (vec![0.0; nodes], Vec::with_capacity(images.len()));
        for (magnitudes, of_image) in measured {
            for (node, of) in magnitudes.into_iter().enumerate() {
                channels[node].iter_mut().zip(of.channels).for_each(|(most, x)| *most = x.max(*most));
                mean[node] += of.mean / images.len() as f32;
            }
            logits.push(of_image);
        }
        let largest = channels.iter().map(|channels| channels.iter().copied().fold(0.0, f32::max)).collect();
        Self { largest, channels, mean, images, logits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataSource;
    use crate::{initial, nets, real};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Every image is told of once, and that changes nothing.
    #[test]
    fn images_are_told_of() {
        let mut rng = ChaCha12Rng::seed_from_u64(4);
        let source = DataSource::parse("shapes", None).unwrap();
        let (data, normalisation) = (source.load_test().unwrap().take(9), source.default_normalisation(3));
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let masks = initial::masks(&graph, 500, &mut rng).unwrap();
        let images: Vec<Vec<f32>> =
            (0..9).map(|i| normalisation.apply(data.image(i), data.shape())).collect();
        let parameters = initial::parameters(&graph, &masks, &images, &mut rng).unwrap();
        let (calibrated, classified) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let seen = |count: &AtomicUsize| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let watched = Calibration::watched(&graph, &parameters, &masks, images, || seen(&calibrated));
        let plain = calibrate(&graph, &parameters, &masks, &normalisation, &data);
        assert_eq!((&watched.channels, &watched.mean), (&plain.channels, &plain.mean));
        let classes =
            real::classify(&graph, &parameters, &masks, &normalisation, &data, || seen(&classified)).unwrap();
        let largest: Vec<usize> = watched.logits.iter().map(|logits| real::argmax(logits)).collect();
        assert_eq!((watched.logits, classes), (plain.logits, largest));
        assert_eq!((calibrated.into_inner(), classified.into_inner()), (9, 9));
    }
}
