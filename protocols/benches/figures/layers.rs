//! Whole layers between two processes: what their runs are checked against, and their figures.
//!
//! Time is the whole phase of that plan, of the later party, so the image's
//! entry and the logits' return are in the online time; bytes are the step's payload alone, both directions.

use crate::layer::{
    CONVOLUTIONS, GATE, Layer, RELU_SHAPE, RELU_TRUNCATE, SQUARE, convolution_name, relu_name, relus,
};
use crate::measure::{Effort, Failure, scaled, tell};
use crate::parties::{Pair, Run};
use models::fixed::linear::RingSegment;
use protocols::clear::replay;
use protocols::plan::PlannedStep;

const MEBIBYTE: f64 = 1_048_576.0;

/// Whether a run's logits are those of its masks to the bit, and those of the layer in the clear.
fn check(layer: &Layer, run: &Run) -> Result<(), Failure> {
    let Layer { plan, secrets, image } = layer;
    let (ring, image) = (plan.ring, plan.quantise_image(image));
    let replayed = replay(plan, secrets, &image, &run.client_mask(), &run.server_mask());
    if run.logits != replayed.logits || replayed.out_of_bounds > 0 {
        return Err(format!("{}: the run differs from the replay of its masks", plan.name).into());
    }
    let last = plan.steps.len() - 1;
    let right = match (&plan.steps[last], &secrets.weights[last]) {
        (PlannedStep::Product(step), _) => {
            let each = if step.left == step.right { 1 } else { RELU_SHAPE.area() };
            let channels = image.chunks(each).map(|units| units.iter().fold(0, |sum, x| ring.add(sum, *x)));
            let product = step.of(ring, &image, &channels.collect::<Vec<u64>>());
            product.into_iter().map(|x| ring.signed(x)).eq(run.logits.iter().copied())
        }
        (PlannedStep::Linear(step), Some(weights)) => {
            let segment = RingSegment::new(ring, &step.segment, weights);
            let product = segment.apply(std::slice::from_ref(&image), &plan.shapes());
            let bias = segment.bias();
            let mut clear = product.iter().zip(bias).map(|(x, b)| ring.signed(ring.add(*x, b)));
            run.logits.iter().all(|logit| clear.next() == Some(*logit))
        }
        // Rounded by the shares, to one unit: up even from a whole number where both shares drop zeros.
        _ => image.iter().zip(&run.logits).all(|(x, y)| {
            let exact = ring.signed(*x).max(0) as f64 / f64::from(1 << RELU_TRUNCATE);
            (*y as f64 - exact).abs() <= 1.0
        }),
    };
    if right { Ok(()) } else { Err(format!("{}: the run's result is wrong", plan.name).into()) }
}

/// Runs a layer `runs` times in one session, each run checked, after one that warms up.
fn run(name: &str, runs: usize) -> Result<(f64, Vec<Run>), Failure> {
    let layer = Layer::named(name)?;
    let mut pair = Pair::start(name)?;
    let mut done = Vec::with_capacity(runs);
    for index in 0..=runs {
        let run = pair.infer()?;
        check(&layer, &run)?;
        if index > 0 {
            done.push(run);
        }
    }
    Ok((pair.setup_seconds, done))
}

/// `of` of every run.
fn all(runs: &[Run], of: impl Fn(&Run) -> f64) -> Vec<f64> {
    runs.iter().map(of).collect()
}

pub(crate) fn measure_relus(effort: Effort) -> Result<(), Failure> {
    let units = RELU_SHAPE.size() as f64;
    for (variant, ot) in relus() {
        let (_, runs) = run(&relu_name(variant, ot), effort.layer_runs())?;
        let by = if ot.is_silent() { ", silent OT" } else { "" };
        let name = format!("ReLU {}{by}", variant.name());
        let time = |what: &str, seconds: &dyn Fn(&Run) -> f64| {
            tell(&format!("{name}, {what}"), "us", scaled(all(&runs, seconds), 1e6 / units));
        };
        time("offline + online", &|run| run.offline.seconds + run.online.seconds);
        time("offline", &|run| run.offline.seconds);
        time("online", &|run| run.online.seconds);
        let bytes = |what: &str, bytes: &dyn Fn(&Run) -> u64| {
            tell(&format!("{name}, {what}"), "B", scaled(all(&runs, |run| bytes(run) as f64), 1.0 / units));
        };
        bytes("offline bytes", &|run| run.offline.step_bytes);
        bytes("online bytes", &|run| run.online.step_bytes);
        bytes("bytes in all", &|run| run.offline.step_bytes + run.online.step_bytes);
        let peak = all(&runs, |run| run.peak_rss_bytes() as f64 / 1e6);
        tell(&format!("{name}, peak memory of the larger party"), "MB", peak);
    }
    Ok(())
}

pub(crate) fn measure_products(effort: Effort) -> Result<(), Failure> {
    let units = RELU_SHAPE.size() as f64;
    for (layer, name) in [(SQUARE, "square of a unit"), (GATE, "product of a unit and a gate")] {
        let (_, runs) = run(layer, effort.layer_runs())?;
        let seconds = all(&runs, |run| run.offline.seconds + run.online.seconds);
        tell(&format!("{name}, offline + online"), "us", scaled(seconds, 1e6 / units));
        let offline = all(&runs, |run| run.offline.step_bytes as f64);
        tell(&format!("{name}, offline bytes"), "B", scaled(offline, 1.0 / units));
        let online = all(&runs, |run| run.online.step_bytes as f64);
        tell(&format!("{name}, online bytes"), "B", scaled(online, 1.0 / units));
    }
    Ok(())
}

pub(crate) fn measure_convolutions(effort: Effort) -> Result<(), Failure> {
    let mut setups = Vec::new();
    for (shape, ..) in CONVOLUTIONS {
        let (setup, runs) = run(&convolution_name(shape), effort.layer_runs())?;
        setups.push(setup);
        let name = format!("conv 3x3 {shape}");
        tell(&format!("{name}, offline"), "s", all(&runs, |run| run.offline.seconds));
        let bytes = all(&runs, |run| run.offline.step_bytes as f64 / MEBIBYTE);
        tell(&format!("{name}, offline bytes"), "MiB", bytes);
        let peak = all(&runs, |run| run.peak_rss_bytes() as f64 / 1e6);
        tell(&format!("{name}, peak memory of the larger party"), "MB", peak);
    }
    tell("set-up of a session", "ms", scaled(setups, 1e3));
    Ok(())
}
