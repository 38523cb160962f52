//! Damaged files are refused with file, line, column, what was expected and what was found.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use results::{Error, load, load_manifest, load_tables, summarise};
use tempfile::tempdir;

/// Replaces the first `from` in one file of a finished run and gives the error of reading it, less the folder.
fn check(file: &str, from: &str, to: &str, expect: &str) {
    let temp = tempdir().unwrap();
    let (run, dir) = example::write(temp.path());
    run.finish().unwrap();
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let error = load(&dir).unwrap_err().to_string();
    let folder = format!("{}/", dir.display());
    assert_eq!(error.replace(&folder, ""), expect);
}

#[test]
fn values_of_the_wrong_type() {
    check(
        "raw.csv",
        "linear,500,",
        "linear,5e2,",
        r#"raw.csv, line 2, column bytes_out: expected a whole number in range, zero or more, found "5e2""#,
    );
    check(
        "raw.csv",
        "linear,500,",
        "linear,,",
        r#"raw.csv, line 2, column bytes_out: expected a whole number in range, zero or more, found """#,
    );
    check(
        "cells.csv",
        ",0.75,",
        ",high,",
        r#"cells.csv, line 2, column acc_float: expected a decimal number, found "high""#,
    );
    check(
        "inferences.csv",
        "mini-lan,0,true",
        "mini-lan,0,yes",
        r#"inferences.csv, line 2, column warmup: expected true or false, found "yes""#,
    );
    check(
        "raw.csv",
        ",server,",
        ",broker,",
        "raw.csv, line 3, column party: expected a known value (unknown variant `broker`, expected `client` or `server`), \
         found \"broker\"",
    );
}

#[test]
fn values_out_of_range() {
    check(
        "cells.csv",
        ",0.75,",
        ",NaN,",
        r#"cells.csv, line 2, column acc_float: expected a fraction from 0 to 1, found "NaN""#,
    );
    check(
        "summary.csv",
        "0.016500000",
        "-0.016500000",
        r#"summary.csv, line 2, column offline_s_p50: expected seconds, zero or more, found "-0.0165""#,
    );
}

#[test]
fn headings() {
    check(
        "raw.csv",
        "bytes_out",
        "bytes_sent",
        r#"raw.csv, line 1, column bytes_out: expected the heading bytes_out, found "bytes_sent""#,
    );
    check(
        "cells.csv",
        ",error\n",
        "\n",
        r#"cells.csv, line 1, column error: expected 33 fields, found "32 fields""#,
    );
}

#[test]
fn torn_and_overlong_lines() {
    check(
        "raw.csv",
        ",5500000,2750000,2750000\n",
        ",55\n",
        r#"raw.csv, line 5, column compute_ns: expected 18 fields, found "16 fields""#,
    );
    check(
        "raw.csv",
        ",5500000,2750000,2750000\n",
        ",5500000,2750000,2750000,1\n",
        r#"raw.csv, line 5, column blocked_ns: expected 18 fields, found "19 fields""#,
    );
}

#[test]
fn rows_that_refer_to_nothing() {
    check(
        "inferences.csv",
        "mini-wan,0",
        "mini-man,0",
        r#"inferences.csv, line 6, column cell: expected a cell of cells.csv, found "mini-man""#,
    );
    check(
        "inferences.csv",
        "mini-lan,2,false",
        "mini-lan,1,false",
        r#"inferences.csv, line 5, column repeat: expected a repeat not seen before, found "1""#,
    );
    check(
        "cells.csv",
        "mini-wan,",
        "mini-lan,",
        r#"cells.csv, line 3, column cell: expected an id not used before, found "mini-lan""#,
    );
    check(
        "inferences.csv",
        "mini-lan,0,true",
        "mini-lan,7,true",
        r#"raw.csv, line 2, column repeat: expected a repeat of inferences.csv, found "0 of mini-lan""#,
    );
}

#[test]
fn manifest() {
    check(
        "manifest.json",
        "\"threads\": 1",
        "\"threads\": \"one\"",
        "manifest.json, line 18, column 18: invalid type: string \"one\", expected u32 at line 18 column 18",
    );
    check("manifest.json", "\"schema\": 2", "\"schema\": 1", "manifest.json: expected schema 2, found 1");
    check(
        "manifest.json",
        "\"threads\": 1,",
        "\"threads\": 1, \"colour\": 3,",
        "manifest.json, line 18, column 24: unknown field `colour`, expected one of `schema`, `id`, `started`, `command`, \
         `linnet`, `revision`, `machine`, `threads`, `pinning`, `seeds`, `links`, `loopback`, `models`, `data`, `cells`, `shard`, `busy`, `resumed`, `settings` at line \
         18 column 24",
    );
}

#[test]
fn text_that_is_not_utf8() {
    let temp = tempdir().unwrap();
    let (run, dir) = example::write(temp.path());
    run.finish().unwrap();
    let path = dir.join("cells.csv");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|window| window == b"privshap").unwrap();
    bytes[at] = 0xff;
    std::fs::write(&path, bytes).unwrap();
    match load(&dir) {
        Err(Error::Field { line: 2, column, expected, .. }) => {
            assert_eq!((column.as_str(), expected.as_str()), ("method", "UTF-8 text"));
        }
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn missing_files_are_named() {
    let without = |file: &str| {
        let temp = tempdir().unwrap();
        let (run, dir) = example::write(temp.path());
        run.finish().unwrap();
        std::fs::remove_file(dir.join(file)).unwrap();
        load(&dir).unwrap_err()
    };
    for file in ["cells.csv", "inferences.csv", "raw.csv"] {
        let error = without(file);
        assert!(matches!(&error, Error::Io { action: "read", path, .. } if path.ends_with(file)), "{error}");
    }
    assert!(matches!(without("manifest.json"), Error::NoRun { found: "one without", .. }));
}

#[test]
fn empty_files_are_refused() {
    let temp = tempdir().unwrap();
    let (run, dir) = example::write(temp.path());
    run.finish().unwrap();
    std::fs::write(dir.join("raw.csv"), "").unwrap();
    assert!(matches!(load(&dir), Err(Error::Field { line: 1, column, .. }) if column == "cell"));
}

#[test]
fn a_run_cut_short_loses_only_its_last_repeat() {
    let temp = tempdir().unwrap();
    let (run, dir) = example::write(temp.path());
    drop(run);
    let path = dir.join("inferences.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let end = text.find("mini-wan,0").unwrap();
    std::fs::write(&path, &text[..end]).unwrap();
    let (tables, manifest) = (load_tables(&dir).unwrap(), load_manifest(&dir).unwrap());
    let rows = summarise(&tables, &manifest).unwrap();
    assert_eq!((rows[0].n, rows[1].n, rows[1].failed), (3, 0, 0));
}
