//! The built-in networks from graph to ring.

use models::fixed::calibrate::Calibration;
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::lower::lower;
use models::fixed::quantise::quantise;
use models::fixed::scales::{Scales, StepScales};
use models::fixed::steps::Step;
use models::graph::{Graph, Parameters, Shape};
use models::mask::{Mask, Masks};
use models::nets;
use models::tensor::Tensor;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

const SCALES: Scales = Scales { fa: 6, fw: 4 };

/// Every output channel picks one input value, with either sign; batch norms only shift, by multiples of 1/8. With
/// images of multiples of 1/64 nothing is ever rounded, not in the ring and not in `f32`.
fn picking(graph: &Graph, rng: &mut ChaCha12Rng) -> Parameters {
    let parameter = |(name, shape): (String, Vec<usize>)| {
        let size: usize = shape.iter().product();
        let data: Vec<f32> = match name.rsplit('.').next() {
            Some("weight") if shape.len() > 1 => {
                let row = size / shape[0];
                let mut weights = vec![0.0; size];
                for line in weights.chunks_exact_mut(row) {
                    line[rng.random_range(0..row)] = if rng.random() { 1.0 } else { -1.0 };
                }
                weights
            }
            Some("weight") => vec![1.0; size],
            // With batch norm's 1e-5 it is 1.
            Some("running_var") => vec![1.0 - 1e-5; size],
            _ => (0..size).map(|_| f32::from(rng.random_range(-4i8..=4)) / 8.0).collect(),
        };
        (name, Tensor::new(shape, data).unwrap())
    };
    graph.parameter_shapes().into_iter().map(parameter).collect()
}

/// Lowering keeps the network's function exactly, whatever its shortcuts and stem.
#[test]
fn networks_without_rounding_are_the_same_in_the_ring_as_over_the_reals() {
    for name in ["mini", "resnet20", "resnet18", "resnet18-stem"] {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let graph = nets::build(name, Shape::new(3, 16, 16), 10).unwrap();
        let parameters = picking(&graph, &mut rng);
        let mut masks = Masks::all_kept(&graph);
        for layer in graph.activations() {
            let kept = (0..layer.shape.size()).map(|_| rng.random()).collect();
            masks.set(layer.name, Mask::new(layer.shape, kept).unwrap());
        }
        let image: Vec<f32> =
            (0..graph.input().size()).map(|_| f32::from(rng.random_range(-127i8..=127)) / 64.0).collect();
        let calibration = Calibration::on(&graph, &parameters, &masks, vec![image.clone()]);
        let logits = &calibration.logits[0];
        let lowered = lower(&graph, &parameters, &masks).unwrap();
        let model = quantise(&lowered, &calibration, &StepScales::uniform(&lowered, SCALES), None).unwrap();
        let evaluated = evaluate(&model, model.quantise_image(&image), &mut Rounding::Nearest);
        let Some(Step::Linear(segment)) = model.steps.last() else { panic!("the last step is linear") };
        let scale = f64::from(segment.scale).exp2();
        let expected: Vec<i64> = logits.iter().map(|x| (f64::from(*x) * scale) as i64).collect();
        assert_eq!(evaluated.logits, expected, "{name}");
        assert_eq!(evaluated.out_of_bounds, 0, "{name}");
        assert!(expected.iter().any(|x| *x != expected[0]), "{name}: {expected:?}");
    }
}

/// A stem without activation is read by a convolution and a shortcut: it becomes a value of its own, with no circuits.
#[test]
fn a_stem_without_activation_is_only_rescaled() {
    let graph = nets::build("resnet18", Shape::new(3, 16, 16), 10).unwrap();
    let parameters = picking(&graph, &mut ChaCha12Rng::seed_from_u64(2));
    let lowered = lower(&graph, &parameters, &Masks::all_kept(&graph)).unwrap();
    let rescaled: Vec<(&str, usize)> = lowered
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Activation(a) if a.kept.len() < a.shape.size() => Some((a.name.as_str(), a.kept.len())),
            Step::Activation(_) | Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => None,
        })
        .collect();
    assert_eq!(rescaled, [("bn1.rescale", 0)]);
    // 17 convolutions, each with its shortcut in one segment, 1 fully connected; 16 activations and the stem's.
    assert_eq!(lowered.steps.len(), 18 + 17);
}
