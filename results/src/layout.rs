//! Columns of text for a terminal.

/// Stands for a missing value.
const MISSING: &str = "-";

/// The value's text, or a dash.
pub(crate) fn or_missing<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| MISSING.to_owned(), text)
}

/// The distinct titles, in order of first appearance.
pub(crate) fn in_order(titles: &[String]) -> Vec<&String> {
    let mut blocks: Vec<&String> = Vec::new();
    for title in titles {
        if !blocks.contains(&title) {
            blocks.push(title);
        }
    }
    blocks
}

/// Column widths shared by all blocks of one table.
pub(crate) struct Layout {
    heads: [String; 2],
    widths: Vec<usize>,
    left: Vec<bool>,
    breaks: Vec<bool>,
}

impl Layout {
    /// Of `columns` under `groups` of so many each; those in `left` are set to the left.
    pub(crate) fn new(
        groups: &[(&str, usize)],
        columns: &[&str],
        left: &[&str],
        lines: &[Vec<String>],
    ) -> Self {
        let mut widths: Vec<usize> = (0..columns.len())
            .map(|column| {
                let cells = lines.iter().map(|line| width(&line[column]));
                cells.chain([width(columns[column])]).max().unwrap_or_default()
            })
            .collect();
        let mut breaks = vec![false; columns.len()];
        let mut start = 0;
        for (_, span) in groups {
            breaks[start] = start > 0;
            start += span;
        }
        widen(&mut widths, groups);
        let left: Vec<bool> = columns.iter().map(|column| left.contains(column)).collect();
        let mut layout = Self { heads: [String::new(), String::new()], widths, left, breaks };
        layout.heads = [layout.group_line(groups), layout.line(columns.iter().copied())];
        layout
    }

    fn gap(&self, column: usize) -> usize {
        if self.breaks[column] { 4 } else { 2 }
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let mut text = String::new();
        for (column, cell) in cells.enumerate() {
            text.push_str(&" ".repeat(self.gap(column)));
            let fill = " ".repeat(self.widths[column].saturating_sub(width(cell)));
            if self.left[column] {
                text.push_str(cell);
                text.push_str(&fill);
            } else {
                text.push_str(&fill);
                text.push_str(cell);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Group names over a rule across their columns.
    fn group_line(&self, groups: &[(&str, usize)]) -> String {
        let mut text = String::new();
        let mut start = 0;
        for (name, span) in groups {
            let columns = start..start + span;
            let wide: usize = columns.map(|column| self.gap(column) + self.widths[column]).sum();
            let gap = self.gap(start);
            let room = wide - gap;
            text.push_str(&" ".repeat(gap));
            if name.is_empty() {
                text.push_str(&" ".repeat(room));
            } else {
                text.push_str(&format!("{:-^room$}", format!(" {name} ")));
            }
            start += span;
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Adds a block with its title.
    pub(crate) fn block<'a>(
        &self,
        title: &str,
        lines: impl Iterator<Item = &'a Vec<String>>,
        text: &mut String,
    ) {
        for head in [title, &self.heads[0], &self.heads[1]] {
            text.push_str(head);
            text.push('\n');
        }
        for line in lines {
            text.push_str(&self.line(line.iter().map(String::as_str)));
            text.push('\n');
        }
    }
}

/// Makes the first column of a group wider where the group's name would not fit between two dashes.
fn widen(widths: &mut [usize], groups: &[(&str, usize)]) {
    let mut start = 0;
    for (name, span) in groups.iter().filter(|(_, span)| *span > 0) {
        let room = widths[start..start + span].iter().sum::<usize>() + 2 * (span - 1);
        if !name.is_empty() {
            widths[start] += (width(name) + 4).saturating_sub(room);
        }
        start += span;
    }
}

/// Columns a text takes: our texts are Latin, one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}
