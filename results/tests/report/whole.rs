//! The whole page: drawn, filtered, sorted; readable, reachable, and told in words.

use crate::browser::{Through, probe};
use crate::made::runs;
use results::report;

#[test]
fn the_page_needs_nothing_beside_it() {
    let temp = tempfile::tempdir().unwrap();
    let page = report::html(&runs(temp.path()));
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
    /// What is said with no link chosen, and the pictures of accuracy that are left.
    nothing: (String, usize),
    bars_of_last_cell: usize,
    first_sorted: String,
    /// Where the parties ran, and how much was verified.
    parties: String,
    /// Whether the browser prefers dark pages.
    dark: bool,
    /// Width of what is shown, and of what is there, all tables open; pixels.
    widths: (f64, f64),
    /// Boxes of tables that scroll by themselves.
    scrolling: usize,
    /// Whatever can be focused but has no name, or shows no outline when it is.
    nameless: Vec<String>,
    outlineless: Vec<String>,
    focusable: usize,
    /// Figures that lack words with numbers, a table with headings, or a picture with name and description.
    silent: Vec<String>,
    /// Number of `header`, `nav`, `main`, `footer` and `h1`.
    landmarks: [usize; 5],
    /// Levels of the headings, in order.
    levels: Vec<u32>,
    /// Labels of ticks that meet others of their axis, and captions that are no sentences.
    colliding: Vec<String>,
    broken: Vec<String>,
    /// Smallest contrast of a text with what is behind it, with the text.
    faintest: (f64, String),
    /// Smallest contrast of a colour of series or phases with the paper, with its name.
    palest: (f64, String),
}

/// Tries everything. Contrast is as WCAG 2 has it.
const TRY: &str = r##"
const rows = () => all("#table tbody tr").length;
const dots = () => all("#front g[aria-label=dot] > *").length;
const marks = Object.fromEntries(all("figure").map((figure) =>
  [figure.id, figure.querySelectorAll("svg.chart rect, svg.chart circle, svg.chart path").length]));
const before = rows();
const snl = all("#filters input").find((box) => box.value === "snl");
snl.click();
const without = { rows: rows(), shown: document.getElementById("shown").textContent, dots: dots() };
all("#filters input[name=link]").forEach((box) => box.click());
const none = { shown: document.getElementById("shown").textContent, pictures: all("#accuracy svg.chart").length };
document.getElementById("all").click();
const select = document.getElementById("cell");
select.value = select.options[select.options.length - 1].value;
select.dispatchEvent(new Event("change"));
const heading = () => all("#table th button").find((button) => button.textContent === "ReLUs");
heading().click();
heading().click();

all("figure details").forEach((details) => { details.open = true; });
const scrolling = all(".wide").filter((box) => box.scrollWidth > box.clientWidth).length;
const widths = [innerWidth, document.documentElement.scrollWidth];
const focusable = all("a[href], button, input, select, summary, [tabindex='0']");
const tell = (element) => element.outerHTML.slice(0, 90);
const named = (element) => (element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent).trim();
const nameless = focusable.filter((element) => !named(element)).map(tell);
const outlineless = focusable.filter((element) => {
  element.focus({ focusVisible: true });
  return document.activeElement !== element || getComputedStyle(element).outlineStyle === "none";
}).map(tell);
const silent = all("figure").filter((figure) => {
  const [words, table] = [figure.querySelector("figcaption"), figure.querySelector("table")];
  const described = [...figure.querySelectorAll("svg.chart")].filter((svg) =>
    svg.getAttribute("role") === "img" && svg.getAttribute("aria-label") && document.getElementById(svg.getAttribute("aria-describedby")) === words);
  const headings = [...table.querySelectorAll("thead th[scope=col]")].length > 1 && table.querySelector("tbody th[scope=row]");
  const tables = table.caption.textContent && headings;
  return !(/\d/.test(words.textContent) && tables && described.length > 0 && described.length === figure.querySelectorAll("svg.chart").length);
}).map((figure) => figure.id);

const colliding = all("svg.chart").flatMap((svg) => {
  const boxes = [...svg.querySelectorAll("g[aria-label='x-axis tick label'] text")].map((text) => [text.getBoundingClientRect(), text.textContent]);
  boxes.sort(([a], [b]) => a.left - b.left);
  return boxes.flatMap(([box, text], i) => (i > 0 && box.left < boxes[i - 1][0].right ? [`${boxes[i - 1][1]} ${text}`] : []));
});
const broken = texts("figcaption, #answer li, #units li, .legend li").filter((words) =>
  /^[^\p{L}\p{N}]|: *[.;]|undefined|NaN|null| -( |$)/u.test(words));

const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const luminance = (colour) => {
  const [red, green, blue] = channels(colour).map((value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const behind = (element) => {
  for (let place = element; place; place = place.parentElement) {
    const colour = getComputedStyle(place).backgroundColor;
    if (channels(colour)[3] !== 0) return colour;
  }
};
const painted = (element) => {
  const style = getComputedStyle(element);
  return element.ownerSVGElement ? style.fill : style.color;
};
const said = all("body *").filter((element) => !element.closest("script, style, option") && element.getClientRects().length > 0
  && [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
const least = (list) => list.reduce((a, b) => (a[0] <= b[0] ? a : b));
const faintest = least(said.map((element) => [contrast(painted(element), behind(element)), tell(element)]));
const colours = [...Array(12).keys()].map((i) => `series-${i + 1}`)
  .concat(["offline", "offline-up", "offline-down", "online", "online-up", "online-down"]);
const probe = document.body.appendChild(document.createElement("i"));
const palest = least(colours.map((name) => {
  probe.style.color = `var(--${name})`;
  return [contrast(getComputedStyle(probe).color, getComputedStyle(document.body).backgroundColor), name];
}));

const found = {
  errors, marks, rows: before, rows_without_snl: without.rows, shown: without.shown, dots_without_snl: without.dots,
  nothing: [none.shown, none.pictures],
  question: document.getElementById("title").textContent,
  bars_of_last_cell: all("#layer-time svg.chart rect").length,
  first_sorted: document.querySelector("#table tbody tr").textContent,
  parties: document.getElementById("where").textContent,
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  widths, scrolling, nameless, outlineless, focusable: focusable.length, silent,
  landmarks: ["header", "nav", "main", "footer", "h1"].map((name) => all(name).length),
  levels: all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1])),
  faintest, palest, colliding, broken,
};
done(found);
"##;

/// Whatever the window: drawn, filtered, sorted; readable, reachable, and told in words.
fn check(found: &Found) {
    assert_eq!(found.errors, Vec::<String>::new());
    assert_eq!(found.question, "Which </script><b>method</b> is best?");
    for picture in
        ["front", "relus", "time", "bytes", "layer-time", "layer-bytes", "curves", "responses", "pools"]
    {
        assert!(found.marks[picture] >= 4, "{picture}: {} marks", found.marks[picture]);
    }
    assert_eq!((found.rows, found.rows_without_snl), (11, 7));
    assert_eq!((found.shown.as_str(), found.dots_without_snl), ("7 of 11 cells", 7));
    assert_eq!((found.nothing.0.as_str(), found.nothing.1), ("0 of 11 cells", 0));
    assert!(found.bars_of_last_cell >= 4);
    assert!(found.first_sorted.contains("4,000"), "the largest first: {}", found.first_sorted);

    assert!(found.parties.starts_with("Both parties ran on the machine"), "{}", found.parties);
    assert!(found.parties.contains("Every inference that counts was compared"), "{}", found.parties);

    assert!(found.widths.1 <= found.widths.0, "the page scrolls sideways: {:?}", found.widths);
    assert_eq!(found.nameless, Vec::<String>::new());
    assert_eq!(found.outlineless, Vec::<String>::new());
    assert!(found.focusable > 30, "{} can be focused", found.focusable);
    assert_eq!(found.silent, Vec::<String>::new());
    assert_eq!(found.colliding, Vec::<String>::new());
    assert_eq!(found.broken, Vec::<String>::new());
    assert_eq!(found.landmarks, [1; 5]);
    assert!(found.levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{:?}", found.levels);
    assert!(found.faintest.0 >= 4.5, "contrast {:?}", found.faintest);
    assert!(found.palest.0 >= 3.0, "contrast {:?}", found.palest);
}

fn page() -> String {
    report::html(&runs(tempfile::tempdir().unwrap().path()))
}

#[test]
fn a_browser_draws_it_and_filters_it_without_complaint() {
    let Some(found) = probe::<Found>(&page(), "", Through::Desktop, TRY) else { return };
    check(&found);
    assert!(!found.dark && found.widths.0 > 1200.0);
}

#[test]
fn a_phone_in_the_dark_shows_it_as_well() {
    let Some(found) = probe::<Found>(&page(), "", Through::Phone, TRY) else { return };
    check(&found);
    assert!(found.dark && (found.widths.0 - 390.0).abs() < 0.5, "{:?}", found.widths);
    assert!(found.scrolling >= 1, "no table is wider than the phone");
}
