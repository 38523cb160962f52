//! The report page: that it is whole, and that a browser draws it, filters it and complains of nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{cell, inference, manifest, steps};
use results::{CellRow, Loaded, Manifest, Run, load, report};
use std::path::Path;
use std::process::{Command, Stdio};

/// Two methods at two budgets over two links, seven repeats each, and a name that would end a script.
fn run(folder: &Path) -> Loaded {
    let settings = serde_json::json!({ "question": "Which </script><b>method</b> is best?" });
    let dir = folder.join("page");
    let mut run = Run::create(&dir, &Manifest { id: "page".to_owned(), settings, ..manifest() }).unwrap();
    for link in ["lan", "wan"] {
        for method in ["privshap", "snl"] {
            for relus in [1_000, 4_000] {
                let id = format!("mini-{method}-{relus}-{link}");
                let row =
                    CellRow { method: method.to_owned(), budget: Some(relus), relus, ..cell(&id, link) };
                run.cell(&row).unwrap();
                for repeat in 0..7 {
                    let inference = inference(&id, repeat, 3);
                    let ns = 2_000_000 + relus * 300 + u64::from(repeat) * 10_000;
                    run.inference(&inference, &steps(&inference, ns)).unwrap();
                }
            }
        }
    }
    run.finish().unwrap();
    load(&dir).unwrap()
}

#[test]
fn the_page_needs_nothing_beside_it() {
    let temp = tempfile::tempdir().unwrap();
    let page = report::html(&[run(temp.path())]);
    assert!(!page.contains("{{"), "every part is filled in");
    for outside in ["src=\"", "href=\"http", "@import", "url("] {
        let own = page.split("<script>").next().unwrap();
        assert!(!own.contains(outside), "{outside}");
    }
    assert!(page.contains("Permission to use, copy, modify"), "the licences are part of the page");
    assert!(!page.contains("Which </script>"), "what is in the data cannot end the script");
}

/// What the browser found, as the script below leaves it.
#[derive(serde::Deserialize)]
struct Found {
    errors: Vec<String>,
    question: String,
    /// Marks in each picture.
    marks: std::collections::BTreeMap<String, usize>,
    rows: usize,
    rows_without_snl: usize,
    shown: String,
    dots_without_snl: usize,
    bars_of_last_cell: usize,
    first_sorted: String,
    unlabelled: usize,
}

const LISTEN: &str = "<script>window.errors = [];
addEventListener('error', (event) => errors.push(event.message));
console.error = (...words) => errors.push(words.join(' '));
console.warn = (...words) => errors.push(words.join(' '));</script>";

const TRY: &str = r##"<script>
const all = (selector) => [...document.querySelectorAll(selector)];
const rows = () => all("#table tbody tr").length;
const marks = Object.fromEntries(all("figure").map((figure) =>
  [figure.id, figure.querySelectorAll("svg rect, svg circle, svg path").length]));
const before = rows();
const snl = all("#filters input").find((box) => box.value === "snl");
snl.click();
const without = { rows: rows(), shown: document.getElementById("shown").textContent, dots: all("#front circle").length };
snl.click();
const select = document.getElementById("cell");
select.value = select.options[select.options.length - 1].value;
select.dispatchEvent(new Event("change"));
const online = all("#table th button").find((button) => button.textContent === "ReLUs");
online.click();
all("#table th button").find((button) => button.textContent === "ReLUs").click();
const found = {
  errors, marks, rows: before, rows_without_snl: without.rows, shown: without.shown, dots_without_snl: without.dots,
  question: document.getElementById("question").textContent,
  bars_of_last_cell: all("#layer-time rect").length,
  first_sorted: document.querySelector("#table tbody tr").textContent,
  unlabelled: all("figure svg").filter((svg) => svg.closest("figure").querySelectorAll("[role=img][aria-label]").length === 0).length,
};
document.body.setAttribute("data-found", btoa(unescape(encodeURIComponent(JSON.stringify(found)))));
</script>"##;

#[test]
fn a_browser_draws_it_and_filters_it_without_complaint() {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    });
    let Some(browser) = browser else {
        println!("skipped: no chromium is installed (apt install chromium)");
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let page = report::html(&[run(temp.path())]);
    let page =
        page.replacen("<head>", &format!("<head>{LISTEN}"), 1).replace("</body>", &format!("{TRY}</body>"));
    std::fs::write(temp.path().join("page.html"), page).unwrap();
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", temp.path().join("profile").display()))
        .arg(format!("file://{}", temp.path().join("page.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let coded = dom.split("data-found=\"").nth(1).and_then(|rest| rest.split('"').next());
    let coded = coded.unwrap_or_else(|| {
        panic!("the page's scripts did not end: {}", String::from_utf8_lossy(&output.stderr))
    });
    let json = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, coded).unwrap();
    let found: Found = serde_json::from_slice(&json).unwrap();
    assert_eq!(found.errors, Vec::<String>::new());
    assert_eq!(found.question, "Which </script><b>method</b> is best?");
    for picture in ["front", "time", "bytes", "layer-time", "layer-bytes", "curves"] {
        assert!(found.marks[picture] >= 4, "{picture}: {} marks", found.marks[picture]);
    }
    assert_eq!((found.rows, found.rows_without_snl), (8, 4));
    assert_eq!((found.shown.as_str(), found.dots_without_snl), ("4 of 8 cells", 4));
    assert!(found.bars_of_last_cell >= 4 && found.unlabelled == 0);
    assert!(found.first_sorted.contains("4,000"), "the largest first: {}", found.first_sorted);
}
