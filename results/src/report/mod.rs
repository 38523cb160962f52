//! One HTML page of one or more runs: the answer, the table, interactive pictures, the machine and the threat model. It needs no
//! network, and nothing beside it.

mod data;
mod question;

use crate::Loaded;
use crate::look::{COLOURS, DASHES, SHAPES};
use crate::reference::Reference;
use serde_json::json;
use std::fmt::Write;

const PAGE: &str = include_str!("../../report/page.html");
const STYLE: &str = include_str!("../../report/page.css");
const D3: &str = include_str!("../../report/vendor/d3.min.js");
const PLOT: &str = include_str!("../../report/vendor/plot.umd.min.js");
const LICENCES: [&str; 2] =
    [include_str!("../../report/vendor/d3.LICENSE"), include_str!("../../report/vendor/plot.LICENSE")];
/// The page's scripts, each of which uses those before it.
const SCRIPTS: [&str; 16] = [
    include_str!("../../report/axes.js"),
    include_str!("../../report/charts.js"),
    include_str!("../../report/download.js"),
    include_str!("../../report/figure.js"),
    ROWS,
    include_str!("../../report/address.js"),
    include_str!("../../report/filters.js"),
    include_str!("../../report/table.js"),
    include_str!("../../report/pictures.js"),
    include_str!("../../report/accuracies.js"),
    include_str!("../../report/front.js"),
    include_str!("../../report/relus.js"),
    include_str!("../../report/queries.js"),
    include_str!("../../report/verdict.js"),
    include_str!("../../report/references.js"),
    concat!(include_str!("../../report/setting.js"), include_str!("../../report/page.js")),
];
const ROWS: &str = include_str!("../../report/rows.js");

/// The page, in UTF-8.
pub fn html(runs: &[Loaded]) -> String {
    html_beside(runs, &[])
}

/// The page with a section of what others published.
pub fn html_beside(runs: &[Loaded], references: &[&Reference]) -> String {
    let named = |run: &Loaded| format!("{}, {}", run.manifest.id, run.manifest.started);
    let version = runs.first().map_or("", |run| run.manifest.linnet.as_str());
    let title = escaped(&question::of(runs));
    let scripts = SCRIPTS.map(|script| format!("<script>\n{script}</script>"));
    // Data last: what stands in it must not be taken for a part to be filled in.
    [
        ("{{style}}", format!("{}{STYLE}", colours())),
        ("{{version}}", escaped(version)),
        ("{{licences}}", escaped(&format!("D3\n\n{}\nObservable Plot\n\n{}", LICENCES[0], LICENCES[1]))),
        ("{{d3}}", D3.to_owned()),
        ("{{plot}}", PLOT.to_owned()),
        ("{{looks}}", format!("const looks = {};", json!({ "shapes": SHAPES, "dashes": DASHES }))),
        ("{{scripts}}", scripts.join("\n")),
        ("{{title}}", title.clone()),
        ("{{title}}", title),
        ("{{runs}}", escaped(&runs.iter().map(named).collect::<Vec<_>>().join("; "))),
        ("{{data}}", data::of(runs, references).to_string().replace('<', "\\u003c")),
    ]
    .into_iter()
    .fold(PAGE.to_owned(), |page, (part, text)| page.replacen(part, &text, 1))
}

/// The colours of series as the style sheet has them, on white and in the dark.
fn colours() -> String {
    let set = |of: fn(&(&'static str, &'static str)) -> &'static str| {
        COLOURS.iter().zip(1..).fold(String::new(), |mut text, (colour, index)| {
            write!(text, " --series-{index}: {};", of(colour)).expect("a string takes every text");
            text
        })
    };
    let (light, dark) = (set(|colour| colour.0), set(|colour| colour.1));
    format!(
        ":root {{{light} }}\n@media (prefers-color-scheme: dark) {{ :root:not([data-light]) {{{dark} }} }}\n"
    )
}

/// For the page, and never a part to be filled in.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace("{{", "{&#123;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Dimension;

    /// The budget has boxes and a place on the axes in any case.
    #[test]
    fn the_page_knows_all_dimensions_but_the_budget() {
        let all = Dimension::ALL.into_iter().filter(|dimension| *dimension != Dimension::Budget);
        let names: Vec<String> = all.map(|dimension| format!("\"{}\"", dimension.name())).collect();
        let line = format!("const dimensions = [{}];", names.join(", "));
        assert!(ROWS.contains(&line), "rows.js lacks {line}");
    }
}
