//! What the page's scripts are given.

use crate::compare::{Block, LITERATURE_US_PER_RELU, Options, compare};
use crate::judged::Accuracy;
use crate::layers::layers;
use crate::look::looks;
use crate::reference::{Reference, fits};
use crate::scenario::PoolLevel;
use crate::schema::Dimension;
use crate::statistics::Line;
use crate::summary::times;
use crate::{Loaded, ScenarioRow, SummaryRow};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A row of the summary with what the page needs beside it.
#[derive(Serialize)]
struct Row<'a> {
    run: &'a str,
    #[serde(flatten)]
    summary: &'a SummaryRow,
    /// The data set that its network is of, where that is known.
    data: Option<&'a str>,
    offline_bytes: Option<u64>,
    online_bytes: Option<u64>,
    /// The accuracy that it is judged by.
    accuracy: Option<Value>,
    /// Which colour and mark its series has.
    look: Value,
    /// The rows that surely beat it, as indices.
    beaten: Value,
    /// What came of its queries, where they used a pool.
    pooled: Option<&'a ScenarioRow>,
}

pub(super) fn of(runs: &[Loaded], references: &[&Reference]) -> Value {
    let mut online = BTreeMap::new();
    for run in runs {
        for (cell, repeats) in times(&run.tables, &run.manifest) {
            let mut seconds: Vec<f64> =
                repeats.iter().filter_map(|repeat| repeat.online_ns).map(|ns| ns as f64 / 1e9).collect();
            seconds.sort_by(f64::total_cmp);
            online.insert(key(&run.manifest.id, &cell), seconds);
        }
    }
    let about = |run: &Loaded| {
        let manifest = &run.manifest;
        json!({
            "id": manifest.id,
            "started": manifest.started,
            "command": manifest.command,
            "linnet": manifest.linnet,
            "revision": manifest.revision,
            "machine": manifest.machine,
            "links": manifest.links,
            "server": manifest.settings.get("server"),
        })
    };
    let blocks = compare(runs, &Options::default()).unwrap_or_default();
    json!({
        "runs": runs.iter().map(about).collect::<Vec<_>>(),
        "rows": rows(runs, &blocks),
        "costs": costs(&blocks),
        "literature_us": LITERATURE_US_PER_RELU,
        "layers": steps(runs),
        "online": online,
        "pools": pools(runs),
        "references": references.iter().map(|reference| beside(reference, runs)).collect::<Vec<_>>(),
    })
}

/// A published figure, and the networks of the runs that it is of, each with its data set.
#[derive(Serialize)]
struct Published<'a> {
    #[serde(flatten)]
    reference: &'a Reference,
    fits: BTreeSet<(&'a str, &'a str)>,
}

fn beside<'a>(reference: &'a Reference, runs: &'a [Loaded]) -> Published<'a> {
    let models = runs.iter().flat_map(|run| &run.manifest.models);
    let pairs = models.map(|model| (model.name.as_str(), model.data.as_str()));
    Published { reference, fits: pairs.filter(|(network, data)| fits(reference, network, data)).collect() }
}

fn key(run: &str, cell: &str) -> String {
    format!("{run}/{cell}")
}

fn rows<'a>(runs: &'a [Loaded], blocks: &[Block]) -> Vec<Row<'a>> {
    let all: Vec<(&Loaded, &SummaryRow)> =
        runs.iter().flat_map(|run| run.summary.iter().map(move |row| (run, row))).collect();
    let names = all.iter().map(|(run, row)| key(&run.manifest.id, &row.cell));
    let index: HashMap<String, usize> = names.zip(0..).collect();
    let mut beaten: HashMap<String, Value> = HashMap::new();
    for block in blocks {
        let named: Vec<String> = block.rows.iter().map(|row| key(&row.run, &row.cell)).collect();
        for (name, beaters) in named.iter().zip(&block.beaten) {
            let of = |list: &[usize]| list.iter().filter_map(|at| index.get(&named[*at])).collect::<Vec<_>>();
            let value = json!({ "latency": of(&beaters.latency), "bytes": of(&beaters.bytes) });
            beaten.insert(name.clone(), value);
        }
    }
    let looks = series_looks(&all);
    let row = |((run, summary), look): (&(&'a Loaded, &'a SummaryRow), Value)| {
        let of_it =
            |model: &&crate::ModelRecord| model.name == summary.model && model.method == summary.method;
        let accuracy = |judged: Accuracy| {
            let (low, high) = judged.interval;
            json!({
                "share": judged.share,
                "low": low,
                "high": high,
                "images": judged.images,
                "of": judged.of.name(),
            })
        };
        Row {
            run: &run.manifest.id,
            summary,
            data: run.manifest.models.iter().find(of_it).map(|model| model.data.as_str()),
            offline_bytes: summary.offline_bytes(),
            online_bytes: summary.online_bytes(),
            accuracy: Accuracy::of(summary).map(accuracy),
            look,
            beaten: beaten.remove(&key(&run.manifest.id, &summary.cell)).unwrap_or_default(),
            pooled: run.scenarios.iter().find(|scenario| scenario.cell == summary.cell),
        }
    };
    all.iter().zip(looks).map(row).collect()
}

/// A look a row: rows that differ in budget and link alone are a series, and have the same.
fn series_looks(rows: &[(&Loaded, &SummaryRow)]) -> Vec<Value> {
    let apart = Dimension::ALL.into_iter();
    let apart: Vec<Dimension> = apart
        .filter(|dimension| !matches!(dimension, Dimension::Method | Dimension::Budget | Dimension::Link))
        .collect();
    let series = |(run, row): &(&Loaded, &SummaryRow)| {
        let value = |dimension: &Dimension| dimension.value(&run.manifest.id, &row.identity());
        (row.method.clone(), apart.iter().map(value).collect::<Vec<_>>().join(" "))
    };
    let named: Vec<(String, String)> = rows.iter().map(series).collect();
    let mut distinct: Vec<(&str, &str)> = Vec::new();
    for (method, rest) in &named {
        if !distinct.contains(&(method, rest)) {
            distinct.push((method, rest));
        }
    }
    let looks = looks(&distinct);
    let look = |(method, rest): &(String, String)| {
        let at = distinct.iter().position(|one| *one == (method.as_str(), rest.as_str()));
        let look = looks[at.expect("every series is one of them")];
        json!({ "colour": look.colour, "mark": look.mark })
    };
    named.iter().map(look).collect()
}

/// What a ReLU costs, by each block's lines.
fn costs(blocks: &[Block]) -> Vec<Value> {
    let line = |line: &Line| json!({ "slope": line.slope, "interval": line.slope_interval });
    let of = |block: &Block| -> Vec<Value> {
        let Some(first) = block.rows.first() else { return Vec::new() };
        let cost = |cost: &crate::compare::ReluCost| {
            json!({
                "model": first.model,
                "link": first.link,
                "way": cost.way,
                "cells": cost.cells,
                "online_us": line(&cost.online_us),
                "total_us": line(&cost.total_us),
            })
        };
        block.costs.iter().map(cost).collect()
    };
    blocks.iter().flat_map(of).collect()
}

/// Of every cell that uses a pool, how full it was.
fn pools(runs: &[Loaded]) -> BTreeMap<String, PoolLevel> {
    let of = |run: &Loaded, cell: &str| PoolLevel::of(cell, &run.tables.queries, &run.tables.items);
    let cells = runs.iter().flat_map(|run| run.scenarios.iter().map(move |row| (run, &row.cell)));
    cells.map(|(run, cell)| (key(&run.manifest.id, cell), of(run, cell))).collect()
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
        all.entry(key(&run.manifest.id, &row.cell)).or_default().push(step);
    }
    all
}
