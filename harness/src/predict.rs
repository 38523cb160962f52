//! `linnet predict`: what an inference takes over links, without running it.

use crate::cli::PredictArgs;
use crate::error::Error;
use crate::experiment::{Compile, one_protocol, parse_links, refused};
use crate::model::Compiled;
use crate::print::{print, room};
use netem::{Bytes, HEADER_BYTES, Link, Phase};
use protocols::cost::{predict as costs, total};
use protocols::tally::{StepCost, Traffic};
use protocols::timing::{Rates, times};
use results::layout::{Column, Layout};
use serde::Serialize;

/// One network over one link.
#[derive(Serialize)]
struct Prediction {
    model: String,
    relus: usize,
    relu: &'static str,
    link: String,
    offline_s: f64,
    online_s: f64,
    offline_up_bytes: u64,
    offline_down_bytes: u64,
    online_up_bytes: u64,
    online_down_bytes: u64,
    offline_rounds: u64,
    online_rounds: u64,
}

/// Prints predictions of every model over every link.
pub(crate) fn predict(args: &PredictArgs) -> Result<(), Error> {
    let links = parse_links(&args.links)?;
    if let Some(link) = links.iter().find(|link| !link.is_shaped()) {
        let expected =
            "a link with a rate or a round-trip time: an unshaped one takes what this machine does";
        return Err(refused("--link", expected, link));
    }
    let protocol = one_protocol(&args.compile)?;
    let mut predictions = Vec::new();
    let compile = Compile::new(&args.compile, &links)?;
    let rates = compile.rates()?;
    if rates.backend != protocol.he {
        let expected = format!("the backend that rates were measured with, {}", rates.backend.name());
        return Err(refused("--he", expected, protocol.he.name()));
    }
    for folder in &args.models {
        let compiled = Compiled::load(folder, &compile, protocol)?;
        predictions.extend(links.iter().map(|link| predicted(&compiled, &rates, link)));
    }
    print(if args.json { json(&rates, &predictions) } else { table(&rates, &predictions, room()) }.trim_end())
}

fn predicted(compiled: &Compiled, rates: &Rates, link: &Link) -> Prediction {
    let plan = &compiled.plan;
    let (costs, times) = (costs(plan), times(plan, rates, link));
    let [offline, online] = [Phase::Offline, Phase::Online].map(|phase| total(&costs, phase));
    let framed = |traffic: Traffic| traffic.bytes + traffic.messages * HEADER_BYTES;
    let rounds = |cost: &StepCost| cost.up.flights + cost.down.flights;
    Prediction {
        model: plan.name.clone(),
        relus: plan.relus(),
        relu: compiled.relu.name(),
        link: link.name.clone(),
        offline_s: times.offline_s,
        online_s: times.online_s,
        offline_up_bytes: framed(offline.up),
        offline_down_bytes: framed(offline.down),
        online_up_bytes: framed(online.up),
        online_down_bytes: framed(online.down),
        offline_rounds: rounds(&offline),
        online_rounds: rounds(&online),
    }
}

fn json(rates: &Rates, predictions: &[Prediction]) -> String {
    let whole = serde_json::json!({
        "machine": rates.machine,
        "threads": rates.threads,
        "predictions": predictions,
    });
    serde_json::to_string_pretty(&whole).expect("predictions are plain data")
}

fn table(rates: &Rates, predictions: &[Prediction], room: Option<usize>) -> String {
    let threads =
        if rates.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", rates.threads) };
    let columns = [
        vec![
            Column::text("model"),
            Column::new("", "ReLUs"),
            Column::text("relu").rank(3),
            Column::text("link"),
        ],
        ["offline s", "online s", "total s"].map(|name| Column::new("", name)).to_vec(),
        ["up", "down"].map(|name| Column::new("offline", name).rank(2)).to_vec(),
        ["up", "down"].map(|name| Column::new("online", name).rank(1)).to_vec(),
        vec![Column::new("", "rounds")],
    ]
    .concat();
    let seconds = |s: f64| format!("{s:.3}");
    let lines: Vec<Vec<String>> = predictions
        .iter()
        .map(|p| {
            let named = [p.model.clone(), p.relus.to_string(), p.relu.to_owned(), p.link.clone()];
            let times = [p.offline_s, p.online_s, p.offline_s + p.online_s].map(seconds);
            let bytes = [p.offline_up_bytes, p.offline_down_bytes, p.online_up_bytes, p.online_down_bytes]
                .map(|n| Bytes(n).to_string());
            let rounds = format!("{}+{}", p.offline_rounds, p.online_rounds);
            named.into_iter().chain(times).chain(bytes).chain([rounds]).collect()
        })
        .collect();
    let layout = Layout::new(&columns, &lines, room);
    let mut out = format!("predicted, not run: {threads} a party on {}\n", rates.machine);
    layout.rows(lines.iter(), &mut out);
    out.push_str(&layout.left_out().unwrap_or_default());
    out
}
