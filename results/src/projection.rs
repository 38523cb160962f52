//! What cells would take over links that they did not run over: predicted from transcripts, and never among what was
//! measured. A row says so in its first column, and no run's folder holds one.

use crate::Error;
use crate::layout::{Column, Layout, in_order, or_missing};
use crate::run::files::write_whole;
use crate::schema::{Identity, SummaryRow, decimal_seconds};
use crate::statistics::median;
use crate::units::{bytes, count, seconds};
use serde::Serialize;
use std::path::Path;

/// What [`ProjectedRow::kind`] always is.
pub const PROJECTED: &str = "projected";

/// Name that errors give the table of projections.
const TABLE: &str = "the table of projections";

/// A link that is predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedLink {
    /// Name.
    pub name: String,
    /// Bytes a second in each direction; `None`: unlimited.
    pub rate_bytes_per_s: Option<f64>,
    /// Round-trip time, seconds.
    pub rtt_s: f64,
}

/// A cell over another link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProjectedRow {
    /// [`PROJECTED`].
    pub kind: &'static str,
    /// The run that transcripts are of.
    pub run: String,
    /// Its cell.
    pub cell: String,
    /// Model.
    pub model: String,
    /// How the kept ReLUs were chosen.
    pub method: String,
    /// ReLUs asked for; `None`: every one kept.
    pub budget: Option<u64>,
    /// ReLUs kept.
    pub relus: u64,
    /// Variant of the ReLU protocol.
    pub relu: String,
    /// Link that the transcripts were written over.
    pub recorded_link: String,
    /// Link that is predicted.
    pub link: String,
    /// Its rate in each direction, bytes a second; `None`: unlimited.
    pub rate_bytes_per_s: Option<f64>,
    /// Its round-trip time, seconds.
    pub rtt_s: f64,
    /// Repeats whose transcripts were replayed.
    pub transcripts: u64,
    /// Median of the repeats' predicted offline times, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub offline_s_p50: Option<f64>,
    /// Median of their predicted online times, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub online_s_p50: Option<f64>,
    /// Bytes of the offline phase, both directions, headers included, as measured.
    pub offline_bytes: Option<u64>,
    /// Bytes of the online phase, both directions, headers included, as measured.
    pub online_bytes: Option<u64>,
    /// Rounds of the online phase, as measured.
    pub online_rounds: Option<u64>,
}

impl ProjectedRow {
    /// The cell of `run` whose summary is `row`, over `link`. `times` are the predicted times of each repeat,
    /// nanoseconds: offline, online.
    pub fn new(run: &str, row: &SummaryRow, link: &ProjectedLink, times: &[(u64, u64)]) -> Self {
        let seconds = |of: fn(&(u64, u64)) -> u64| {
            median(times.iter().map(|t| of(t) as f64 / 1e9)).map(|median| median.value)
        };
        let Identity {
            model,
            method,
            budget,
            relus,
            relu,
            link: recorded_link,
            // The table has no columns for these: the cell's id tells them apart.
            he: _,
            ot: _,
            threads: _,
            store: _,
            scenario: _,
            rate_per_s: _,
        } = row.identity();
        Self {
            kind: PROJECTED,
            run: run.to_owned(),
            cell: row.cell.clone(),
            model: model.to_owned(),
            method: method.to_owned(),
            budget,
            relus,
            relu: relu.to_owned(),
            recorded_link: recorded_link.to_owned(),
            link: link.name.clone(),
            rate_bytes_per_s: link.rate_bytes_per_s,
            rtt_s: link.rtt_s,
            transcripts: times.len() as u64,
            offline_s_p50: seconds(|times| times.0),
            online_s_p50: seconds(|times| times.1),
            offline_bytes: row.offline_bytes(),
            online_bytes: row.online_bytes(),
            online_rounds: row.online_rounds,
        }
    }
}

/// A table for a terminal, at most `room` characters wide, if that is given.
pub fn text(rows: &[ProjectedRow], room: Option<usize>) -> String {
    let columns = [
        Column::text("method"),
        Column::new("", "budget"),
        Column::new("", "ReLUs").rank(4),
        Column::text("relu").rank(1),
        Column::text("from").rank(1),
        Column::text("over"),
        Column::new("projected", "offline"),
        Column::new("projected", "online"),
        Column::new("measured bytes", "offline").rank(2),
        Column::new("measured bytes", "online").rank(2),
        Column::new("", "rounds").rank(3),
    ];
    let line = |row: &ProjectedRow| -> Vec<String> {
        vec![
            row.method.clone(),
            row.budget.map_or_else(|| "all".to_owned(), count),
            count(row.relus),
            row.relu.clone(),
            row.recorded_link.clone(),
            row.link.clone(),
            or_missing(row.offline_s_p50, seconds),
            or_missing(row.online_s_p50, seconds),
            or_missing(row.offline_bytes, bytes),
            or_missing(row.online_bytes, bytes),
            or_missing(row.online_rounds, count),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    let layout = Layout::new(&columns, &lines, room);
    let titles: Vec<String> = rows.iter().map(|row| format!("{}, {}", row.model, row.run)).collect();
    let mut text = String::new();
    for title in in_order(&titles) {
        let of_title = lines.iter().zip(&titles).filter(|(_, other)| *other == title).map(|(line, _)| line);
        layout.block(title, of_title, &mut text);
    }
    text.extend(layout.left_out());
    text.push_str(
        "\nprojected, not measured: what the parties did over the one link, replayed with the waiting of the other;\n\
         medians of the repeats that have a transcript\n",
    );
    text
}

/// Writes the rows as CSV, whole or not at all.
///
/// # Errors
/// [`Error::Encode`], [`Error::Io`].
pub fn write(path: &Path, rows: &[ProjectedRow]) -> Result<(), Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|source| Error::Encode { file: TABLE, source })?;
    }
    let bytes = writer.into_inner().expect("memory takes every byte");
    write_whole(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_says_that_it_was_projected() {
        let link = ProjectedLink { name: "slow".into(), rate_bytes_per_s: Some(1e6), rtt_s: 0.1 };
        let summary = SummaryRow { cell: "c-lan".into(), link: "lan".into(), ..SummaryRow::default() };
        let times = [(3_000_000, 30), (1_000_000, 10), (2_000_000, 20)];
        let row = ProjectedRow::new("r", &summary, &link, &times);
        assert_eq!((row.offline_s_p50, row.online_s_p50, row.transcripts), (Some(0.002), Some(2e-8), 3));
        assert!(text(std::slice::from_ref(&row), None).contains("projected, not measured"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        write(&path, &[row.clone(), row]).unwrap();
        let written = std::fs::read_to_string(path).unwrap();
        let firsts: Vec<&str> = written.lines().filter_map(|line| line.split(',').next()).collect();
        assert_eq!(firsts, ["kind", PROJECTED, PROJECTED]);
    }
}
