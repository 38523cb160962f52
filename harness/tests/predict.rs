//! `linnet predict`, and each layer's own variant, from the command line.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const SCALES: &str = "--fa 6 --fw 7 --calibration-images 20";

fn linnet(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(words.split_whitespace()).output().unwrap()
}

/// What it says where it refuses.
fn refused(folder: &Path, words: &str) -> String {
    let output = linnet(folder, words);
    assert!(!output.status.success(), "{words}");
    String::from_utf8(output.stderr).unwrap()
}

fn done(folder: &Path, words: &str) -> String {
    let output = linnet(folder, words);
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every way on every link, and a picture of who wins.
#[test]
fn a_map_has_every_way_on_every_link() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, "init --net mini --budget 2000 --out m");
    let said = done(folder, &format!("map --model m --out drawn {SCALES}"));
    assert!(said.contains("offline and online, of 121 links:"), "{said}");
    let table = std::fs::read_to_string(folder.join("drawn/map.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let ways: std::collections::BTreeSet<(&str, &str)> = rows.iter().map(|row| (row[2], row[3])).collect();
    assert_eq!(rows.len(), 121 * ways.len());
    assert!(ways.contains(&("sign", "silent")) && ways.contains(&("narrow", "iknp")), "{ways:?}");
    // Of two links a slower one is never faster, whatever the way.
    let online = |row: &[&str]| row[5].parse::<f64>().unwrap();
    let [first, last] = [&rows[0], &rows[rows.len() - ways.len()]].map(|row| row.clone());
    assert_eq!(([first[0], first[1]], [last[0], last[1]]), (["1", "0.1"], ["2000", "200"]));
    let slow = rows.iter().find(|row| [row[0], row[1], row[2], row[3]] == ["1", "200", first[2], first[3]]);
    assert!(online(slow.unwrap()) > online(&first).max(online(&last)));
    let picture = std::fs::read_to_string(folder.join("drawn/map.svg")).unwrap();
    assert!(picture.matches("<rect").count() > 242 && picture.contains("2 GB/s"));
}

/// Bytes and rounds of a prediction are those of the run, times are those of the link, and choosing by layer is never dearer than
/// any one way.
#[test]
fn what_is_predicted_is_what_a_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, "init --net mini --budget 2000 --out m");
    let links = "--link lan --link wan";
    let predict = |relu: &str| -> Vec<Value> {
        let text = done(folder, &format!("predict --model m {links} --relu {relu} {SCALES} --json"));
        let whole: Value = serde_json::from_str(&text).unwrap();
        whole["predictions"].as_array().unwrap().clone()
    };
    let auto = predict("auto");
    let seconds = |cell: &Value| cell["offline_s"].as_f64().unwrap() + cell["online_s"].as_f64().unwrap();
    assert_eq!(auto.iter().map(|cell| cell["link"].as_str().unwrap()).collect::<Vec<_>>(), ["lan", "wan"]);
    for relu in ["narrow", "sign", "millionaire", "delphi"] {
        // Plans are chosen for the slowest link.
        assert!(seconds(&auto[1]) <= seconds(&predict(relu)[1]) + 1e-9, "{relu}");
    }
    let whole = predict("auto --ot auto");
    for ot in ["iknp", "softspoken4", "silent"] {
        for relu in ["sign", "millionaire"] {
            let one = predict(&format!("{relu} --ot {ot}"));
            assert!(seconds(&whole[1]) <= seconds(&one[1]) + 1e-9, "{relu}, {ot}");
        }
    }
    done(
        folder,
        &format!(
            "run --model m --link lan --relu auto --ot auto {SCALES} --images 1 --accuracy-images 1 --id o"
        ),
    );
    let run = results::load(&folder.join("runs/o")).unwrap();
    assert_eq!((run.summary[0].ot.as_deref(), run.summary[0].verified), (Some("auto"), 1));
    done(
        folder,
        &format!("sweep --models m {links} --relu auto {SCALES} --images 1 --accuracy-images 1 --id r"),
    );
    let run = results::load(&folder.join("runs/r")).unwrap();
    for (row, cell) in run.summary.iter().zip(&auto) {
        assert_eq!((row.relu.as_str(), row.link.as_str()), ("auto", cell["link"].as_str().unwrap()));
        let counted =
            [row.offline_up_bytes, row.offline_down_bytes, row.online_up_bytes, row.online_down_bytes];
        let names = ["offline_up_bytes", "offline_down_bytes", "online_up_bytes", "online_down_bytes"];
        assert_eq!(counted, names.map(|name| cell[name].as_u64()));
        assert_eq!(row.online_rounds, cell["online_rounds"].as_u64());
        assert_eq!(row.verified, 1);
    }
    // 16 one-way delays of 20 ms are a floor.
    let online = run.summary[1].online_s_p50.unwrap();
    let predicted = auto[1]["online_s"].as_f64().unwrap();
    assert!(predicted > 0.32 && online > 0.32, "{predicted}, {online}");
    let shown = done(folder, &format!("plan show --model m --relu auto --link wan {SCALES}"));
    assert!(shown.contains("what another way at one layer would add"), "{shown}");
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, "init --net mini --budget 100 --out m");
    std::fs::write(folder.join("rates.json"), "{}").unwrap();
    for (words, told) in [
        ("--link loopback", "a link with a rate or a round-trip time"),
        ("--link wan --relu narrow,sign", "one value each"),
        ("--link wan --he fhe", "the backend that rates were measured with, linnet"),
        ("--link wan --rates none.json", "reading none.json"),
        ("--link wan --rates rates.json", "rates.json: missing field"),
    ] {
        let said = refused(folder, &format!("predict --model m {words} {SCALES}"));
        assert!(said.contains(told), "{words}: {said}");
    }
    for (words, told) in [
        ("predict --model m --link wan --ring 10", "--ring, --agreement: expected scales"),
        ("run --model nope", "a folder of checkpoints, found nothing at nope"),
        ("compare nope", "nope: expected the folder of a run, with its manifest.json, found nothing there"),
        ("compare m", "m: expected the folder of a run, with its manifest.json, found one without"),
        (
            "init --net mini --budget 100,300 --out n",
            "a number or a percentage such as 8000 or 30%, found 100,300",
        ),
    ] {
        let said = refused(folder, words);
        assert!(said.contains(told), "{words}: {said}");
    }
}

#[test]
fn predictions_fit_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, "init --net mini --budget 100 --out m");
    let words = format!("predict --model m --link lan --link wan {SCALES}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    let narrow =
        command.current_dir(folder).args(words.split_whitespace()).env("COLUMNS", "80").output().unwrap();
    let narrow = String::from_utf8(narrow.stdout).unwrap();
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    assert!(
        narrow.contains("no room for: ") && narrow.contains("online s") && narrow.contains("wan"),
        "{narrow}"
    );
    let wide = done(folder, &words);
    assert!(!wide.contains("no room for") && wide.contains("- offline -"), "{wide}");
}
