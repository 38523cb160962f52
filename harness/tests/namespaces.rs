//! `linnet serve` and `query` between two network namespaces, which stand for two hosts. A file of its own, so that no other
//! test runs beside it.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/hosts.rs"]
mod workshop;

use results::Loaded;
use std::process::Command;
use std::time::Duration;
use workshop::{Workshop, text};

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
    // A delay that any machine's loopback keeps; four of them are under a hundredth of the phase.
    let link = format!("rate={}B/s,rtt=2ms", rate as u64);
    let compiling = ["--link", link.as_str(), "--calibration-images", "5"];
    let mut nearest = f64::INFINITY;
    for attempt in 0..TRIES {
        let (there, here) = (format!("there{attempt}"), format!("here{attempt}"));
        let server = workshop.serve(&cable.at(0), "10.77.0.1:0", &["--tls", "keys", "--link", &link]);
        let query = ["query", "--connect", &server.1, "--tls", "keys", "--images", "5", "--id", &there];
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
