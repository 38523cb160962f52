//! `linnet models` and `linnet init` from the command line: networks of others and of any size, before they are run.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::process::{Command, Output};

fn linnet(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(words.split_whitespace()).output().unwrap()
}

#[test]
fn networks_are_found_however_deep_and_told_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for budget in ["500", "2000"] {
        let out = format!("init --net mini --budget {budget} --out study/models/mini/x/b{budget}");
        assert!(linnet(folder, &out).status.success());
    }
    assert!(linnet(folder, "init --net mini --out study/models/mini/ar").status.success());
    // What a training that was stopped leaves is no network.
    std::fs::create_dir(folder.join("study/models/mini/begun")).unwrap();

    let output = linnet(folder, "models study --csv networks.csv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("3 networks") && text.contains("9,216"), "{text}");
    let table = std::fs::read_to_string(folder.join("networks.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let found: Vec<(&str, &str, &str)> = rows.iter().map(|row| (row[0], row[4], row[5])).collect();
    let expected = [
        ("study/models/mini/ar", "", "9216"),
        ("study/models/mini/x/b2000", "2000", "2000"),
        ("study/models/mini/x/b500", "500", "500"),
    ];
    assert_eq!(found, expected);
    assert!(rows.iter().all(|row| row[9].len() == 64 && row[6].is_empty()), "{table}");
}

#[test]
fn a_folder_without_networks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (asked, told) in [("empty", "without any"), ("absent", "nothing at absent")] {
        let output = linnet(folder.path(), &format!("models {asked}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(told), "{error}");
        assert!(output.stdout.is_empty());
    }
}

/// SqueezeNet in small: max pools rounded up, concatenations, noise for images; and what a run of it says.
#[test]
fn a_network_of_another_size_without_any_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let done = |words: &str| {
        let output = linnet(folder, words);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    done("init --net squeezenet1_1 --data noise:3x37x33:300 --budget 20% --out sq");
    done(
        "run --model sq --link loopback --relu sign --images 1 --warmups 0 --accuracy-images 2 --verify layers --id sq",
    );
    let run = results::load(&folder.join("runs/sq")).unwrap();
    let row = &run.summary[0];
    assert_eq!((row.status.to_string().as_str(), row.n), ("ok", 1), "verified bit for bit");
    assert_eq!(run.manifest.models[0].data, "noise:3x37x33:300");
}

#[test]
fn the_network_of_an_onnx_file_without_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/import/tests/fixtures/dynamo.onnx");
    let output = linnet(folder.path(), &format!("init --onnx {file} --budget 10% --out net"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(linnet(folder.path(), "models net").stdout).unwrap();
    assert!(
        listed.contains("dynamo") && listed.contains("noise:") && listed.contains("random-init"),
        "{listed}"
    );

    let other = linnet(folder.path(), &format!("init --onnx {file} --data noise:5x8x8:3 --out other"));
    let error = String::from_utf8(other.stderr).unwrap();
    assert!(error.contains("--data: expected images of") && error.contains("5x8x8 in 3 classes"), "{error}");
}
