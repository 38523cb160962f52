//! `linnet keys`, `serve` and `query`: the parties as on two hosts.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/hosts.rs"]
mod workshop;

use results::{CellStatus, Loaded, Party, Phase};
use std::path::Path;
use workshop::{Workshop, text};

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
    let query =
        ["query", "--connect", &server.1, "--tls", "keys", "--images", "3", "--transcripts", "2", "--id"];
    let verified = ["verified", "--model", "model", "--calibration-images", "5", "--accuracy-images", "40"];
    for words in [&verified[..], &["plain"]] {
        let done = workshop.linnet(&[&query[..], words].concat());
        assert!(done.status.success(), "{}", text(&done));
    }
    let run = workshop.loaded("verified");
    let (row, cell) = (&run.summary[0], &run.tables.cells[0]);
    assert_eq!((row.status, row.n, row.verified), (CellStatus::Ok, 3, 3));
    assert_eq!(row.link, "network");
    // Two requests more than between processes that are told what comes next, and otherwise what the plan says.
    assert_eq!(row.online_up_bytes, cell.predicted_online_up_bytes);
    assert_eq!(row.setup_up_bytes, cell.predicted_setup_up_bytes);
    assert!(row.offline_s_p50.unwrap() > 0.0 && row.online_s_p50.unwrap() > 0.0);
    let settings = &run.manifest.settings;
    assert!(settings["server"]["machine"]["cores"].as_u64().unwrap() > 0, "{settings}");
    // The same tables as between processes of one host: classes in the clear, and what both parties did.
    assert_eq!((run.tables.accuracy.len(), cell.acc_images), (40, Some(40)));
    let transcripts = results::load_transcripts(&workshop.path("runs/verified"), &run.tables).unwrap();
    for (party, phase) in [(Party::Client, Phase::Offline), (Party::Server, Phase::Online)] {
        let of = |repeat| {
            transcripts.iter().filter(move |row| (row.party, row.phase, row.repeat) == (party, phase, repeat))
        };
        assert!([0, 1].into_iter().all(|repeat| of(repeat).count() > 3) && of(2).count() == 0);
    }
    let projected = workshop.linnet(&["project", "runs/verified", "--link", "wan"]);
    assert!(projected.status.success(), "{}", text(&projected));
    // Without the weights nothing is verified, and nothing claims to be.
    let plain = workshop.loaded("plain");
    assert_eq!((plain.summary[0].n, plain.summary[0].verified), (3, 0));
    assert!(plain.tables.inferences.iter().all(|row| row.verified.is_none() && row.class_fixed.is_none()));
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
            &["serve", "--model", "model", "--listen", "0.0.0.0:0", "--tls", "keys", "--reveal-masks"],
            "--reveal-masks: expected a loopback address",
        ),
        (
            &["query", "--connect", "192.0.2.1:7000", "--tls", "keys", "--model", "model"],
            "--model: expected a server at a loopback address",
        ),
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
