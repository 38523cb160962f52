//! One HTML page of one or more runs: the table, interactive pictures, the machine and the threat model. It needs no network,
//! and nothing beside it.

use crate::layers::layers;
use crate::reference::Reference;
use crate::scenario::PoolLevel;
use crate::summary::times;
use crate::{Loaded, ScenarioRow, SummaryRow};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../report/page.html");
const STYLE: &str = include_str!("../report/page.css");
const CHARTS: &str = include_str!("../report/charts.js");
const REFERENCES: &str = include_str!("../report/references.js");
const SCRIPT: &str = include_str!("../report/page.js");
const D3: &str = include_str!("../report/vendor/d3.min.js");
const PLOT: &str = include_str!("../report/vendor/plot.umd.min.js");
const LICENCES: [&str; 2] =
    [include_str!("../report/vendor/d3.LICENSE"), include_str!("../report/vendor/plot.LICENSE")];

/// The page, in UTF-8.
pub fn html(runs: &[Loaded]) -> String {
    html_beside(runs, &[])
}

/// The page with a section of what others published.
pub fn html_beside(runs: &[Loaded], references: &[&Reference]) -> String {
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
        ("{{charts}}", CHARTS.to_owned()),
        ("{{references}}", REFERENCES.to_owned()),
        ("{{script}}", SCRIPT.to_owned()),
        ("{{data}}", data(runs, references).to_string().replace('<', "\\u003c")),
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
    /// What came of its queries, where they used a pool.
    pooled: Option<&'a ScenarioRow>,
}

fn data(runs: &[Loaded], references: &[&Reference]) -> Value {
    let mut online = BTreeMap::new();
    for run in runs {
        for (cell, repeats) in times(&run.tables, &run.manifest) {
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
            "server": manifest.settings.get("server"),
        })
    };
    json!({
        "runs": runs.iter().map(about).collect::<Vec<_>>(),
        "rows": runs.iter().flat_map(rows).collect::<Vec<_>>(),
        "layers": steps(runs),
        "online": online,
        "pools": pools(runs),
        "references": references,
    })
}

fn key(run: &Loaded, cell: &str) -> String {
    format!("{}/{cell}", run.manifest.id)
}

fn rows(run: &Loaded) -> impl Iterator<Item = Row<'_>> {
    run.summary.iter().map(move |summary| Row {
        run: &run.manifest.id,
        summary,
        offline_bytes: summary.offline_bytes(),
        online_bytes: summary.online_bytes(),
        pooled: run.scenarios.iter().find(|scenario| scenario.cell == summary.cell),
    })
}

/// Of every cell that uses a pool, how full it was.
fn pools(runs: &[Loaded]) -> BTreeMap<String, PoolLevel> {
    let of = |run: &Loaded, cell: &str| PoolLevel::of(cell, &run.tables.queries, &run.tables.items);
    let cells = runs.iter().flat_map(|run| run.scenarios.iter().map(move |row| (run, &row.cell)));
    cells.map(|(run, cell)| (key(run, cell), of(run, cell))).collect()
}

/// Of every cell its steps, each as (phase, step, name, kind, seconds, bytes up, bytes down).
fn steps(runs: &[Loaded]) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (run, row) in runs.iter().flat_map(|run| layers(run).into_iter().map(move |row| (run, row))) {
        let step = json!([
            row.phase,
            row.step,
            row.step_name,
            row.step_kind,
            row.seconds_p50,
            row.up_bytes,
            row.down_bytes
        ]);
        all.entry(key(run, &row.cell)).or_default().push(step);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Dimension;

    /// The budget has boxes and a place on the axes in any case.
    #[test]
    fn the_page_knows_all_dimensions_but_the_budget() {
        let all = Dimension::ALL.into_iter().filter(|dimension| *dimension != Dimension::Budget);
        let names: Vec<String> = all.map(|dimension| format!("\"{}\"", dimension.name())).collect();
        let line = format!("const dimensions = [{}];", names.join(", "));
        assert!(SCRIPT.contains(&line), "page.js lacks {line}");
    }
}
