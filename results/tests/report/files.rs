//! Pictures and rows as files.

use crate::browser::{Through, probe};
use crate::made::runs;
use results::report;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Saved {
    errors: Vec<String>,
    figures: Vec<String>,
    /// By the name of the file.
    files: BTreeMap<String, File>,
    /// What an XML parser and a decoder of pictures make of them.
    parsed: BTreeMap<String, Parsed>,
    /// Rows of the table of cells, and the page's colour of paper.
    rows: usize,
    paper: String,
}

#[derive(Deserialize)]
struct File {
    kind: String,
    text: String,
}

#[derive(Deserialize)]
struct Parsed {
    wrong: usize,
    marks: usize,
    texts: usize,
    /// Width and height.
    size: (f64, f64),
}

/// Presses every button, and keeps what would be saved.
const SAVE: &str = r##"
const blobs = new Map(), named = new Map();
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { const url = make(blob); blobs.set(url, blob); return url; };
HTMLAnchorElement.prototype.click = function () { named.set(this.download, blobs.get(this.href)); };
const buttons = all(".downloads button");
for (const button of buttons) {
  const before = named.size;
  button.click();
  for (let i = 0; i < 5000 && named.size === before; i++) await new Promise((go) => setTimeout(go, 1));
}
const [files, parsed] = [{}, {}];
for (const [name, blob] of named) {
  const bytes = new Uint8Array(await settled(blob.arrayBuffer()));
  const text = blob.type === "image/png" ? String.fromCharCode(...bytes.slice(1, 4)) : new TextDecoder().decode(bytes);
  files[name] = { kind: blob.type, text };
  if (name.endsWith(".svg")) {
    const svg = new DOMParser().parseFromString(text, "image/svg+xml");
    const root = svg.documentElement;
    parsed[name] = {
      wrong: svg.querySelectorAll("parsererror").length, marks: svg.querySelectorAll("svg svg path, svg svg rect").length,
      texts: svg.querySelectorAll("text").length, size: [Number(root.getAttribute("width")), Number(root.getAttribute("height"))],
    };
  }
  if (name.endsWith(".png")) {
    // Its header begins with width and height.
    const header = new DataView(bytes.buffer);
    parsed[name] = { wrong: 0, marks: 0, texts: 0, size: [header.getUint32(16), header.getUint32(20)] };
  }
}
done({
  errors, figures: all("figure").map((figure) => figure.id), files, parsed, rows: all("#table tbody tr").length,
  paper: getComputedStyle(document.body).backgroundColor,
});"##;

fn check(through: Through) {
    let page = report::html(&runs(tempfile::tempdir().unwrap().path()));
    let Some(saved) = probe::<Saved>(&page, "", through, SAVE) else { return };
    assert_eq!(saved.errors, Vec::<String>::new());
    assert_eq!(saved.figures.len(), 9);
    for figure in &saved.figures {
        let (svg, png) = (format!("{figure}.svg"), format!("{figure}.png"));
        let (drawn, shown) = (&saved.files[&svg], &saved.parsed[&svg]);
        assert_eq!((drawn.kind.as_str(), shown.wrong), ("image/svg+xml", 0), "{svg}");
        assert!(shown.marks >= 4 && shown.texts >= 5, "{svg}: {} marks, {} texts", shown.marks, shown.texts);
        // Nothing is left for a style sheet to say, and the paper is light wherever it was drawn.
        assert!(!drawn.text.contains("var(--") && !drawn.text.contains("<style"), "{svg}");
        assert!(drawn.text.contains(r#"fill="rgb(255, 255, 255)""#), "{svg}");
        assert_eq!(saved.files[&png].text, "PNG");
        let size = saved.parsed[&png].size;
        assert_eq!(size, (2.0 * shown.size.0, 2.0 * shown.size.1), "twice as fine");
        let rows = &saved.files[&format!("{figure}.csv")];
        assert_eq!(rows.kind, "text/csv");
        let mut reader = csv::Reader::from_reader(rows.text.as_bytes());
        assert!(reader.headers().unwrap().len() > 5);
        assert!(reader.records().map(Result::unwrap).count() >= 2, "{figure}");
    }
    let cells = &saved.files["cells.csv"].text;
    assert_eq!(cells.lines().count(), 1 + saved.rows);
    let heads: Vec<&str> = cells.lines().next().unwrap().split(',').collect();
    for head in
        ["peak_rss_client_bytes", "store_client_bytes", "online_s_p50_low", "acc_fixed_test_high", "front"]
    {
        assert!(heads.contains(&head), "{head} in {heads:?}");
    }
    let dark = matches!(through, Through::Phone);
    assert_eq!(
        saved.paper == "rgb(255, 255, 255)",
        !dark,
        "the page itself stays as it was: {}",
        saved.paper
    );
}

#[test]
fn every_picture_is_saved_in_three_ways() {
    check(Through::Desktop);
}

#[test]
fn on_a_phone_in_the_dark_too() {
    check(Through::Phone);
}
