//! A plan as text: choices, proofs and predicted cost, a line a step.

use crate::cost::{predict, total, transfers};
use crate::he::noise::STATISTICAL_BITS;
use crate::he::params::security_line;
use crate::memory::Memory;
use crate::numbering::ChannelStep;
use crate::ot::batches;
use crate::plan::{Plan, PlannedStep};
use crate::prepared::PreparedPlan;
use crate::tally::StepCost;
use models::fixed::quantise::SPOILED_BITS;
use models::fixed::steps::ValueId;
use netem::{Bytes, Phase};
use std::fmt::Write;

/// The plan for people.
pub fn render(plan: &PreparedPlan) -> String {
    let costs = predict(plan);
    let mut out = String::new();
    let finest = plan.finest_scales();
    let he = &plan.he;
    let line = security_line(he.degree).expect("plans keep the security line");
    let _ = writeln!(out, "plan {}  digest {}", plan.name, plan.digest());
    let _ = writeln!(
        out,
        "ring 2^{}, activations to 2^-{}, weights to 2^-{}, {} ReLUs{}",
        plan.ring.bits(),
        finest.fa,
        finest.fw,
        plan.relus(),
        variants(plan)
    );
    let _ = writeln!(
        out,
        "BFV ({}) N = {}, log2 Q = {} as {:?} <= {line} (128-bit security), flooding {STATISTICAL_BITS} bits over a whole inference",
        he.backend.name(),
        he.degree,
        he.log_q(),
        he.modulus_bits
    );
    let _ = writeln!(out, "{}", correlated_ots(plan, &costs));
    let alone = |step: &PlannedStep| matches!(step, PlannedStep::Reshare(step) if step.truncate > 0);
    let alone = plan.steps.iter().filter(|step| alone(step)).count();
    if alone > 0 {
        let _ = writeln!(
            out,
            "{alone} layers truncated by each party alone: right but for one inference in 2^{SPOILED_BITS} at most, by the magnitudes of calibration images"
        );
    }
    let _ = writeln!(
        out,
        "\n{:<26} {:<10} {:>10} {:>6}  {:<54} {:>22} {:>22}",
        "step", "kind", "shape", "scale", "choices", "offline up / down", "online up / down"
    );
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(
            out,
            "{:<26} {:<10} {:>10} {:>6}  {:<54} {:>22} {:>22}",
            step.name(),
            step.kind(),
            step.shape().to_string(),
            format!("2^-{}", plan.scale_of(ValueId::made_by(index))),
            choices(step),
            traffic(&costs, Phase::Offline, ChannelStep::of(index)),
            traffic(&costs, Phase::Online, ChannelStep::of(index)),
        );
    }
    let _ = writeln!(out);
    proofs(plan, &mut out);
    let _ = writeln!(out);
    for phase in [Phase::Setup, Phase::Offline, Phase::Online] {
        let sum = total(&costs, phase);
        let ops = sum.operations;
        let _ = writeln!(
            out,
            "{phase}: up {} in {} messages, down {} in {} messages, {} rounds (one-way delays)",
            Bytes(sum.up.bytes),
            sum.up.messages,
            Bytes(sum.down.bytes),
            sum.down.messages,
            sum.up.flights + sum.down.flights
        );
        let counts = [
            ("circuits", ops.circuits),
            ("AND gates", ops.and_gates),
            ("levels of tables", ops.table_levels),
            ("comparisons by both parties", ops.comparisons),
            ("correlated OTs", ops.correlated_ots),
            ("encryptions", ops.encryptions),
            ("products", ops.products),
            ("decryptions", ops.decryptions),
            ("clear multiply-adds", ops.macs),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
        if !counts.is_empty() {
            let _ = writeln!(out, "  {}", counts.join(", "));
        }
    }
    let memory = Memory::of(plan);
    let (kept, peak, in_file) = (memory.stored, memory.peak(false), memory.peak(true));
    let _ = writeln!(
        out,
        "preprocessed inference: client {}, server {}; peak memory at most about client {} ({} with --store file), server {}",
        Bytes(kept.client),
        Bytes(kept.server),
        Bytes(peak.client),
        Bytes(in_file.client),
        Bytes(peak.server)
    );
    out
}

/// How correlated OTs are made, and of what.
fn correlated_ots(plan: &PreparedPlan, costs: &[StepCost]) -> String {
    let transfers = transfers(plan);
    let ot = plan.ot.name();
    let counts = format!("{} correlated OTs up and {} down, {ot}", transfers.up, transfers.down);
    if !plan.ot.is_silent() {
        return counts;
    }
    let sets = [transfers.up, transfers.down].map(|transfers| batches(transfers).parameters());
    let sets = if sets[0] == sets[1] { sets[0].clone() } else { format!("{}; {}", sets[0], sets[1]) };
    let made = traffic(costs, Phase::Offline, ChannelStep::INPUT);
    format!(
        "{counts}: regular LPN of {sets} (128-bit security by the attacks counted), made with {made} up / down"
    )
}

/// The noise proof of every exchange.
fn proofs(plan: &Plan, out: &mut String) {
    let _ = writeln!(
        out,
        "{:<26} {:>7} {:>9} {:>7} {:>16}   log2; margin: of Q/2^(k+1) over noise and flooding",
        "noise proof", "noise", "flooding", "margin", "answers modulo"
    );
    for step in &plan.steps {
        let PlannedStep::Linear(linear) = step else { continue };
        for exchange in linear.exchanges.iter().flatten() {
            let proof = &exchange.proof;
            let widths = format!("2^{}, 2^{}", proof.widths.first, proof.widths.second);
            let _ = writeln!(
                out,
                "{:<26} {:>7} {:>9} {:>7} {widths:>16}",
                step.name(),
                proof.noise_bits,
                proof.flood_bits,
                proof.margin_bits
            );
        }
    }
}

/// How kept units are computed: the name of the one way, or each with its number of units.
fn variants(plan: &Plan) -> String {
    let named = match &plan.variants()[..] {
        [] => return String::new(),
        [(one, _)] => one.name().to_owned(),
        several => {
            let each = several.iter().map(|(relu, units)| format!("{units} {}", relu.name()));
            each.collect::<Vec<_>>().join(", ")
        }
    };
    format!(" ({named})")
}

fn choices(step: &PlannedStep) -> String {
    match step {
        PlannedStep::Activation(a) => format!(
            "kept {} of {}{}, |x| < 2^{}, drop {}, compare {}{}",
            a.step.kept.len(),
            a.step.shape.size(),
            if a.step.kept.is_empty() { String::new() } else { format!(" ({})", a.relu.name()) },
            a.step.bound_bits,
            a.step.truncate,
            a.compared_bits,
            match a.step.skipped {
                0 => String::new(),
                skipped => format!(", signs by {}", a.compared_bits - skipped),
            }
        ),
        PlannedStep::Product(product) if product.left == product.right => {
            "squared, at twice its scale".to_owned()
        }
        PlannedStep::Product(product) => match product.each {
            1 => "unit by unit, at the sum of both scales".to_owned(),
            each => format!("{each} units by one, at the sum of both scales"),
        },
        PlannedStep::Reshare(reshare) => match reshare.truncate {
            0 => "passed on, at its scale".to_owned(),
            bits => format!("passed on, each party drops {bits}"),
        },
        PlannedStep::Linear(linear) => {
            let parts: Vec<String> = linear
                .exchanges
                .iter()
                .map(|exchange| match exchange {
                    None => "public".to_owned(),
                    Some(e) => format!(
                        "{}x{} tiles of {}{}x{} channels, {}+{} ciphertexts",
                        e.packing.tile.0,
                        e.packing.tile.1,
                        if e.packing.shared > 1 {
                            format!("{} groups of ", e.packing.shared)
                        } else {
                            String::new()
                        },
                        e.packing.cw,
                        e.packing.mw,
                        e.packing.request_count(),
                        e.packing.answer_count()
                    ),
                })
                .collect();
            parts.join("; ")
        }
    }
}

fn traffic(costs: &[StepCost], phase: Phase, step: ChannelStep) -> String {
    match costs.iter().find(|c| c.phase == phase && c.step == step) {
        None => "-".to_owned(),
        Some(cost) => format!("{} / {}", Bytes(cost.up.bytes), Bytes(cost.down.bytes)),
    }
}
