//! Cells that use preprocessed inferences from a pool: `queries.csv`, `items.csv` and, derived, `scenarios.csv`.

use super::row::{Row, Wrong, decimal_seconds, named, seconds};
use serde::{Deserialize, Serialize};

/// A row of `queries.csv`: one measured query of a cell that uses preprocessed inferences from a pool. Times are the
/// client's, nanoseconds from when the first query could be due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// The query, which is its repeat in `inferences.csv`.
    pub query: u32,
    /// The preprocessed inference that it used.
    pub item: String,
    /// When it was due.
    pub due_ns: u64,
    /// When its turn came: it was due, and the query before was done.
    pub began_ns: u64,
    /// When it had a preprocessed inference.
    pub supplied_ns: u64,
    /// When the client had the logits.
    pub done_ns: u64,
    /// Preprocessed inferences in the pool when its turn came.
    pub pool_level: u64,
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

/// A row of `items.csv`: one preprocessed inference that went into a cell's pool. Times are the client's, nanoseconds from
/// when the first measured query could be due; negative before that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Its name at both parties.
    pub item: String,
    /// The connection that made it, from 1. Earlier files call the column `lane`.
    #[serde(alias = "lane")]
    pub connection: u32,
    /// When the client asked for it.
    pub began_ns: i64,
    /// When it was on offer.
    pub done_ns: i64,
    /// Preprocessed inferences in the pool just after.
    pub pool_level: u64,
    /// The measured query that used it; `None`: none did.
    pub query: Option<u32>,
}

impl Row for ItemRow {
    const FILE: &'static str = "items.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("item", &self.item)
    }
}

/// A row of `scenarios.csv`: one cell that uses a pool, derived from `queries.csv` and `items.csv` alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRow {
    /// Cell id.
    pub cell: String,
    /// `offline-batch` or `server`.
    pub scenario: String,
    /// Queries that are due in a second, on average; `None`: all at once.
    pub rate_per_s: Option<f64>,
    /// Preprocessed inferences that the pool is filled up to.
    pub pool: u64,
    /// Connections that fill it.
    pub refillers: u32,
    /// Queries served.
    pub n: u64,
    /// Median of response times: from when a query is due to its logits, seconds. Of a batch, none.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_p50: Option<f64>,
    /// 90th percentile; needs 44 queries.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_p90: Option<f64>,
    /// 99th percentile; needs 459 queries.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_p99: Option<f64>,
    /// Largest.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_max: Option<f64>,
    /// Median of service times: from having a preprocessed inference to the logits, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub service_s_p50: Option<f64>,
    /// Median of the times that queries waited for those before them, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub queue_s_p50: Option<f64>,
    /// Queries served in a second, from the first one's turn to the last one's logits.
    pub served_per_s: Option<f64>,
    /// Preprocessed inferences made in a second of making: all that were made, by the time that any was under way.
    pub made_per_s: Option<f64>,
    /// Queries whose turn came when the pool was empty.
    pub dry: u64,
    /// When the pool was first found empty, seconds after the first query could be due; `None`: never.
    #[serde(serialize_with = "decimal_seconds")]
    pub exhausted_s: Option<f64>,
    /// Fewest preprocessed inferences that a query found.
    pub pool_level_min: Option<u64>,
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
