//! What the rows' types alone do not say: file names, ranges, and which fields go together.

use super::{
    AccuracyRow, CellRow, Doing, InferenceRow, InferenceStatus, ItemRow, QueryRow, ScenarioRow, StepRow,
    SummaryRow, TranscriptRow,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that breaks its column's rule.
pub(crate) struct Wrong {
    pub(crate) column: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// A row type and its file.
pub(crate) trait Row: Serialize + DeserializeOwned + Default {
    /// File name in the run's folder.
    const FILE: &'static str;

    /// Columns that runs of before they came lack; empty in each of their rows.
    const LATER: &[&str] = &[];

    /// What the types alone do not say.
    fn check(&self) -> Result<(), Wrong>;
}

fn named(column: &'static str, text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        return Err(Wrong { column, expected: "a name", found: String::new() });
    }
    Ok(())
}

fn fraction(column: &'static str, value: Option<f64>) -> Result<(), Wrong> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(Wrong { column, expected: "a fraction from 0 to 1", found: value.to_string() })
        }
        _ => Ok(()),
    }
}

fn seconds(column: &'static str, value: Option<f64>) -> Result<(), Wrong> {
    match value {
        Some(value) if !(value.is_finite() && value >= 0.0) => {
            Err(Wrong { column, expected: "seconds, zero or more", found: value.to_string() })
        }
        _ => Ok(()),
    }
}

impl Row for StepRow {
    const FILE: &'static str = "raw.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("step_name", &self.step_name)?;
        named("step_kind", &self.step_kind)?;
        if self.wall_ns >= 1 << 53 {
            return Err(Wrong { column: "wall_ns", expected: "below 2^53", found: self.wall_ns.to_string() });
        }
        Ok(())
    }
}

impl Row for TranscriptRow {
    const FILE: &'static str = "transcripts.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        let found = || self.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        match self.doing {
            Doing::Sent | Doing::Received if self.bytes.is_none() => {
                Err(Wrong { column: "bytes", expected: "a frame's bytes", found: found() })
            }
            Doing::Left if self.bytes.is_some() => {
                Err(Wrong { column: "bytes", expected: "nothing, as there is no frame", found: found() })
            }
            Doing::Sent | Doing::Received | Doing::Left => Ok(()),
        }
    }
}

impl Row for QueryRow {
    const FILE: &'static str = "queries.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("item", &self.item)?;
        let times = [
            ("began_ns", self.due_ns, self.began_ns),
            ("supplied_ns", self.began_ns, self.supplied_ns),
            ("done_ns", self.supplied_ns, self.done_ns),
        ];
        match times.into_iter().find(|(_, before, after)| after < before) {
            None => Ok(()),
            Some((column, before, after)) => Err(Wrong {
                column,
                expected: "a time not before the one to its left",
                found: format!("{after} after {before}"),
            }),
        }
    }
}

impl Row for ItemRow {
    const FILE: &'static str = "items.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("item", &self.item)
    }
}

impl Row for ScenarioRow {
    const FILE: &'static str = "scenarios.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("scenario", &self.scenario)?;
        seconds("response_s_p50", self.response_s_p50)?;
        seconds("response_s_p90", self.response_s_p90)?;
        seconds("response_s_p99", self.response_s_p99)?;
        seconds("response_s_max", self.response_s_max)?;
        seconds("service_s_p50", self.service_s_p50)?;
        seconds("queue_s_p50", self.queue_s_p50)?;
        seconds("exhausted_s", self.exhausted_s)
    }
}

impl Row for InferenceRow {
    const FILE: &'static str = "inferences.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        let error = self.error.as_deref().unwrap_or_default();
        match self.status {
            InferenceStatus::Ok if !error.is_empty() => {
                Err(Wrong { column: "error", expected: "nothing, as status is ok", found: error.to_owned() })
            }
            InferenceStatus::Ok if self.verified == Some(false) => Err(Wrong {
                column: "verified",
                expected: "true or nothing, as status is ok",
                found: "false".to_owned(),
            }),
            InferenceStatus::Failed if error.is_empty() => Err(Wrong {
                column: "error",
                expected: "a reason, as status is failed",
                found: String::new(),
            }),
            InferenceStatus::Ok | InferenceStatus::Failed => Ok(()),
        }
    }
}

impl Row for AccuracyRow {
    const FILE: &'static str = "accuracy.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)
    }
}

impl Row for CellRow {
    const FILE: &'static str = "cells.csv";
    const LATER: &[&str] = &["threads", "store", "scenario", "rate_per_s", "pool", "refillers"];

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("model", &self.model)?;
        named("method", &self.method)?;
        named("relu", &self.relu)?;
        named("link", &self.link)?;
        fraction("acc_float", self.acc_float)?;
        fraction("acc_fixed", self.acc_fixed)
    }
}

impl Row for SummaryRow {
    const FILE: &'static str = "summary.csv";
    const LATER: &[&str] = &[
        "threads",
        "store",
        "scenario",
        "rate_per_s",
        "offline_s_p50_low",
        "offline_s_p50_high",
        "online_s_p50_low",
        "online_s_p50_high",
        "acc_secure_low",
        "acc_secure_high",
        "acc_fixed_test_low",
        "acc_fixed_test_high",
    ];

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("model", &self.model)?;
        named("method", &self.method)?;
        named("relu", &self.relu)?;
        named("link", &self.link)?;
        fraction("acc_float", self.acc_float)?;
        fraction("acc_fixed", self.acc_fixed)?;
        fraction("acc_secure", self.acc_secure)?;
        fraction("acc_float_test", self.acc_float_test)?;
        fraction("acc_fixed_test", self.acc_fixed_test)?;
        seconds("setup_s_p50", self.setup_s_p50)?;
        seconds("offline_s_p50", self.offline_s_p50)?;
        seconds("offline_s_max", self.offline_s_max)?;
        seconds("online_s_p50", self.online_s_p50)?;
        seconds("online_s_p90", self.online_s_p90)?;
        seconds("online_s_p99", self.online_s_p99)?;
        seconds("online_s_max", self.online_s_max)
    }
}

/// The columns of one row type, in order, as the encoder itself writes them.
pub(crate) fn columns<R: Row>() -> Vec<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(R::default()).expect("a default row encodes");
    let bytes = writer.into_inner().expect("memory takes every byte");
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    reader.headers().expect("what was encoded decodes").iter().map(str::to_owned).collect()
}
