//! What a party relies on in a plan that it was given: everything that would otherwise be a panic, an unbounded
//! allocation or a wrong answer. Noise proofs are checked by the server, against its own weights.

use super::{ActivationPlan, LinearPlan, Plan, PlannedStep};
use crate::Error;
use crate::he::Exchange;
use crate::he::answer::MOST_FLOOD;
use crate::he::ciphertext::AnswerWidths;
use crate::he::packing::Convolution;
use models::fixed::curve::{Curve, Table};
use models::fixed::deciding::FEWEST;
use models::fixed::quantise::value_shapes;
use models::fixed::steps::{ProductStep, PublicMap, ReshareStep, Step, Term, TermOp};
use models::graph::{Average, MOST_UNITS, MOST_UNITS_IN_ALL, Shape, Window};
use models::text::{check_line, check_name};

/// Most steps; units of values are bounded as a graph's are.
const MOST_STEPS: usize = 4096;

/// Errors at the first step that is not sound.
pub(crate) fn validate(plan: &Plan) -> Result<(), Error> {
    check_name("a plan's name", &plan.name)?;
    plan.he.check_security("plan")?;
    let sound = |step: &str, what: &str, is: bool, expected: &str, found: String| {
        if is { Ok(()) } else { Err(Error::config(step, what, expected, found)) }
    };
    let bits = plan.he.modulus_bits.iter();
    let primes = plan.he.modulus_bits.len() >= 2 && bits.clone().all(|b| (30..=60).contains(b));
    sound(
        "plan",
        "primes of Q",
        primes,
        "at least two of 30 to 60 bits",
        format!("{:?}", plan.he.modulus_bits),
    )?;
    let plain = plan.he.plain_bits == plan.ring.bits();
    sound("plan", "plaintext bits", plain, "the ring's", plan.he.plain_bits.to_string())?;
    let scale = plan.image_scale <= plan.ring.bits();
    sound("input", "scale", scale, "at most the ring's bits", plan.image_scale.to_string())?;
    let steps = (1..=MOST_STEPS).contains(&plan.steps.len());
    sound("plan", "steps", steps, "1 to 4096", plan.steps.len().to_string())?;
    let bounded = |shape: Shape| {
        [shape.c, shape.h, shape.w].iter().all(|extent| (1..=MOST_UNITS).contains(extent))
            && shape.c.saturating_mul(shape.h).saturating_mul(shape.w) <= MOST_UNITS
    };
    sound("input", "shape", bounded(plan.input), "1 to 2^26 units", plan.input.to_string())?;
    let mut units = plan.input.size();
    for step in &plan.steps {
        check_line("a step's name", step.name())?;
        sound(step.name(), "shape", bounded(step.shape()), "1 to 2^26 units", step.shape().to_string())?;
        units += step.shape().size();
        let some = units <= MOST_UNITS_IN_ALL;
        sound(step.name(), "units so far", some, "at most 2^27 in all", units.to_string())?;
    }
    let model_steps: Vec<Step> = plan
        .steps
        .iter()
        .map(|step| match step {
            PlannedStep::Linear(linear) => Step::Linear(linear.segment.clone()),
            PlannedStep::Activation(activation) => Step::Activation(activation.step.clone()),
            PlannedStep::Product(product) => Step::Product(product.clone()),
            PlannedStep::Reshare(reshare) => Step::Reshare(reshare.clone()),
        })
        .collect();
    let shapes = value_shapes(plan.input, &model_steps);
    for (index, step) in plan.steps.iter().enumerate() {
        // Values 0 to `index` exist before the step.
        let known = &shapes[..=index];
        match step {
            PlannedStep::Linear(linear) => segment(plan, linear, known)?,
            PlannedStep::Activation(layer) => activation(plan, layer, known)?,
            PlannedStep::Product(step) => product(plan, step, known)?,
            PlannedStep::Reshare(step) => reshare(plan, step, known)?,
        }
    }
    Ok(())
}

fn refuse<T>(step: &str, what: &str, expected: impl Into<String>, found: impl ToString) -> Result<T, Error> {
    Err(Error::config(step, what, expected, found.to_string()))
}

fn segment(plan: &Plan, step: &LinearPlan, known: &[Shape]) -> Result<(), Error> {
    let name = &step.segment.name;
    if step.exchanges.len() != step.segment.terms.len() || step.segment.terms.is_empty() {
        return refuse(name, "exchanges", "one a term", step.exchanges.len());
    }
    if step.segment.scale > 2 * plan.ring.bits() {
        return refuse(name, "scale", "at most twice the ring's bits", step.segment.scale);
    }
    for (term, exchange) in step.segment.terms.iter().zip(&step.exchanges) {
        let Some(source) = known.get(term.source.index()) else {
            return refuse(name, "source", format!("a value below {}", known.len()), term.source.index());
        };
        // Only masked values are known to the client offline: the image and all that segments do not make.
        let known_to_client = match term.source.maker().map(|maker| &plan.steps[maker]) {
            None | Some(PlannedStep::Activation(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_)) => {
                true
            }
            Some(PlannedStep::Linear(_)) => false,
        };
        if !known_to_client {
            return refuse(
                name,
                "source",
                "the image, an activation's output or a value that is passed on",
                term.source.index(),
            );
        }
        if mapped(*source, term) != Some(term.shape) {
            return refuse(name, "shape after public maps", format!("that of {source} mapped"), term.shape);
        }
        match (term.op, exchange) {
            (TermOp::Times { by }, None)
                if term.shape == step.segment.shape && by.unsigned_abs() <= 1 << plan.ring.bits() => {}
            (TermOp::Conv { out, window, groups }, Some(exchange)) => {
                let output = fits(&window, term.shape).then(|| window.output(term.shape)).flatten();
                let shape = output.map(|(h, w)| Shape::new(out, h, w));
                if shape != Some(step.segment.shape) {
                    return refuse(
                        name,
                        "convolution",
                        format!("an output of {}", step.segment.shape),
                        format!("{shape:?}"),
                    );
                }
                let Exchange { packing, proof } = exchange;
                let lifts = plan.he.distributions().lifts;
                let convolution = Convolution { input: term.shape, window, out: step.segment.shape, groups };
                if !packing.is_sound(plan.he.degree, &convolution) {
                    let expected = format!("one of the segment in {} coefficients", plan.he.degree);
                    return refuse(name, "packing", expected, format!("{packing:?}"));
                }
                if !proof.widths.are_sound(plan.he.plain_bits, lifts) || proof.flood_bits > MOST_FLOOD {
                    let [first, second] = AnswerWidths::most(lifts);
                    let expected =
                        format!("k < p0 <= p1, p0 <= {first}, p1 <= {second}, flooding to {MOST_FLOOD} bits");
                    return refuse(name, "noise proof", expected, format!("{proof:?}"));
                }
            }
            (op, exchange) => {
                let found = format!("{op:?} with {}", if exchange.is_some() { "one" } else { "none" });
                return refuse(
                    name,
                    "term",
                    "an exchange for a convolution, none for a public factor that fits",
                    found,
                );
            }
        }
    }
    Ok(())
}

fn activation(plan: &Plan, layer: &ActivationPlan, known: &[Shape]) -> Result<(), Error> {
    let step = &layer.step;
    if known.get(step.source.index()) != Some(&step.shape) {
        return refuse(
            &step.name,
            "source",
            format!("an earlier value of shape {}", step.shape),
            step.source.index(),
        );
    }
    let (f, m, k) = (step.truncate, step.bound_bits, plan.ring.bits());
    if f < 1 || m < f + 2 || m + 2 > k || layer.compared_bits != m + 1 - f {
        let expected = "1 <= f, f + 2 <= m, m + 2 <= k, n = m + 1 - f";
        return refuse(
            &step.name,
            "widths",
            expected,
            format!("f = {f}, m = {m}, k = {k}, n = {}", layer.compared_bits),
        );
    }
    let least = if matches!(step.curve, Curve::Relu) { FEWEST } else { layer.compared_bits };
    if step.skipped > 0 && step.skipped.saturating_add(least) > layer.compared_bits {
        let expected = format!("none but of a ReLU, of which {FEWEST} bits are left to decide");
        return refuse(&step.name, "bits without which signs are decided", expected, step.skipped);
    }
    let sound = match &step.curve {
        Curve::Relu => true,
        Curve::Clamp { top } => (1..1 << 48).contains(top),
        Curve::Dented(table) => table_fits(table, k - 1),
        Curve::Mirrored { bits, table } | Curve::Centred { bits, table } => {
            (1..=24).contains(bits) && *bits < k && table_fits(table, *bits)
        }
    };
    if !sound {
        let expected = "a ceiling of 1 to 2^48, or a table of 2 to 2^16 entries that fit the ring";
        return refuse(&step.name, "curve", expected, format!("{:?}", step.curve));
    }
    let ascending = step.kept.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || step.kept.last().is_some_and(|last| *last as usize >= step.shape.size()) {
        return refuse(&step.name, "kept units", format!("ascending, below {}", step.shape.size()), "others");
    }
    Ok(())
}

/// Whether a table is of a sane size, and its entries of at most `bits` bits.
fn table_fits(table: &Table, bits: u32) -> bool {
    let entries = table.entries.len();
    entries.is_power_of_two()
        && (2..=1 << 16).contains(&entries)
        && table.dropped_bits <= 24
        && table.entries.iter().all(|entry| *entry < 1 << bits.min(30))
}

fn product(plan: &Plan, step: &ProductStep, known: &[Shape]) -> Result<(), Error> {
    let factors = [step.left, step.right].map(|value| known.get(value.index()).copied());
    let each = match factors {
        [Some(left), Some(right)] if left == step.shape && right == left => Some(1),
        [Some(left), Some(right)] if left == step.shape && right == Shape::new(left.c, 1, 1) => {
            Some(left.area())
        }
        _ => None,
    };
    if each != Some(step.each) {
        let expected = format!("earlier values of shapes {0} and {0}, or one unit a channel", step.shape);
        let found = format!("values {} and {} by {}", step.left.index(), step.right.index(), step.each);
        return refuse(&step.name, "factors", expected, found);
    }
    // What reads it divides it, but a product of products of products would have a scale without end.
    let scale = plan.scale_of(step.left).saturating_add(plan.scale_of(step.right));
    if scale > 2 * plan.ring.bits() {
        return refuse(&step.name, "scale", "at most twice the ring's bits", scale);
    }
    Ok(())
}

fn reshare(plan: &Plan, step: &ReshareStep, known: &[Shape]) -> Result<(), Error> {
    let maker = step.source.maker().and_then(|maker| plan.steps.get(maker));
    let divides = matches!(maker, Some(PlannedStep::Linear(_) | PlannedStep::Product(_)));
    if !divides || known.get(step.source.index()) != Some(&step.shape) {
        let expected = format!("an earlier segment's or product's value of shape {}", step.shape);
        return refuse(&step.name, "source", expected, step.source.index());
    }
    let (f, m, k) = (step.truncate, step.bound_bits, plan.ring.bits());
    if f > plan.scale_of(step.source) || m + 2 > k || (f > 0 && m < f) {
        let expected = "f <= the source's scale, f <= m, m + 2 <= k";
        return refuse(&step.name, "widths", expected, format!("f = {f}, m = {m}, k = {k}"));
    }
    Ok(())
}

/// The term's shape after its public maps; `None` where one does not fit.
fn mapped(source: Shape, term: &Term) -> Option<Shape> {
    term.pre.iter().try_fold(source, |shape, map| {
        let fits = match map {
            PublicMap::SumPool { window, uncounted } => {
                let average = Average { window: *window, uncounted: *uncounted };
                let places = fits(window, shape).then(|| window.output(shape)).flatten();
                let few = places.is_some_and(|(rows, columns)| rows.max(columns) <= MOST_UNITS);
                few && average.is_within() && average.divisor(shape).is_some()
            }
            PublicMap::Slice { rows, columns } => [rows, columns].into_iter().all(|picks| {
                let sizes = 1..=MOST_UNITS;
                [picks.step, picks.count, picks.times].iter().all(|size| sizes.contains(size))
                    && picks.start.unsigned_abs() <= MOST_UNITS
            }),
            PublicMap::Channels { picked } => {
                !picked.is_empty() && picked.iter().all(|channel| *channel < shape.c)
            }
            PublicMap::PadChannels { stride, before, after } => {
                *stride >= 1 && before.max(after) <= &MOST_UNITS
            }
        };
        let mapped = fits.then(|| map.output(shape))?;
        (mapped.c.checked_mul(mapped.h)?.checked_mul(mapped.w)? <= MOST_UNITS).then_some(mapped)
    })
}

/// Kernel, stride and padding of sane size.
fn fits(window: &Window, input: Shape) -> bool {
    let most = input.h.max(input.w) + 64;
    let Window { kernel, stride, padding } = window;
    [kernel.0, kernel.1, stride.0, stride.1].iter().all(|x| (1..=most).contains(x))
        && [padding.top, padding.bottom, padding.left, padding.right].iter().all(|x| *x <= most)
}
