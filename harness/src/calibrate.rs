//! `linnet calibrate`: what a unit of work takes on this machine, from inferences over the loopback.

use crate::choice::{Objective, OtChoice, Protocol, ReluChoice, Rescale};
use crate::cli::{CalibrateArgs, CompileArgs};
use crate::error::Error;
use crate::experiment::{Compile, refused};
use crate::init;
use crate::machine;
use crate::model::{Calibrated, Compiled};
use crate::party::Start;
use crate::party::files::PartyFiles;
use crate::party::pair::Pair;
use crate::print::print;
use models::data::DataSource;
use netem::{Event, Link, Phase};
use protocols::cost;
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use protocols::timing::{Observation, Observations, Rates, fit, observe};
use protocols::walk::Act;
use rand::RngCore;
use std::sync::Arc;
use std::time::Duration;

/// Networks whose inferences are looked at, their ReLUs, and whether in every variant: together they do everything that plans
/// do, in different proportions. Extensions of OTs take turns.
const NETWORKS: [(&str, usize, bool); 7] = [
    ("mini", 9_216, true),
    ("mini", 1_000, false),
    ("resnet20", 40_000, true),
    ("resnet20", 5_000, true),
    ("resnet20", 0, false),
    ("minionn", 10_000, false),
    ("resnet18", 20_000, false),
];

/// Measured inferences of each, after one that is not.
const REPEATS: usize = 9;

/// Longest wait for a party's sign of life.
const DEADLINE: Duration = Duration::from_secs(60);

/// Measures, fits, writes and prints.
pub(crate) fn calibrate(args: &CalibrateArgs) -> Result<(), Error> {
    if args.threads == 0 {
        return Err(refused("--threads", "at least 1", 0));
    }
    args.he.check_built()?;
    let (mut client, mut server) = (Observations::default(), Observations::default());
    let mut extensions = OtVariant::ALL.into_iter().cycle();
    for (net, budget, all) in NETWORKS {
        let variants = if all { &ReluVariant::ALL[..] } else { &ReluVariant::ALL[..1] };
        for (relu, ot) in variants.iter().zip(&mut extensions) {
            eprintln!("running {net} with {budget} ReLUs, {}, {}", relu.name(), ot.name());
            let protocol =
                Protocol { relu: ReluChoice::Always(*relu), he: args.he, ot: OtChoice::Always(ot) };
            let compiled = compiled(net, budget, protocol)?;
            for [by_client, by_server] in observed(&compiled, args.threads)? {
                client.add(&by_client);
                server.add(&by_server);
            }
        }
    }
    let machine = machine::describe();
    let rates = Rates {
        machine: format!("{}, {} cores", machine.cpu_model, machine.cores),
        backend: args.he,
        threads: args.threads,
        client: fit(&client),
        server: fit(&server),
    };
    let text = serde_json::to_string_pretty(&rates).expect("rates are plain data");
    if let Some(folder) = args.out.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(format!("making {}", folder.display())))?;
    }
    std::fs::write(&args.out, &text).map_err(Error::io(format!("writing {}", args.out.display())))?;
    print(&text)
}

/// A network of random weights, compiled for the loopback.
fn compiled(net: &str, budget: usize, protocol: Protocol) -> Result<Compiled, Error> {
    let source = DataSource::parse("shapes", None)?;
    let checkpoint = init::random(net, &source, 1, |_| Ok(Some(budget)))?;
    let compile = Compile {
        objective: if budget == 0 { Objective::Online } else { Objective::default() },
        rescale: Rescale::Auto,
        ..Compile::new(&CompileArgs::default(), &[Link::parse("lan")?])?
    };
    Calibrated::of(Arc::new(checkpoint), source, &compile)?.compile(&compile, protocol)
}

/// A party's visits of steps in a phase, of every repeat.
type Repeats = Vec<Vec<Observation>>;

/// What client and server were seen to take offline, and online.
fn observed(compiled: &Compiled, threads: usize) -> Result<[[Repeats; 2]; 2], Error> {
    let plan = &compiled.plan;
    let (client, server) = (cost::client(plan), cost::server(plan));
    let files = PartyFiles::write(plan, &compiled.secrets)?;
    let mut session = [0; 16];
    rand::rng().fill_bytes(&mut session);
    let start = Start {
        plan: files.plan(),
        secrets: Some(files.secrets()),
        connect: None,
        link: Link::loopback(),
        deadline: DEADLINE,
        session,
        core: None,
        threads,
        store: None,
        shares: false,
        pooled: None,
    };
    let (mut pair, _) = Pair::start(&start, None)?;
    let image = vec![0.0; plan.input.size()];
    let mut phases = <[[Repeats; 2]; 2]>::default();
    for repeat in 0..=REPEATS {
        for (phase, [by_client, by_server]) in [Phase::Offline, Phase::Online].into_iter().zip(&mut phases) {
            let report = match phase {
                Phase::Online => pair.online(image.clone())?,
                _ => pair.offline(repeat > 0)?,
            };
            if repeat > 0 {
                by_client.push(seen(compiled, &client, &report.client.transcript, phase)?);
                by_server.push(seen(compiled, &server, &report.server.transcript, phase)?);
            }
        }
    }
    Ok(phases)
}

/// What one party was seen to take in a phase of which `declared` has its acts, and its events.
fn seen(
    compiled: &Compiled,
    declared: &[Act],
    events: &[Event],
    phase: Phase,
) -> Result<Vec<Observation>, Error> {
    let acts: Vec<Act> = declared.iter().filter(|act| act.phase == phase).copied().collect();
    observe(&acts, events, &compiled.plan.he).map_err(|(expected, found)| {
        let what = format!("what a party does {phase}");
        Error::Verification { what, expected, found }
    })
}
