//! Servers and clients that break the rules, against `linnet query` and `linnet serve`: refused by name, and nobody else
//! suffers.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/hosts.rs"]
mod workshop;

use netem::{Channel, Error, FrameKind, Identity, MAX_FRAME};
use protocols::client::Client;
use protocols::handshake::SessionId;
use protocols::memory::Memory;
use protocols::prepared::PreparedPlan;
use protocols::service::{ItemId, Request};
use rand::SeedableRng;
use results::ItemRow;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use workshop::{Serving, Workshop, text};

const SESSION: FrameKind = FrameKind(0xf0);
const OFFER: FrameKind = FrameKind(0xf1);
/// A ciphertext of the client's.
const REQUEST: FrameKind = FrameKind(0x30);
const DEADLINE: Duration = Duration::from_secs(20);

/// A client of our own that has the server's offer.
fn ask(server: &Serving) -> (Channel, Value) {
    let stream = TcpStream::connect(&server.1).unwrap();
    let mut channel = Channel::between_hosts(stream, &Identity::unnamed_client().unwrap(), DEADLINE).unwrap();
    channel.send(SESSION, vec![7; 16]).unwrap();
    let offer = channel.recv_at_most(OFFER, MAX_FRAME).unwrap();
    (channel, serde_json::from_slice(&offer).unwrap())
}

/// What `linnet query` says of a server with this offer.
fn query(workshop: &Workshop, offer: &Value) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let offer = serde_json::to_vec(offer).unwrap();
    let serving = thread::spawn(move || {
        let identity = Identity::unnamed_server().unwrap();
        let mut channel = Channel::between_hosts(listener.accept().unwrap().0, &identity, DEADLINE).unwrap();
        channel.recv(SESSION, 16).unwrap();
        channel.send(OFFER, offer).unwrap();
        // Until the client leaves.
        assert!(channel.recv_at_most(FrameKind(1), 0).is_err());
    });
    let words = ["query", "--connect", &address, "--images", "1", "--deadline", "10", "--out", "inner/runs"];
    let done = workshop.linnet(&words);
    serving.join().unwrap();
    assert!(!done.status.success());
    text(&done)
}

/// Files and folders of a folder, by name.
fn listing(workshop: &Workshop) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(workshop.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_offer_that_is_not_sound_is_refused_before_anything_is_written() {
    let workshop = Workshop::new();
    let server = workshop.serve(&[], "127.0.0.1:0", &[]);
    let (channel, sound) = ask(&server);
    drop(channel);
    let before = listing(&workshop);
    let changed = |path: &str, value: Value| {
        let mut offer = sound.clone();
        *offer.pointer_mut(path).unwrap() = value;
        query(&workshop, &offer)
    };
    let huge = {
        let mut offer = sound.clone();
        let first = offer.pointer("/offer/plan/steps/0").unwrap().clone();
        let steps: Vec<Value> = (0..12)
            .map(|_| {
                let mut step = first.clone();
                step["segment"]["shape"] = json!({ "c": 1 << 26, "h": 1, "w": 1 });
                step
            })
            .collect();
        offer["offer"]["plan"]["steps"] = json!(steps);
        query(&workshop, &offer)
    };
    for (told, expected) in [
        (changed("/offer/normalisation/mean", json!([0.5, 0.5])), "normalisation"),
        (changed("/offer/normalisation/std/1", json!(0.0)), "normalisation"),
        (changed("/offer/model/name", json!("x/../../victim")), "the offered network's name"),
        (changed("/offer/plan/name", json!("x/../../victim")), "a plan's name"),
        (changed("/offer/model/method", json!("ar\u{1b}[2J")), "the offered network's method"),
        (changed("/offer/machine/kernel", json!("Linux\u{1b}]0;owned\u{7}")), "a line of the offer"),
        (changed("/offer/plan/steps/0/segment/name", json!("conv\rconv")), "a step's name"),
        (changed("/offer", json!("\u{1b}[2J")), "sent an offer that is none"),
        (query(&workshop, &json!({ "refused": "closed\u{1b}[2J today" })), "server: closed\\u{1b}[2J today"),
        (huge, "at most 2^27 in all"),
    ] {
        assert!(told.contains(expected), "expected {expected}, found {told}");
        assert!(!told.contains("panicked") && !told.contains(['\u{1b}', '\u{7}', '\r']), "{told:?}");
    }
    assert_eq!(listing(&workshop), before, "nothing was written");
}

#[test]
fn idle_connections_without_number_do_not_end_a_server() {
    let workshop = Workshop::new();
    // Fewer descriptors than there will be connections.
    let few = ["sh", "-c", "ulimit -n 96; exec \"$0\" \"$@\""].map(str::to_owned);
    let server = workshop.serve(&few, "127.0.0.1:0", &["--deadline", "30"]);
    let idle: Vec<TcpStream> = (0..150).map(|_| TcpStream::connect(&server.1).unwrap()).collect();
    let done = workshop.linnet(&["query", "--connect", &server.1, "--images", "1", "--id", "among"]);
    assert!(done.status.success(), "{}", text(&done));
    assert_eq!(workshop.loaded("among").summary[0].n, 1);
    drop(idle);
    let done = workshop.linnet(&["query", "--connect", &server.1, "--images", "1", "--id", "after"]);
    assert!(done.status.success(), "{}", text(&done));
}

#[test]
fn sessions_beyond_the_most_are_refused_with_the_reason() {
    let workshop = Workshop::new();
    let server = workshop.serve(&[], "127.0.0.1:0", &["--most-sessions", "1"]);
    let (held, _) = ask(&server);
    let query = ["query", "--connect", &server.1, "--images", "1"];
    let refused = workshop.linnet(&query);
    let told = text(&refused);
    assert!(!refused.status.success() && told.contains("server: 1 sessions are under way"), "{told}");
    drop(held);
    // The place is free as soon as the server has seen the other leave.
    let served = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(100));
        workshop.linnet(&query).status.success()
    });
    assert!(served);
}

/// A client that sends on and on, and reads nothing, in set-up: it is refused, the server's memory does not grow, and it
/// serves on.
#[test]
fn a_flood_is_refused_and_the_server_serves_on() {
    let workshop = Workshop::new();
    let server = workshop.serve(&[], "127.0.0.1:0", &["--deadline", "10"]);
    let before = resident(&server);
    for payload in [0, 1 << 20] {
        let (mut channel, _) = ask(&server);
        let refused = (0..20_000_000).find_map(|_| channel.send(FrameKind(9), vec![0; payload]).err());
        assert!(matches!(refused, Some(Error::Closed { .. } | Error::Io { .. })), "{refused:?}");
    }
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 100_000_000, "{grown} bytes more");
    let done = workshop.linnet(&["query", "--connect", &server.1, "--images", "1"]);
    assert!(done.status.success(), "{}", text(&done));
}

/// A client that is lawful through set-up, asks for one preprocessing after another and reads nothing of what comes: its session
/// ends with a reason, within the memory that is announced for the plan, and the server serves on.
#[test]
fn a_lawful_client_that_reads_nothing_does_not_fill_the_server() {
    let workshop = Workshop::new();
    let server = workshop.serve(&[], "127.0.0.1:0", &["--deadline", "5"]);
    let (mut channel, answer) = ask(&server);
    let plan = serde_json::to_vec(answer.pointer("/offer/plan").unwrap()).unwrap();
    let plan = PreparedPlan::from_json(&plan).unwrap();
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
    let client = Client::connect(&mut channel, &plan, SessionId([7; 16]), &mut rng).unwrap();
    let before = resident(&server);
    let began = Instant::now();
    let refused = (0..1_000_000).find_map(|_| {
        Request::Offline(ItemId([1; 16])).send(&mut channel).err()?;
        (0..200).find_map(|_| channel.send(REQUEST, vec![0; plan.he.request_bytes()]).err())
    });
    assert!(refused.is_some() || began.elapsed() < DEADLINE, "it would take anything");
    drop((client, channel));
    let (grown, announced) = (resident(&server) - before, Memory::of(&plan).peak(false).server);
    assert!(grown < announced + 64_000_000, "{grown} bytes more, {announced} announced");
    let done = workshop.linnet(&["query", "--connect", &server.1, "--images", "1"]);
    assert!(done.status.success(), "{}", text(&done));
}

/// Seeds, keys and labels have 16 bytes or more: of all that is written and printed, no word is that long in hexadecimal or
/// base 64, and no list has as many numbers, but for digests of what is public, the names of items and the histograms.
#[test]
fn nothing_that_is_written_could_be_a_seed() {
    let workshop = Workshop::new();
    let server = workshop.serve(&[], "127.0.0.1:0", &[]);
    let run = ["run", "--model", "model", "--calibration-images", "5"];
    let commands = [
        ("memory", run.to_vec()),
        ("file", [&run[..], &["--store", "file"]].concat()),
        ("pool", [&run[..], &["--scenario", "server", "--rate", "20"]].concat()),
        ("query", vec!["query", "--connect", &server.1]),
    ];
    for (id, words) in &commands {
        let done = workshop.linnet(&[&words[..], &["--images", "3", "--id", id]].concat());
        assert!(done.status.success(), "{}", text(&done));
        let folder = workshop.path("runs").join(id);
        let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let models = manifest["models"].as_array().unwrap();
        let digests = models.iter().flat_map(|model| [&model["digest"], &model["plan_digest"]]);
        let mut public: Vec<String> = digests.map(|digest| digest.as_str().unwrap().to_owned()).collect();
        if let Ok(mut items) = csv::Reader::from_path(folder.join("items.csv")) {
            public.extend(items.deserialize::<ItemRow>().map(|row| row.unwrap().item));
        }
        let mut looked_at = vec![text(&done)];
        for entry in std::fs::read_dir(&folder).unwrap() {
            let content = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            // What `hdrhistogram` writes, each column of it a time.
            let lines = content.lines().filter(|line| !line.starts_with("Tag="));
            looked_at.push(lines.collect::<Vec<_>>().join("\n"));
        }
        assert!(looked_at.len() > 8, "{words:?} wrote {} files", looked_at.len() - 1);
        for content in looked_at {
            let is_of_one = |c: char| c.is_ascii_alphanumeric() || c == '+';
            let words = content.split(|c| !is_of_one(c)).filter(|word| word.len() >= 22);
            let odd: Vec<&str> = words.filter(|word| public.iter().all(|known| known != word)).collect();
            assert_eq!(odd, [""; 0]);
            let list = content.split(|c: char| !(c.is_ascii_digit() || c.is_whitespace() || c == ','));
            assert!(list.map(|list| list.matches(',').count()).max().unwrap() < 15, "a list of numbers");
        }
    }
}

/// Bytes of the server's memory at its peak.
fn resident(server: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}
