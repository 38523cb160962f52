//! `linnet import` against onnxruntime, over graphs that scripts write (`models/import/conformance`): where Python has it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Random graphs beside the single operators, exporters' chains and node tests.
const RANDOM: &str = "60";

/// A Python with what the scripts need: that of `.ci/run`, or the system's.
fn python(root: &Path) -> Option<PathBuf> {
    let has = |python: &PathBuf| {
        let tried =
            Command::new(python).args(["-c", "import numpy, onnx, onnxruntime, safetensors"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    [root.join("target/conformance/bin/python"), PathBuf::from("python3")].into_iter().find(has)
}

#[test]
fn what_is_imported_has_the_logits_of_onnxruntime() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let Some(python) = python(root) else {
        println!("skipped: no Python here has numpy, onnx, onnxruntime and safetensors");
        return;
    };
    let (folder, scripts) = (tempfile::tempdir().unwrap(), root.join("models/import/conformance"));
    let run = |script: &str, arguments: &[&str]| {
        let script = scripts.join(script);
        let ran = Command::new(&python).arg(script).arg(folder.path()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
        said
    };
    run("graphs.py", &["--random", RANDOM]);
    let said = run("compare.py", &["--linnet", env!("CARGO_BIN_EXE_linnet")]);
    let equal = said.lines().filter(|line| line.split_whitespace().nth(1) == Some("equal")).count();
    assert!(equal > 300, "{said}");
}
