//! What a network's values look like on calibration data (never test data).

use crate::data::{Dataset, Normalisation};
use crate::graph::{Graph, Parameters};
use crate::mask::Masks;
use crate::real::{argmax, forward};

/// Measured on calibration images, over the reals.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Largest magnitude of every graph node's output.
    pub largest: Vec<f32>,
    /// The images, normalised.
    pub images: Vec<Vec<f32>>,
    /// Their predicted classes.
    pub classes: Vec<usize>,
}

/// Runs `data` through the network and records every node's largest magnitude.
pub fn calibrate(
    graph: &Graph,
    parameters: &Parameters,
    masks: &Masks,
    normalisation: &Normalisation,
    data: &Dataset,
) -> Calibration {
    let mut calibration =
        Calibration { largest: vec![0.0; graph.nodes().len()], images: Vec::new(), classes: Vec::new() };
    for i in 0..data.len() {
        let image = normalisation.apply(data.image(i), data.shape());
        let values = forward(graph, parameters, masks, &image);
        for (largest, value) in calibration.largest.iter_mut().zip(&values) {
            *largest = value.iter().fold(*largest, |m, x| m.max(x.abs()));
        }
        calibration.classes.push(argmax(values.last().expect("a graph has nodes")));
        calibration.images.push(image);
    }
    calibration
}
