//! How far `linnet predict` is off: eighteen mixed cells over three links, predicted with rates measured just before.

use super::program::linnet;
use crate::bench::measured::Measured;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Networks of random weights, and their ReLUs; each with each of three variants is a cell over each link.
const NETWORKS: [(&str, u32); 6] = [
    ("resnet20", 188_416),
    ("resnet20", 12_000),
    ("resnet20", 1_500),
    ("mini", 9_216),
    ("mini", 600),
    ("minionn", 20_000),
];
const VARIANTS: &str = "narrow,sign,millionaire";
pub(crate) const LINKS: [&str; 3] = ["lan", "wan", "mobile"];

/// Every cell is measured as often, all others in between: what else goes on at the machine lasts for a while.
const ROUNDS: usize = 3;

/// A cell of `linnet predict --json`.
#[derive(Deserialize)]
struct Predicted {
    model: String,
    relus: u64,
    relu: String,
    link: String,
    offline_s: f64,
    online_s: f64,
}

#[derive(Deserialize)]
struct Predictions {
    predictions: Vec<Predicted>,
}

/// A row of `summary.csv`.
#[derive(Deserialize)]
struct Row {
    model: String,
    relus: u64,
    relu: String,
    link: String,
    failed: u64,
    offline_s_p50: Option<f64>,
    online_s_p50: Option<f64>,
}

/// Of each link the worst cell, percent: offline, online, and both together.
pub(super) fn measure(root: &Path, quick: bool) -> Result<Vec<Measured>, String> {
    let scratch = root.join("target/bench/prediction");
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    }
    let (rates, runs) = (scratch.join("rates.json"), scratch.join("runs"));
    linnet(root, "calibrate --out", &[&rates])?;
    let mut models: Vec<PathBuf> = Vec::new();
    for (net, budget) in NETWORKS {
        models.push(scratch.join(format!("{net}-{budget}")));
        let init = format!("init --net {net} --data shapes --budget {budget} --seed 1 --out");
        linnet(root, &init, &[models.last().expect("it was just pushed")])?;
    }
    let models: Vec<String> = models.iter().map(|model| model.display().to_string()).collect();
    let models = models.join(",");
    let links: String = LINKS.iter().map(|link| format!("--link {link} ")).collect();
    let images = if quick { 2 } else { 3 };
    let common = format!("{links} --calibration-images 8 --rates");
    let models = Path::new(&models);
    let mut rows = Vec::new();
    for round in 0..ROUNDS {
        let id = format!("round-{round}");
        let sweep =
            format!("sweep --relu {VARIANTS} --images {images} --accuracy-images 1 --id {id} {common}");
        linnet(root, &sweep, &[&rates, Path::new("--out"), &runs, Path::new("--models"), models])?;
        rows.extend(super::folder::rows::<Row>(&runs.join(id).join("summary.csv"))?);
    }
    let mut predicted = HashMap::new();
    for relu in VARIANTS.split(',') {
        let words = format!("predict --json --relu {relu} {common}");
        let told = linnet(root, &words, &[&rates, Path::new("--model"), models])?;
        let Predictions { predictions } =
            serde_json::from_str(&told).map_err(|error| format!("linnet predict --json: {error}"))?;
        for cell in predictions {
            let Predicted { model, relus, relu, link, offline_s, online_s } = cell;
            predicted.insert((model, relus, relu, link), (offline_s, online_s));
        }
    }
    worst(&measured(rows)?, &predicted)
}

/// Model, ReLUs, variant and link.
type Cell = (String, u64, String, String);

fn named((model, relus, relu, link): &Cell) -> String {
    format!("{model}, {relus} ReLUs, {relu}, {link}")
}

/// Medians over rounds, seconds: offline and online.
fn measured(rows: Vec<Row>) -> Result<HashMap<Cell, (f64, f64)>, String> {
    let mut rounds: HashMap<Cell, [Vec<f64>; 2]> = HashMap::new();
    for Row { model, relus, relu, link, failed, offline_s_p50, online_s_p50 } in rows {
        let cell = (model, relus, relu, link);
        let (Some(offline), Some(online), 0) = (offline_s_p50, online_s_p50, failed) else {
            return Err(format!("{}: not measured", named(&cell)));
        };
        let [all_offline, all_online] = rounds.entry(cell).or_default();
        all_offline.push(offline);
        all_online.push(online);
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(rounds
        .into_iter()
        .map(|(cell, [offline, online])| (cell, (median(offline), median(online))))
        .collect())
}

fn worst(
    measured: &HashMap<Cell, (f64, f64)>,
    predicted: &HashMap<Cell, (f64, f64)>,
) -> Result<Vec<Measured>, String> {
    let mut worst: HashMap<(String, &str), f64> = HashMap::new();
    for (key, (offline, online)) in measured {
        let cell = named(key);
        let (p_offline, p_online) = predicted.get(key).ok_or_else(|| format!("{cell}: not predicted"))?;
        let both = (p_offline + p_online, offline + online);
        for (what, (predicted, measured)) in
            [("offline", (*p_offline, *offline)), ("online", (*p_online, *online)), ("total", both)]
        {
            let off = 100.0 * (predicted / measured - 1.0);
            eprintln!("{cell}: {what} {predicted:.4} s predicted, {measured:.4} s measured, {off:+.1} %");
            let most = worst.entry((key.3.clone(), what)).or_insert(0.0);
            *most = most.max(off.abs());
        }
    }
    let cells = NETWORKS.len() * VARIANTS.split(',').count() * LINKS.len();
    if measured.len() != cells {
        return Err(format!("{cells} cells expected, found {}", measured.len()));
    }
    let mut figures = Vec::new();
    for link in LINKS {
        for what in ["offline", "online", "total"] {
            let most = worst[&(link.to_owned(), what)];
            figures.push(Measured::of(&name(what, link), "%", vec![most]));
        }
    }
    Ok(figures)
}

/// The figure's name.
pub(crate) fn name(what: &str, link: &str) -> String {
    format!("prediction off by, {what} on {link}, worst of 18 cells")
}
