//! Bars of named values, from top to bottom in the order given, with the interval around each as a whisker.

use super::axis::Scale;
use super::paper::{GRID, INK, MARGIN, MUTED, WIDTH};
use super::svg::{Anchor, Canvas, Style, width};

const HEAD: f64 = 66.0;
const SUBTITLE: f64 = 18.0;
const ROW: f64 = 24.0;
const BAR: f64 = 15.0;
const COLUMNS_HEAD: f64 = 30.0;
const FOOT: f64 = 58.0;
const VALUE_COLUMN: f64 = 78.0;
const INTERVAL_COLUMN: f64 = 128.0;
/// Half the height of a whisker's end.
const END: f64 = 4.0;
/// Light enough for a whisker to show on it.
const FILL: &str = "#8cc4e8";
/// Characters of a name that are drawn, the last ones.
const NAME: usize = 44;

/// What the picture says beside its rows.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    /// On top.
    pub title: &'a str,
    /// Lines below it.
    pub subtitles: &'a [String],
    /// Heads the names.
    pub name: &'a str,
    /// Heads the values.
    pub value: &'a str,
    /// Heads the intervals.
    pub interval: &'a str,
    /// Below the axis.
    pub axis: &'a str,
}

/// A named value.
#[derive(Clone, Copy, Debug)]
pub struct Valued<'a> {
    /// Beside the bar.
    pub name: &'a str,
    /// The bar's length.
    pub value: f64,
    /// The whisker's ends; none where they are the value itself.
    pub interval: (f64, f64),
}

impl Valued<'_> {
    fn certain(&self) -> bool {
        self.interval == (self.value, self.value)
    }
}

/// A bar a row. Whiskers that would leave the bars too little room are cut, with a tip instead of an end.
pub fn values(words: &Words<'_>, rows: &[Valued<'_>]) -> String {
    let mut canvas = Canvas::titled(words.title, words.subtitles);
    let head = HEAD + SUBTITLE * words.subtitles.len() as f64;
    let names: Vec<String> = rows.iter().map(|row| shortened(row.name)).collect();
    let widest = names.iter().map(|name| width(name, 13.0)).fold(width(words.name, 12.0), f64::max);
    let left = MARGIN + widest + 14.0;
    let (values_at, intervals_at) = (WIDTH - MARGIN - INTERVAL_COLUMN, WIDTH - MARGIN);
    let scale = Scale::new(range(rows), left, values_at - VALUE_COLUMN);

    let small = Style::new(12.0, Anchor::End, MUTED);
    let number = Style::new(13.0, Anchor::End, INK);
    let first = head + COLUMNS_HEAD;
    let bottom = first + rows.len() as f64 * ROW;
    canvas.text(left - 12.0, head + 16.0, words.name, small);
    canvas.text(values_at, head + 16.0, words.value, Style { colour: INK, ..small }.bold());
    canvas.text(intervals_at, head + 16.0, words.interval, Style { colour: INK, ..small });
    for (value, label) in scale.spaced(6, 1.0, 12.0) {
        let x = scale.at(value);
        canvas.line((x, first), (x, bottom + 4.0), GRID, 1.0);
        canvas.text(x, bottom + 19.0, &label, Style { anchor: Anchor::Middle, ..small });
    }
    let middle = f64::midpoint(left, values_at - VALUE_COLUMN);
    canvas.text(middle, bottom + 37.0, words.axis, Style { anchor: Anchor::Middle, ..small });
    for (index, (row, name)) in rows.iter().zip(&names).enumerate() {
        let y = first + index as f64 * ROW + (ROW - BAR) / 2.0;
        let baseline = y + BAR - 3.0;
        let (zero, end) = (scale.at(0.0), scale.at(row.value));
        canvas.text(left - 12.0, baseline, name, number);
        canvas.rect(zero.min(end), y, (end - zero).abs(), BAR, FILL);
        canvas.text(values_at, baseline, &format!("{:.2}", row.value), number.bold());
        if !row.certain() {
            whisker(&mut canvas, &scale, row.interval, y + BAR / 2.0);
            let (low, high) = row.interval;
            canvas.text(intervals_at, baseline, &format!("{low:.2} to {high:.2}"), number);
        }
    }
    canvas.line((scale.at(0.0), first), (scale.at(0.0), bottom + 4.0), MUTED, 1.0);
    canvas.finish(WIDTH, bottom + FOOT, words.title)
}

/// Zero, all values, and of their intervals as much as leaves the bars half of the room.
fn range(rows: &[Valued<'_>]) -> (f64, f64) {
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let low = least(&mut rows.iter().map(|row| row.value));
    let high = most(&mut rows.iter().map(|row| row.value));
    let outer_low = least(&mut rows.iter().map(|row| row.interval.0)).min(low);
    let outer_high = most(&mut rows.iter().map(|row| row.interval.1)).max(high);
    let spare = match high - low {
        0.0 => f64::INFINITY,
        length => length / 2.0,
    };
    (outer_low.max(low - spare), outer_high.min(high + spare))
}

fn whisker(canvas: &mut Canvas, scale: &Scale, (low, high): (f64, f64), y: f64) {
    let (least, most) = scale.range();
    let (from, to) = (scale.at(low.max(least)), scale.at(high.min(most)));
    canvas.line((from, y), (to, y), MUTED, 1.25);
    for (x, cut, inward) in [(from, low < least, 1.0), (to, high > most, -1.0)] {
        if cut {
            canvas.line((x, y), (x + inward * END, y - END), MUTED, 1.25);
            canvas.line((x, y), (x + inward * END, y + END), MUTED, 1.25);
        } else {
            canvas.line((x, y - END), (x, y + END), MUTED, 1.25);
        }
    }
}

/// Names in graphs of others can be whole paths, which tell apart by their ends.
fn shortened(name: &str) -> String {
    match name.chars().count().checked_sub(NAME) {
        None | Some(0) => name.to_owned(),
        Some(over) => format!("…{}", name.chars().skip(over + 1).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'_> = Words {
        title: "Worth of a & b",
        subtitles: &[],
        name: "layer",
        value: "phi",
        interval: "exact within",
        axis: "percent",
    };

    fn row(name: &str, value: f64, interval: (f64, f64)) -> Valued<'_> {
        Valued { name, value, interval }
    }

    /// Three lines a whisker, four where it is cut on one side, over one a tick and the axis.
    fn lines(rows: &[Valued<'_>]) -> usize {
        let scale = Scale::new(range(rows), 0.0, 1.0);
        values(&WORDS, rows).matches("<line").count() - scale.ticks(6, 1.0).len() - 1
    }

    #[test]
    fn every_value_has_its_bar_in_the_order_given() {
        let svg = values(&WORDS, &[row("b<1>", 4.0, (4.0, 5.0)), row("a", -1.25, (-1.25, -1.25))]);
        assert_eq!(svg.matches("<rect").count(), 1 + 2, "the ground and the bars");
        assert!(svg.contains("b&lt;1&gt;") && svg.contains("Worth of a &amp; b"), "{svg}");
        assert!(svg.contains(">4.00<") && svg.contains(">4.00 to 5.00<") && svg.contains(">-1.25<"), "{svg}");
        assert!(svg.find("b&lt;1").unwrap() < svg.find(">a<").unwrap());
    }

    #[test]
    fn whiskers_are_drawn_whole_where_they_fit_and_cut_where_not() {
        assert_eq!(lines(&[row("a", 4.0, (4.0, 4.0))]), 0);
        assert_eq!(lines(&[row("a", 4.0, (4.0, 5.0))]), 3);
        assert_eq!(lines(&[row("a", 4.0, (4.0, 70.0))]), 4);
        assert_eq!(range(&[row("a", 4.0, (4.0, 70.0)), row("b", -2.0, (-9.0, 1.0))]), (-5.0, 7.0));
        assert_eq!(range(&[row("a", 0.0, (0.0, 70.0))]), (0.0, 70.0), "no bar needs room");
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(shortened(&"x".repeat(NAME)), "x".repeat(NAME));
        let short = shortened(&format!("{}/relu", "x".repeat(100)));
        assert!(short.starts_with('…') && short.ends_with("xx/relu") && short.chars().count() == NAME);
    }
}
