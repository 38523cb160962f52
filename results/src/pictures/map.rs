//! What wins on which link: a panel an objective, a cell a link, coloured by the winner.

use super::paper::{INK, MARGIN, MUTED, WIDTH};
use super::svg::{Anchor, Canvas, Style, width};
use crate::look::COLOURS;

const HEAD: f64 = 62.0;
const SUBTITLE: f64 = 18.0;
const LEFT: f64 = MARGIN + 86.0;
const CELL: f64 = 26.0;
/// Above a panel: its name.
const NAME: f64 = 34.0;
/// Below a panel: ticks and what the axis is.
const FOOT: f64 = 58.0;
const LEGEND_ROW: f64 = 22.0;

/// What wins on a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Won {
    /// What it is called, the same in every panel.
    pub by: String,
    /// How much of the objective it has, for people.
    pub shown: String,
}

/// One objective on every link: a row a round-trip time, a column a rate.
#[derive(Clone, Debug)]
pub struct Panel {
    /// On top.
    pub name: String,
    /// As many rows as there are round-trip times, each of as many cells as there are rates.
    pub rows: Vec<Vec<Won>>,
}

/// What the picture says beside its cells.
#[derive(Clone, Debug)]
pub struct Axes<'a> {
    /// On top.
    pub title: &'a str,
    /// Lines below it.
    pub subtitles: &'a [String],
    /// Below the columns.
    pub rates: &'a [String],
    /// Beside the rows.
    pub delays: &'a [String],
}

/// The picture. Winners are coloured in the order in which they first win.
pub fn map(axes: &Axes<'_>, panels: &[Panel]) -> String {
    let mut canvas = Canvas::titled(axes.title, axes.subtitles);
    let mut winners: Vec<&str> = Vec::new();
    for won in panels.iter().flat_map(|panel| panel.rows.iter().flatten()) {
        if !winners.contains(&won.by.as_str()) {
            winners.push(&won.by);
        }
    }
    let fill = |by: &str| {
        let index = winners.iter().position(|winner| *winner == by).unwrap_or_default();
        tinted(COLOURS[index % COLOURS.len()].0)
    };
    let column = (WIDTH - MARGIN - LEFT) / axes.rates.len().max(1) as f64;
    let mut top = HEAD + SUBTITLE * axes.subtitles.len() as f64;
    let small = |anchor| Style::new(12.0, anchor, MUTED);
    let mut x = LEFT;
    for winner in &winners {
        let wide = 22.0 + width(winner, 13.0) + 20.0;
        if x + wide > WIDTH - MARGIN && x > LEFT {
            (x, top) = (LEFT, top + LEGEND_ROW);
        }
        canvas.rect(x, top - 12.0, 16.0, 16.0, &fill(winner));
        canvas.text(x + 22.0, top + 1.0, winner, Style::new(13.0, Anchor::Start, INK));
        x += wide;
    }
    top += LEGEND_ROW;
    for panel in panels {
        canvas.text(LEFT, top + 16.0, &panel.name, Style::new(14.0, Anchor::Start, INK).bold());
        top += NAME;
        for (row, delay) in panel.rows.iter().zip(axes.delays) {
            canvas.text(LEFT - 10.0, top + CELL / 2.0 + 4.0, delay, small(Anchor::End));
            for (index, won) in row.iter().enumerate() {
                let x = LEFT + column * index as f64;
                canvas.rect(x, top, column - 1.0, CELL - 1.0, &fill(&won.by));
                let middle = (x + column / 2.0, top + CELL / 2.0 + 4.0);
                canvas.text(middle.0, middle.1, &won.shown, Style::new(11.0, Anchor::Middle, INK));
            }
            top += CELL;
        }
        for (index, rate) in axes.rates.iter().enumerate() {
            canvas.text(LEFT + column * (index as f64 + 0.5), top + 18.0, rate, small(Anchor::Middle));
        }
        let middle = f64::midpoint(LEFT, WIDTH - MARGIN);
        canvas.text(
            middle,
            top + 38.0,
            "rate of the link, each way; rows: its round-trip time",
            small(Anchor::Middle),
        );
        top += FOOT;
    }
    canvas.finish(WIDTH, top, axes.title)
}

/// A colour light enough for text on it.
fn tinted(colour: &str) -> String {
    let channel = |at: usize| u32::from_str_radix(&colour[at..at + 2], 16).unwrap_or_default();
    let light = |at: usize| (channel(at) * 2 + 255 * 3) / 5;
    format!("#{:02x}{:02x}{:02x}", light(1), light(3), light(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_has_a_cell_and_every_winner_one_colour() {
        let won = |by: &str| Won { by: by.to_owned(), shown: "1 s".to_owned() };
        let panel = |name: &str, by: [[&str; 2]; 3]| Panel {
            name: name.to_owned(),
            rows: by.map(|row| row.map(won).to_vec()).to_vec(),
        };
        let [rates, delays] = [["1", "2"].map(str::to_owned), ["a", "b"].map(str::to_owned)];
        let delays = [&delays[..], &["c".to_owned()]].concat();
        let axes = Axes { title: "t", subtitles: &[], rates: &rates, delays: &delays };
        let panels = [
            panel("total", [["one", "one"], ["two", "two"], ["one", "three"]]),
            panel("online", [["two", "two"], ["two", "two"], ["two", "one"]]),
        ];
        let svg = map(&axes, &panels);
        let fills = |index: usize| svg.matches(&format!("fill=\"{}\"", tinted(COLOURS[index].0))).count();
        // A cell each, and one in the legend.
        assert_eq!([fills(0), fills(1), fills(2)], [5, 8, 2]);
        assert_eq!(svg.matches(">1 s<").count(), 12);
    }
}
