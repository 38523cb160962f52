//! What an inference sends and comes to, held against what its plan says: bytes, messages and flights step by step, and
//! every logit.

use super::record::{step_row, transcript_row};
use crate::error::Error;
use crate::party::Outcome;
use crate::party::pair::PhaseReport;
use models::data::Dataset;
use models::real::argmax;
use netem::Phase;
use protocols::clear::replay;
use protocols::cost::{predict, total};
use protocols::masks::MaskSeed;
use protocols::numbering::ChannelStep;
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use protocols::service::Request;
use protocols::tally::{Operations, StepCost, Traffic};
use results::{CellRow, InferenceRow, Party, StepRow, TranscriptRow};

/// What the parties report of one inference.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Whether transcripts are asked for.
    pub(crate) record: bool,
    pub(crate) steps: Vec<StepRow>,
    pub(crate) transcript: Vec<TranscriptRow>,
}

/// What a plan predicts, to be compared with a ledger.
pub(crate) struct Prediction<'a> {
    plan: &'a PreparedPlan,
    costs: Vec<StepCost>,
}

impl<'a> Prediction<'a> {
    /// Of the plan; with `requests`, of a client that asks for what comes next.
    pub(crate) fn new(plan: &'a PreparedPlan, requests: bool) -> Self {
        let mut costs = predict(plan);
        if requests {
            add_requests(&mut costs);
        }
        Self { plan, costs }
    }

    /// What a phase is predicted to send: bytes up and down, headers included, and flights of both parties.
    pub(crate) fn predicted(&self, phase: Phase) -> (u64, u64, u64) {
        let sum = total(&self.costs, phase);
        let framed = |t: Traffic| t.bytes + t.messages * netem::HEADER_BYTES;
        (framed(sum.up), framed(sum.down), sum.up.flights + sum.down.flights)
    }

    /// The row with the plan's widths and what is predicted.
    pub(crate) fn fill(&self, row: CellRow) -> CellRow {
        let predicted = |phase| {
            let (up, down, rounds) = self.predicted(phase);
            (Some(up), Some(down), Some(rounds))
        };
        let (setup, offline, online) =
            (predicted(Phase::Setup), predicted(Phase::Offline), predicted(Phase::Online));
        let finest = self.plan.finest_scales();
        CellRow {
            ring_bits: Some(self.plan.ring.bits()),
            fa: Some(finest.fa),
            fw: Some(finest.fw),
            scales: Some(self.plan.scales_digest()),
            predicted_setup_up_bytes: setup.0,
            predicted_setup_down_bytes: setup.1,
            predicted_setup_rounds: setup.2,
            predicted_offline_up_bytes: offline.0,
            predicted_offline_down_bytes: offline.1,
            predicted_offline_rounds: offline.2,
            predicted_online_up_bytes: online.0,
            predicted_online_down_bytes: online.1,
            predicted_online_rounds: online.2,
            ..row
        }
    }

    /// Records what both parties report of a phase as rows, and compares them with the prediction: bytes, messages, flights.
    pub(crate) fn record(
        &self,
        row: &mut InferenceRow,
        ledger: &mut Ledger,
        report: &PhaseReport,
    ) -> Result<(), Error> {
        row.peak_rss_client_bytes = report.client.peak_rss_bytes;
        row.peak_rss_server_bytes = report.server.peak_rss_bytes;
        row.release_p50_ns = Some(report.client.release.p50_ns);
        row.release_p99_ns = Some(report.client.release.p99_ns);
        let plan = self.plan;
        for (party, report) in [(Party::Client, &report.client), (Party::Server, &report.server)] {
            ledger.steps.extend(report.usage.iter().map(|usage| step_row(plan, row, party, usage)));
            if ledger.record {
                let events = report.transcript.iter();
                ledger.transcript.extend(events.map(|event| transcript_row(row, party, event)));
            }
            for usage in &report.usage {
                let cost = self
                    .costs
                    .iter()
                    .find(|cost| (cost.phase, cost.step.number()) == (usage.phase, usage.step));
                let sent = |traffic: Traffic| (traffic.bytes, traffic.messages, traffic.flights);
                let expected = sent(cost.map_or(Traffic::default(), |cost| match party {
                    Party::Client => cost.up,
                    Party::Server => cost.down,
                }));
                let found = (usage.bytes_out, usage.messages_out, usage.flights_out);
                if found != expected {
                    return Err(Error::Verification {
                        what: format!(
                            "bytes, messages and flights that the {} sent in {} {}",
                            if party == Party::Client { "client" } else { "server" },
                            usage.phase,
                            plan.describe_step(usage.step.into()).0
                        ),
                        expected: format!("{expected:?}"),
                        found: format!("{found:?}"),
                    });
                }
            }
        }
        Ok(())
    }
}

/// What requests cost where the client asks for what comes next: they go up with its first message.
fn add_requests(costs: &mut Vec<StepCost>) {
    let up = Request::TRAFFIC;
    if let Some(input) =
        costs.iter_mut().find(|cost| (cost.phase, cost.step) == (Phase::Online, ChannelStep::INPUT))
    {
        input.up.bytes += up.bytes;
        input.up.messages += up.messages;
    }
    let first = costs.iter_mut().find(|cost| cost.phase == Phase::Offline && cost.up.flights > 0);
    let Some(first) = first else { return };
    // The client's first flight begins with the request.
    first.up.flights -= 1;
    let request = StepCost {
        phase: Phase::Offline,
        step: ChannelStep::INPUT,
        up: Traffic { flights: 1, ..up },
        down: Traffic::default(),
        operations: Operations::default(),
    };
    costs.push(request);
}

/// The row of the inference `index` of a cell, whose first `warmups` come first, before it has run.
pub(crate) fn blank(cell: &str, index: usize, warmups: usize, test: &Dataset) -> InferenceRow {
    let warmup = index < warmups;
    let repeat = if warmup { index } else { index - warmups };
    let image = if warmup { 0 } else { repeat };
    InferenceRow {
        cell: cell.to_owned(),
        repeat: repeat as u32,
        warmup,
        image: image as u64,
        label: test.label(image) as u32,
        ..InferenceRow::default()
    }
}

/// Fills in the class of the secure run, whose online phase has been recorded, and verifies it.
pub(crate) fn finish(
    plan: &PreparedPlan,
    secrets: &ServerSecrets,
    row: &mut InferenceRow,
    image: &[f32],
    online: PhaseReport,
) -> Result<(), Error> {
    let (client, server) = match (online.client.outcome, online.server.outcome) {
        (Some(client), Some(server)) => (client, server),
        _ => return Err(Error::Party { party: "client", what: "reported no outcome".into() }),
    };
    let logits = client.logits.clone().unwrap_or_default();
    row.class_secure = Some(argmax(&logits) as u32);
    row.verified = Some(false);
    row.out_of_bounds = Some(verify(plan, secrets, image, &logits, &client, &server)?);
    row.verified = Some(true);
    Ok(())
}

/// Compares the run with its clear replay, bit for bit. Returns the activation inputs that left their bound.
fn verify(
    plan: &PreparedPlan,
    secrets: &ServerSecrets,
    image: &[f32],
    logits: &[i64],
    client: &Outcome,
    server: &Outcome,
) -> Result<u64, Error> {
    let seed = |party, outcome: &Outcome| {
        let seed = outcome.seed.as_ref().map(|seed| MaskSeed::from_bytes(**seed));
        seed.ok_or_else(|| Error::Party { party, what: "did not reveal its masks to verify with".into() })
    };
    let seeds = (seed("client", client)?, seed("server", server)?);
    let clear = replay(plan, secrets, &plan.quantise_image(image), &seeds.0, &seeds.1);
    if logits != clear.logits {
        return Err(Error::Verification {
            what: "logits".into(),
            expected: format!("{:?}", clear.logits),
            found: format!("{logits:?}"),
        });
    }
    if let Some(shares) = &server.shares {
        if shares.len() != clear.server_shares.len() {
            let expected = format!("{} values", clear.server_shares.len());
            return Err(Error::Verification {
                what: "shares".into(),
                expected,
                found: shares.len().to_string(),
            });
        }
        for (value, (found, expected)) in shares.iter().zip(&clear.server_shares).enumerate() {
            if let Some(unit) = (0..expected.len()).find(|i| found.get(*i) != expected.get(*i)) {
                return Err(Error::Verification {
                    what: format!(
                        "server's share of {}, unit {unit}",
                        plan.describe_step(ChannelStep::from(value as u32)).0
                    ),
                    // Shares are not printed, not even wrong ones.
                    expected: "that of the clear replay".into(),
                    found: if unit < found.len() { "another" } else { "none" }.into(),
                });
            }
        }
    }
    Ok(clear.out_of_bounds)
}
