//! Disks that are full: `linnet` says so, with an exit status, and no half of a run is taken for a whole one.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[expect(dead_code, reason = "no server here")]
#[path = "common/hosts.rs"]
mod workshop;

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
