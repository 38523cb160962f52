//! `linnet keys`, `serve` and `query`: the parties on two hosts, or two network namespaces that stand for them.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use results::{CellStatus, Loaded};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A folder with a small network in `model` and keys in `keys`.
struct Workshop(TempDir);

/// A server that ends with its test.
struct Serving(Child, String);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        for words in
            [&["init", "--net", "mini", "--budget", "900", "--out", "model"][..], &["keys", "--out", "keys"]]
        {
            let done = workshop.linnet(words);
            assert!(done.status.success(), "{}", text(&done));
        }
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `linnet WORDS`, behind `before`.
    fn command(&self, before: &[String], words: &[&str]) -> Command {
        let all: Vec<String> = before
            .iter()
            .cloned()
            .chain([env!("CARGO_BIN_EXE_linnet").to_owned()])
            .chain(words.iter().map(|word| (*word).to_owned()))
            .collect();
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).current_dir(self.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn linnet(&self, words: &[&str]) -> Output {
        self.command(&[], words).output().unwrap()
    }

    /// A server that listens, and its address.
    fn serve(&self, before: &[String], listen: &str, words: &[&str]) -> Serving {
        let mut all = vec!["serve", "--model", "model", "--listen", listen, "--calibration-images", "5"];
        all.extend(words);
        let mut child = self.command(before, &all).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.rsplit(' ').next().unwrap_or_default().trim().to_owned();
        assert!(line.starts_with("serving"), "{line}");
        Serving(child, address)
    }

    fn loaded(&self, id: &str) -> Loaded {
        results::load(&self.path("runs").join(id)).unwrap()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What no clock has a part in.
fn traffic(run: &Loaded) -> [Option<u64>; 8] {
    let row = &run.summary[0];
    [
        row.setup_up_bytes,
        row.setup_down_bytes,
        row.offline_up_bytes,
        row.offline_down_bytes,
        row.online_up_bytes,
        row.online_down_bytes,
        row.offline_rounds,
        row.online_rounds,
    ]
}

#[test]
fn a_client_is_served_by_tls_verified_and_counted() {
    let workshop = Workshop::new();
    let server = workshop.serve(&[], "127.0.0.1:0", &["--tls", "keys", "--reveal-masks"]);
    let query = ["query", "--connect", &server.1, "--tls", "keys", "--images", "3", "--id"];
    let verified = ["verified", "--model", "model", "--calibration-images", "5"];
    for words in [&verified[..], &["plain"]] {
        let done = workshop.linnet(&[&query[..], words].concat());
        assert!(done.status.success(), "{}", text(&done));
    }
    let run = workshop.loaded("verified");
    let (row, cell) = (&run.summary[0], &run.cells[0]);
    assert_eq!((row.status, row.n, row.verified), (CellStatus::Ok, 3, 3));
    assert_eq!(row.link, "network");
    // Two requests more than between processes that are told what comes next, and otherwise what the plan says.
    assert_eq!(row.online_up_bytes, cell.predicted_online_up_bytes);
    assert_eq!(row.setup_up_bytes, cell.predicted_setup_up_bytes);
    assert!(row.offline_s_p50.unwrap() > 0.0 && row.online_s_p50.unwrap() > 0.0);
    let settings = &run.manifest.settings;
    assert!(settings["server"]["machine"]["cores"].as_u64().unwrap() > 0, "{settings}");
    // Without the weights nothing is verified, and nothing claims to be.
    let plain = workshop.loaded("plain");
    assert_eq!((plain.summary[0].n, plain.summary[0].verified), (3, 0));
    assert!(plain.inferences.iter().all(|row| row.verified.is_none() && row.class_fixed.is_none()));
    assert_eq!(traffic(&plain), traffic(&run));
}

#[test]
fn strangers_are_kept_out_and_mistakes_named() {
    let workshop = Workshop::new();
    let made = workshop.linnet(&["keys", "--out", "others"]);
    assert!(made.status.success(), "{}", text(&made));
    let server = workshop.serve(&[], "127.0.0.1:0", &["--tls", "keys"]);
    for (words, expected) in [
        (&["query", "--connect", &server.1, "--tls", "others"][..], "certificate"),
        (&["query", "--connect", &server.1, "--deadline", "2"], "query"),
        (&["query", "--connect", "192.0.2.1:7000"], "--connect: expected a loopback address, or --tls"),
        (&["query", "--connect", &server.1, "--tls", "keys", "--model", "model"], "--reveal-masks"),
        (&["query", "--connect", &server.1, "--tls", "nowhere"], "nowhere"),
        (&["serve", "--model", "model", "--listen", "0.0.0.0:0"], "--listen: expected a loopback address"),
        (
            &["serve", "--model", "model", "--listen", "127.0.0.1:0", "--relu", "narrow,sign"],
            "one value each",
        ),
        (&["keys", "--out", "keys"], "not there yet"),
    ] {
        let refused = workshop.linnet(words);
        let text = text(&refused);
        assert!(!refused.status.success(), "{words:?}: {text}");
        assert!(expected == "query" || text.contains(expected), "{words:?}: {text}");
    }
    assert!(!workshop.path("runs").exists(), "nothing was measured");
    // After all that it still serves.
    let done = workshop.linnet(&["query", "--connect", &server.1, "--tls", "keys", "--images", "1"]);
    assert!(done.status.success(), "{}", text(&done));
}

/// Two network namespaces with a cable between them, gone when dropped.
struct Cable {
    names: [String; 2],
}

impl Cable {
    /// Lays the cable, and limits what leaves either end; `None`, with a message, where the kernel does not allow it.
    fn lay(rate_bits: u64) -> Option<Self> {
        let id = std::process::id();
        let cable = Self { names: [format!("linnet-s{id}"), format!("linnet-c{id}")] };
        let [server, client] = &cable.names;
        let (at_server, at_client) = (format!("lsv{id}"), format!("lcv{id}"));
        let rate = format!("{rate_bits}bit");
        let steps: Vec<Vec<&str>> = vec![
            vec!["ip", "netns", "add", server],
            vec!["ip", "netns", "add", client],
            vec!["ip", "link", "add", &at_server, "type", "veth", "peer", "name", &at_client],
            vec!["ip", "link", "set", &at_server, "netns", server],
            vec!["ip", "link", "set", &at_client, "netns", client],
            vec!["ip", "-n", server, "addr", "add", "10.77.0.1/24", "dev", &at_server],
            vec!["ip", "-n", client, "addr", "add", "10.77.0.2/24", "dev", &at_client],
            vec!["ip", "-n", server, "link", "set", &at_server, "up"],
            vec!["ip", "-n", client, "link", "set", &at_client, "up"],
            tbf(server, &at_server, &rate),
            tbf(client, &at_client, &rate),
        ];
        for step in steps {
            let done = Command::new(step[0]).args(&step[1..]).output();
            match done {
                Ok(done) if done.status.success() => {}
                Ok(done) => {
                    eprintln!("skipped: {step:?}: {}", String::from_utf8_lossy(&done.stderr));
                    return None;
                }
                Err(error) => {
                    eprintln!("skipped: {}: {error}", step[0]);
                    return None;
                }
            }
        }
        Some(cable)
    }

    /// What runs a program at an end.
    fn at(&self, end: usize) -> Vec<String> {
        ["ip", "netns", "exec", &self.names[end]].map(str::to_owned).to_vec()
    }
}

/// A token bucket, one kernel's own way to limit a rate.
fn tbf<'a>(namespace: &'a str, device: &'a str, rate: &'a str) -> Vec<&'a str> {
    let mut words = vec!["tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "tbf", "rate", rate];
    words.extend(["burst", "16kb", "latency", "500ms"]);
    words
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}

/// Of an Ethernet frame's 1514 bytes, TCP over IPv4 with timestamps carries 1448.
const FRAMED: f64 = 1514.0 / 1448.0;

/// So often something else of this machine may disturb it.
const TRIES: usize = 3;

#[test]
fn two_hosts_at_a_rate_take_what_the_emulated_link_of_that_rate_takes() {
    let rate = 4e6;
    let Some(cable) = Cable::lay((8.0 * rate * FRAMED) as u64) else { return };
    let workshop = Workshop::new();
    let listen = "10.77.0.1:7707";
    let link = format!("rate={}B/s,rtt=200us", rate as u64);
    let compiling = ["--link", link.as_str(), "--calibration-images", "5"];
    let mut nearest = f64::INFINITY;
    for attempt in 0..TRIES {
        let (there, here) = (format!("there{attempt}"), format!("here{attempt}"));
        let server = workshop.serve(&cable.at(0), listen, &["--tls", "keys", "--link", &link]);
        let query = ["query", "--connect", listen, "--tls", "keys", "--images", "5", "--id", &there];
        let done = workshop.command(&cable.at(1), &query).output().unwrap();
        assert!(done.status.success(), "{}", text(&done));
        drop(server);
        let run = ["run", "--model", "model", "--images", "5", "--accuracy-images", "5", "--id", &here];
        let done = workshop.linnet(&[&run[..], &compiling].concat());
        assert!(done.status.success(), "{}", text(&done));
        let (there, here) = (workshop.loaded(&there), workshop.loaded(&here));
        let offline = |run: &Loaded| run.summary[0].offline_s_p50.unwrap();
        let ratio = offline(&there) / offline(&here);
        println!("offline: {:.4} s by tbf, {:.4} s emulated, {ratio:.3}", offline(&there), offline(&here));
        nearest = nearest.min((ratio - 1.0).abs());
        if nearest < 0.1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("the token bucket and the emulation differ by {nearest:.3}");
}

#[test]
fn keys_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let workshop = Workshop::new();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&workshop.path("keys")), 0o700);
    for file in ["server.key", "client.key", "ca.pem"] {
        assert_eq!(mode(&workshop.path("keys").join(file)), 0o600, "{file}");
    }
}
