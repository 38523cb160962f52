//! A comparison as a table of chosen columns: for a terminal, in Markdown, or in LaTeX with `booktabs`.

use super::block::Block;
use super::fields::{Field, Kind};
use super::row::ComparedRow;
use super::text::differing;
use crate::layout::{Column, Layout, MISSING};
use crate::schema::Dimension;

/// What a table is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// A terminal.
    Terminal,
    /// Markdown.
    Markdown,
    /// LaTeX, with the package `booktabs`.
    Latex,
}

/// The columns that are shown where none are chosen: what tells cells apart, and what they take.
pub fn usual(blocks: &[Block]) -> Vec<Field> {
    let told = differing(blocks).into_iter().map(|dimension| match dimension {
        Dimension::Rate => "rate_per_s",
        other => other.name(),
    });
    let taken = [
        "budget",
        "relus",
        "acc_fixed_test",
        "offline_s_p50",
        "offline_bytes",
        "online_s_p50",
        "online_ratio",
        "online_bytes",
        "online_rounds",
    ];
    told.chain(taken).map(Field::of).collect()
}

/// The blocks, each under its title. On a page, values of a column have the unit that its heading names.
pub fn grid(blocks: &[Block], fields: &[Field], page: Page) -> String {
    match page {
        Page::Terminal => terminal(blocks, fields),
        Page::Markdown => markdown(blocks, fields),
        Page::Latex => latex(blocks, fields),
    }
}

fn terminal(blocks: &[Block], fields: &[Field]) -> String {
    let line = |row: &ComparedRow| -> Vec<String> { fields.iter().map(|field| field.text(row)).collect() };
    let columns: Vec<Column> = fields
        .iter()
        .map(|field| match field.kind() {
            Kind::Text | Kind::Flag => Column::text(field.name()),
            _ => Column::new("", field.name()),
        })
        .collect();
    let all: Vec<Vec<String>> = blocks.iter().flat_map(|block| block.rows.iter().map(line)).collect();
    let layout = Layout::new(&columns, &all, None);
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        let lines: Vec<Vec<String>> = block.rows.iter().map(line).collect();
        layout.block(&block.title, lines.iter(), &mut text);
    }
    text
}

/// A column of a document: its heading with the unit, and what values are divided by.
struct Scaled<'a> {
    field: &'a Field,
    heading: String,
    size: f64,
}

impl<'a> Scaled<'a> {
    /// In the unit that suits the largest value of all blocks.
    fn of(field: &'a Field, blocks: &[Block]) -> Self {
        let numbers = blocks.iter().flat_map(|block| &block.rows).filter_map(|row| field.number(row));
        let largest = numbers.fold(0f64, f64::max);
        let (size, unit) = match field.kind() {
            Kind::Seconds if largest >= 2.0 => (1.0, "s"),
            Kind::Seconds => (1e-3, "ms"),
            Kind::Bytes if largest >= 2e9 => (1e9, "GB"),
            Kind::Bytes if largest >= 2e6 => (1e6, "MB"),
            Kind::Bytes => (1e3, "kB"),
            Kind::Fraction => (0.01, "%"),
            Kind::Rate => (1.0, "1/s"),
            Kind::Probability | Kind::Ratio | Kind::Count | Kind::Flag | Kind::Text => (1.0, ""),
        };
        let heading = match unit {
            "" => field.heading(),
            unit => format!("{} ({unit})", field.heading()),
        };
        Self { field, heading, size }
    }

    fn text(&self, row: &ComparedRow) -> String {
        match (self.field.kind(), self.field.number(row)) {
            (Kind::Seconds | Kind::Bytes, Some(number)) => three(number / self.size),
            (Kind::Fraction, Some(number)) => format!("{:.2}", number / self.size),
            (Kind::Ratio | Kind::Probability | Kind::Rate, Some(number)) => format!("{number:.2}"),
            _ => self.field.text(row),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.field.kind(), Kind::Text | Kind::Flag)
    }
}

/// Three digits, and no fewer before the point than there are.
fn three(number: f64) -> String {
    let decimals = [0.9995, 9.995, 99.95].iter().position(|limit| number < *limit).map_or(0, |at| 3 - at);
    format!("{number:.decimals$}")
}

fn markdown(blocks: &[Block], fields: &[Field]) -> String {
    let columns: Vec<Scaled<'_>> = fields.iter().map(|field| Scaled::of(field, blocks)).collect();
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("**{}**\n\n", escaped_markdown(&block.title));
        text += &row(columns.iter().map(|column| escaped_markdown(&column.heading)).collect());
        text += &row(columns.iter().map(|c| if c.is_text() { "---" } else { "---:" }.to_owned()).collect());
        for cell in &block.rows {
            text += &row(columns.iter().map(|column| escaped_markdown(&column.text(cell))).collect());
        }
    }
    text
}

fn escaped_markdown(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('*', "\\*").replace(['\n', '\r'], " ")
}

fn latex(blocks: &[Block], fields: &[Field]) -> String {
    let columns: Vec<Scaled<'_>> = fields.iter().map(|field| Scaled::of(field, blocks)).collect();
    let shape: String = columns.iter().map(|column| if column.is_text() { 'l' } else { 'r' }).collect();
    let row = |cells: Vec<String>| format!("  {} \\\\\n", cells.join(" & "));
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        text +=
            &format!("% {}\n\\begin{{tabular}}{{{shape}}}\n  \\toprule\n", block.title.replace('\n', " "));
        text += &row(columns.iter().map(|column| escaped_latex(&column.heading)).collect());
        text += "  \\midrule\n";
        for cell in &block.rows {
            text += &row(columns.iter().map(|column| escaped_latex(&column.text(cell))).collect());
        }
        text += "  \\bottomrule\n\\end{tabular}\n";
    }
    text
}

fn escaped_latex(text: &str) -> String {
    if text == MISSING {
        return "--".to_owned();
    }
    let escaped = |character: char| match character {
        '\\' => "\\textbackslash{}".to_owned(),
        '~' => "\\textasciitilde{}".to_owned(),
        '^' => "\\textasciicircum{}".to_owned(),
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{character}"),
        '\n' | '\r' => " ".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks() -> Vec<Block> {
        let row = |method: &str, budget: Option<u64>, online: Option<f64>| ComparedRow {
            method: method.to_owned(),
            budget,
            relus: budget.unwrap_or(9216),
            acc_fixed_test: Some(0.9),
            online_s_p50: online,
            online_bytes: Some(1_510_000),
            ..ComparedRow::default()
        };
        vec![Block {
            title: "mini, lan".to_owned(),
            rows: vec![row("ar", None, Some(0.00766)), row("snl_a|b", Some(900), None)],
            baseline: Some(0),
            ..Block::default()
        }]
    }

    fn fields() -> Vec<Field> {
        ["method", "budget", "acc_fixed_test", "online_s_p50", "online_bytes"].map(Field::of).to_vec()
    }

    #[test]
    fn for_a_terminal() {
        let expected = "mini, lan\n\n  \
                        method   budget  acc_fixed_test  online_s_p50  online_bytes\n  \
                        ar          all           90.00       7.66 ms       1.51 MB\n  \
                        snl_a|b     900           90.00             -       1.51 MB\n";
        assert_eq!(grid(&blocks(), &fields(), Page::Terminal), expected);
    }

    #[test]
    fn in_markdown() {
        let expected = "**mini, lan**\n\n\
                        | method | budget | accuracy (%) | online p50 (ms) | online (kB) |\n\
                        | --- | ---: | ---: | ---: | ---: |\n\
                        | ar | all | 90.00 | 7.66 | 1510 |\n\
                        | snl_a\\|b | 900 | 90.00 | - | 1510 |\n";
        assert_eq!(grid(&blocks(), &fields(), Page::Markdown), expected);
    }

    #[test]
    fn in_latex() {
        let expected = "% mini, lan\n\\begin{tabular}{lrrrr}\n  \\toprule\n  \
                        method & budget & accuracy (\\%) & online p50 (ms) & online (kB) \\\\\n  \
                        \\midrule\n  ar & all & 90.00 & 7.66 & 1510 \\\\\n  \
                        snl\\_a|b & 900 & 90.00 & -- & 1510 \\\\\n  \\bottomrule\n\\end{tabular}\n";
        assert_eq!(grid(&blocks(), &fields(), Page::Latex), expected);
    }

    #[test]
    fn usual_columns_are_known() {
        let names: Vec<String> = usual(&blocks()).iter().map(|field| field.name().to_owned()).collect();
        assert_eq!(names[..3], ["method", "budget", "relus"]);
        assert!(names.iter().all(|name| Field::named("--columns", name).is_ok()));
        let rates = Dimension::ALL.map(|dimension| match dimension {
            Dimension::Rate => "rate_per_s",
            other => other.name(),
        });
        assert!(rates.iter().all(|name| Field::named("--columns", name).is_ok()));
    }

    #[test]
    fn digits() {
        assert_eq!([0.1234, 1.234, 12.34, 1234.5].map(three), ["0.123", "1.23", "12.3", "1234"]);
    }
}
