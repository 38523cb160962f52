//! What a reader sees of a plan: choices, proofs and predicted cost.

use crate::cost::{predict, total, transfers};
use crate::he::Exchange;
use crate::he::noise::{NoiseProof, STATISTICAL_BITS};
use crate::he::params::security_line;
use crate::memory::Memory;
use crate::numbering::ChannelStep;
use crate::ot::batches;
use crate::plan::{Plan, PlannedStep};
use crate::prepared::PreparedPlan;
use crate::tally::StepCost;
use models::fixed::quantise::SPOILED_BITS;
use models::fixed::steps::ValueId;
use models::graph::Shape;
use netem::{Bytes, Phase};

/// A plan for people: lines of prose, and rows that tables are made of.
pub struct Shown {
    /// What holds for the whole plan.
    pub whole: Vec<String>,
    /// Its steps, in order.
    pub steps: Vec<ShownStep>,
    /// Its exchanges in order: the step's name, and why decryption succeeds and flooding hides.
    pub proofs: Vec<(String, NoiseProof)>,
    /// What the phases of an inference take, and what the parties keep.
    pub totals: Vec<String>,
}

/// A step's choices, and the bytes that it is predicted to send.
pub struct ShownStep {
    /// The step's name.
    pub name: String,
    /// What it does.
    pub kind: &'static str,
    /// Of its values.
    pub shape: Shape,
    /// The fraction bits of its values.
    pub scale: u32,
    /// Units that are kept, in an activation.
    pub kept: Option<usize>,
    /// How it is computed; for a linear step that has several inputs, how each of them is multiplied.
    pub choices: Vec<String>,
    /// Bytes up and down without headers, if it takes part in the offline phase.
    pub offline: Option<[Bytes; 2]>,
    /// Bytes up and down without headers, if it takes part in the online phase.
    pub online: Option<[Bytes; 2]>,
}

/// What there is to say of a plan.
pub fn shown(plan: &PreparedPlan) -> Shown {
    let costs = predict(plan);
    let steps = plan.steps.iter().enumerate();
    Shown {
        whole: whole(plan, &costs),
        steps: steps.map(|(index, step)| shown_step(plan, &costs, index, step)).collect(),
        proofs: plan.steps.iter().flat_map(proofs).collect(),
        totals: totals(plan, &costs),
    }
}

fn whole(plan: &PreparedPlan, costs: &[StepCost]) -> Vec<String> {
    let finest = plan.finest_scales();
    let he = &plan.he;
    let line = security_line(he.degree).expect("plans keep the security line");
    let mut lines = vec![
        format!("plan {}  digest {}", plan.name, plan.digest()),
        format!(
            "ring 2^{}, activations to 2^-{}, weights to 2^-{}, {} ReLUs{}",
            plan.ring.bits(),
            finest.fa,
            finest.fw,
            plan.relus(),
            variants(plan)
        ),
        format!(
            "BFV ({}) N = {}, log2 Q = {} as {:?} <= {line} (128-bit security), flooding {STATISTICAL_BITS} bits over a whole inference",
            he.backend.name(),
            he.degree,
            he.log_q(),
            he.modulus_bits
        ),
        correlated_ots(plan, costs),
    ];
    let alone = |step: &PlannedStep| matches!(step, PlannedStep::Reshare(step) if step.truncate > 0);
    let alone = plan.steps.iter().filter(|step| alone(step)).count();
    if alone > 0 {
        lines.push(format!(
            "{alone} layers truncated by each party alone: right but for one inference in 2^{SPOILED_BITS} at most, by the magnitudes of calibration images"
        ));
    }
    lines
}

fn shown_step(plan: &PreparedPlan, costs: &[StepCost], index: usize, step: &PlannedStep) -> ShownStep {
    let traffic = |phase| traffic(costs, phase, ChannelStep::of(index));
    ShownStep {
        name: step.name().to_owned(),
        kind: step.kind(),
        shape: step.shape(),
        scale: plan.scale_of(ValueId::made_by(index)),
        kept: match step {
            PlannedStep::Activation(activation) => Some(activation.step.kept.len()),
            _ => None,
        },
        choices: choices(step),
        offline: traffic(Phase::Offline),
        online: traffic(Phase::Online),
    }
}

fn proofs(step: &PlannedStep) -> Vec<(String, NoiseProof)> {
    let PlannedStep::Linear(linear) = step else { return Vec::new() };
    linear.exchanges.iter().flatten().map(|exchange| (step.name().to_owned(), exchange.proof)).collect()
}

fn totals(plan: &PreparedPlan, costs: &[StepCost]) -> Vec<String> {
    let mut lines = Vec::new();
    for phase in [Phase::Setup, Phase::Offline, Phase::Online] {
        let sum = total(costs, phase);
        let ops = sum.operations;
        lines.push(format!(
            "{phase}: up {} in {} messages, down {} in {} messages, {} rounds (one-way delays)",
            Bytes(sum.up.bytes),
            sum.up.messages,
            Bytes(sum.down.bytes),
            sum.down.messages,
            sum.up.flights + sum.down.flights
        ));
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
            lines.push(format!("  {}", counts.join(", ")));
        }
    }
    let memory = Memory::of(plan);
    let (kept, peak, in_file) = (memory.stored, memory.peak(false), memory.peak(true));
    lines.push(format!(
        "preprocessed inference: client {}, server {}; peak memory at most about client {} ({} with --store file), server {}",
        Bytes(kept.client),
        Bytes(kept.server),
        Bytes(peak.client),
        Bytes(in_file.client),
        Bytes(peak.server)
    ));
    lines
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
    let made = made.map_or_else(String::new, |[up, down]| format!(", made with {up} up / {down} down"));
    format!("{counts}: regular LPN of {sets} (128-bit security by the attacks counted){made}")
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

fn choices(step: &PlannedStep) -> Vec<String> {
    let one = match step {
        PlannedStep::Activation(a) => {
            let way = if a.step.kept.is_empty() { String::new() } else { format!("{}, ", a.relu.name()) };
            let signs = match a.step.skipped {
                0 => String::new(),
                skipped => format!(", signs by {}", a.compared_bits - skipped),
            };
            format!(
                "{way}|x| < 2^{}, drop {}, compare {}{signs}",
                a.step.bound_bits, a.step.truncate, a.compared_bits
            )
        }
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
        PlannedStep::Linear(linear) => return linear.exchanges.iter().map(packing).collect(),
    };
    vec![one]
}

fn packing(exchange: &Option<Exchange>) -> String {
    let Some(exchange) = exchange else { return "public".to_owned() };
    let packing = &exchange.packing;
    let groups = if packing.shared > 1 { format!("{} groups of ", packing.shared) } else { String::new() };
    format!(
        "{}x{} tiles of {groups}{}x{} channels, {}+{} ciphertexts",
        packing.tile.0,
        packing.tile.1,
        packing.cw,
        packing.mw,
        packing.request_count(),
        packing.answer_count()
    )
}

/// Bytes up and down.
fn traffic(costs: &[StepCost], phase: Phase, step: ChannelStep) -> Option<[Bytes; 2]> {
    let cost = costs.iter().find(|cost| cost.phase == phase && cost.step == step)?;
    Some([Bytes(cost.up.bytes), Bytes(cost.down.bytes)])
}
