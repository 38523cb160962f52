//! `time_by_budget.svg` and `bytes_by_budget.svg`: stacked bars, the numbers beside them in columns that are the legend.

use super::axis::{Scale, byte_unit, time_unit};
use super::labels::{budget, distinct, names};
use super::paper::{GRID, INK, MARGIN, MUTED, WIDTH};
use super::svg::{Anchor, Canvas, Style, width};
use crate::SummaryRow;
use crate::units;
use std::cmp::Reverse;

const HEAD: f64 = 84.0;
const ROW: f64 = 28.0;
const BAR: f64 = 18.0;
const PANEL_HEAD: f64 = 30.0;
const PANEL_FOOT: f64 = 58.0;
const COLUMN: f64 = 86.0;
const SWATCH: f64 = 40.0;
/// Panels whose longest bars differ by less than this share a scale.
const COMPARABLE: f64 = 4.0;

const OFFLINE: &str = "#0072b2";
const OFFLINE_LIGHT: &str = "#8cc4e8";
const ONLINE: &str = "#d55e00";
const ONLINE_LIGHT: &str = "#f5b183";

/// One part of every bar.
struct Part {
    name: &'static str,
    colour: &'static str,
    value: fn(&SummaryRow) -> Option<f64>,
}

/// One picture's quantity.
struct Quantity {
    title: &'static str,
    subtitle: &'static str,
    axis: &'static str,
    parts: &'static [Part],
    text: fn(f64) -> String,
    unit: fn(f64) -> (f64, &'static str),
}

const TIME: Quantity = Quantity {
    title: "Time of one inference, by ReLU budget",
    subtitle: "Medians over the measured repeats; total is their sum. Offline: the slower party; online: the client.",
    axis: "offline + online time",
    parts: &[
        Part { name: "offline", colour: OFFLINE, value: |row| row.offline_s_p50 },
        Part { name: "online", colour: ONLINE, value: |row| row.online_s_p50 },
    ],
    text: units::seconds,
    unit: time_unit,
};

const BYTES: Quantity = Quantity {
    title: "Communication of one inference, by ReLU budget",
    subtitle: "Payload and frame headers, the same in every repeat. Up: client to server; down: server to client.",
    axis: "bytes on the wire",
    parts: &[
        Part { name: "offline up", colour: OFFLINE_LIGHT, value: |row| in_bytes(row.offline_up_bytes) },
        Part { name: "offline down", colour: OFFLINE, value: |row| in_bytes(row.offline_down_bytes) },
        Part { name: "online up", colour: ONLINE_LIGHT, value: |row| in_bytes(row.online_up_bytes) },
        Part { name: "online down", colour: ONLINE, value: |row| in_bytes(row.online_down_bytes) },
    ],
    text: |bytes| units::bytes(bytes as u64),
    unit: byte_unit,
};

fn in_bytes(bytes: Option<u64>) -> Option<f64> {
    bytes.map(|bytes| bytes as f64)
}

/// A bar and its names.
struct Bar<'a> {
    row: &'a SummaryRow,
    panel: String,
    label: String,
    /// Values of the parts; empty where one is missing.
    values: Vec<f64>,
}

impl Bar<'_> {
    fn total(&self) -> f64 {
        self.values.iter().sum()
    }
}

pub(super) fn time_by_budget(rows: &[SummaryRow]) -> String {
    let rows: Vec<&SummaryRow> = rows.iter().collect();
    let series = names(&rows, &[|row| &row.method, |row| &row.relu]);
    let bars = rows
        .iter()
        .zip(series)
        .map(|(row, series)| bar(row, &format!("{}, {}", row.model, row.link), &series, &TIME));
    draw(&TIME, bars.collect())
}

/// Bytes belong to the plan: links that agree on them share a bar.
pub(super) fn bytes_by_budget(rows: &[SummaryRow]) -> String {
    let values = |row: &SummaryRow| BYTES.parts.iter().map(|part| (part.value)(row)).collect::<Vec<_>>();
    let plan =
        |row: &SummaryRow| (row.model.clone(), row.method.clone(), row.relu.clone(), row.budget, row.relus);
    let mut kept: Vec<&SummaryRow> = Vec::new();
    for row in rows {
        let twin = kept.iter_mut().find(|other| {
            plan(other) == plan(row)
                && (values(other) == values(row)
                    || values(other).contains(&None)
                    || values(row).contains(&None))
        });
        match twin {
            // A link that failed says nothing about the plan; another link's bytes stand.
            Some(twin) if values(twin).contains(&None) => *twin = row,
            Some(_) => {}
            None => kept.push(row),
        }
    }
    let clash = kept
        .iter()
        .enumerate()
        .any(|(index, row)| kept[..index].iter().any(|other| plan(other) == plan(row)));
    let series = if clash {
        names(&kept, &[|row| &row.method, |row| &row.relu, |row| &row.link])
    } else {
        names(&kept, &[|row| &row.method, |row| &row.relu])
    };
    let bars = kept.iter().zip(series).map(|(row, series)| bar(row, &row.model, &series, &BYTES));
    draw(&BYTES, bars.collect())
}

fn bar<'a>(row: &'a SummaryRow, panel: &str, series: &str, quantity: &Quantity) -> Bar<'a> {
    let values: Option<Vec<f64>> = quantity.parts.iter().map(|part| (part.value)(row)).collect();
    let label = if series.is_empty() { budget(row) } else { format!("{series}  {}", budget(row)) };
    Bar { row, panel: panel.to_owned(), label, values: values.unwrap_or_default() }
}

fn draw(quantity: &Quantity, mut bars: Vec<Bar<'_>>) -> String {
    let panels = distinct(bars.iter().map(|bar| bar.panel.clone()));
    bars.sort_by_key(|bar| (Reverse(bar.row.relus), &bar.row.method, &bar.row.relu));
    let longest =
        |panel: &String| bars.iter().filter(|bar| bar.panel == *panel).map(Bar::total).fold(0.0, f64::max);
    let maxima: Vec<f64> = panels.iter().map(longest).collect();
    let most = maxima.iter().copied().fold(0.0, f64::max);
    let least = maxima.iter().copied().filter(|longest| *longest > 0.0).fold(most, f64::min);
    let shared = most < COMPARABLE * least;
    let mut subtitle = quantity.subtitle.to_owned();
    if panels.len() > 1 {
        subtitle.push_str(if shared {
            " The panels share a scale."
        } else {
            " Each panel has its own scale."
        });
    }
    let mut canvas = Canvas::titled(quantity.title, &[subtitle]);
    if bars.is_empty() {
        canvas.text(MARGIN, HEAD + 40.0, "No run to draw.", Style::new(14.0, Anchor::Start, MUTED));
        return canvas.finish(WIDTH, HEAD + 80.0, quantity.title);
    }
    let labels = bars.iter().map(|bar| width(&bar.label, 13.0)).fold(width("ReLU budget", 12.0), f64::max);
    let left = MARGIN + labels + 14.0;
    let right = WIDTH - MARGIN - COLUMN * (quantity.parts.len() + 1) as f64;
    let mut top = HEAD;
    for (name, longest) in panels.iter().zip(maxima) {
        let longest = if shared { most } else { longest };
        let bars = bars.iter().filter(|bar| bar.panel == *name).collect();
        let panel = Panel { name, longest, bars, left, right, top };
        panel.draw(&mut canvas, quantity);
        top += PANEL_HEAD + panel.bars.len() as f64 * ROW + PANEL_FOOT;
    }
    canvas.finish(WIDTH, top, quantity.title)
}

/// Bars on one scale, below each other.
struct Panel<'a> {
    name: &'a str,
    /// What the scale ends with.
    longest: f64,
    bars: Vec<&'a Bar<'a>>,
    left: f64,
    right: f64,
    top: f64,
}

impl Panel<'_> {
    fn draw(&self, canvas: &mut Canvas, quantity: &Quantity) {
        let Self { name, longest, ref bars, left, right, top } = *self;
        let small = Style::new(12.0, Anchor::End, MUTED);
        let number = Style::new(13.0, Anchor::End, INK);
        let column = |index: usize| right + COLUMN * (index + 1) as f64;
        canvas.text(left, top + 16.0, name, Style::new(14.0, Anchor::Start, INK).bold());
        canvas.text(left - 12.0, top + 16.0, "ReLU budget", small);
        for (index, part) in quantity.parts.iter().enumerate() {
            canvas.text(column(index), top + 16.0, part.name, Style { colour: INK, ..small });
            canvas.rect(column(index) - SWATCH, top + 20.5, SWATCH, 4.0, part.colour);
        }
        canvas.text(column(quantity.parts.len()), top + 16.0, "total", Style { colour: INK, ..small }.bold());

        let first = top + PANEL_HEAD;
        let bottom = first + bars.len() as f64 * ROW;
        let scale = Scale::new((0.0, longest), left, right - 8.0);
        let (unit, unit_name) = (quantity.unit)(longest);
        if longest > 0.0 {
            for (value, label) in scale.spaced(5, unit, 12.0) {
                let x = scale.at(value);
                canvas.line((x, first), (x, bottom + 4.0), GRID, 1.0);
                canvas.text(x, bottom + 19.0, &label, Style { anchor: Anchor::Middle, ..small });
            }
            let text = format!("{} ({unit_name})", quantity.axis);
            canvas.text(
                f64::midpoint(left, right),
                bottom + 37.0,
                &text,
                Style { anchor: Anchor::Middle, ..small },
            );
        }
        for (index, bar) in bars.iter().enumerate() {
            let y = first + index as f64 * ROW + (ROW - BAR) / 2.0;
            let baseline = y + BAR - 4.5;
            canvas.text(left - 12.0, baseline, &bar.label, number);
            if bar.values.is_empty() {
                let text = if bar.row.n == 0 { "failed: no completed repeat" } else { "not measured" };
                canvas.text(left + 6.0, baseline, text, Style { anchor: Anchor::Start, ..small });
                continue;
            }
            let mut sum = 0.0;
            for (index, (part, value)) in quantity.parts.iter().zip(&bar.values).enumerate() {
                let from = scale.at(sum);
                sum += value;
                canvas.rect(from, y, scale.at(sum) - from, BAR, part.colour);
                canvas.text(column(index), baseline, &(quantity.text)(*value), number);
            }
            canvas.text(column(quantity.parts.len()), baseline, &(quantity.text)(sum), number.bold());
        }
        canvas.line((left, first), (left, bottom + 4.0), MUTED, 1.0);
    }
}
