//! Somebody in the middle: every frame of a session, spoilt in every way, in either direction, plain and by TLS.
//!
//! Whatever happens to a frame, both parties end in time, without a panic, and with the answer or a typed error. By TLS an
//! answer is then right. A plain channel, which is for one host alone, finds all but changes inside a payload; those the
//! harness finds, by the clear replay that every measured answer is held against.

use crate::fixtures::{Fixture, random};
use crate::protocol::small;
use models::fixed::scales::Scales;
use models::graph::Activation;
use netem::{Channel, Identity, Link};
use protocols::Error;
use protocols::clear::replay;
use protocols::client::{Client, ClientOutput};
use protocols::handshake::SessionId;
use protocols::plan::ReluVariant;
use protocols::server::{Model, Server, ServerOutput};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Of a session that is not spoilt.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of one that is.
const DEADLINE: Duration = Duration::from_millis(600);
/// What a party may take beyond its deadline.
const SLACK: Duration = Duration::from_secs(5);
/// Sessions under way at a time: most of them wait.
const SESSIONS: usize = 4;
/// A short run tries one case in so many, of every fault as many.
const SHORT: usize = 7;

/// Panics of threads that move bytes, which nobody else hears of.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Bytes of a channel's greeting, which goes before all frames.
const GREETING: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The payload is a byte short, and the header says so.
    Truncate,
    /// A bit of the payload.
    Flip,
    /// Another kind of frame, or TLS record.
    Kind,
    /// The header announces a byte more than there is.
    Length,
    Duplicate,
    Drop,
    /// Comes after the one behind it.
    Swap,
    /// The number of messages before it. No TLS record has one.
    Depth,
    /// The connection ends in its place.
    Close,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::Truncate,
        Self::Flip,
        Self::Kind,
        Self::Length,
        Self::Duplicate,
        Self::Drop,
        Self::Swap,
        Self::Depth,
        Self::Close,
    ];
}

/// How the bytes on the wire are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    /// Frames of a plain channel.
    Plain,
    /// Records of TLS.
    Tls,
}

impl Wire {
    const fn greeting(self) -> usize {
        match self {
            Self::Plain => GREETING,
            Self::Tls => 0,
        }
    }

    const fn header(self) -> usize {
        match self {
            Self::Plain => 21,
            Self::Tls => 5,
        }
    }

    const fn kind_at(self) -> usize {
        match self {
            Self::Plain => 4,
            Self::Tls => 0,
        }
    }

    fn length(self, header: &[u8]) -> usize {
        match self {
            Self::Plain => u32::from_le_bytes(header[..4].try_into().unwrap()) as usize,
            Self::Tls => usize::from(u16::from_be_bytes(header[3..5].try_into().unwrap())),
        }
    }

    fn set_length(self, header: &mut [u8], length: usize) {
        match self {
            Self::Plain => header[..4].copy_from_slice(&(length as u32).to_le_bytes()),
            Self::Tls => header[3..5].copy_from_slice(&(length as u16).to_be_bytes()),
        }
    }

    /// A unit with this fault, as one or two; none where it cannot have it.
    fn spoil(self, fault: Fault, unit: &[u8]) -> Option<Vec<u8>> {
        let (head, mut unit) = (self.header(), unit.to_vec());
        let length = unit.len() - head;
        match fault {
            Fault::Truncate if length > 0 => {
                unit.pop();
                self.set_length(&mut unit, length - 1);
            }
            Fault::Flip if length > 0 => unit[head + length / 2] ^= 4,
            Fault::Kind => unit[self.kind_at()] ^= 1,
            Fault::Length => self.set_length(&mut unit, length + 1),
            Fault::Duplicate => unit = unit.repeat(2),
            Fault::Depth if self == Self::Plain => unit[13..17].copy_from_slice(&u32::MAX.to_le_bytes()),
            Fault::Drop => unit.clear(),
            Fault::Truncate | Fault::Flip | Fault::Depth | Fault::Swap | Fault::Close => return None,
        }
        Some(unit)
    }
}

/// What to do to which unit of one direction.
type Spoilt = Option<(usize, Fault)>;

/// Passes on what comes, spoilt, and says how many units came.
fn pass(wire: Wire, mut from: TcpStream, mut to: TcpStream, spoilt: Spoilt) -> usize {
    let mut units = 0;
    let mut go = || -> io::Result<()> {
        let mut greeting = vec![0; wire.greeting()];
        from.read_exact(&mut greeting)?;
        to.write_all(&greeting)?;
        let mut late = Vec::new();
        loop {
            let mut unit = vec![0; wire.header()];
            if let Err(end) = from.read_exact(&mut unit) {
                to.write_all(&late)?;
                return Err(end);
            }
            let length = wire.length(&unit);
            unit.resize(wire.header() + length, 0);
            from.read_exact(&mut unit[wire.header()..])?;
            match spoilt.filter(|(at, _)| *at == units).map(|(_, fault)| fault) {
                Some(Fault::Close) => return Ok(()),
                Some(Fault::Swap) => late = unit,
                Some(fault) => to.write_all(&wire.spoil(fault, &unit).unwrap_or(unit))?,
                None => {
                    to.write_all(&unit)?;
                    to.write_all(&std::mem::take(&mut late))?;
                }
            }
            units += 1;
        }
    };
    match go() {
        Ok(()) => [&from, &to].into_iter().for_each(|end| drop(end.shutdown(Shutdown::Both))),
        Err(_) => drop(to.shutdown(Shutdown::Write)),
    }
    units
}

/// How a session ended: at the client, at the server, and units up and down.
struct Ended {
    client: Result<ClientOutput, Error>,
    server: Result<ServerOutput, Error>,
    units: [usize; 2],
    took: Duration,
}

/// Keys without names.
struct Keys(Identity, Identity);

/// One inference through the middle.
fn session(fixture: &Fixture, model: &Model<'_>, wire: Wire, keys: &Keys, spoilt: [Spoilt; 2]) -> Ended {
    let deadline = if spoilt == [None, None] { PATIENCE } else { DEADLINE };
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (middle, server) = (listen(), listen());
    let [to_middle, to_server] = [&middle, &server].map(|listener| listener.local_addr().unwrap());
    let id = SessionId([9; 16]);
    let began = Instant::now();
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut channel = match wire {
                Wire::Plain => Channel::connect(to_middle, &Link::loopback(), deadline)?,
                Wire::Tls => {
                    Channel::between_hosts(TcpStream::connect(to_middle).unwrap(), &keys.0, deadline)?
                }
            };
            let mut rng = rand::rng();
            let mut client = Client::connect(&mut channel, &fixture.plan, id, &mut rng)?;
            let ready = client.offline(&mut channel, &mut rng)?;
            ready.online(&mut channel, &fixture.images[0])
        });
        let server = scope.spawn(move || {
            let mut channel = match wire {
                Wire::Plain => Channel::accept(&server, &Link::loopback(), deadline)?,
                Wire::Tls => Channel::between_hosts(server.accept().unwrap().0, &keys.1, deadline)?,
            };
            let mut rng = rand::rng();
            let mut server = Server::accept(&mut channel, model, id, &mut rng)?;
            let ready = server.offline(&mut channel, &mut rng)?;
            ready.online(&mut channel)
        });
        let near = middle.accept().unwrap().0;
        let far = TcpStream::connect(to_server).unwrap();
        let clone = |stream: &TcpStream| stream.try_clone().unwrap();
        let up = [clone(&near), clone(&far)];
        let up = scope.spawn(move || {
            let [from, to] = up;
            pass(wire, from, to, spoilt[0])
        });
        let down = scope.spawn(move || pass(wire, far, near, spoilt[1]));
        let (client, server) = (client.join().unwrap(), server.join().unwrap());
        let took = began.elapsed();
        Ended { client, server, units: [up.join().unwrap(), down.join().unwrap()], took }
    })
}

/// Whether both parties have an answer, and it is what the clear replay says.
fn is_right(fixture: &Fixture, ended: &Ended) -> bool {
    let (Ok(client), Ok(server)) = (&ended.client, &ended.server) else { return false };
    let image = fixture.plan.quantise_image(&fixture.images[0]);
    client.logits == replay(&fixture.plan, &fixture.secrets, &image, &client.seed, &server.seed).logits
}

/// Whether an error says that the peer, or what lies between, is at fault.
fn blames_the_peer(error: &Error) -> bool {
    match error {
        Error::Channel(error) => {
            error.fault() == netem::Fault::Peer || matches!(error, netem::Error::Io { .. })
        }
        Error::Peer { .. } => true,
        _ => false,
    }
}

/// What came of a session with this fault, in a word. Panics where it is not what was promised.
fn judge(fixture: &Fixture, wire: Wire, fault: Fault, ended: &Ended, case: &str) -> &'static str {
    assert!(ended.took < DEADLINE + SLACK, "{case}: ended after {:?}", ended.took);
    let errors = [ended.client.as_ref().err(), ended.server.as_ref().err()];
    for error in errors.into_iter().flatten() {
        assert!(blames_the_peer(error), "{case}: {error}");
        assert!(!error.to_string().contains("panicked"), "{case}: {error}");
    }
    match errors {
        [None, None] if is_right(fixture, ended) => "right",
        // Whoever holds the answer against the replay sees it.
        [None, None] if wire == Wire::Plain && fault == Fault::Flip => "wrong, as the replay shows",
        [None, None] => panic!("{case}: a wrong answer that nobody was told of"),
        // One party alone has ended well: the other was told.
        _ => "refused",
    }
}

/// All faults of all units over all variants, or one case in `every`; then an honest session.
fn spoil(wire: Wire, every: usize) -> BTreeMap<(Fault, &'static str), usize> {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        told(panic);
    }));
    let fixtures = ReluVariant::ALL
        .map(|relu| random(small(Activation::Relu), 0.7, Scales { fa: 5, fw: 5 }, 3).with(relu));
    let models: Vec<Model<'_>> =
        fixtures.iter().map(|fixture| Model::prepare(&fixture.plan, &fixture.secrets).unwrap()).collect();
    let keys = Keys(Identity::unnamed_client().unwrap(), Identity::unnamed_server().unwrap());
    let mut cases = Vec::new();
    for (variant, (fixture, model)) in fixtures.iter().zip(&models).enumerate() {
        let honest = session(fixture, model, wire, &keys, [None, None]);
        assert!(is_right(fixture, &honest), "{:?}", honest.client.err());
        for (direction, units) in honest.units.into_iter().enumerate() {
            let faults = (0..units).flat_map(|unit| Fault::ALL.map(|fault| (unit, fault)));
            cases.extend(faults.map(|(unit, fault)| (variant, direction, unit, fault)));
        }
    }
    let cases: Vec<_> = cases.into_iter().step_by(every).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut told = BTreeMap::new();
        while let Some(&(variant, direction, unit, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut spoilt = [None, None];
            spoilt[direction] = Some((unit, fault));
            let (fixture, model) = (&fixtures[variant], &models[variant]);
            let ended = session(fixture, model, wire, &keys, spoilt);
            let way = ["up", "down"][direction];
            let case = format!("{wire:?}, {:?}: {fault:?} of unit {unit} {way}", ReluVariant::ALL[variant]);
            *told.entry((fault, judge(fixture, wire, fault, &ended, &case))).or_insert(0) += 1;
        }
        told
    };
    let mut all = BTreeMap::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(work)).collect();
        for (key, count) in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
            *all.entry(key).or_insert(0) += count;
        }
    });
    // What was done to others harms no later session.
    for (fixture, model) in fixtures.iter().zip(&models) {
        assert!(is_right(fixture, &session(fixture, model, wire, &keys, [None, None])));
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "panics");
    eprintln!("{wire:?}, {} cases", cases.len());
    all.iter().for_each(|((fault, told), count)| eprintln!("{count:5} x {fault:?}: {told}"));
    all
}

/// Faults after which a session can have gone well, since what they spoil nobody reads.
fn check(told: &BTreeMap<(Fault, &'static str), usize>) {
    for fault in Fault::ALL {
        let refused = told.get(&(fault, "refused")).copied().unwrap_or(0);
        assert!(refused > 0 || fault == Fault::Depth, "{fault:?} was never refused: {told:?}");
    }
}

#[test]
fn a_spoilt_frame_is_refused_or_found_by_the_replay() {
    check(&spoil(Wire::Plain, SHORT));
}

#[test]
fn a_spoilt_record_is_refused() {
    check(&spoil(Wire::Tls, SHORT));
}

#[test]
#[ignore = "takes minutes"]
fn every_spoilt_frame_is_refused_or_found_by_the_replay() {
    check(&spoil(Wire::Plain, 1));
}

#[test]
#[ignore = "takes minutes"]
fn every_spoilt_record_is_refused() {
    check(&spoil(Wire::Tls, 1));
}
