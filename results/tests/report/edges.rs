//! Where pages used to break: one cell alone, times that hardly differ, accuracies of few images beside those of many.

use crate::browser::{Through, probe};
use crate::made::{Made, of};
use results::{compare, pictures, report};
use serde::Deserialize;

const CELL: Made =
    Made { method: "snl", relus: 1_000, tested: Some((0.8, 1_000)), online_ms: 326.3, repeats: 7 };

#[derive(Deserialize)]
struct Seen {
    errors: Vec<String>,
    ticks: Vec<String>,
    colliding: Vec<String>,
    captions: Vec<String>,
    legend: Vec<String>,
    axis: Vec<String>,
    /// Points drawn with the paper's colour within, and all.
    hollow: usize,
    points: usize,
    rings: usize,
    bars: usize,
    overprinted: Vec<String>,
    /// Colours of lines of the first legend, as the browser has them.
    colours: Vec<String>,
    front: Vec<String>,
}

const SEE: &str = r##"
const axis = (svg, name) => [...svg.querySelectorAll(`g[aria-label='${name}-axis tick label'] text`)];
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const pairs = (texts) => texts.flatMap((one, i) => texts.slice(0, i)
  .filter((other) => meet(one.getBoundingClientRect(), other.getBoundingClientRect())).map((other) => `${other.textContent} ${one.textContent}`));
const charts_ = all("svg.chart");
const dots = all("#front g[aria-label=dot] > *");
const labels = all("#front g[aria-label=label]").map((group) => [...group.querySelectorAll("text")]);
done({
  errors, ticks: charts_.flatMap((svg) => [...axis(svg, "x"), ...axis(svg, "y")].map((text) => text.textContent)),
  colliding: charts_.flatMap((svg) => pairs(axis(svg, "x"))), captions: texts("figcaption"), legend: texts("#front .legend li"),
  axis: texts("#front g[aria-label='y-axis label']"),
  hollow: dots.filter((dot) => dot.getAttribute("fill") === "var(--paper)").length, points: dots.length,
  rings: all("#front g[aria-label=front] circle").length, bars: all("#front g[aria-label=rule] line").length,
  overprinted: labels.flatMap(pairs),
  colours: all("#front .legend line").map((line) => getComputedStyle(line).stroke),
  front: [...all("#table tbody tr")].map((row) => row.lastElementChild.textContent),
});"##;

fn see(cells: &[Made], hash: &str, through: Through) -> Option<Seen> {
    let page = report::html(&[of(tempfile::tempdir().unwrap().path(), cells)]);
    let seen = probe::<Seen>(&page, hash, through, SEE)?;
    assert_eq!(seen.errors, Vec::<String>::new());
    assert_eq!(seen.colliding, Vec::<String>::new());
    assert_eq!(seen.overprinted, Vec::<String>::new());
    for caption in &seen.captions {
        assert!(caption.starts_with(char::is_alphanumeric), "{caption}");
        assert!(!caption.contains("undefined") && !caption.contains(" -"), "{caption}");
    }
    Some(seen)
}

#[test]
fn one_cell_alone_has_axes_that_can_be_read() {
    let alone = Made { tested: None, repeats: 1, ..CELL };
    for (cell, through) in [(CELL, Through::Desktop), (alone, Through::Desktop), (alone, Through::Phone)] {
        let Some(seen) = see(&[cell], "", through) else { return };
        assert!(seen.ticks.len() > 8 && seen.ticks.iter().all(|tick| tick.len() <= 6), "{:?}", seen.ticks);
        assert_eq!((seen.points, seen.rings), (1, 0), "a cell alone has nothing to beat");
    }
}

#[test]
fn times_that_hardly_differ_have_ticks_that_do_not_meet() {
    let cells = [326.21, 326.28, 326.35, 326.42].map(|online_ms| Made { online_ms, ..CELL });
    let cells: Vec<Made> =
        cells.into_iter().zip(1..).map(|(cell, i)| Made { relus: 1_000 * i, ..cell }).collect();
    for through in [Through::Desktop, Through::Phone] {
        let Some(seen) = see(&cells, "", through) else { return };
        assert_eq!(seen.points, 4);
    }
}

#[test]
fn accuracies_of_fewer_images_are_marked() {
    let cells = [
        CELL,
        Made { relus: 2_000, tested: Some((0.9, 1_000)), ..CELL },
        Made { relus: 3_000, tested: None, repeats: 50, ..CELL },
        Made { relus: 4_000, tested: Some((0.9, 500)), ..CELL },
    ];
    let Some(seen) = see(&cells, "", Through::Desktop) else { return };
    assert_eq!((seen.hollow, seen.points), (2, 4));
    let told =
        "hollow: secure accuracy, by the protocol, on 50 images; test accuracy, in the clear, on 500 images";
    assert!(seen.legend.iter().any(|entry| entry == told), "{:?}", seen.legend);
    assert!(
        seen.axis.iter().all(|name| name.contains("accuracy") && !name.contains("test")),
        "{:?}",
        seen.axis
    );
    let Some(seen) = see(&cells[..2], "", Through::Phone) else { return };
    assert!(
        seen.hollow == 0 && seen.axis.iter().all(|name| name.contains("test accuracy")),
        "{:?}",
        seen.axis
    );
    assert_eq!(seen.bars, 4, "an interval of accuracy and of time each");
}

/// Seven methods and a seed: the page's colours are the pictures', and the seed's are its method's.
#[test]
fn a_method_has_one_colour_everywhere() {
    let methods = ["privshap", "snl", "relupruner", "uniform", "random", "drop", "autorep", "snl-seed1"];
    let cells: Vec<Made> = methods
        .into_iter()
        .zip(1..)
        .map(|(method, i)| Made { method, tested: Some((0.1 * f64::from(i), 1_000)), ..CELL })
        .collect();
    let run = of(tempfile::tempdir().unwrap().path(), &cells);
    let [(_, svg), ..] = pictures::all(&run.summary, &compare::unbeaten(&run));
    let Some(seen) = see(&cells, "", Through::Desktop) else { return };
    let channels = |hex: &str| u32::from_str_radix(hex, 16).unwrap();
    for (method, colour) in methods.iter().zip(&seen.colours) {
        // In the picture's legend a line and a mark stand before each name.
        let before = svg.split(&format!(">{method}</text>")).next().unwrap();
        let line = before.rsplit("<polyline").next().unwrap();
        let hex = line.split("stroke=\"#").nth(1).unwrap().split('"').next().unwrap();
        let [r, g, b] = [&hex[..2], &hex[2..4], &hex[4..]].map(channels);
        assert_eq!(*colour, format!("rgb({r}, {g}, {b})"), "{method}");
    }
    let distinct: std::collections::HashSet<&String> = seen.colours[..7].iter().collect();
    assert_eq!((distinct.len(), &seen.colours[7]), (7, &seen.colours[1]));
}

/// The first is surely slower than the second, which is as accurate; the third is level with the second. Table, picture and
/// comparison agree, and what beats no longer does when it is hidden.
#[test]
fn noise_beats_nothing_on_the_page_either() {
    let cells = [
        Made { online_ms: 400.0, ..CELL },
        Made { relus: 2_000, tested: Some((0.805, 1_000)), ..CELL },
        Made { relus: 3_000, tested: Some((0.800, 1_000)), online_ms: 326.4, ..CELL },
    ];
    let Some(seen) = see(&cells, "", Through::Desktop) else { return };
    assert_eq!((seen.rings, seen.points), (2, 3));
    let run = of(tempfile::tempdir().unwrap().path(), &cells);
    let blocks = compare::compare(&[run], &compare::Options::default()).unwrap();
    let marked: Vec<bool> = blocks[0].rows.iter().map(|row| row.front_latency).collect();
    assert_eq!(marked, [false, true, true]);
    let in_table: Vec<bool> = seen.front.iter().map(|mark| mark.contains("time")).collect();
    assert_eq!(in_table, marked);
    let hidden = see(&cells, "#?hide.budget=2%2C000&hide.budget=3%2C000", Through::Desktop).unwrap();
    assert_eq!((hidden.rings, hidden.points), (0, 1));
    let hidden = see(&cells, "#?hide.budget=2%2C000", Through::Desktop).unwrap();
    assert_eq!((hidden.rings, hidden.points), (1, 2), "the third beats the first as well");
}
