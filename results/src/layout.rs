//! Columns of text for a terminal, of which those that matter least give way where it is narrow.

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
pub struct Column {
    /// What it and the columns next to it with the same are called together; empty where that is nothing.
    group: String,
    name: String,
    /// Set to the left.
    left: bool,
    /// Where there is no room for all, those of the lowest come in first; 0 is there in any case.
    rank: u8,
}

impl Column {
    /// Numbers, set to the right, under the name of a group.
    pub fn new(group: &str, name: &str) -> Self {
        Self { group: group.to_owned(), name: name.to_owned(), left: false, rank: 0 }
    }

    /// Texts, set to the left.
    pub fn text(name: &str) -> Self {
        Self { left: true, ..Self::new("", name) }
    }

    /// Left out before those of smaller rank.
    pub fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// Stands for a space at which prose is not folded.
const TIE: &str = "\u{a0}";

/// The text, whose words stay on one line where prose is folded.
pub(crate) fn tied(text: &str) -> String {
    text.replace(' ', TIE)
}

/// A line of prose, folded between words into lines of at most `room` characters, if that is given; those that go on are indented
/// by two more than the first.
pub fn wrapped(line: &str, room: Option<usize>) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let mut text = " ".repeat(indent);
    let mut used = indent;
    for (place, word) in line[indent..].split(' ').enumerate() {
        let wide = width(word);
        let fits = room.is_none_or(|room| used + 1 + wide <= room);
        if place > 0 && fits {
            text.push(' ');
            used += 1;
        } else if place > 0 {
            text.push('\n');
            text.push_str(&" ".repeat(indent + 2));
            used = indent + 2;
        }
        text.push_str(word);
        used += wide;
    }
    text.push('\n');
    text.replace(TIE, " ")
}

/// How many of `most` things side by side fit `room`, where that many are so `wide`: one in any case.
pub(crate) fn abreast(most: usize, room: Option<usize>, wide: impl Fn(usize) -> usize) -> usize {
    let fits = |beside: &usize| room.is_none_or(|room| wide(*beside) <= room);
    (1..=most).rev().find(fits).unwrap_or(1)
}

/// Columns without a group or a rank.
pub(crate) fn columns(group: &str, names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(group, name)).collect()
}

/// Column widths shared by all blocks of one table, and which of its columns are shown.
pub struct Layout {
    heads: [String; 2],
    columns: Vec<Placed>,
    names: Vec<String>,
    left_out: Vec<String>,
    room: Option<usize>,
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
    pub fn new(columns: &[Column], lines: &[Vec<String>], room: Option<usize>) -> Self {
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
        let mut layout = Self { room, ..Self::of(columns, &shown, lines) };
        let out = columns.iter().enumerate().filter(|(index, _)| !shown.contains(index));
        layout.left_out =
            out.map(|(_, column)| format!("{} {}", column.group, column.name).trim().to_owned()).collect();
        layout
    }

    fn of(columns: &[Column], shown: &[usize], lines: &[Vec<String>]) -> Self {
        let groups = groups(columns, shown);
        let mut placed: Vec<Placed> = Vec::with_capacity(shown.len());
        // Where the columns so far end, and the names of groups above them.
        let (mut end, mut named) = (0, 0);
        for (turn, group) in groups.iter().enumerate() {
            let ruled = group.ruled() || turn > 0 && groups[turn - 1].ruled();
            for place in group.start..group.start + group.span {
                let Column { name, left, .. } = &columns[shown[place]];
                let cells = lines.iter().map(|line| width(&line[shown[place]]));
                let wide = cells.chain([width(name)]).max().unwrap_or_default();
                let apart = place == group.start && place > 0 && ruled;
                placed.push(Placed {
                    index: shown[place],
                    width: wide,
                    gap: if apart { 4 } else { 2 },
                    left: *left,
                });
            }
            let members = &mut placed[group.start..];
            let [begin, wide] =
                [members[0].gap, members.iter().map(|column| column.gap + column.width).sum()];
            // The first column is made wider where the group's name would not fit: between two dashes above several columns,
            // two after the name before it above one.
            let needed = match (group.name.is_empty(), group.span) {
                (true, _) => 0,
                (false, 1) => (named + 2 + width(group.name)).saturating_sub(end),
                (false, _) => begin + width(group.name) + 4,
            };
            members[0].width += needed.saturating_sub(wide);
            end += wide.max(needed);
            named = if group.name.is_empty() { named } else { end };
        }
        let names = shown.iter().map(|index| columns[*index].name.clone()).collect();
        let heads = [String::new(), String::new()];
        let mut layout = Self { heads, columns: placed, names, left_out: Vec::new(), room: None };
        layout.heads = [layout.group_line(&groups), layout.heading(columns)];
        layout
    }

    /// Whether a column of this name is shown.
    pub(crate) fn shows(&self, name: &str) -> bool {
        self.names.iter().any(|shown| shown == name)
    }

    /// Characters that its lines take.
    pub(crate) fn wide(&self) -> usize {
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

    /// Group names: over a rule across their columns, or ending where their only one does.
    fn group_line(&self, groups: &[Group<'_>]) -> String {
        let (mut text, mut end) = (String::new(), 0);
        for group in groups {
            let members = &self.columns[group.start..group.start + group.span];
            let begin = end + members[0].gap;
            end += members.iter().map(|column| column.gap + column.width).sum::<usize>();
            let head = match (group.name.is_empty(), group.span) {
                (true, _) => continue,
                (false, 1) => group.name.to_owned(),
                (false, _) => format!("{:-^room$}", format!(" {} ", group.name), room = end - begin),
            };
            let fill = end - width(&head) - width(&text);
            text.push_str(&" ".repeat(fill));
            text.push_str(&head);
        }
        text
    }

    /// Adds a block with its title.
    pub(crate) fn block<'a>(
        &self,
        title: &str,
        lines: impl Iterator<Item = &'a Vec<String>>,
        text: &mut String,
    ) {
        text.push_str(title);
        text.push('\n');
        self.rows(lines, text);
    }

    /// Adds lines below the heads, without a title.
    pub fn rows<'a>(&self, lines: impl Iterator<Item = &'a Vec<String>>, text: &mut String) {
        for head in &self.heads {
            text.push_str(head);
            text.push('\n');
        }
        for line in lines {
            text.push_str(&self.line(line));
            text.push('\n');
        }
    }

    /// What to say of columns for which there was no room, where there are any.
    pub fn left_out(&self) -> Option<String> {
        let names: Vec<String> = self.left_out.iter().map(|name| tied(name)).collect();
        (!names.is_empty()).then(|| wrapped(&format!("no room for: {}", names.join(", ")), self.room))
    }
}

/// Columns side by side that have the same group.
struct Group<'a> {
    name: &'a str,
    /// The place of the first among those that are shown.
    start: usize,
    span: usize,
}

impl Group<'_> {
    /// Whether its name stands over a rule: it needs none above a single column, whose name it may be longer than.
    const fn ruled(&self) -> bool {
        !self.name.is_empty() && self.span > 1
    }
}

fn groups<'a>(columns: &'a [Column], shown: &[usize]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (start, &index) in shown.iter().enumerate() {
        let name = columns[index].group.as_str();
        match groups.last_mut() {
            Some(last) if last.name == name => last.span += 1,
            _ => groups.push(Group { name, start, span: 1 }),
        }
    }
    groups
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
        assert_eq!(text.lines().nth(3), Some("  ar        20  90.00    1.00 s  12 MB"), "{text}");
        let (text, left_out) = drawn(Some(34));
        assert_eq!(left_out.as_deref(), Some("no room for: n\n"));
        assert!(text.lines().all(|line| line.len() <= 34) && text.contains("- offline -"), "{text}");
        let (text, left_out) = drawn(Some(22));
        assert_eq!(
            left_out.as_deref(),
            Some("no room for:\n  offline p50,\n  offline bytes\n"),
            "a narrow one fits"
        );
        assert_eq!(text.lines().nth(4), Some("  privshap   7   9.00"), "{text}");
        assert_eq!(drawn(Some(5)).0, drawn(Some(17)).0, "what matters most stays");
    }

    /// A heading over one column reaches to the left as far as nothing stands there.
    #[test]
    fn a_column_alone_in_its_group_is_no_wider_for_its_heading() {
        let (text, _) = drawn(Some(26));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1..4],
            ["       accuracy %  offline", "  method     test      p50", "  ar        90.00   1.00 s"]
        );
        let all = [Column::new("accuracy %", "test"), Column::new("offline", "p50")];
        let lines = [vec!["9.00".to_owned(), "1 s".to_owned()]];
        let mut text = String::new();
        Layout::new(&all, &lines, None).block("mini", lines.iter(), &mut text);
        assert_eq!(text, "mini\n  accuracy %  offline\n        test      p50\n        9.00      1 s\n");
    }

    #[test]
    fn prose_is_folded_between_words() {
        assert_eq!(wrapped("  one two three", None), "  one two three\n");
        assert_eq!(wrapped("  one two three", Some(15)), "  one two three\n");
        assert_eq!(wrapped("  one two three", Some(14)), "  one two\n    three\n");
        assert_eq!(wrapped("unfoldable word", Some(4)), "unfoldable\n  word\n");
        assert_eq!(wrapped("a µs, b", Some(5)), "a µs,\n  b\n", "characters, not bytes");
        assert_eq!(
            wrapped(&format!("in {}", tied("1 ms")), Some(5)),
            "in\n  1 ms\n",
            "a value keeps its unit"
        );
    }
}
