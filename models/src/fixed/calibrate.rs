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
        let measured: Vec<(Vec<Magnitudes>, Vec<f32>)> = images
            .par_iter()
            .map(|image| {
                let mut values = forward(graph, parameters, masks, image);
                let of_node = |(node, value): (usize, &Vec<f32>)| Magnitudes::of(value, graph.shape(node));
                let magnitudes = values.iter().enumerate().map(of_node).collect();
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
