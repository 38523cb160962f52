//! A comparison as text for a terminal.

use super::below;
use super::block::Block;
use super::row::ComparedRow;
use crate::layout::{Column, Layout, MISSING, or_missing, wrapped};
use crate::schema::Dimension;
use crate::units::{apart, bytes, count, percent, seconds};

/// Blocks of cells, a row each, with what a ReLU costs below; then what the marks mean. At most `room` characters wide, if that
/// is given.
pub fn text(blocks: &[Block], room: Option<usize>) -> String {
    let (told, common): (Vec<Told>, Vec<Told>) = all_told(blocks)
        .into_iter()
        .filter(|told| told.known(blocks))
        .partition(|told| told.tells_apart(blocks));
    let lines = |rows: &[ComparedRow]| -> Vec<Vec<String>> {
        rows.iter().map(|row| told.iter().map(|told| (told.text)(row)).collect()).collect()
    };
    let every: Vec<Vec<String>> = blocks.iter().flat_map(|block| lines(&block.rows)).collect();
    let columns: Vec<Column> = told.iter().map(|told| told.column.clone()).collect();
    let layout = Layout::new(&columns, &every, room);
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        layout.block(wrapped(&title(block, &common), room).trim_end(), lines(&block.rows).iter(), &mut text);
        text.push_str(&below::text(block, room));
    }
    text.extend(layout.left_out());
    let legend = legend(blocks, &layout);
    if !legend.is_empty() {
        text.push('\n');
    }
    text.extend(legend.iter().map(|line| wrapped(line, room)));
    text
}

/// A column, and what a cell has in it.
struct Told {
    column: Column,
    text: Box<dyn Fn(&ComparedRow) -> String>,
    kind: Kind,
}

enum Kind {
    /// What a cell is: where all cells of each block have the same, the titles say it, in these words.
    Identity(Option<Dimension>, fn(&str) -> String),
    /// What it took.
    Measured,
    /// What that is to its baseline, of which nothing is to be told itself.
    Compared,
}

impl Told {
    fn measured(group: &str, name: &str, rank: u8, text: impl Fn(&ComparedRow) -> String + 'static) -> Self {
        Self { column: Column::new(group, name).rank(rank), text: Box::new(text), kind: Kind::Measured }
    }

    fn compared(group: &str, name: &str, rank: u8, text: impl Fn(&ComparedRow) -> String + 'static) -> Self {
        Self { kind: Kind::Compared, ..Self::measured(group, name, rank, text) }
    }

    fn dimension(dimension: Dimension, words: fn(&str) -> String) -> Self {
        let text = Box::new(move |row: &ComparedRow| value(dimension, row));
        let column = match dimension {
            Dimension::Budget => Column::new("", dimension.name()),
            _ => Column::text(dimension.name()),
        };
        Self { column, text, kind: Kind::Identity(Some(dimension), words) }
    }

    /// Whether some cell has it.
    fn known(&self, blocks: &[Block]) -> bool {
        let of = |block: &Block| {
            let own = |index: usize| matches!(self.kind, Kind::Compared) && block.baseline == Some(index);
            let told = |row: &ComparedRow| !matches!((self.text)(row).as_str(), "" | MISSING);
            block.rows.iter().enumerate().any(|(index, row)| !own(index) && told(row))
        };
        blocks.iter().any(of)
    }

    /// Whether it has to be told of each cell.
    fn tells_apart(&self, blocks: &[Block]) -> bool {
        let differs =
            |block: &Block| block.rows.windows(2).any(|pair| (self.text)(&pair[0]) != (self.text)(&pair[1]));
        !matches!(self.kind, Kind::Identity(..)) || blocks.iter().any(differs)
    }
}

/// All that there is to tell. What there is no room for is left out from the highest rank on: what is worth choosing goes before
/// what explains it.
fn all_told(blocks: &[Block]) -> Vec<Told> {
    let all = || blocks.iter().flat_map(|block| &block.rows);
    let dimensions = differing(blocks).into_iter().map(|dimension| Told::dimension(dimension, str::to_owned));
    let mut told: Vec<Told> = dimensions.collect();
    let counted = |name: &str, rank: u8, of: fn(&ComparedRow) -> u64, words: fn(&str) -> String| Told {
        kind: Kind::Identity(None, words),
        ..Told::measured("", name, rank, move |row| count(of(row)))
    };
    told.extend([
        Told::dimension(Dimension::Budget, |budget| format!("budget {budget}")),
        counted("ReLUs", 9, |row| row.relus, |relus| format!("{relus} ReLUs")),
        counted("n", 7, |row| row.n, |n| format!("n {n}")),
        Told::measured("accuracy %", "test", 0, |row| or_missing(row.acc_fixed_test, percent)),
        Told::compared("accuracy %", "test p", 7, |row| or_missing(row.acc_fixed_p, probability)),
        Told::measured("accuracy %", "secure", 8, |row| or_missing(row.acc_secure, percent)),
        Told::compared("accuracy %", "secure p", 10, |row| or_missing(row.acc_secure_p, probability)),
        Told::measured("offline", "p50", 4, |row| or_missing(row.offline_s_p50, seconds)),
        Told::compared("offline", "ratio", 7, |row| ratio(row, row.offline_ratio, 2)),
        Told::measured("offline", "bytes", 6, |row| or_missing(row.offline_bytes, bytes)),
        Told::measured("online", "p50", 0, |row| or_missing(row.online_s_p50, seconds)),
        Told::compared("online", "ratio", 1, online_ratio),
        Told::compared("online", "95 %", 2, |row| {
            or_missing(ends(row), |(low, high)| format!("{low}-{high}"))
        }),
        Told::measured("online", "bytes", 5, |row| or_missing(row.online_bytes, bytes)),
        Told::measured("online", "rounds", 6, |row| or_missing(row.online_rounds, count)),
        Told::measured("response", "p50", 1, |row| or_missing(row.response_s_p50, seconds)),
        Told::measured("response", "p90", 1, |row| or_missing(row.response_s_p90, seconds)),
        Told::measured("pool", "served/s", 2, |row| {
            or_missing(row.served_per_s, |rate| format!("{rate:.2}"))
        }),
        Told::measured("pool", "dry", 2, |row| or_missing(row.dry, count)),
        Told { column: Column::text("front").rank(3), ..Told::measured("", "", 0, front) },
    ]);
    if all().any(|row| !row.ok()) {
        told.push(Told { column: Column::text("status"), ..Told::measured("", "", 0, status) });
    }
    told
}

/// The block's title, with what its cells have in common besides.
fn title(block: &Block, common: &[Told]) -> String {
    let mut title = block.title.clone();
    let Some(row) = block.rows.first() else { return title };
    for told in common {
        if let Kind::Identity(dimension, words) = told.kind
            && !dimension.is_some_and(|dimension| block.named.contains(&dimension))
        {
            title.push_str(&format!(", {}", words(&(told.text)(row))));
        }
    }
    title
}

/// What the columns that are shown mean.
fn legend(blocks: &[Block], layout: &Layout) -> Vec<String> {
    let mut legend: Vec<String> = Vec::new();
    let mut ratios: Vec<&str> = Vec::new();
    if layout.shows("ratio") {
        ratios.push("ratio: to the first row of a block, or to --baseline");
        if blocks.iter().flat_map(|block| &block.rows).any(|row| row.paired) {
            legend.push(
                "*: repeats alternated with the baseline's, and the ratio is the median of the images' own"
                    .to_owned(),
            );
        }
    }
    if layout.shows("95 %") {
        ratios.push("95 %: the interval that holds the ratio, with 6 repeats or more");
    }
    legend.extend((!ratios.is_empty()).then(|| ratios.join("; ")));
    let tests: Vec<&str> = ["test p", "secure p"].into_iter().filter(|name| layout.shows(name)).collect();
    if !tests.is_empty() {
        legend.push(format!(
            "{}: how probable so uneven a split of the images would be, were the baseline's classes as good (McNemar)",
            tests.join(", ")
        ));
    }
    if layout.shows("front") {
        legend.push(
            "front: nothing in the block surely beats it in accuracy and online time (t), or in accuracy and bytes (b)"
                .to_owned(),
        );
    }
    legend
}

/// The columns that tell cells apart: what cells of some block differ in, and the method always. The budget is left out, since
/// it has a column in any case.
pub(super) fn differing(blocks: &[Block]) -> Vec<Dimension> {
    let differs = |dimension: Dimension, block: &Block| {
        block.rows.windows(2).any(|pair| value(dimension, &pair[0]) != value(dimension, &pair[1]))
    };
    let shown = |dimension: &Dimension| match dimension {
        Dimension::Budget => false,
        Dimension::Method => true,
        _ => blocks.iter().any(|block| differs(*dimension, block)),
    };
    Dimension::ALL.into_iter().filter(shown).collect()
}

/// As people read it.
pub(super) fn value(dimension: Dimension, row: &ComparedRow) -> String {
    match (dimension, row.budget) {
        (Dimension::Budget, Some(budget)) => count(budget),
        _ => dimension.value(&row.run, &row.identity()),
    }
}

fn ratio(row: &ComparedRow, ratio: Option<f64>, decimals: usize) -> String {
    or_missing(ratio, |ratio| format!("{ratio:.decimals$}{}", if row.paired { "x*" } else { "x" }))
}

/// With as many digits as its interval has.
fn online_ratio(row: &ComparedRow) -> String {
    let digits = |low: &str| low.rsplit_once('.').map_or(0, |(_, digits)| digits.len());
    ratio(row, row.online_ratio, ends(row).map_or(2, |(low, _)| digits(&low)))
}

/// Of the interval of the online ratio.
fn ends(row: &ComparedRow) -> Option<(String, String)> {
    row.online_ratio_low.zip(row.online_ratio_high).map(|(low, high)| apart(low, high))
}

/// A probability to two digits.
fn probability(p: f64) -> String {
    if p < 0.005 { "<0.01".to_owned() } else { format!("{p:.2}") }
}

fn front(row: &ComparedRow) -> String {
    let front = [(row.front_latency, 't'), (row.front_bytes, 'b')];
    front.into_iter().filter(|(on, _)| *on).map(|(_, mark)| mark).collect()
}

fn status(row: &ComparedRow) -> String {
    match &row.error {
        Some(error) => format!("{}: {}", row.status, error.lines().next().unwrap_or_default()),
        None => row.status.clone(),
    }
}
