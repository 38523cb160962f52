//! `accuracy_latency.svg`: what a budget costs and what it buys, a panel a link.

use super::axis::{Scale, padded, time_unit};
use super::labels::{budget, distinct, names};
use super::paper::{GRID, INK, MARGIN, MUTED, SERIES, WIDTH};
use super::svg::{Anchor, Canvas, Style, width};
use crate::SummaryRow;
use crate::units::count;

const PANELS_A_ROW: usize = 3;
const HEAD: f64 = 102.0;
const PANEL_HEIGHT: f64 = 330.0;
const LABEL: f64 = 12.0;
/// Of fewer images an accuracy is not drawn beside one of more.
const FEWEST_IMAGES: u64 = 30;

/// A row that has both coordinates.
struct Point<'a> {
    row: &'a SummaryRow,
    series: String,
    latency: f64,
    accuracy: Accuracy,
    /// The other of the two, where it is of enough images.
    beside: Option<Accuracy>,
}

/// A share of images, with Wilson's 95 % interval; percent.
#[derive(Clone, Copy)]
struct Accuracy {
    images: u64,
    share: f64,
    interval: Option<(f64, f64)>,
    of: Where,
}

/// What an accuracy was measured in: the same network in the same ring.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    Secure,
    Clear,
}

impl Accuracy {
    /// The one of more images, then the other.
    fn both(row: &SummaryRow) -> Option<(Self, Option<Self>)> {
        let percent = |low: Option<f64>, high: Option<f64>| Some((low? * 100.0, high? * 100.0));
        let secure = row.acc_secure.map(|share| Self {
            images: row.n,
            share: share * 100.0,
            interval: percent(row.acc_secure_low, row.acc_secure_high),
            of: Where::Secure,
        });
        let clear = row.acc_fixed_test.zip(row.acc_images).map(|(share, images)| Self {
            images,
            share: share * 100.0,
            interval: percent(row.acc_fixed_test_low, row.acc_fixed_test_high),
            of: Where::Clear,
        });
        match (secure, clear) {
            (Some(secure), Some(clear)) if clear.images > secure.images => Some((clear, Some(secure))),
            (Some(secure), clear) => Some((secure, clear)),
            (None, clear) => clear.map(|clear| (clear, None)),
        }
    }
}

pub(super) fn draw(rows: &[SummaryRow]) -> String {
    let title = "Accuracy against online latency, by ReLU budget";
    let points = points(rows);
    let mut canvas = Canvas::titled(title, &subtitles(&points));
    if points.is_empty() {
        canvas.text(MARGIN, HEAD + 40.0, "No completed run to draw.", Style::new(14.0, Anchor::Start, MUTED));
        return canvas.finish(WIDTH, HEAD + 80.0, title);
    }
    let links = distinct(points.iter().map(|point| point.row.link.as_str()));
    let series = distinct(points.iter().map(|point| point.series.clone()));
    let legend = if series.len() > 1 { draw_legend(&mut canvas, &series) } else { 0.0 };

    let across = links.len().min(PANELS_A_ROW);
    let panel_width = (WIDTH - 2.0 * MARGIN) / across as f64;
    let accuracies = points
        .iter()
        .flat_map(|point| [Some(point.accuracy), point.beside].into_iter().flatten().map(|one| one.share));
    let (low, high) = padded(accuracies);
    let range = (low.max(0.0), high.min(100.0));
    for (index, link) in links.iter().enumerate() {
        let left = MARGIN + (index % across) as f64 * panel_width;
        let top = HEAD + legend + (index / across) as f64 * PANEL_HEIGHT;
        let members: Vec<&Point<'_>> = points.iter().filter(|point| point.row.link == *link).collect();
        Panel::new(left, top, panel_width, &members, range, index % across == 0).draw(
            &mut canvas,
            link,
            &members,
            &series,
        );
    }
    let height = HEAD + legend + links.len().div_ceil(across) as f64 * PANEL_HEIGHT + 12.0;
    canvas.finish(WIDTH, height, title)
}

fn points(rows: &[SummaryRow]) -> Vec<Point<'_>> {
    let drawn: Vec<&SummaryRow> =
        rows.iter().filter(|row| Accuracy::both(row).is_some() && row.online_s_p50.is_some()).collect();
    let series = names(&drawn, &[|row| &row.model, |row| &row.method, |row| &row.relu]);
    let mut points: Vec<Point<'_>> = drawn
        .into_iter()
        .zip(series)
        .filter_map(|(row, series)| {
            let (accuracy, beside) = Accuracy::both(row)?;
            let beside = beside.filter(|other| other.images >= FEWEST_IMAGES);
            Some(Point { row, series, latency: row.online_s_p50?, accuracy, beside })
        })
        .collect();
    points.sort_by_key(|point| point.row.relus);
    points
}

/// What the marks mean, with the sample sizes behind them.
fn subtitles(points: &[Point<'_>]) -> Vec<String> {
    let Some(first) = points.first() else { return Vec::new() };
    let said = |of: &dyn Fn(&Point<'_>) -> Option<Accuracy>, mark: &str| {
        let all: Vec<Accuracy> = points.iter().filter_map(of).collect();
        let parts =
            [(Where::Clear, "in the clear on", "test image"), (Where::Secure, "the secure run on", "image")];
        let told = parts.into_iter().filter_map(|(place, how, what)| {
            let images = || all.iter().filter(|one| one.of == place).map(|one| one.images);
            Some(format!("{how} {}", range(images().min()?, images().max()?, what)))
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| format!("{mark}: {}", told.join(", or ")))
    };
    let dots = said(&|point| Some(point.accuracy), "Dots").expect("there is a point");
    let mut text = format!("{dots}, with 95 % intervals; labelled with the budget where there is room");
    if let Some(dashes) = said(&|point| point.beside, "Dashes") {
        text.push_str(&format!(". {dashes}"));
    }
    let parts: [fn(&SummaryRow) -> &str; 3] = [|row| &row.model, |row| &row.method, |row| &row.relu];
    let names: Vec<&str> = parts
        .into_iter()
        .filter(|part| points.iter().all(|point| part(point.row) == part(first.row)))
        .map(|part| part(first.row))
        .collect();
    if names.is_empty() { vec![text] } else { vec![names.join(", "), text] }
}

/// So many of `what`.
fn range(low: u64, high: u64, what: &str) -> String {
    let plural = if high == 1 { "" } else { "s" };
    if low == high {
        format!("{} {what}{plural}", count(low))
    } else {
        format!("{} to {} {what}{plural}", count(low), count(high))
    }
}

/// Names of the series in their colours; returns the height used.
fn draw_legend(canvas: &mut Canvas, series: &[String]) -> f64 {
    let mut x = MARGIN;
    let mut y = HEAD + 4.0;
    for (index, name) in series.iter().enumerate() {
        let wide = 22.0 + width(name, 13.0) + 20.0;
        if x + wide > WIDTH - MARGIN && x > MARGIN {
            x = MARGIN;
            y += 22.0;
        }
        let colour = SERIES[index % SERIES.len()];
        canvas.dot((x + 6.0, y - 4.5), 5.0, colour);
        canvas.text(x + 16.0, y, name, Style::new(13.0, Anchor::Start, INK));
        x += wide;
    }
    y - HEAD + 16.0
}

/// One link's axes.
struct Panel {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
    unit: (f64, &'static str),
    /// Whether the vertical axis is named and numbered here.
    first: bool,
}

impl Panel {
    fn new(
        left: f64,
        top: f64,
        wide: f64,
        points: &[&Point<'_>],
        accuracies: (f64, f64),
        first: bool,
    ) -> Self {
        let (left, right) = (left + 52.0, left + wide - 14.0);
        let (top, bottom) = (top + 28.0, top + PANEL_HEIGHT - 62.0);
        let latencies = padded(points.iter().map(|point| point.latency));
        let longest = points.iter().map(|point| point.latency).fold(0.0, f64::max);
        Self {
            left,
            right,
            top,
            bottom,
            x: Scale::new(latencies, left, right),
            y: Scale::new(accuracies, bottom, top),
            unit: time_unit(longest),
            first,
        }
    }

    fn draw(&self, canvas: &mut Canvas, link: &str, points: &[&Point<'_>], series: &[String]) {
        self.draw_axes(canvas, link);
        let at = |point: &Point<'_>| (self.x.at(point.latency), self.y.at(point.accuracy.share));
        let mut taken: Vec<Area> = Vec::new();
        for point in points {
            let (x, y) = at(point);
            taken.push(Area::around(x, y, 7.0));
        }
        for (index, name) in series.iter().enumerate() {
            let colour = SERIES[index % SERIES.len()];
            let members: Vec<&Point<'_>> =
                points.iter().copied().filter(|point| point.series == *name).collect();
            canvas.polyline(&members.iter().map(|point| at(point)).collect::<Vec<_>>(), colour);
            for point in &members {
                let x = self.x.at(point.latency);
                if let Some((low, high)) = point.accuracy.interval {
                    let inside = |share: f64| self.y.at(share).clamp(self.top, self.bottom);
                    canvas.line((x, inside(low)), (x, inside(high)), colour, 1.0);
                }
                if let Some(beside) = point.beside {
                    let y = self.y.at(beside.share);
                    canvas.line((x - 8.0, y), (x + 8.0, y), colour, 2.0);
                    taken.push(Area { left: x - 8.0, right: x + 8.0, top: y - 2.0, bottom: y + 2.0 });
                }
                canvas.dot(at(point), 5.5, colour);
            }
        }
        for point in points {
            let text = budget(point.row);
            let Some(area) = self.place(at(point), width(&text, LABEL), &taken) else { continue };
            canvas.text(area.left, area.bottom - 2.5, &text, Style::new(LABEL, Anchor::Start, INK));
            taken.push(area);
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas, link: &str) {
        let small = Style::new(12.0, Anchor::Middle, MUTED);
        canvas.text(self.left, self.top - 12.0, link, Style::new(14.0, Anchor::Start, INK).bold());
        for (value, label) in self.y.ticks(8, 1.0) {
            let y = self.y.at(value);
            canvas.line((self.left, y), (self.right, y), GRID, 1.0);
            canvas.text(self.left - 8.0, y + 4.0, &label, Style { anchor: Anchor::End, ..small });
        }
        for (value, label) in self.x.ticks(5, self.unit.0) {
            let x = self.x.at(value);
            canvas.line((x, self.bottom), (x, self.bottom + 5.0), MUTED, 1.0);
            canvas.text(x, self.bottom + 20.0, &label, small);
        }
        canvas.line((self.left, self.bottom), (self.right, self.bottom), MUTED, 1.0);
        let middle = f64::midpoint(self.left, self.right);
        canvas.text(middle, self.bottom + 42.0, &format!("online latency, median ({})", self.unit.1), small);
        if self.first {
            let middle = f64::midpoint(self.top, self.bottom);
            canvas.text(self.left - 40.0, middle, "top-1 accuracy (%)", small.turned());
        }
    }

    /// The first of eight places around a point that covers nothing.
    fn place(&self, (x, y): (f64, f64), wide: f64, taken: &[Area]) -> Option<Area> {
        let high = LABEL + 2.0;
        let offsets = [
            (-wide / 2.0, -high - 8.0),
            (-wide / 2.0, 9.0),
            (9.0, -high / 2.0),
            (-wide - 9.0, -high / 2.0),
            (6.0, -high - 5.0),
            (6.0, 6.0),
            (-wide - 6.0, -high - 5.0),
            (-wide - 6.0, 6.0),
        ];
        let areas = offsets.map(|(dx, dy)| Area {
            left: x + dx,
            right: x + dx + wide,
            top: y + dy,
            bottom: y + dy + high,
        });
        let fits = |area: &Area| {
            area.left >= self.left
                && area.right <= self.right + 12.0
                && area.top >= self.top - 8.0
                && area.bottom <= self.bottom - 3.0
                && !taken.iter().any(|other| area.overlaps(other))
        };
        areas.into_iter().find(fits)
    }
}

/// A rectangle that something covers.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Area {
    fn around(x: f64, y: f64, radius: f64) -> Self {
        Self { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}
