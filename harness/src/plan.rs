//! `linnet plan show`: what a network was compiled to.

use crate::choice::ReluChoice;
use crate::cli::PlanArgs;
use crate::error::Error;
use crate::experiment::{Compile, one_protocol};
use crate::model::Compiled;
use crate::print::{print, room};
use netem::{Bytes, Link};
use protocols::compile::alternatives;
use protocols::cost::predict;
use protocols::he::noise::NoiseProof;
use protocols::plan::PlannedStep;
use protocols::show::{Shown, ShownStep, shown};
use results::layout::{Column, Layout, wrapped};

/// Prints a plan, as text or as JSON.
pub(crate) fn show(args: &PlanArgs) -> Result<(), Error> {
    let compile = Compile::new(&args.compile, &[Link::parse(&args.link)?])?;
    let protocol = one_protocol(&args.compile)?;
    let compiled = Compiled::load(&args.model, &compile, protocol)?;
    if args.json {
        let whole = serde_json::json!({ "plan": *compiled.plan, "predicted": predict(&compiled.plan) });
        return print(&serde_json::to_string_pretty(&whole).expect("a plan is plain data"));
    }
    let room = room();
    let mut out = text(&shown(&compiled.plan), room);
    if protocol.relu == ReluChoice::Auto {
        out.push('\n');
        prose(&why(&compiled, &compile)?, room, &mut out);
    }
    let agreement = &compiled.agreement;
    let kept = format!(
        "the scales keep the class of {:.1} % of {} calibration images ({} evaluated)",
        100.0 * agreement.share,
        agreement.images,
        agreement.evaluated
    );
    out.push('\n');
    prose(&[kept], room, &mut out);
    print(out.trim_end())
}

/// The whole plan, in lines of at most `room` characters where that is given.
fn text(plan: &Shown, room: Option<usize>) -> String {
    let mut out = String::new();
    prose(&plan.whole, room, &mut out);
    out.push('\n');
    steps(&plan.steps, room, &mut out);
    choices(&plan.steps, room, &mut out);
    proofs(&plan.proofs, room, &mut out);
    out.push('\n');
    prose(&plan.totals, room, &mut out);
    out
}

fn prose(lines: &[String], room: Option<usize>, out: &mut String) {
    lines.iter().for_each(|line| out.push_str(&wrapped(line, room)));
}

/// What each step sends, a line a step.
fn steps(steps: &[ShownStep], room: Option<usize>, out: &mut String) {
    let traffic = |phase| ["up", "down"].map(|way| Column::new(phase, way));
    let columns = [
        vec![
            Column::text("step"),
            Column::text("kind").rank(2),
            Column::new("", "shape").rank(1),
            Column::new("", "scale").rank(3),
            Column::new("", "ReLUs"),
        ],
        traffic("offline").to_vec(),
        traffic("online").to_vec(),
    ]
    .concat();
    let bytes = |sent: Option<[Bytes; 2]>| match sent {
        None => ["-", "-"].map(str::to_owned),
        Some(sent) => sent.map(|bytes| bytes.to_string()),
    };
    let lines: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            let kept = step.kept.map_or_else(String::new, |kept| kept.to_string());
            let (shape, scale) = (step.shape.to_string(), format!("2^-{}", step.scale));
            let texts = [&step.name, step.kind, &shape, &scale, &kept].map(str::to_owned);
            texts.into_iter().chain(bytes(step.offline)).chain(bytes(step.online)).collect()
        })
        .collect();
    let layout = Layout::new(&columns, &lines, room);
    layout.rows(lines.iter(), out);
    out.push_str(&layout.left_out().unwrap_or_default());
}

/// What was chosen for each step, a line each of its inputs.
fn choices(steps: &[ShownStep], room: Option<usize>, out: &mut String) {
    let columns = [Column::text("step"), Column::text("choices")];
    let of_step = |step: &ShownStep| -> Vec<Vec<String>> {
        let names = std::iter::once(step.name.as_str()).chain(std::iter::repeat(""));
        names.zip(&step.choices).map(|(name, choice)| vec![name.to_owned(), choice.clone()]).collect()
    };
    let lines: Vec<Vec<String>> = steps.iter().flat_map(of_step).collect();
    Layout::new(&columns, &lines, room).rows(lines.iter(), out);
}

/// A line an exchange.
fn proofs(proofs: &[(String, NoiseProof)], room: Option<usize>, out: &mut String) {
    let numbers = ["noise", "flooding", "margin", "answers modulo"].map(|name| Column::new("", name));
    let columns = [vec![Column::text("noise proof, log2")], numbers.to_vec()].concat();
    let lines: Vec<Vec<String>> = proofs
        .iter()
        .map(|(step, proof)| {
            let numbers =
                [proof.noise_bits, proof.flood_bits, proof.margin_bits].map(|bits| bits.to_string());
            let answers = format!("2^{}, 2^{}", proof.widths.first, proof.widths.second);
            [step.clone()].into_iter().chain(numbers).chain([answers]).collect()
        })
        .collect();
    Layout::new(&columns, &lines, room).rows(lines.iter(), out);
    out.push_str(&wrapped("margin: of Q/2^(k+1) over noise and flooding", room));
}

/// Why each layer's kept units are computed as they are: what every other way there would add.
fn why(compiled: &Compiled, compile: &Compile) -> Result<Vec<String>, Error> {
    let (rates, link, objective) = (compile.rates()?, compile.link(), compile.objective);
    let plan = &compiled.plan;
    let others = alternatives(plan, |plan| objective.of(plan, &rates, &link))?;
    let head = format!("what another way at one layer would add to the predicted {}:", objective.name());
    let layers = others.chunk_by(|one, other| one.layer == other.layer).filter_map(|of_layer| {
        let PlannedStep::Activation(layer) = &plan.steps[of_layer[0].layer] else { return None };
        let added: Vec<String> = of_layer
            .iter()
            .map(|other| format!("{} {}", other.relu.name(), objective.difference(other.dearer)))
            .collect();
        Some(format!("{}: {}; {}", layer.step.name, layer.relu.name(), added.join(", ")))
    });
    Ok([head].into_iter().chain(layers).collect())
}
