//! What a network's values look like on calibration data (never test data).

use crate::data::{Dataset, Normalisation};
use crate::graph::{Graph, Parameters};
use crate::mask::Masks;
use crate::real::forward;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Measured on calibration images, over the reals.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Largest magnitude of every graph node's output.
    pub largest: Vec<f32>,
    /// The images, normalised.
    pub images: Vec<Vec<f32>>,
    /// The network's logits of each.
    pub logits: Vec<Vec<f32>>,
}

/// Runs `data` through the network, on all processors, and records every node's largest magnitude.
pub fn calibrate(
    graph: &Graph,
    parameters: &Parameters,
    masks: &Masks,
    normalisation: &Normalisation,
    data: &Dataset,
) -> Calibration {
    let measured: Vec<(Vec<f32>, Vec<f32>, Vec<f32>)> = (0..data.len())
        .into_par_iter()
        .map(|i| {
            let image = normalisation.apply(data.image(i), data.shape());
            let mut values = forward(graph, parameters, masks, &image);
            let largest = values.iter().map(|value| value.iter().fold(0f32, |m, x| m.max(x.abs()))).collect();
            (image, largest, values.pop().expect("a graph has nodes"))
        })
        .collect();
    let mut calibration =
        Calibration { largest: vec![0.0; graph.nodes().len()], images: Vec::new(), logits: Vec::new() };
    for (image, largest, logits) in measured {
        calibration.largest.iter_mut().zip(largest).for_each(|(all, one)| *all = all.max(one));
        calibration.images.push(image);
        calibration.logits.push(logits);
    }
    calibration
}
