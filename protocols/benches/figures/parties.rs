//! Both parties of a layer as processes of this program, one thread each, over TCP on loopback.
//!
//! A party reads orders on its standard input and reports on its standard output, a line of JSON each. Both get the
//! order of a phase at the same time and report when they are done, so phases do not overlap.

use crate::layer::Layer;
use crate::measure::Failure;
use netem::{Channel, Link, Phase};
use protocols::allocator::OF_PARTIES;
use protocols::client::{Client, ClientReady};
use protocols::handshake::SessionId;
use protocols::masks::MaskSeed;
use protocols::numbering::ChannelStep;
use protocols::server::{Model, Server, ServerReady};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest silence of the other party.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a party reports.
#[derive(Serialize, Deserialize)]
enum Report {
    /// The server waits for the client here.
    Listening(SocketAddr),
    /// A phase is done.
    Done(Done),
}

/// One party's phase.
#[derive(Serialize, Deserialize)]
struct Done {
    /// From the order to the end.
    seconds: f64,
    /// Payload that the steps have sent and received.
    step_bytes: u64,
    peak_rss_bytes: u64,
    /// After the online phase, the seed of the party's masks.
    seed: Option<[u8; 32]>,
    /// After the online phase, the client's logits.
    logits: Vec<i64>,
}

/// One phase of both parties.
pub(crate) struct PhaseCost {
    /// Of the later party.
    pub(crate) seconds: f64,
    /// Payload of the plan's steps, both directions.
    pub(crate) step_bytes: u64,
}

/// One inference.
pub(crate) struct Run {
    pub(crate) offline: PhaseCost,
    pub(crate) online: PhaseCost,
    /// Signed.
    pub(crate) logits: Vec<i64>,
    seeds: ([u8; 32], [u8; 32]),
    peak_rss_bytes: u64,
}

impl Run {
    pub(crate) fn client_mask(&self) -> MaskSeed {
        MaskSeed::from_bytes(self.seeds.0)
    }

    pub(crate) fn server_mask(&self) -> MaskSeed {
        MaskSeed::from_bytes(self.seeds.1)
    }

    /// The larger party's, since it began.
    pub(crate) fn peak_rss_bytes(&self) -> u64 {
        self.peak_rss_bytes
    }
}

/// A client and a server in session. Dropping it ends them.
pub(crate) struct Pair {
    client: Party,
    server: Party,
    /// Of the later party.
    pub(crate) setup_seconds: f64,
}

impl Pair {
    /// Starts both processes on the layer called `name`, and waits for their set-up.
    pub(crate) fn start(name: &str) -> Result<Self, Failure> {
        let mut server = Party::spawn("server", name)?;
        let Report::Listening(address) = server.hear()? else {
            return Err("the server was done before it listened".into());
        };
        let mut client = Party::spawn("client", name)?;
        client.tell(&address.to_string())?;
        let (first, second) = (client.done()?, server.done()?);
        Ok(Self { client, server, setup_seconds: first.seconds.max(second.seconds) })
    }

    /// Preprocesses and runs one inference.
    pub(crate) fn infer(&mut self) -> Result<Run, Failure> {
        let (_, _, offline) = self.phase("offline")?;
        let (client, server, online) = self.phase("online")?;
        let seeds = match (client.seed, server.seed) {
            (Some(client), Some(server)) => (client, server),
            _ => return Err("a party kept its seed".into()),
        };
        let peak_rss_bytes = client.peak_rss_bytes.max(server.peak_rss_bytes);
        Ok(Run { offline, online, logits: client.logits, seeds, peak_rss_bytes })
    }

    fn phase(&mut self, order: &str) -> Result<(Done, Done, PhaseCost), Failure> {
        self.server.tell(order)?;
        self.client.tell(order)?;
        let (client, server) = (self.client.done()?, self.server.done()?);
        if client.step_bytes != server.step_bytes {
            return Err("the parties disagree on what passed between them".into());
        }
        let cost = PhaseCost { seconds: client.seconds.max(server.seconds), step_bytes: client.step_bytes };
        Ok((client, server, cost))
    }
}

/// One process.
struct Party {
    role: &'static str,
    process: Child,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
}

impl Party {
    fn spawn(role: &'static str, layer: &str) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["party", role, layer])
            .envs([OF_PARTIES])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("standard input is not piped")?;
        let reports = BufReader::new(process.stdout.take().ok_or("standard output is not piped")?);
        Ok(Self { role, process, orders, reports })
    }

    fn tell(&mut self, order: &str) -> Result<(), Failure> {
        writeln!(self.orders, "{order}").map_err(|e| format!("the {} takes no orders: {e}", self.role))?;
        Ok(self.orders.flush()?)
    }

    /// The next report. A party that has failed says why on its standard error, and no more here.
    fn hear(&mut self) -> Result<Report, Failure> {
        let mut line = String::new();
        if self.reports.read_line(&mut line)? == 0 {
            return Err(format!("the {} ended early", self.role).into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    fn done(&mut self) -> Result<Done, Failure> {
        match self.hear()? {
            Report::Done(done) => Ok(done),
            Report::Listening(_) => Err(format!("the {} listens out of turn", self.role).into()),
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One party of the layer called `name`, until its standard input ends.
pub(crate) fn child(role: &str, name: &str) -> Result<(), Failure> {
    match role {
        "client" => client(&Layer::named(name)?),
        "server" => server(&Layer::named(name)?),
        other => Err(format!("a party is a client or a server, found `{other}`").into()),
    }
}

fn client(layer: &Layer) -> Result<(), Failure> {
    let mut orders = std::io::stdin().lines();
    let address: SocketAddr = orders.next().ok_or("no address to connect to")??.parse()?;
    let start = Instant::now();
    let mut channel = Channel::connect(address, &Link::loopback(), DEADLINE)?;
    let mut rng = ChaCha20Rng::from_os_rng();
    let mut client = Client::connect(&mut channel, &layer.plan, session(), &mut rng)?;
    done(&mut channel, layer, Phase::Setup, start, None, Vec::new())?;
    let mut ready: Option<ClientReady<'_>> = None;
    for order in orders {
        let (order, start) = (order?, Instant::now());
        match (order.as_str(), ready.take()) {
            ("offline", None) => {
                ready = Some(client.offline(&mut channel, &mut rng)?);
                done(&mut channel, layer, Phase::Offline, start, None, Vec::new())?;
            }
            ("online", Some(inference)) => {
                let output = inference.online(&mut channel, &layer.image)?;
                done(&mut channel, layer, Phase::Online, start, Some(output.seed), output.logits)?;
            }
            (other, _) => return Err(format!("no order at this point: `{other}`").into()),
        }
    }
    Ok(())
}

fn server(layer: &Layer) -> Result<(), Failure> {
    let model = Model::prepare(&layer.plan, &layer.secrets)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    report(&Report::Listening(listener.local_addr()?))?;
    let mut channel = Channel::accept(&listener, &Link::loopback(), DEADLINE)?;
    let start = Instant::now();
    let mut rng = ChaCha20Rng::from_os_rng();
    let mut server = Server::accept(&mut channel, &model, session(), &mut rng)?;
    done(&mut channel, layer, Phase::Setup, start, None, Vec::new())?;
    let mut ready: Option<ServerReady<'_>> = None;
    for order in std::io::stdin().lines() {
        let (order, start) = (order?, Instant::now());
        match (order.as_str(), ready.take()) {
            ("offline", None) => {
                ready = Some(server.offline(&mut channel, &mut rng)?);
                done(&mut channel, layer, Phase::Offline, start, None, Vec::new())?;
            }
            ("online", Some(inference)) => {
                let output = inference.online(&mut channel)?;
                done(&mut channel, layer, Phase::Online, start, Some(output.seed), Vec::new())?;
            }
            (other, _) => return Err(format!("no order at this point: `{other}`").into()),
        }
    }
    Ok(())
}

/// Both parties name the same session; there is only one.
fn session() -> SessionId {
    SessionId(*b"figures.........")
}

/// Reports a phase that began at `start`.
fn done(
    channel: &mut Channel,
    layer: &Layer,
    phase: Phase,
    start: Instant,
    seed: Option<MaskSeed>,
    logits: Vec<i64>,
) -> Result<(), Failure> {
    let seconds = start.elapsed().as_secs_f64();
    let usage = channel.take_usage();
    // Silent OT makes an inference's transfers before its first step.
    let first = if phase == Phase::Offline { ChannelStep::INPUT } else { ChannelStep::of(0) };
    let steps = first.number()..layer.plan.output_step().number();
    let of_steps = usage.iter().filter(|row| row.phase == phase && steps.contains(&row.step));
    let step_bytes = of_steps.map(|row| row.bytes_out + row.bytes_in).sum();
    let seed = seed.map(|seed| seed.reveal());
    report(&Report::Done(Done { seconds, step_bytes, peak_rss_bytes: peak_rss_bytes()?, seed, logits }))
}

fn report(report: &Report) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(report)?)?;
    Ok(out.flush()?)
}

/// This process's largest resident memory so far.
fn peak_rss_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024)
}
