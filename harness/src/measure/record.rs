//! What is written beside the numbers: the manifest, and what the parties report as rows.

use crate::choice::Protocol;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::machine;
use crate::model::Compiled;
use models::checkpoint::{Checkpoint, IMPORTED_FROM, IMPORTED_SHA256};
use models::data::DataSource;
use netem::{Doing, Event, Link, Loopback, Phase, StepUsage};
use protocols::plan::Plan;
use results::{
    DataRecord, ImportRecord, InferenceRow, LinkRecord, Manifest, ModelRecord, Party, Pinning, Quantiles,
    SCHEMA, Shard, StepRow, TranscriptRow,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What a party reports of a step, as a row.
pub(super) fn step_row(plan: &Plan, inference: &InferenceRow, party: Party, usage: &StepUsage) -> StepRow {
    let (name, kind) = plan.describe_step(usage.step.into());
    StepRow {
        cell: inference.cell.clone(),
        repeat: inference.repeat,
        warmup: inference.warmup,
        party,
        phase: phase_name(usage.phase),
        step: usage.step,
        step_name: name,
        step_kind: kind.to_owned(),
        bytes_out: usage.bytes_out,
        bytes_in: usage.bytes_in,
        header_out: usage.header_out,
        header_in: usage.header_in,
        messages_out: usage.messages_out,
        messages_in: usage.messages_in,
        flights_out: usage.flights_out,
        wall_ns: usage.wall_ns,
        compute_ns: usage.compute_ns(),
        blocked_ns: usage.blocked_ns,
    }
}

/// A party's event as a row.
pub(super) fn transcript_row(inference: &InferenceRow, party: Party, event: &Event) -> TranscriptRow {
    let (doing, bytes) = match event.doing {
        Doing::Sent(bytes) => (results::Doing::Sent, Some(bytes)),
        Doing::Received(bytes) => (results::Doing::Received, Some(bytes)),
        Doing::Left => (results::Doing::Left, None),
    };
    TranscriptRow {
        cell: inference.cell.clone(),
        repeat: inference.repeat,
        party,
        phase: phase_name(event.phase),
        step: event.step,
        compute_ns: event.compute_ns,
        doing,
        bytes,
    }
}

fn phase_name(phase: Phase) -> results::Phase {
    match phase {
        Phase::Setup => results::Phase::Setup,
        Phase::Offline => results::Phase::Offline,
        Phase::Online => results::Phase::Online,
    }
}

/// A link as asked for and as measured just now.
pub(super) fn link_record(link: &Link) -> Result<LinkRecord, Error> {
    let probed = netem::probe(link)?;
    Ok(LinkRecord {
        name: link.name.clone(),
        rate_bytes_per_s: link.rate.map(|rate| rate.0),
        rtt_s: link.rtt.as_secs_f64(),
        measured_rate_bytes_per_s: Some(probed.rate.0),
        measured_rtt_s: Some(probed.rtt.as_secs_f64()),
        release_error: Some(Quantiles {
            p50_s: probed.release.p50_ns as f64 * 1e-9,
            p99_s: probed.release.p99_ns as f64 * 1e-9,
        }),
    })
}

/// The files of each data set, once, with their checksums; tells on standard error of those known not to be official.
pub(crate) fn data_records<'a>(
    sources: impl Iterator<Item = &'a DataSource>,
) -> Result<Vec<DataRecord>, Error> {
    let mut seen: Vec<&DataSource> = Vec::new();
    let mut records = Vec::new();
    for source in sources {
        if seen.contains(&source) {
            continue;
        }
        seen.push(source);
        for check in source.checksums()? {
            let official = check.is_official();
            if official == Some(false) {
                eprintln!("note: {} is not the official file (by its SHA-256)", check.path.display());
            }
            if let Some(remark) = &check.remark {
                eprintln!("note: {}: {remark}", check.path.display());
            }
            let folder = source.dir().expect("a data set with files has a folder");
            let file = check.path.strip_prefix(folder).expect("a data set's files are in its folder");
            // What is a file or a folder itself is called by its own name.
            let own =
                if file.as_os_str().is_empty() { check.path.file_name() } else { Some(file.as_os_str()) };
            records.push(DataRecord {
                set: source.name(),
                file: own.unwrap_or_default().to_string_lossy().into_owned(),
                sha256: check.sha256,
                official,
                remark: check.remark,
            });
        }
    }
    Ok(records)
}

/// A model as it was run.
pub(super) fn model_record(compiled: &Compiled) -> ModelRecord {
    let Compiled { checkpoint, plan, .. } = compiled;
    let protocol = Protocol { relu: compiled.relu, he: plan.he.backend, ot: compiled.ot };
    ModelRecord {
        plan_digest: Some(plan.digest()),
        calibration: Some(compiled.calibration()),
        ..uncompiled_record(checkpoint, protocol)
    }
}

/// A model that did not compile in a variant.
pub(super) fn uncompiled_record(network: &Checkpoint, protocol: Protocol) -> ModelRecord {
    let meta = &network.meta;
    ModelRecord {
        name: meta.net.clone(),
        digest: network.digest(),
        plan_digest: None,
        data: meta.data.clone(),
        method: meta.method.clone(),
        relu: protocol.relu.name().to_owned(),
        he: Some(protocol.he.name().to_owned()),
        ot: Some(protocol.ot.name().to_owned()),
        budget: meta.budget.map(|b| b as u64),
        relus: network.masks.count() as u64,
        imported_from: imported_from(&meta.settings),
        calibration: None,
    }
}

fn imported_from(settings: &serde_json::Value) -> Option<ImportRecord> {
    let text = |key: &str| settings.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    Some(ImportRecord { file: text(IMPORTED_FROM)?, sha256: text(IMPORTED_SHA256) })
}

/// A moment as the manifest has it.
pub(crate) fn timestamp(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).expect("a time of today has a text")
}

/// What of a run is known only once it is prepared.
pub(super) struct Parts {
    pub(super) cells: Vec<String>,
    pub(super) shard: Option<Shard>,
    pub(super) models: Vec<ModelRecord>,
    pub(super) links: Vec<LinkRecord>,
    pub(super) loopback: Loopback,
    pub(super) data: Vec<DataRecord>,
}

/// Everything that a reader needs to repeat the run.
pub(super) fn manifest(
    experiment: &Experiment,
    id: String,
    now: OffsetDateTime,
    networks: &[Arc<Checkpoint>],
    parts: Parts,
) -> Manifest {
    let Parts { cells, shard, models, links, loopback, data } = parts;
    let search = ("scale_search_rounding".to_owned(), models::fixed::evaluate::SEED);
    let seeds = BTreeMap::from([search, ("order_of_cells".to_owned(), experiment.seed)])
        .into_iter()
        .chain(networks.iter().map(|network| {
            let (meta, kept) = (&network.meta, network.masks.count());
            (format!("held_out_split_{}_{}_{kept}", meta.net, meta.method), meta.seed)
        }))
        .collect();
    let core = |core: Option<usize>| core.map(|c| c as u32).into_iter().collect();
    Manifest {
        schema: SCHEMA,
        id,
        started: timestamp(now),
        command: std::iter::once("linnet".to_owned()).chain(std::env::args().skip(1)).collect(),
        linnet: env!("CARGO_PKG_VERSION").to_owned(),
        revision: machine::revision(),
        machine: machine::describe(),
        threads: experiment.variants.iter().map(|variant| variant.threads as u32).max().unwrap_or(1),
        pinning: Pinning {
            client: core(experiment.pin.map(|p| p.0)),
            server: core(experiment.pin.map(|p| p.1)),
        },
        seeds,
        links,
        loopback: Some(results::Loopback {
            rate_bytes_per_s: loopback.rate.0,
            rtt_s: loopback.rtt.as_secs_f64(),
        }),
        models,
        data,
        cells,
        shard,
        busy: machine::busy(),
        resumed: Vec::new(),
        settings: serde_json::to_value(experiment).expect("an experiment is plain data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_data_set_is_recorded_once() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["train.bin", "test.bin"] {
            std::fs::write(dir.path().join(file), "abc").unwrap();
        }
        let cifar = DataSource::Cifar100 { dir: dir.path().into() };
        let records = data_records([&DataSource::Shapes, &cifar, &cifar].into_iter()).unwrap();
        let record = |file: &str| DataRecord {
            set: "cifar100".into(),
            file: file.into(),
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into(),
            official: Some(false),
            remark: None,
        };
        assert_eq!(records, [record("train.bin"), record("test.bin")]);
    }
}
