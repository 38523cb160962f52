//! One HTML page of one or more runs: the table, interactive pictures, the machine and the threat model. It needs no network,
//! and nothing beside it.

use crate::statistics::median;
use crate::{Loaded, Party, SummaryRow};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

const PAGE: &str = include_str!("../report/page.html");
const STYLE: &str = include_str!("../report/page.css");
const SCRIPT: &str = include_str!("../report/page.js");
const D3: &str = include_str!("../report/vendor/d3.min.js");
const PLOT: &str = include_str!("../report/vendor/plot.umd.min.js");
const LICENCES: [&str; 2] =
    [include_str!("../report/vendor/d3.LICENSE"), include_str!("../report/vendor/plot.LICENSE")];

/// The page, in UTF-8.
pub fn html(runs: &[Loaded]) -> String {
    let title: Vec<&str> = runs.iter().map(|run| run.manifest.id.as_str()).collect();
    let version = runs.first().map_or("", |run| run.manifest.linnet.as_str());
    // Data last: what stands in it must not be taken for a part to be filled in.
    [
        ("{{title}}", escaped(&title.join(", "))),
        ("{{style}}", STYLE.to_owned()),
        ("{{version}}", escaped(version)),
        ("{{licences}}", escaped(&format!("D3\n\n{}\nObservable Plot\n\n{}", LICENCES[0], LICENCES[1]))),
        ("{{d3}}", D3.to_owned()),
        ("{{plot}}", PLOT.to_owned()),
        ("{{script}}", SCRIPT.to_owned()),
        ("{{data}}", data(runs).to_string().replace('<', "\\u003c")),
    ]
    .into_iter()
    .fold(PAGE.to_owned(), |page, (part, text)| page.replacen(part, &text, 1))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A row of the summary with what the page needs beside it.
#[derive(Serialize)]
struct Row<'a> {
    run: &'a str,
    #[serde(flatten)]
    summary: &'a SummaryRow,
    offline_bytes: Option<u64>,
    online_bytes: Option<u64>,
}

/// One step of one phase of a cell, as the client sees it.
#[derive(Serialize)]
struct Step {
    key: String,
    phase: String,
    name: String,
    kind: String,
    /// Median over the repeats that count.
    seconds: f64,
    /// Of both directions, headers included.
    bytes: u64,
}

fn data(runs: &[Loaded]) -> Value {
    let mut online = BTreeMap::new();
    for run in runs {
        for (cell, repeats) in run.times() {
            let mut seconds: Vec<f64> =
                repeats.iter().filter_map(|repeat| repeat.online_ns).map(|ns| ns as f64 / 1e9).collect();
            seconds.sort_by(f64::total_cmp);
            online.insert(key(run, &cell), seconds);
        }
    }
    let about = |run: &Loaded| {
        let manifest = &run.manifest;
        json!({
            "id": manifest.id,
            "question": manifest.settings.get("question").and_then(Value::as_str),
            "started": manifest.started,
            "command": manifest.command,
            "linnet": manifest.linnet,
            "revision": manifest.revision,
            "machine": manifest.machine,
            "links": manifest.links,
        })
    };
    json!({
        "runs": runs.iter().map(about).collect::<Vec<_>>(),
        "rows": runs.iter().flat_map(rows).collect::<Vec<_>>(),
        "steps": runs.iter().flat_map(steps).collect::<Vec<_>>(),
        "online": online,
    })
}

fn key(run: &Loaded, cell: &str) -> String {
    format!("{}/{cell}", run.manifest.id)
}

fn rows(run: &Loaded) -> impl Iterator<Item = Row<'_>> {
    let both = |up: Option<u64>, down: Option<u64>| Some(up? + down?);
    run.summary.iter().map(move |summary| Row {
        run: &run.manifest.id,
        summary,
        offline_bytes: both(summary.offline_up_bytes, summary.offline_down_bytes),
        online_bytes: both(summary.online_up_bytes, summary.online_down_bytes),
    })
}

/// Every cell's steps by phase, in the order of the plan.
fn steps(run: &Loaded) -> Vec<Step> {
    let mut all = Vec::new();
    for cell in &run.cells {
        let counted = run.inferences.iter().filter(|row| row.cell == cell.cell && row.counts());
        let counted: HashSet<u32> = counted.map(|row| row.repeat).collect();
        let mut found: BTreeMap<_, (Vec<f64>, u64, &str, &str)> = BTreeMap::new();
        let rows = run.steps.iter().filter(|row| row.cell == cell.cell && row.party == Party::Client);
        for row in rows.filter(|row| !row.warmup && counted.contains(&row.repeat)) {
            let step = found.entry((row.phase, row.step)).or_insert_with(|| {
                let bytes = row.bytes_out + row.bytes_in + row.header_out + row.header_in;
                (Vec::new(), bytes, &row.step_name, &row.step_kind)
            });
            step.0.push(row.wall_ns as f64 / 1e9);
        }
        all.extend(found.into_iter().map(|((phase, _), (times, bytes, name, kind))| Step {
            key: key(run, &cell.cell),
            phase: phase.to_string(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            seconds: median(times).map_or(0.0, |median| median.value),
            bytes,
        }));
    }
    all
}
