//! Accuracy against ReLUs: a point a network, and what others published beside it, which is never taken for a measurement.

use crate::browser::{Through, probe};
use crate::example::{cell, inference, manifest, steps};
use results::reference::{Reference, parse};
use results::{CellRow, Loaded, Manifest, ModelRecord, Run, load, report};
use serde::Deserialize;
use std::path::Path;

/// A network of the model `resnet18` in a cell of its own.
#[derive(Clone, Copy)]
struct Network {
    method: &'static str,
    budget: Option<u64>,
    relus: u64,
    /// On test images, of which there are so many.
    tested: (f64, u64),
    relu: &'static str,
    link: &'static str,
}

const SMALL: Network = Network {
    method: "privshap",
    budget: Some(6_000),
    relus: 6_000,
    tested: (0.75, 2_000),
    relu: "narrow",
    link: "lan",
};
const LARGE: Network = Network { budget: Some(50_000), relus: 49_000, tested: (0.875, 2_000), ..SMALL };
const OTHER: Network = Network { method: "snl", tested: (0.5, 2_000), ..SMALL };
const WHOLE: Network = Network { method: "ar", budget: None, relus: 557_056, tested: (0.9, 2_000), ..SMALL };
/// Three series and four networks.
const ALL: [Network; 4] = [WHOLE, LARGE, SMALL, OTHER];

fn run(folder: &Path, data: &str, networks: &[Network]) -> Loaded {
    let dir = folder.join("networks");
    let model = |network: &Network| ModelRecord {
        name: "resnet18".to_owned(),
        data: data.to_owned(),
        method: network.method.to_owned(),
        ..ModelRecord::default()
    };
    let models = networks.iter().map(model).collect();
    let mut run = Run::create(&dir, &Manifest { id: "networks".to_owned(), models, ..manifest() }).unwrap();
    for network in networks {
        let Network { method, budget, relus, tested: (share, images), relu, link } = *network;
        let id = format!("{method}-{relus}-{relu}-{link}");
        let row = CellRow {
            model: "resnet18".to_owned(),
            method: method.to_owned(),
            budget,
            relus,
            relu: relu.to_owned(),
            acc_float: Some(share),
            acc_fixed: Some(share),
            acc_images: Some(images),
            ..cell(&id, link)
        };
        run.cell(&row).unwrap();
        for repeat in 0..7 {
            let inference = inference(&id, repeat, 3);
            run.inference(&inference, &steps(&inference, 2_000_000 + relus + u64::from(repeat))).unwrap();
        }
    }
    run.finish().unwrap();
    load(&dir).unwrap()
}

/// Two systems: three accuracies of the network, one of them with a comma in its note; then one without a count, one of another
/// data set, and a cost.
const SNAIL: &str = r#"
system = "SnailPruner"
work = "A paper"
remarks = "Slow."

[[accuracy]]
id = "snail-12900"
network = "ResNet18"
data = "CIFAR-10"
relus = 12900
figure = 0.8812
unit = "fraction"
all_relu = 0.9555
source = { kind = "paper", work = "A paper", place = "table 1" }

[[accuracy]]
id = "snail-50000"
network = "ResNet-18"
data = "CIFAR-10"
relus = 50000
figure = 0.93
unit = "fraction"
all_relu = 0.9555
source = { kind = "readme", work = "A page", place = "README.md" }
note = "In rain, at night"

[[accuracy]]
id = "snail-unsaid"
network = "ResNet18"
data = "CIFAR-10"
figure = 0.11
unit = "fraction"
source = { kind = "paper", work = "A paper", place = "table 2" }

[[accuracy]]
id = "snail-cifar100"
network = "ResNet18"
data = "CIFAR-100"
relus = 12900
figure = 0.22
unit = "fraction"
source = { kind = "paper", work = "A paper", place = "table 3" }

[[cost]]
id = "snail-time"
network = "ResNet18"
data = "CIFAR-10"
relus = 12900
phase = "online"
of = "waiting"
figure = 12.5
unit = "s"
source = { kind = "paper", work = "A paper", place = "table 4" }
"#;
const SLUG: &str = r#"
system = "Slug"
work = "Another paper"
remarks = "None."

[[accuracy]]
id = "slug-150000"
network = "ResNet18"
data = "CIFAR-10"
relus = 150000
figure = 0.94
unit = "fraction"
source = { kind = "secondary", work = "A third paper", place = "table 5" }
"#;

fn references() -> Vec<Reference> {
    let systems = [parse("snail.toml", SNAIL), parse("slug.toml", SLUG)];
    systems.into_iter().flat_map(|system| system.unwrap().references).collect()
}

/// The page of a run on this data set, given all references, whether or not they fit it.
fn page(data: &str, networks: &[Network], references: &[Reference]) -> String {
    let run = run(tempfile::tempdir().unwrap().path(), data, networks);
    report::html_beside(&[run], &references.iter().collect::<Vec<_>>())
}

#[derive(Deserialize, Debug)]
struct Seen {
    errors: Vec<String>,
    title: String,
    hidden: bool,
    listed: bool,
    legend: Vec<String>,
    /// Shapes of our points, and those of published ones with their stroke and fill.
    points: Vec<String>,
    published: Vec<[String; 3]>,
    lines: usize,
    intervals: usize,
    labels: Vec<String>,
    ticks: Vec<String>,
    colliding: Vec<String>,
    axis: String,
    caption: String,
    heads: Vec<String>,
    table: Vec<String>,
    csv: String,
    /// Texts that the saved picture has beyond its edge.
    cut: Vec<String>,
    /// What is said where the pointer is at the first published mark.
    tip: String,
    /// The answer, and the front of the table of cells.
    answer: Vec<String>,
    front: Vec<String>,
    /// Smallest contrast of the published marks with the paper.
    contrast: f64,
    sideways: f64,
}

const SEE: &str = r##"
const figure_ = "#relus svg.chart ";
const published_ = all(`${figure_}g[aria-label='published elsewhere'] path`);
const labels = all(`${figure_}g[aria-label='x-axis tick label'] text`);
const boxes = labels.map((text) => [text.getBoundingClientRect(), text.textContent]).sort(([a], [b]) => a.left - b.left);
const make = URL.createObjectURL;
HTMLAnchorElement.prototype.click = () => {};
const saved = async (kind) => {
  const button = all("#relus .downloads button").find((button) => button.textContent === kind);
  let text = "";
  URL.createObjectURL = (blob) => { text = blob.text(); return make(blob); };
  button?.click();
  return text && settled(text);
};
const csv = await saved("CSV");
const picture = document.body.appendChild(document.createElement("div"));
picture.innerHTML = await saved("SVG");
const edge = picture.firstElementChild?.getBoundingClientRect().right;
const cut = [...picture.querySelectorAll(":scope > svg > text")].filter((text) => text.getBoundingClientRect().right > edge).map((text) => text.textContent);
picture.remove();
const told = () => texts(`${figure_}g[aria-label=tip]`).join(" ");
if (published_.length) {
  document.getElementById("relus").scrollIntoView();
  const { left, top, width, height } = published_[0].getBoundingClientRect();
  const at = { clientX: left + width / 2, clientY: top + height / 2, pointerType: "mouse", bubbles: true };
  document.querySelector(figure_).dispatchEvent(new PointerEvent("pointermove", at));
}
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/[\d.]+/g).map((value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const paper = getComputedStyle(document.body).backgroundColor;
done({
  errors, title: document.getElementById("h-budgets").textContent, hidden: document.getElementById("budgets").hidden,
  listed: !document.querySelector("nav a[href='#budgets']").parentElement.hidden, legend: texts("#relus .legend li"),
  points: all(`${figure_}g[aria-label=dot] > path`).map((path) => path.getAttribute("d")),
  published: published_.map((path) => [path.getAttribute("d"), getComputedStyle(path).stroke, getComputedStyle(path).fill]),
  lines: all(`${figure_}g[aria-label=line] path`).length, intervals: all(`${figure_}g[aria-label=rule] line`).length,
  labels: texts(`${figure_}g[aria-label=label] text`), ticks: labels.map((text) => text.textContent),
  colliding: boxes.flatMap(([box, text], i) => (i > 0 && box.left < boxes[i - 1][0].right ? [`${boxes[i - 1][1]} ${text}`] : [])),
  axis: texts(`${figure_}g[aria-label='y-axis label']`).join(" "), caption: texts("#relus figcaption").join(" "),
  heads: texts("#relus thead th"), table: texts("#relus tbody tr"), csv, cut, tip: told(),
  answer: texts("#answer li"), front: all("#table tbody tr").map((row) => row.lastElementChild.textContent),
  contrast: Math.min(21, ...published_.map((path) => contrast(getComputedStyle(path).stroke, paper))),
  sideways: document.documentElement.scrollWidth - innerWidth,
});"##;

fn see(page: &str, through: Through) -> Option<Seen> {
    let seen = probe::<Seen>(page, "", through, SEE)?;
    assert_eq!(seen.errors, Vec::<String>::new());
    assert_eq!(seen.colliding, Vec::<String>::new());
    assert_eq!(seen.cut, Vec::<String>::new());
    assert!(seen.sideways <= 0.0, "the page scrolls sideways by {}", seen.sideways);
    assert_eq!(seen.title, "Accuracy against ReLUs");
    assert_eq!(seen.hidden, !seen.listed, "what is hidden is not listed");
    Some(seen)
}

#[test]
fn published_accuracies_stand_beside_ours_and_are_called_so() {
    let page = page("cifar10", &ALL, &references());
    for through in [Through::Desktop, Through::Phone] {
        let Some(seen) = see(&page, through) else { return };
        assert!(!seen.hidden);
        assert_eq!(
            seen.legend,
            [
                "ar",
                "privshap",
                "snl",
                "published elsewhere: SnailPruner (paper, readme)",
                "published elsewhere: Slug (secondary)"
            ]
        );
        assert_eq!((seen.points.len(), seen.intervals), (4, 4), "none of theirs is one of ours");
        let [first, second, other] = &seen.published[..] else { panic!("{:?}", seen.published) };
        assert!(first == second && first[0] != other[0], "a shape a system: {:?}", seen.published);
        assert!(first[1] == other[1] && first[1] != first[2], "grey and hollow: {:?}", seen.published);
        assert!(seen.contrast >= 3.0, "{}", seen.contrast);
        assert!(
            seen.tip.contains("published elsewhere:") && seen.tip.contains("SnailPruner (paper)"),
            "{}",
            seen.tip
        );
        for part in [
            "published elsewhere, and were not measured here",
            "other training recipes and other starting networks",
            "with every ReLU: 95.55\u{a0}% (SnailPruner's ResNet18 on CIFAR-10), 95.55\u{a0}% (SnailPruner's ResNet-18 on CIFAR-10).",
        ] {
            assert!(seen.caption.contains(part), "{part} in {}", seen.caption);
        }
        assert_eq!(seen.axis, "↑ accuracy (%)", "the axis is theirs too");
        assert_eq!(seen.table.len(), 7);
        let theirs = seen.table.iter().filter(|line| line.contains("published elsewhere"));
        assert_eq!(theirs.count(), 3);
        assert!(seen.table[0].contains("measured here"), "{}", seen.table[0]);
    }
}

#[test]
fn the_lines_fronts_and_the_answer_are_those_without_them() {
    let (with, without) = (page("cifar10", &ALL, &references()), page("cifar10", &ALL, &[]));
    let Some(with) = see(&with, Through::Desktop) else { return };
    let without = see(&without, Through::Desktop).unwrap();
    assert_eq!((with.lines, &with.points), (without.lines, &without.points));
    assert_eq!((with.answer, with.front), (without.answer, without.front));
}

/// Neither without them, nor beside those of another network or data set.
#[test]
fn without_fitting_ones_there_is_no_trace_of_them() {
    for (data, references) in [("cifar10", Vec::new()), ("svhn", references())] {
        let Some(seen) = see(&page(data, &ALL, &references), Through::Phone) else { return };
        assert_eq!((seen.points.len(), seen.published.len()), (4, 0), "{data}");
        assert_eq!(seen.legend, ["ar", "privshap", "snl"]);
        assert_eq!(seen.axis, "↑ test accuracy (%)");
        assert_eq!(
            seen.caption,
            "Test accuracy, in the clear, on 2,000 images. Most accurate is ar all with 90.00\u{a0}% at 557,056 ReLUs; of the \
             fewest ReLUs is privshap 6,000 with 75.00\u{a0}% at 6,000 ReLUs."
        );
        assert_eq!(seen.heads, ["network", "ReLUs", "%", "95 %", "accuracy", "images", "cells"]);
        assert!(!seen.csv.contains("published") && !seen.csv.contains("source"), "{}", seen.csv);
        for word in seen.table.iter().chain(&seen.heads) {
            assert!(!word.contains("published") && !word.contains("measured"), "{word}");
        }
        let mut labels = seen.labels;
        labels.sort_unstable();
        assert_eq!(labels, ["50k", "6k", "6k", "all"]);
    }
}

/// Links and circuits are no networks. The cell of most images speaks for its network, whose others are counted.
#[test]
fn a_network_over_two_links_and_by_two_circuits_is_one_point() {
    let cells = [
        SMALL,
        Network { link: "wan", ..SMALL },
        Network { relu: "sign", tested: (0.76, 4_000), ..SMALL },
        LARGE,
        Network { link: "wan", ..LARGE },
    ];
    let Some(seen) = see(&page("cifar10", &cells, &[]), Through::Desktop) else { return };
    assert_eq!((seen.points.len(), seen.lines, seen.intervals), (2, 1, 2));
    assert_eq!(seen.csv.lines().count(), 3, "{}", seen.csv);
    let line = |relus: &str| seen.table.iter().find(|line| line.contains(relus)).unwrap();
    assert!(
        line("6,000").contains("76.00") && line("6,000").ends_with("3, 75.00 to 76.00"),
        "{}",
        line("6,000")
    );
    assert!(line("49,000").ends_with("2,0002"), "of 2,000 images, in 2 cells: {}", line("49,000"));
    assert!(seen.legend.iter().any(|entry| entry.starts_with("hollow: test accuracy")), "{:?}", seen.legend);
}

/// Whose accuracies are of different numbers of images, which makes none of them hollow.
#[test]
fn data_sets_have_panels_of_their_own() {
    let temp = tempfile::tempdir().unwrap();
    let more = [SMALL, LARGE].map(|network| Network { tested: (0.6, 5_000), ..network });
    let runs = [("cifar10", [SMALL, LARGE]), ("cifar100", more)].map(|(data, networks)| {
        let folder = temp.path().join(data);
        let mut run = run(&folder, data, &networks);
        data.clone_into(&mut run.manifest.id);
        run
    });
    let known = references();
    let page = report::html_beside(&runs, &known.iter().collect::<Vec<_>>());
    let script = r##"done([
      texts("#relus .panels h3"), all("#relus svg.chart").map((svg) => `${svg.querySelectorAll("g[aria-label='published elsewhere'] path").length}`),
      texts("#relus .legend li"), errors]);"##;
    let Some([titles, published, legend, errors]) =
        probe::<[Vec<String>; 4]>(&page, "", Through::Desktop, script)
    else {
        return;
    };
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(titles, ["resnet18 on cifar10", "resnet18 on cifar100"]);
    assert_eq!(published, ["3", "1"], "each beside its own");
    assert_eq!(legend[..2], ["cifar10", "cifar100"], "runs, which differ in name");
    assert!(legend[2..].iter().all(|entry| entry.starts_with("published elsewhere: ")), "{legend:?}");
}

#[test]
fn it_is_hidden_where_there_is_one_count_or_nothing_was_learnt() {
    let untrained = [SMALL, LARGE].map(|network| Network { method: "random-init", ..network });
    let one = [SMALL, Network { link: "wan", ..SMALL }, OTHER];
    for cells in [&ALL[..1], &one, &untrained] {
        let Some(seen) = see(&page("cifar10", cells, &references()), Through::Desktop) else { return };
        assert!(seen.hidden && seen.legend.is_empty() && seen.points.is_empty(), "{seen:?}");
    }
    assert!(!see(&page("cifar10", &[SMALL, LARGE], &[]), Through::Desktop).unwrap().hidden);
}

/// From one to millions, and within a hundredth.
#[test]
fn ticks_do_not_meet() {
    let at = |relus: u64| Network { budget: Some(relus), relus, ..SMALL };
    for counts in [&[1, 30, 900, 27_000, 810_000, 24_300_000][..], &[12_900, 12_901], &[100_000, 101_000]] {
        let networks: Vec<Network> = counts.iter().copied().map(at).collect();
        let page = page("cifar10", &networks, &[]);
        for through in [Through::Desktop, Through::Phone] {
            let Some(seen) = see(&page, through) else { return };
            assert_eq!(seen.points.len(), counts.len());
            assert!(seen.ticks.len() >= 2, "{counts:?}: {:?}", seen.ticks);
        }
    }
}

#[test]
fn a_network_without_relus_is_told_and_not_drawn() {
    let none = Network { budget: Some(0), relus: 0, tested: (0.25, 2_000), ..SMALL };
    let Some(seen) = see(&page("cifar10", &[none, SMALL, LARGE], &[]), Through::Desktop) else { return };
    assert_eq!((seen.points.len(), seen.table.len(), seen.csv.lines().count()), (2, 3, 4));
    let told = "Privshap 0, which keeps no ReLU and has no place on the scale, has 25.00\u{a0}%.";
    assert!(seen.caption.ends_with(told), "{}", seen.caption);
}

#[test]
fn the_csv_says_what_was_measured_and_what_was_published() {
    let Some(seen) = see(&page("cifar10", &ALL, &references()), Through::Desktop) else { return };
    let mut reader = csv::Reader::from_reader(seen.csv.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let of = |row: &csv::StringRecord, head: &str| {
        row[heads.iter().position(|name| name == head).unwrap_or_else(|| panic!("{head} in {heads:?}"))]
            .to_owned()
    };
    let found: Vec<[String; 4]> =
        rows.iter().map(|row| ["origin", "method", "relus", "accuracy"].map(|head| of(row, head))).collect();
    let expected = [
        ["measured", "ar", "557056", "0.9"],
        ["measured", "privshap", "49000", "0.875"],
        ["measured", "privshap", "6000", "0.75"],
        ["measured", "snl", "6000", "0.5"],
        ["published", "SnailPruner", "12900", "0.8812"],
        ["published", "SnailPruner", "50000", "0.93"],
        ["published", "Slug", "150000", "0.94"],
    ];
    assert_eq!(found, expected.map(|row| row.map(str::to_owned)));
    assert_eq!((of(&rows[0], "images"), of(&rows[0], "source")), ("2000".to_owned(), String::new()));
    assert_eq!(of(&rows[5], "source"), "readme: A page, README.md");
    assert_eq!(of(&rows[5], "note"), "In rain, at night");
    assert_eq!(
        (of(&rows[5], "accuracy_every_relu"), of(&rows[6], "accuracy_every_relu")),
        ("0.9555".to_owned(), String::new())
    );
    assert_eq!(of(&rows[4], "accuracy_low"), "", "no interval of theirs is known");
}
