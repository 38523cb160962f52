//! Clear evaluation over the reals (`f32`): the accuracy that a paper would report.

use crate::Error;
use crate::convolve::{pad, pad_channels, pick_channels, slice, sum_pool};
use crate::data::{Dataset, Normalisation};
use crate::graph::{Activation, Average, Graph, NodeId, Op, Parameters};
use crate::mask::{Mask, Masks};
use crate::matmul::convolve;
use crate::tensor::Tensor;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// The output of every node for one normalised image, in `(channel, row, column)` order.
pub fn forward(graph: &Graph, parameters: &Parameters, masks: &Masks, image: &[f32]) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = Vec::with_capacity(graph.nodes().len());
    for id in 0..graph.nodes().len() {
        values.push(node_value(graph, parameters, masks, image, id, &values));
    }
    values
}

/// The output of node `id`, given those of all nodes before it.
pub(crate) fn node_value(
    graph: &Graph,
    parameters: &Parameters,
    masks: &Masks,
    image: &[f32],
    id: NodeId,
    values: &[Vec<f32>],
) -> Vec<f32> {
    let node = &graph.nodes()[id];
    let parameter = |suffix: &str| -> &Tensor {
        parameters.get(&format!("{}.{suffix}", node.name)).expect("parameters are checked against the graph")
    };
    let source = node.inputs.first().map(|i| (&values[*i], graph.shape(*i)));
    let area = graph.shape(id).area();
    match (&node.op, source) {
        (Op::Conv { out, window, bias, .. }, Some((x, shape))) => {
            let mut y = convolve(x, shape, window, *out, parameter("weight").data());
            if *bias {
                add_per_channel(&mut y, area, parameter("bias").data());
            }
            y
        }
        (Op::Linear { out, bias }, Some((x, _))) => {
            let mut y: Vec<f32> =
                parameter("weight").data().chunks_exact(x.len()).map(|row| dot(row, x)).collect();
            debug_assert_eq!(y.len(), *out);
            if *bias {
                add_per_channel(&mut y, 1, parameter("bias").data());
            }
            y
        }
        (Op::BatchNorm { eps }, Some((x, _))) => {
            let (scale, shift) = batch_norm(parameters, &node.name, *eps);
            x.iter().enumerate().map(|(i, x)| x * scale[i / area] + shift[i / area]).collect()
        }
        (Op::Act { activation }, Some((x, _))) => activate(*activation, masks.get(&node.name), x),
        (Op::Add, Some((x, _))) => {
            let mut y = x.clone();
            for other in &node.inputs[1..] {
                y.iter_mut().zip(&values[*other]).for_each(|(y, o)| *y += o);
            }
            y
        }
        (Op::Product, Some((x, _))) => {
            let other = &values[node.inputs[1]];
            let each = x.len() / other.len();
            x.iter().enumerate().map(|(i, x)| x * other[i / each]).collect()
        }
        (Op::AvgPool { window, uncounted }, Some((x, shape))) => {
            let average = Average { window: *window, uncounted: *uncounted };
            let (rows, columns) = (average.rows(shape), average.columns(shape));
            let counts = rows.each().flat_map(|row| columns.each().map(move |column| (row * column) as f32));
            sum_pool(x, shape, window).into_iter().zip(counts.cycle()).map(|(s, count)| s / count).collect()
        }
        (Op::Concat, Some(_)) => node.inputs.iter().flat_map(|input| &values[*input]).copied().collect(),
        (Op::Channels { picked }, Some((x, shape))) => pick_channels(x, shape, picked),
        (Op::Scale { by }, Some((x, _))) => x.iter().map(|x| x * *by as f32).collect(),
        (Op::Slice { rows, columns }, Some((x, shape))) => slice(x, shape, *rows, *columns),
        (Op::Pad { around, value }, Some((x, shape))) => pad(x, shape, *around, *value as f32),
        (Op::PadChannels { stride, before, after }, Some((x, shape))) => {
            pad_channels(x, shape, *stride, *before, *after)
        }
        (Op::Input, _) => image.to_vec(),
        (
            Op::Conv { .. }
            | Op::Linear { .. }
            | Op::BatchNorm { .. }
            | Op::Act { .. }
            | Op::Add
            | Op::Product
            | Op::AvgPool { .. }
            | Op::Concat
            | Op::Channels { .. }
            | Op::Scale { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::PadChannels { .. },
            None,
        ) => unreachable!("arity is checked when the graph is made"),
    }
}

/// The logits for one normalised image.
pub fn logits(graph: &Graph, parameters: &Parameters, masks: &Masks, image: &[f32]) -> Vec<f32> {
    forward(graph, parameters, masks, image).pop().expect("a graph has nodes")
}

/// The predicted class for one normalised image.
///
/// # Errors
/// A value that is not finite, with the first node that makes one: a class is not read off such values.
pub fn class(graph: &Graph, parameters: &Parameters, masks: &Masks, image: &[f32]) -> Result<usize, Error> {
    let values = forward(graph, parameters, masks, image);
    for (node, values) in graph.nodes().iter().zip(&values) {
        // A ReLU would make zero of what is no number.
        if let Some(bad) = values.iter().find(|x| !x.is_finite()) {
            return Err(Error::model(&node.name, "finite values on every image", bad.to_string()));
        }
    }
    Ok(argmax(values.last().expect("a graph has nodes")))
}

/// The predicted class of every image of `data`, on all processors; tells `seen` of each.
///
/// # Errors
/// As [`class`].
pub fn classify(
    graph: &Graph,
    parameters: &Parameters,
    masks: &Masks,
    normalisation: &Normalisation,
    data: &Dataset,
    seen: impl Fn() + Sync,
) -> Result<Vec<usize>, Error> {
    (0..data.len())
        .into_par_iter()
        .map(|i| {
            let image = normalisation.apply(data.image(i), data.shape());
            class(graph, parameters, masks, &image).inspect(|_| seen())
        })
        .collect()
}

/// The first index of the largest value.
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Inference-time batch norm as one scale and one shift per channel.
pub(crate) fn batch_norm(parameters: &Parameters, name: &str, eps: f64) -> (Vec<f32>, Vec<f32>) {
    let get = |suffix: &str| {
        parameters.get(&format!("{name}.{suffix}")).expect("parameters are checked against the graph").data()
    };
    let scale: Vec<f32> = get("weight")
        .iter()
        .zip(get("running_var"))
        .map(|(w, v)| (f64::from(*w) / (f64::from(*v) + eps).sqrt()) as f32)
        .collect();
    let shift =
        get("bias").iter().zip(get("running_mean")).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    (scale, shift)
}

fn activate(activation: Activation, mask: &Mask, x: &[f32]) -> Vec<f32> {
    let kept = |x: f32| match activation {
        Activation::Relu => x.max(0.0),
        Activation::Relu1 => x.clamp(0.0, 1.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        other => other.of(f64::from(x)) as f32,
    };
    x.iter().zip(mask.flags()).map(|(x, keep)| if *keep { kept(*x) } else { *x }).collect()
}

fn add_per_channel(values: &mut [f32], area: usize, bias: &[f32]) {
    for (channel, b) in values.chunks_exact_mut(area).zip(bias) {
        channel.iter_mut().for_each(|v| *v += b);
    }
}

/// In sixteen sums, which are added up many at a time: one would wait for itself, a hundred million times in a large network.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    let ((a, last_a), (b, last_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>() + last_a.iter().zip(last_b).map(|(a, b)| a * b).sum::<f32>()
}
