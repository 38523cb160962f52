//! `linnet predict`: what an inference takes over links, without running it.

use crate::cli::PredictArgs;
use crate::error::Error;
use crate::experiment::{Compile, one_protocol, parse_links, refused};
use crate::model::Compiled;
use crate::print::print;
use netem::{Bytes, HEADER_BYTES, Link, Phase};
use protocols::cost::{predict as costs, total};
use protocols::tally::{StepCost, Traffic};
use protocols::timing::{Rates, times};
use serde::Serialize;
use std::fmt::Write;

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
    print(if args.json { json(&rates, &predictions) } else { table(&rates, &predictions) }.trim_end())
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

fn table(rates: &Rates, predictions: &[Prediction]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "predicted, not run: {} a party on {}\n{:<12} {:>9} {:<8} {:<24} {:>10} {:>10} {:>10} {:>19} {:>19} {:>7}",
        if rates.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", rates.threads) },
        rates.machine,
        "model",
        "ReLUs",
        "relu",
        "link",
        "offline",
        "online",
        "total",
        "offline up / down",
        "online up / down",
        "rounds"
    );
    for p in predictions {
        let traffic = |up, down| format!("{} / {}", Bytes(up), Bytes(down));
        let _ = writeln!(
            out,
            "{:<12} {:>9} {:<8} {:<24} {:>8.3} s {:>8.3} s {:>8.3} s {:>19} {:>19} {:>3}+{:<3}",
            p.model,
            p.relus,
            p.relu,
            p.link,
            p.offline_s,
            p.online_s,
            p.offline_s + p.online_s,
            traffic(p.offline_up_bytes, p.offline_down_bytes),
            traffic(p.online_up_bytes, p.online_down_bytes),
            p.offline_rounds,
            p.online_rounds
        );
    }
    out
}
