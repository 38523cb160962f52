//! Columns of text for a terminal.

/// Stands for a missing value.
pub(crate) const MISSING: &str = "-";

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

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// What it and the columns next to it with the same are called together; empty where that is nothing.
    group: String,
    name: String,
    /// Set to the left.
    left: bool,
    /// Where there is no room for all, those of the lowest come in first; 0 is there in any case.
    rank: u8,
}

impl Column {
    pub(crate) fn new(group: &str, name: &str) -> Self {
        Self { group: group.to_owned(), name: name.to_owned(), left: false, rank: 0 }
    }

    /// Texts, set to the left.
    pub(crate) fn text(name: &str) -> Self {
        Self { left: true, ..Self::new("", name) }
    }

    /// Left out before those of smaller rank.
    pub(crate) fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// Columns without a group or a rank.
pub(crate) fn columns(group: &str, names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(group, name)).collect()
}

/// Column widths shared by all blocks of one table, and which of its columns are shown.
pub(crate) struct Layout {
    heads: [String; 2],
    columns: Vec<Placed>,
    left_out: Vec<String>,
}

/// A column that is shown.
struct Placed {
    /// Its place in lines.
    index: usize,
    width: usize,
    gap: usize,
    left: bool,
}

impl Layout {
    /// Of `columns`, as many as fit `room` characters, if that is given.
    pub(crate) fn new(columns: &[Column], lines: &[Vec<String>], room: Option<usize>) -> Self {
        let mut ranked: Vec<usize> = (0..columns.len()).collect();
        ranked.sort_by_key(|index| columns[*index].rank);
        let mut shown: Vec<usize> = Vec::new();
        for index in ranked {
            let place = shown.partition_point(|other| *other < index);
            shown.insert(place, index);
            let fits = room.is_none_or(|room| Self::of(columns, &shown, lines).wide() <= room);
            if !fits && columns[index].rank > 0 {
                shown.remove(place);
            }
        }
        let mut layout = Self::of(columns, &shown, lines);
        let out = columns.iter().enumerate().filter(|(index, _)| !shown.contains(index));
        layout.left_out =
            out.map(|(_, column)| format!("{} {}", column.group, column.name).trim().to_owned()).collect();
        layout
    }

    fn of(columns: &[Column], shown: &[usize], lines: &[Vec<String>]) -> Self {
        let group = |place: usize| columns[shown[place]].group.as_str();
        let mut placed: Vec<Placed> = Vec::with_capacity(shown.len());
        // Groups with their first column and the number of columns.
        let mut groups: Vec<(&str, usize, usize)> = Vec::new();
        for (place, &index) in shown.iter().enumerate() {
            let Column { name, left, .. } = &columns[index];
            let cells = lines.iter().map(|line| width(&line[index]));
            let wide = cells.chain([width(name)]).max().unwrap_or_default();
            let same = place > 0 && group(place - 1) == group(place);
            match groups.last_mut() {
                Some((_, _, span)) if same => *span += 1,
                _ => groups.push((group(place), place, 1)),
            }
            let gap = if same || place == 0 { 2 } else { 4 };
            placed.push(Placed { index, width: wide, gap, left: *left });
        }
        for (name, start, span) in groups.iter().filter(|(name, ..)| !name.is_empty()) {
            // The first column is made wider where the group's name would not fit between two dashes.
            let members = &mut placed[*start..start + span];
            let room = members.iter().map(|column| column.width).sum::<usize>() + 2 * (span - 1);
            members[0].width += (width(name) + 4).saturating_sub(room);
        }
        let mut layout =
            Self { heads: [String::new(), String::new()], columns: placed, left_out: Vec::new() };
        layout.heads = [layout.group_line(&groups), layout.heading(columns)];
        layout
    }

    fn wide(&self) -> usize {
        self.columns.iter().map(|column| column.gap + column.width).sum()
    }

    fn line(&self, cells: &[String]) -> String {
        let mut text = String::new();
        for Placed { index, width: wide, gap, left } in &self.columns {
            let cell = &cells[*index];
            text.push_str(&" ".repeat(*gap));
            let fill = " ".repeat(wide.saturating_sub(width(cell)));
            if *left {
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

    fn heading(&self, columns: &[Column]) -> String {
        self.line(&columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>())
    }

    /// Group names over a rule across their columns.
    fn group_line(&self, groups: &[(&str, usize, usize)]) -> String {
        let mut text = String::new();
        for (name, start, span) in groups {
            let members = &self.columns[*start..start + span];
            let wide: usize = members.iter().map(|column| column.gap + column.width).sum();
            let gap = members[0].gap;
            let room = wide - gap;
            text.push_str(&" ".repeat(gap));
            if name.is_empty() {
                text.push_str(&" ".repeat(room));
            } else {
                text.push_str(&format!("{:-^room$}", format!(" {name} ")));
            }
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
            text.push_str(&self.line(line));
            text.push('\n');
        }
    }

    /// What to say of columns for which there was no room, where there are any.
    pub(crate) fn left_out(&self) -> Option<String> {
        let names = self.left_out.join(", ");
        (!names.is_empty()).then(|| format!("no room for: {names}\n"))
    }
}

/// Columns a text takes: our texts are Latin, one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(room: Option<usize>) -> (String, Option<String>) {
        let all = [
            vec![Column::text("method"), Column::new("", "n").rank(4)],
            columns("accuracy %", &["test"]),
            vec![Column::new("offline", "p50").rank(2), Column::new("offline", "bytes").rank(3)],
        ]
        .concat();
        let line = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        let lines =
            [line(["ar", "20", "90.00", "1.00 s", "12 MB"]), line(["privshap", "7", "9.00", "-", "-"])];
        let layout = Layout::new(&all, &lines, room);
        let mut text = String::new();
        layout.block("mini", lines.iter(), &mut text);
        (text, layout.left_out())
    }

    #[test]
    fn columns_of_low_rank_come_in_first() {
        let (text, left_out) = drawn(None);
        assert_eq!(left_out, None);
        assert_eq!(text.lines().nth(3), Some("  ar        20             90.00    1.00 s  12 MB"), "{text}");
        let (text, left_out) = drawn(Some(48));
        assert_eq!(left_out.as_deref(), Some("no room for: n\n"));
        assert!(text.lines().all(|line| line.len() <= 48) && text.contains("- offline -"), "{text}");
        let (_, left_out) = drawn(Some(33));
        assert_eq!(
            left_out.as_deref(),
            Some("no room for: offline p50, offline bytes\n"),
            "a narrow one fits"
        );
        let (text, left_out) = drawn(Some(30));
        assert_eq!(left_out.as_deref(), Some("no room for: n, offline p50, offline bytes\n"));
        assert_eq!(text.lines().nth(4), Some("  privshap              9.00"), "{text}");
        assert_eq!(drawn(Some(5)).0, text, "what matters most stays");
    }
}
