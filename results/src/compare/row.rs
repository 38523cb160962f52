//! A compared cell as a flat row, for tables and files.

use crate::judged::Accuracy;
use crate::schema::{CellStatus, Identity, ScenarioRow, SummaryRow};
use crate::statistics::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// How base OTs were extended; no unit; empty if the run does not say.
    pub ot: Option<String>,
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
    /// Its 95 % interval (Wilson), lower end, a fraction from 0 to 1.
    pub acc_fixed_test_low: Option<f64>,
    /// Its upper end, a fraction from 0 to 1.
    pub acc_fixed_test_high: Option<f64>,
    /// Test images behind the two, a count.
    pub acc_images: Option<u64>,
    /// McNemar's exact test of the classes in the ring, in the clear, against the baseline's on the test images that both
    /// classified, a probability from 0 to 1; empty if the runs did not keep them.
    pub acc_fixed_p: Option<f64>,
    /// Top-1 accuracy of the secure run on its `n` images, a fraction from 0 to 1.
    pub acc_secure: Option<f64>,
    /// Its 95 % interval (Wilson), lower end, a fraction from 0 to 1.
    pub acc_secure_low: Option<f64>,
    /// Its upper end, a fraction from 0 to 1.
    pub acc_secure_high: Option<f64>,
    /// McNemar's exact test of the secure classes against the baseline's on the images that both classified, a probability
    /// from 0 to 1.
    pub acc_secure_p: Option<f64>,
    /// Median offline time, seconds.
    pub offline_s_p50: Option<f64>,
    /// Its 95 % interval, lower end, seconds; needs 6 repeats.
    pub offline_s_p50_low: Option<f64>,
    /// Its upper end, seconds.
    pub offline_s_p50_high: Option<f64>,
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
    /// Its 95 % interval, lower end, seconds; needs 6 repeats.
    pub online_s_p50_low: Option<f64>,
    /// Its upper end, seconds.
    pub online_s_p50_high: Option<f64>,
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
    /// The client's largest resident set over the repeats, bytes; empty if not known.
    pub peak_rss_client_bytes: Option<u64>,
    /// The server's largest resident set over the repeats, bytes; empty if not known.
    pub peak_rss_server_bytes: Option<u64>,
    /// What one preprocessed inference occupies at the client, bytes; empty if not known.
    pub store_client_bytes: Option<u64>,
    /// What one preprocessed inference occupies at the server, bytes; empty if not known.
    pub store_server_bytes: Option<u64>,
    /// Median response time, from when a query was due to its logits, seconds; empty but for `server`.
    pub response_s_p50: Option<f64>,
    /// 90th percentile of the response time, seconds; needs 44 queries.
    pub response_s_p90: Option<f64>,
    /// Queries served while there were any, queries a second; empty without a pool.
    pub served_per_s: Option<f64>,
    /// Queries whose turn came when the pool was empty, a count; empty without a pool.
    pub dry: Option<u64>,
    /// Whether no cell of the block surely beats it: is at least as accurate and as fast online, and in one of the two better by
    /// intervals that are apart; no unit.
    pub front_latency: bool,
    /// The same with the bytes of both phases in place of the online time; no unit.
    pub front_bytes: bool,
    /// Why it failed; no unit.
    pub error: Option<String>,
}

impl ComparedRow {
    /// The cell of `run` whose summary is `row`; `pooled` is what came of its queries, where they used a pool.
    pub(super) fn new(
        run: &str,
        row: &SummaryRow,
        to_baseline: &ToBaseline<'_>,
        pooled: Option<&ScenarioRow>,
    ) -> Self {
        let ToBaseline { cell: baseline, paired, offline, online, acc_fixed_p, acc_secure_p } = *to_baseline;
        let Identity {
            model,
            method,
            budget,
            relus,
            relu,
            he,
            ot,
            threads,
            store,
            link,
            scenario,
            rate_per_s,
        } = row.identity();
        let ends = |ratio: Option<Estimate>| ratio.and_then(|ratio| ratio.interval);
        let (test, secure) = (Accuracy::test(row), Accuracy::secure(row));
        Self {
            run: run.to_owned(),
            cell: row.cell.clone(),
            baseline: baseline.map(str::to_owned),
            paired,
            model: model.to_owned(),
            method: method.to_owned(),
            budget,
            relus,
            relu: relu.to_owned(),
            he: he.map(str::to_owned),
            ot: ot.map(str::to_owned),
            threads,
            store: store.map(str::to_owned),
            link: link.to_owned(),
            scenario: scenario.map(str::to_owned),
            rate_per_s,
            n: row.n,
            status: row.status.to_string(),
            acc_float_test: row.acc_float_test,
            acc_fixed_test: row.acc_fixed_test,
            acc_fixed_test_low: test.map(|accuracy| accuracy.interval.0),
            acc_fixed_test_high: test.map(|accuracy| accuracy.interval.1),
            acc_images: row.acc_images,
            acc_fixed_p,
            acc_secure: row.acc_secure,
            acc_secure_low: secure.map(|accuracy| accuracy.interval.0),
            acc_secure_high: secure.map(|accuracy| accuracy.interval.1),
            acc_secure_p,
            offline_s_p50: row.offline_s_p50,
            offline_s_p50_low: row.offline_s_p50_low,
            offline_s_p50_high: row.offline_s_p50_high,
            offline_ratio: offline.map(|ratio| ratio.value),
            offline_ratio_low: ends(offline).map(|ends| ends.0),
            offline_ratio_high: ends(offline).map(|ends| ends.1),
            offline_bytes: row.offline_bytes(),
            online_s_p50: row.online_s_p50,
            online_s_p50_low: row.online_s_p50_low,
            online_s_p50_high: row.online_s_p50_high,
            online_ratio: online.map(|ratio| ratio.value),
            online_ratio_low: ends(online).map(|ends| ends.0),
            online_ratio_high: ends(online).map(|ends| ends.1),
            online_bytes: row.online_bytes(),
            online_rounds: row.online_rounds,
            peak_rss_client_bytes: row.peak_rss_client_bytes,
            peak_rss_server_bytes: row.peak_rss_server_bytes,
            store_client_bytes: row.store_client_bytes,
            store_server_bytes: row.store_server_bytes,
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
    pub(super) fn accuracy(&self) -> Option<Estimate> {
        let known = |value: Option<f64>, low: Option<f64>, high: Option<f64>| {
            Some(Estimate { value: value?, interval: low.zip(high) })
        };
        known(self.acc_fixed_test, self.acc_fixed_test_low, self.acc_fixed_test_high)
            .or_else(|| known(self.acc_secure, self.acc_secure_low, self.acc_secure_high))
    }

    /// Bytes of both phases.
    pub(super) fn bytes(&self) -> Option<u64> {
        Some(self.offline_bytes? + self.online_bytes?)
    }

    /// What tells the cell from others.
    pub(super) fn identity(&self) -> Identity<'_> {
        Identity {
            model: &self.model,
            method: &self.method,
            budget: self.budget,
            relus: self.relus,
            relu: &self.relu,
            he: self.he.as_deref(),
            ot: self.ot.as_deref(),
            threads: self.threads,
            store: self.store.as_deref(),
            link: &self.link,
            scenario: self.scenario.as_deref(),
            rate_per_s: self.rate_per_s,
        }
    }
}

/// How a cell compares with its block's baseline; nothing where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ToBaseline<'a> {
    /// Cell id of the baseline.
    pub(super) cell: Option<&'a str>,
    /// Whether the repeats of both alternated.
    pub(super) paired: bool,
    /// Ratio of the offline times.
    pub(super) offline: Option<Estimate>,
    /// Ratio of the online times.
    pub(super) online: Option<Estimate>,
    /// McNemar's test of the classes of test images in the ring, in the clear.
    pub(super) acc_fixed_p: Option<f64>,
    /// McNemar's test of the classes of the secure run.
    pub(super) acc_secure_p: Option<f64>,
}
