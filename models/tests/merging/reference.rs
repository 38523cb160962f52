//! What a network means, by its definition: over the reals, and in integers that do not wrap.

use models::convolve::convolve;
use models::fixed::QuantModel;
use models::fixed::lower::Lowered;
use models::fixed::steps::{Step, TermOp};
use models::graph::Shape;

/// The bias of every unit.
pub(crate) fn units<B: Copy>(bias: &[B], shape: Shape) -> Vec<B> {
    let per_channel = |unit: usize| if bias.len() == shape.c { unit / shape.area() } else { unit };
    (0..shape.size()).map(|unit| bias[per_channel(unit)]).collect()
}

/// All values of a network over the reals.
pub(crate) fn reals(lowered: &Lowered, image: &[f32]) -> Vec<Vec<f64>> {
    let mut values: Vec<Vec<f64>> = vec![image.iter().map(|x| f64::from(*x)).collect()];
    let mut shapes = vec![lowered.input];
    for (step, weights) in lowered.steps.iter().zip(&lowered.weights) {
        let value = match (step, weights) {
            (Step::Linear(segment), Some(weights)) => {
                let mut sum: Vec<f64> =
                    units(&weights.bias, segment.shape).into_iter().map(f64::from).collect();
                for (term, kernel) in segment.terms.iter().zip(&weights.kernels) {
                    let mut value = values[term.source.index()].clone();
                    let mut shape = shapes[term.source.index()];
                    for map in &term.pre {
                        value = map.apply(&value, shape);
                        shape = map.output(shape);
                    }
                    assert_eq!(shape, term.shape);
                    if let TermOp::Conv { out, window, .. } = term.op {
                        let kernel: Vec<f64> = kernel.iter().map(|w| f64::from(*w)).collect();
                        value = convolve(&value, shape, &window, out, &kernel);
                    }
                    assert_eq!(value.len(), sum.len());
                    sum.iter_mut()
                        .zip(value)
                        .for_each(|(sum, x)| *sum += x * term.factor / term.divisor as f64);
                }
                sum
            }
            (Step::Activation(layer), _) => {
                let mut value = values[layer.source.index()].clone();
                layer.kept.iter().for_each(|unit| value[*unit as usize] = value[*unit as usize].max(0.0));
                value
            }
            (step, _) => panic!("a lowered network has no {step:?}"),
        };
        values.push(value);
        shapes.push(step.shape());
    }
    values
}

/// The logits by integer arithmetic that does not wrap.
pub(crate) fn integers(model: &QuantModel, image: &[u64]) -> Vec<i64> {
    let mut values: Vec<Vec<i64>> = vec![image.iter().map(|x| model.ring.signed(*x)).collect()];
    let shapes = model.shapes();
    for (step, weights) in model.steps.iter().zip(&*model.weights) {
        values.push(match (step, weights) {
            (Step::Linear(segment), Some(weights)) => {
                let mut sum = units(&weights.bias, segment.shape);
                for (term, kernel) in segment.terms.iter().zip(&weights.kernels) {
                    let mut value = values[term.source.index()].clone();
                    let mut shape = shapes[term.source.index()];
                    for map in &term.pre {
                        value = map.apply(&value, shape);
                        shape = map.output(shape);
                    }
                    let value = match term.op {
                        TermOp::Times { by } => value.into_iter().map(|x| x * by).collect(),
                        TermOp::Conv { out, window, .. } => {
                            let kernel: Vec<i64> = kernel.iter().map(|w| i64::from(*w)).collect();
                            convolve(&value, shape, &window, out, &kernel)
                        }
                    };
                    sum.iter_mut().zip(value).for_each(|(sum, x)| *sum += x);
                }
                sum
            }
            (Step::Activation(layer), _) => {
                let half = 1 << (layer.truncate - 1);
                let source = &values[layer.source.index()];
                let mut value: Vec<i64> = source.iter().map(|x| (x + half) >> layer.truncate).collect();
                layer.kept.iter().for_each(|unit| value[*unit as usize] = value[*unit as usize].max(0));
                value
            }
            (step, _) => panic!("not in these networks: {step:?}"),
        });
    }
    values.pop().unwrap()
}
