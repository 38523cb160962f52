//! Signs that are decided by fewer bits than are compared.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::process::{Command, Output};

const NETWORK: &str = "init --net mini --budget 2000 --out m";
const SCALES: &str = "--fa 6 --fw 7 --calibration-images 20";

fn linnet(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(words.split_whitespace()).output().unwrap()
}

fn done(folder: &Path, words: &str) -> (String, String) {
    let output = linnet(folder, words);
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{words}: {err}");
    (out, err)
}

/// Every inference is verified bit for bit; fewer bytes travel than where all bits decide; what may be mistaken is told.
#[test]
fn fewer_bits_are_verified_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, NETWORK);
    for bits in ["all", "4"] {
        let (_, said) = done(
            folder,
            &format!(
                "sweep --models m --link lan --relu sign,millionaire,narrow,auto --sign-bits {bits} {SCALES} --images 2 \
                 --accuracy-images 20 --id {bits}"
            ),
        );
        assert_eq!(said.contains("bits decide a sign"), bits == "4", "{said}");
    }
    let [all, few] = ["all", "4"].map(|id| results::load(&folder.join("runs").join(id)).unwrap());
    for (all, few) in all.summary.iter().zip(&few.summary) {
        assert!(all.cell == few.cell && few.verified == 2, "{}: {} verified", few.cell, few.verified);
        let bytes =
            |row: &results::SummaryRow| row.offline_down_bytes.unwrap() + row.online_down_bytes.unwrap();
        // What compares all of the bits in a circuit has nothing to leave out.
        assert_eq!(
            bytes(few) < bytes(all),
            few.relu != "narrow",
            "{}: {} of {}",
            few.relu,
            bytes(few),
            bytes(all)
        );
    }
    let [all, few] = [all, few].map(|run| run.manifest.models[0].calibration.as_ref().unwrap().mistaken);
    assert!(all.is_none() && few.is_some_and(|few| (0.001..0.4).contains(&few)), "{all:?}, {few:?}");
    let (shown, _) = done(folder, &format!("plan show --model m --sign-bits 4 {SCALES}"));
    assert!(shown.contains(", signs by 4"), "{shown}");
    let (shown, _) = done(folder, &format!("plan show --model m --relu narrow --sign-bits 4 {SCALES}"));
    assert!(!shown.contains(", signs by 4"), "{shown}");
}

#[test]
fn bits_that_mean_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, NETWORK);
    for bits in ["2", "few", "65"] {
        let refused = linnet(folder, &format!("plan show --model m --sign-bits {bits}"));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("expected all, fewest, or 3 to"), "{said}");
    }
    std::fs::write(
        folder.join("study.toml"),
        "question = \"?\"\n[[models]]\ncheckpoint = \"m\"\n[compile]\nsign-bits = 2\n",
    )
    .unwrap();
    let refused = linnet(folder, "sweep study.toml");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("expected all, fewest, or 3 to"), "{said}");
}
