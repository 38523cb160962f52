//! A compared cell as a flat row, for tables and files.

use crate::statistics::Estimate;
use crate::{CellRow, CellStatus, ScenarioRow, SummaryRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What cells differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// The run.
    Run,
    /// The model.
    Model,
    /// How units were chosen.
    Method,
    /// The ReLU budget.
    Budget,
    /// The variant of the ReLU protocol.
    Relu,
    /// Who computed on ciphertexts.
    He,
    /// Threads of each party.
    Threads,
    /// Where preprocessed material was kept.
    Store,
    /// The link.
    Link,
    /// How queries came.
    Scenario,
    /// Queries that were due in a second.
    Rate,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Run,
        Self::Model,
        Self::Method,
        Self::Budget,
        Self::Relu,
        Self::He,
        Self::Threads,
        Self::Store,
        Self::Link,
        Self::Scenario,
        Self::Rate,
    ];

    /// As on the command line, and the column's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Model => "model",
            Self::Method => "method",
            Self::Budget => "budget",
            Self::Relu => "relu",
            Self::He => "he",
            Self::Threads => "threads",
            Self::Store => "store",
            Self::Link => "link",
            Self::Scenario => "scenario",
            Self::Rate => "rate",
        }
    }

    /// A cell's value in its run's table; all cells there are of one run, which is not named.
    pub fn of_cell(self, row: &CellRow) -> String {
        self.value(&Part {
            run: "",
            model: &row.model,
            method: &row.method,
            budget: row.budget,
            relu: &row.relu,
            he: row.he.as_deref(),
            threads: row.threads,
            store: row.store.as_deref(),
            link: &row.link,
            scenario: row.scenario.as_deref(),
            rate_per_s: row.rate_per_s,
        })
    }

    /// A cell's value in a comparison.
    pub(super) fn of(self, run: &str, row: &SummaryRow) -> String {
        self.value(&Part {
            run,
            model: &row.model,
            method: &row.method,
            budget: row.budget,
            relu: &row.relu,
            he: row.he.as_deref(),
            threads: row.threads,
            store: row.store.as_deref(),
            link: &row.link,
            scenario: row.scenario.as_deref(),
            rate_per_s: row.rate_per_s,
        })
    }

    fn value(self, part: &Part<'_>) -> String {
        match self {
            Self::Run => part.run.to_owned(),
            Self::Model => part.model.to_owned(),
            Self::Method => part.method.to_owned(),
            Self::Budget => part.budget.map_or_else(|| "all".to_owned(), |budget| budget.to_string()),
            Self::Relu => part.relu.to_owned(),
            Self::He => part.he.unwrap_or("-").to_owned(),
            Self::Threads => part.threads.map_or_else(|| "-".to_owned(), |threads| threads.to_string()),
            Self::Store => part.store.unwrap_or("-").to_owned(),
            Self::Link => part.link.to_owned(),
            Self::Scenario => part.scenario.unwrap_or("-").to_owned(),
            Self::Rate => part.rate_per_s.map_or_else(|| "-".to_owned(), |rate| rate.to_string()),
        }
    }
}

/// What every row that is of a cell says of it.
struct Part<'a> {
    run: &'a str,
    model: &'a str,
    method: &'a str,
    budget: Option<u64>,
    relu: &'a str,
    he: Option<&'a str>,
    threads: Option<u32>,
    store: Option<&'a str>,
    link: &'a str,
    scenario: Option<&'a str>,
    rate_per_s: Option<f64>,
}

/// One cell of a comparison. Ratios are to its baseline: 2 took twice as long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedRow {
    /// Name of the run that the cell is of; no unit.
    pub run: String,
    /// Cell id, as in the run's `cells.csv`; no unit.
    pub cell: String,
    /// Cell id of the baseline; empty if the block has none; no unit.
    pub baseline: Option<String>,
    /// Whether its repeats alternated with the baseline's, so that ratios are medians of the images' own ratios in place of
    /// ratios of medians; no unit.
    pub paired: bool,
    /// Model; no unit.
    pub model: String,
    /// How the kept ReLUs were chosen; no unit.
    pub method: String,
    /// ReLUs asked for, a count; empty if every one was kept.
    pub budget: Option<u64>,
    /// ReLUs kept, a count.
    pub relus: u64,
    /// Variant of the ReLU protocol; no unit.
    pub relu: String,
    /// Who computed on ciphertexts; no unit; empty if the run does not say.
    pub he: Option<String>,
    /// Threads of each party, a count; empty if the run does not say.
    pub threads: Option<u32>,
    /// Where the client kept what it had preprocessed; no unit; empty if the run does not say.
    pub store: Option<String>,
    /// Link; no unit.
    pub link: String,
    /// How queries came: `single-stream`, `offline-batch` or `server`; no unit; empty if the run does not say.
    pub scenario: Option<String>,
    /// Queries that were due, on average, queries a second; empty but for `server`.
    pub rate_per_s: Option<f64>,
    /// Measured repeats that ended ok, a count.
    pub n: u64,
    /// How the repeats ended: `ok`, `partial` or `failed`; no unit.
    pub status: String,
    /// Top-1 accuracy over the reals on `acc_images` test images, a fraction from 0 to 1.
    pub acc_float_test: Option<f64>,
    /// Top-1 accuracy in the ring, in the clear, on the same images, a fraction from 0 to 1.
    pub acc_fixed_test: Option<f64>,
    /// Test images behind the two, a count.
    pub acc_images: Option<u64>,
    /// McNemar's exact test of the classes in the ring, in the clear, against the baseline's on the test images that both
    /// classified, a probability from 0 to 1; empty if the runs did not keep them.
    pub acc_fixed_p: Option<f64>,
    /// Top-1 accuracy of the secure run on its `n` images, a fraction from 0 to 1.
    pub acc_secure: Option<f64>,
    /// McNemar's exact test of the secure classes against the baseline's on the images that both classified, a probability
    /// from 0 to 1.
    pub acc_secure_p: Option<f64>,
    /// Median offline time, seconds.
    pub offline_s_p50: Option<f64>,
    /// Median offline time by the baseline's, a ratio.
    pub offline_ratio: Option<f64>,
    /// Its 95 % interval, lower end, a ratio; needs 6 repeats of both.
    pub offline_ratio_low: Option<f64>,
    /// Its upper end, a ratio.
    pub offline_ratio_high: Option<f64>,
    /// Offline bytes of both directions, headers included, bytes.
    pub offline_bytes: Option<u64>,
    /// Median online time, seconds.
    pub online_s_p50: Option<f64>,
    /// Median online time by the baseline's, a ratio.
    pub online_ratio: Option<f64>,
    /// Its 95 % interval, lower end, a ratio; needs 6 repeats of both.
    pub online_ratio_low: Option<f64>,
    /// Its upper end, a ratio.
    pub online_ratio_high: Option<f64>,
    /// Online bytes of both directions, headers included, bytes.
    pub online_bytes: Option<u64>,
    /// Online flights of both parties, a count.
    pub online_rounds: Option<u64>,
    /// Median response time, from when a query was due to its logits, seconds; empty but for `server`.
    pub response_s_p50: Option<f64>,
    /// 90th percentile of the response time, seconds; needs 44 queries.
    pub response_s_p90: Option<f64>,
    /// Queries served while there were any, queries a second; empty without a pool.
    pub served_per_s: Option<f64>,
    /// Queries whose turn came when the pool was empty, a count; empty without a pool.
    pub dry: Option<u64>,
    /// Whether no cell of the block is at least as accurate and as fast online, and better in one; no unit.
    pub front_latency: bool,
    /// The same with the bytes of both phases in place of the online time; no unit.
    pub front_bytes: bool,
    /// Why it failed; no unit.
    pub error: Option<String>,
}

impl ComparedRow {
    pub(super) fn new(
        run: &str,
        row: &SummaryRow,
        baseline: Option<&str>,
        offline: Option<Estimate>,
        online: Option<Estimate>,
        acc_secure_p: Option<f64>,
        pooled: Option<&ScenarioRow>,
    ) -> Self {
        let ends = |ratio: Option<Estimate>| ratio.and_then(|ratio| ratio.interval);
        let both = |up: Option<u64>, down: Option<u64>| Some(up?.saturating_add(down?));
        Self {
            run: run.to_owned(),
            cell: row.cell.clone(),
            baseline: baseline.map(str::to_owned),
            paired: false,
            model: row.model.clone(),
            method: row.method.clone(),
            budget: row.budget,
            relus: row.relus,
            relu: row.relu.clone(),
            he: row.he.clone(),
            threads: row.threads,
            store: row.store.clone(),
            link: row.link.clone(),
            scenario: row.scenario.clone(),
            rate_per_s: row.rate_per_s,
            n: row.n,
            status: row.status.to_string(),
            acc_float_test: row.acc_float_test,
            acc_fixed_test: row.acc_fixed_test,
            acc_images: row.acc_images,
            acc_fixed_p: None,
            acc_secure: row.acc_secure,
            acc_secure_p,
            offline_s_p50: row.offline_s_p50,
            offline_ratio: offline.map(|ratio| ratio.value),
            offline_ratio_low: ends(offline).map(|ends| ends.0),
            offline_ratio_high: ends(offline).map(|ends| ends.1),
            offline_bytes: both(row.offline_up_bytes, row.offline_down_bytes),
            online_s_p50: row.online_s_p50,
            online_ratio: online.map(|ratio| ratio.value),
            online_ratio_low: ends(online).map(|ends| ends.0),
            online_ratio_high: ends(online).map(|ends| ends.1),
            online_bytes: both(row.online_up_bytes, row.online_down_bytes),
            online_rounds: row.online_rounds,
            response_s_p50: pooled.and_then(|row| row.response_s_p50),
            response_s_p90: pooled.and_then(|row| row.response_s_p90),
            served_per_s: pooled.and_then(|row| row.served_per_s),
            dry: pooled.map(|row| row.dry),
            front_latency: false,
            front_bytes: false,
            error: row.error.clone(),
        }
    }

    /// Whether all of its repeats ended ok.
    pub(super) fn ok(&self) -> bool {
        self.status == CellStatus::Ok.to_string()
    }

    /// Top-1 accuracy: in the ring on test images or, if that was not evaluated, of the secure run.
    pub(super) fn accuracy(&self) -> Option<f64> {
        self.acc_fixed_test.or(self.acc_secure)
    }

    /// Bytes of both phases.
    pub(super) fn bytes(&self) -> Option<u64> {
        Some(self.offline_bytes? + self.online_bytes?)
    }

    /// What tells ways of computing a ReLU apart.
    pub(super) fn way(&self) -> [String; 5] {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let threads = self.threads.map_or_else(|| "-".to_owned(), |threads| threads.to_string());
        [self.run.clone(), self.relu.clone(), known(&self.he), threads, known(&self.store)]
    }
}
