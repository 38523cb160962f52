//! Disks that are full and threads that are not to be had: `linnet` says so, with an exit status, and no half of a run is
//! taken for a whole one.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[expect(dead_code, reason = "no run is read here")]
#[path = "common/hosts.rs"]
mod workshop;

use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use workshop::{Workshop, text};

/// `linnet WORDS` where the folder `small` of the workshop has so many kilobytes; `None`, with a message, where the kernel
/// does not allow a mount.
fn on_a_small_disk(workshop: &Workshop, kilobytes: usize, words: &[&str]) -> Option<(bool, String)> {
    std::fs::create_dir_all(workshop.path("small")).unwrap();
    let mount = format!("mount -t tmpfs -o size={kilobytes}k none small");
    let run = format!("{mount} || exit 77; \"$0\" \"$@\"");
    let before = ["unshare", "--mount", "sh", "-c", run.as_str()].map(str::to_owned);
    let done = match workshop.command(&before, words).output() {
        Ok(done) => done,
        Err(error) => {
            eprintln!("skipped: unshare: {error}");
            return None;
        }
    };
    let told = text(&done);
    if done.status.code() == Some(77) || told.starts_with("unshare:") {
        eprintln!("skipped: {told}");
        return None;
    }
    Some((done.status.success(), told))
}

#[test]
fn a_full_disk_is_told_and_fails_the_command() {
    let workshop = Workshop::new();
    let run = ["run", "--model", "model", "--link", "loopback", "--images", "2", "--calibration-images", "5"];
    for (kilobytes, words) in [
        // No room for the run's files.
        (8, [&run[..], &["--out", "small"]].concat()),
        (64, [&run[..], &["--out", "small"]].concat()),
        // None for what the client has preprocessed.
        (64, [&run[..], &["--store", "file", "--store-dir", "small"]].concat()),
        // None for a pool.
        (
            64,
            [&run[..], &["--scenario", "server", "--pool", "2", "--rate", "5", "--store-dir", "small"]]
                .concat(),
        ),
        // None for a network or keys.
        (8, vec!["init", "--net", "mini", "--out", "small/model"]),
    ] {
        let Some((succeeded, told)) = on_a_small_disk(&workshop, kilobytes, &words) else { return };
        assert!(!succeeded && !told.contains("panicked"), "{words:?}: {told}");
        assert!(told.contains("No space left") || told.contains("free disk"), "{words:?}: {told}");
    }
}

/// What goes before a command that may have so many threads at a time. Limits are a user's, and the superuser has none, so it
/// runs as a user of its own whose files are still the superuser's. `None`, with a message, where that is not allowed.
fn with_threads(most: usize) -> Option<Vec<String>> {
    let user = format!("--ruid={}", 1_000_000 + std::process::id());
    let before = ["setpriv", &user, "--bounding-set=-sys_resource,-sys_admin", "prlimit"].map(str::to_owned);
    match Command::new(&before[0]).args(&before[1..]).args(["--nproc=9", "true"]).output() {
        Ok(done) if done.status.success() => Some([&before[..], &[format!("--nproc={most}")]].concat()),
        Ok(done) => {
            eprintln!("skipped: {}", text(&done));
            None
        }
        Err(error) => {
            eprintln!("skipped: setpriv: {error}");
            None
        }
    }
}

#[test]
fn a_program_without_threads_says_so() {
    let workshop = Workshop::new();
    let run = ["run", "--model", "model", "--images", "2", "--calibration-images", "5"];
    let cores = thread::available_parallelism().unwrap().get();
    // From none but the first to where the program starts and its parties do not.
    for most in 1..cores + 4 {
        let Some(before) = with_threads(most) else { return };
        let done = workshop.command(&before, &run).output().unwrap();
        let told = text(&done);
        assert!(!done.status.success() && !told.contains("panicked"), "{most} threads: {told}");
        assert!(told.contains("Resource temporarily unavailable"), "{most} threads: {told}");
    }
}

#[test]
fn a_server_without_threads_to_spare_lasts_and_serves_when_it_has_some() {
    let workshop = Workshop::new();
    let cores = thread::available_parallelism().unwrap().get();
    // A session with nobody in it takes one, one that is served four more.
    let Some(before) = with_threads(cores + 8) else { return };
    let server = workshop.serve(&before, "127.0.0.1:0", &["--deadline", "30"]);
    let idle: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&server.1).unwrap()).collect();
    let query = ["query", "--connect", &server.1, "--images", "1", "--deadline", "20"];
    let refused = workshop.linnet(&query);
    assert!(!refused.status.success() && !text(&refused).contains("panicked"), "{}", text(&refused));
    drop(idle);
    let began = Instant::now();
    while !workshop.linnet(&query).status.success() {
        assert!(began.elapsed() < Duration::from_secs(30), "it serves nobody any more");
        thread::sleep(Duration::from_millis(100));
    }
}
