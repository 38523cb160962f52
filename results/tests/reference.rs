//! Published figures: that the book has all of them, and that the page shows those that fit.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{cell, inference, manifest, steps};
use results::reference::{Reference, built_in, fitting, markdown};
use results::{CellRow, Loaded, Manifest, ModelRecord, Run, load, report};
use std::path::Path;
use std::process::Command;

const BOOK: &str = include_str!("../../book/src/published.md");

#[test]
fn the_book_has_every_figure() {
    let tables = markdown(&built_in());
    assert!(
        BOOK.ends_with(&tables),
        "book/src/published.md should end with what `linnet reference --markdown` prints:\n\n{tables}"
    );
}

fn all() -> Vec<Reference> {
    built_in().into_iter().flat_map(|system| system.references).collect()
}

/// A run of a ResNet18 on CIFAR-10.
fn run(folder: &Path) -> Loaded {
    let dir = folder.join("run");
    let model = ModelRecord { name: "resnet18".into(), data: "cifar10".into(), ..ModelRecord::default() };
    let mut run = Run::create(&dir, &Manifest { models: vec![model], ..manifest() }).unwrap();
    let row = CellRow { model: "resnet18".to_owned(), ..cell("resnet18-lan", "lan") };
    run.cell(&row).unwrap();
    let inference = inference("resnet18-lan", 0, 3);
    run.inference(&inference, &steps(&inference, 2_000_000)).unwrap();
    run.finish().unwrap();
    load(&dir).unwrap()
}

/// The page's data.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_page_has_what_fits_under_its_own_key_and_otherwise_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let runs = [run(temp.path())];
    assert_eq!(data(&report::html(&runs))["references"], serde_json::json!([]));

    let (known, models) = (all(), &runs[0].manifest.models);
    let pairs: Vec<(&str, &str)> =
        models.iter().map(|model| (model.name.as_str(), model.data.as_str())).collect();
    let fit = fitting(&known, &pairs);
    let page = report::html_beside(&runs, &fit);
    assert!(!page.contains("{{"), "every part is filled in");
    let data = data(&page);
    let listed = data["references"].as_array().unwrap();
    assert_eq!(listed.len(), fit.len());
    let snl = listed.iter().find(|entry| entry["id"] == "snl-resnet18-cifar10-12900").unwrap();
    assert_eq!(snl["what"], "accuracy");
    assert_eq!((snl["figure"].as_f64(), snl["unit"].as_str()), (Some(0.8823), Some("fraction")));
    assert_eq!(
        (snl["source"]["kind"].as_str(), snl["source"]["place"].as_str()),
        (Some("secondary"), Some("table 1"))
    );
    let delphi = listed.iter().find(|entry| entry["id"] == "delphi-resnet18-cifar10-offline-he").unwrap();
    assert_eq!((delphi["what"].as_str(), delphi["phase"].as_str()), (Some("cost"), Some("offline")));
}

/// The page as a browser has it once its scripts have run; `None`, said aloud, where none is installed.
fn drawn(page: &str) -> Option<String> {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("page.html");
    let listen = "<head><script>addEventListener('error', (event) => document.title = `failed: ${event.message}`);</script>";
    std::fs::write(&file, page.replacen("<head>", listen, 1)).unwrap();
    for name in ["chromium", "chromium-browser", "google-chrome"] {
        let output = Command::new(name)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--virtual-time-budget=5000",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", temp.path().join("profile").display()))
            .arg(format!("file://{}", file.display()))
            .output();
        if let Ok(output) = output {
            return Some(String::from_utf8_lossy(&output.stdout).into_owned());
        }
    }
    println!("skipped: no chromium is installed (apt install chromium)");
    None
}

#[test]
fn a_browser_lists_them_with_figure_and_source_and_hides_the_section_where_there_are_none() {
    let temp = tempfile::tempdir().unwrap();
    let (runs, known) = ([run(temp.path())], all());
    let fit = fitting(&known, &[("resnet18", "cifar10")]);
    let Some(page) = drawn(&report::html_beside(&runs, &fit)) else { return };
    assert!(page.contains("data-ready=\"yes\"") && !page.contains("<title>failed"), "its scripts ended");
    let (_, section) = page.split_once("id=\"references\">").unwrap();
    let section = section.split_once("</section>").unwrap().0;
    assert_eq!(section.matches("<tr>").count(), fit.len() + 2, "a line each, and two heads");
    assert!(section.contains("secondary: Li et al., ReLUPruner, AAAI 2026, table 1"), "sources");
    assert!(section.contains("88.23\u{a0}%") || section.contains("88.23&nbsp;%"), "accuracies");
    assert!(section.contains("286\u{a0}s") || section.contains("286&nbsp;s"), "times");
    assert!(page.contains("<a href=\"#published\">"));

    let plain = drawn(&report::html(&runs)).unwrap();
    assert!(plain.contains("id=\"published\" hidden") && !plain.contains("<a href=\"#published\">"));
}
