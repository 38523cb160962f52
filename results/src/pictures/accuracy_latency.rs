//! `accuracy_latency.svg`: what a budget costs and what it buys, a panel a link.

use super::axis::{Scale, padded, time_unit};
use super::labels::{budget, distinct, names};
use super::paper::{FRONT, GRID, INK, MARGIN, MUTED, WIDTH};
use super::placing::{APART, Area, Room};
use super::svg::{Anchor, Canvas, Style, width};
use crate::SummaryRow;
use crate::judged::{Accuracy, Where};
use crate::look::{Look, looks};
use crate::units::count;
use std::collections::HashSet;

const PANELS_A_ROW: usize = 2;
const HEAD: f64 = 72.0;
const SUBTITLE: f64 = 18.0;
const PANEL_HEIGHT: f64 = 400.0;
const LABEL: f64 = 12.0;
const POINT: f64 = 5.0;
/// Of fewer images an accuracy is not drawn beside one of more.
const FEWEST_IMAGES: u64 = 30;

/// A row that has both coordinates; accuracies in percent.
struct Point<'a> {
    row: &'a SummaryRow,
    /// Index into the series.
    series: usize,
    latency: f64,
    accuracy: Accuracy,
    /// That of the secure run, where it is another and of enough images.
    beside: Option<Accuracy>,
    /// Whether no other surely beats it.
    front: bool,
}

/// What is joined by a line.
struct Series {
    name: String,
    look: Look,
}

/// `front` has the ids of the cells that no other surely beats.
pub(super) fn draw(rows: &[SummaryRow], front: &HashSet<String>) -> String {
    let title = "Accuracy against online latency, by ReLU budget";
    let (points, series) = points(rows, front);
    let subtitles = subtitles(&points);
    let mut canvas = Canvas::titled(title, &subtitles);
    let head = HEAD + SUBTITLE * subtitles.len() as f64;
    if points.is_empty() {
        canvas.text(MARGIN, head + 40.0, "No completed run to draw.", Style::new(14.0, Anchor::Start, MUTED));
        return canvas.finish(WIDTH, head + 80.0, title);
    }
    let links = distinct(points.iter().map(|point| point.row.link.as_str()));
    let head = head + if series.len() > 1 { draw_legend(&mut canvas, head, &series) } else { 0.0 };

    let across = links.len().min(PANELS_A_ROW);
    let panel_width = (WIDTH - 2.0 * MARGIN) / across as f64;
    let ends = points.iter().flat_map(|point| {
        let (low, high) = point.accuracy.interval;
        [Some(low), Some(high), point.beside.map(|other| other.share)].into_iter().flatten()
    });
    let (low, high) = padded(ends);
    let range = (low.max(0.0), high.min(100.0));
    let most = points.iter().map(|point| point.accuracy.images).max().unwrap_or(0);
    for (index, link) in links.iter().enumerate() {
        let left = MARGIN + (index % across) as f64 * panel_width;
        let top = head + (index / across) as f64 * PANEL_HEIGHT;
        let members: Vec<&Point<'_>> = points.iter().filter(|point| point.row.link == *link).collect();
        let first = (index % across == 0).then(|| axis_name(&points));
        let panel = Panel::new((left, top, panel_width), &members, range, first);
        panel.draw_axes(&mut canvas, link);
        panel.draw_points(&mut canvas, &members, &series, most);
    }
    canvas.finish(WIDTH, head + links.len().div_ceil(across) as f64 * PANEL_HEIGHT + 12.0, title)
}

fn points<'a>(rows: &'a [SummaryRow], front: &HashSet<String>) -> (Vec<Point<'a>>, Vec<Series>) {
    let drawn: Vec<&SummaryRow> =
        rows.iter().filter(|row| Accuracy::of(row).is_some() && row.online_s_p50.is_some()).collect();
    let named = names(&drawn, &[|row| &row.model, |row| &row.method, |row| &row.relu]);
    let rests = names(&drawn, &[|row| &row.model, |row| &row.relu]);
    let known = distinct(named.iter().map(String::as_str));
    let first = |name: &&str| named.iter().position(|other| other == name).expect("it is one of them");
    let firsts: Vec<usize> = known.iter().map(first).collect();
    let methods: Vec<(&str, &str)> =
        firsts.iter().map(|at| (drawn[*at].method.as_str(), rests[*at].as_str())).collect();
    let series =
        known.iter().zip(looks(&methods)).map(|(name, look)| Series { name: (*name).to_owned(), look });
    let series: Vec<Series> = series.collect();
    let percent = |one: Accuracy| {
        let (low, high) = one.interval;
        Accuracy { share: 100.0 * one.share, interval: (100.0 * low, 100.0 * high), ..one }
    };
    let point = |(row, name): (&&'a SummaryRow, &String)| {
        let accuracy = Accuracy::of(row).map(percent)?;
        let beside = Accuracy::secure(row).map(percent);
        Some(Point {
            row,
            series: known.iter().position(|other| other == name)?,
            latency: row.online_s_p50?,
            accuracy,
            beside: beside.filter(|other| other.of != accuracy.of && other.images >= FEWEST_IMAGES),
            front: front.contains(&row.cell),
        })
    };
    let mut points: Vec<Point<'_>> = drawn.iter().zip(&named).filter_map(point).collect();
    points.sort_by_key(|point| point.row.relus);
    (points, series)
}

fn axis_name(points: &[Point<'_>]) -> String {
    match distinct(points.iter().map(|point| point.accuracy.of))[..] {
        [of] => format!("{} accuracy, top-1 (%)", of.name()),
        _ => "top-1 accuracy (%)".to_owned(),
    }
}

/// What all points have in common, and what the marks mean, with the sample sizes behind them.
fn subtitles(points: &[Point<'_>]) -> Vec<String> {
    let Some(first) = points.first() else { return Vec::new() };
    let parts: [fn(&SummaryRow) -> &str; 3] = [|row| &row.model, |row| &row.method, |row| &row.relu];
    let common = parts.into_iter().filter(|part| points.iter().all(|one| part(one.row) == part(first.row)));
    let common: Vec<&str> = common.map(|part| part(first.row)).collect();
    let most = points.iter().map(|point| point.accuracy.images).max().unwrap_or(0);
    let accuracies = |of: &dyn Fn(&Point<'_>) -> bool| -> Vec<Accuracy> {
        points.iter().filter(|point| of(point)).map(|point| point.accuracy).collect()
    };
    let full = said(&accuracies(&|point| point.accuracy.images == most));
    let mut marks = format!("Points: {full}, with 95 % intervals");
    let fewer = accuracies(&|point| point.accuracy.images < most);
    if !fewer.is_empty() {
        marks.push_str(&format!(". Hollow: {}", said(&fewer)));
    }
    let beside: Vec<Accuracy> = points.iter().filter_map(|point| point.beside).collect();
    if !beside.is_empty() {
        marks.push_str(&format!(". Dashes: {}", said(&beside)));
    }
    let mut lines: Vec<String> = Vec::new();
    lines.extend((!common.is_empty()).then(|| common.join(", ")));
    lines.push(marks);
    let mut labels = "Labelled with the budget where there is room".to_owned();
    if points.iter().any(|point| point.front) {
        labels.push_str(
            "; ringed where no other cell is surely more accurate or faster, and no worse in the other",
        );
    }
    lines.push(labels);
    lines
}

/// What accuracies are of, and of how many images.
fn said(all: &[Accuracy]) -> String {
    let parts = [(Where::Test, "in the clear"), (Where::Secure, "by the protocol")];
    let told = parts.into_iter().filter_map(|(place, how)| {
        let images = || all.iter().filter(|one| one.of == place).map(|one| one.images);
        let images = range(images().min()?, images().max()?);
        Some(format!("{} accuracy, {how}, on {images}", place.name()))
    });
    told.collect::<Vec<_>>().join(", or ")
}

/// So many images.
fn range(low: u64, high: u64) -> String {
    let plural = if high == 1 { "" } else { "s" };
    if low == high {
        format!("{} image{plural}", count(low))
    } else {
        format!("{} to {} image{plural}", count(low), count(high))
    }
}

/// Names of the series beside their marks; returns the height used.
fn draw_legend(canvas: &mut Canvas, head: f64, series: &[Series]) -> f64 {
    let (mut x, mut y) = (MARGIN, head + 4.0);
    for Series { name, look } in series {
        let wide = 34.0 + width(name, 13.0) + 20.0;
        if x + wide > WIDTH - MARGIN && x > MARGIN {
            x = MARGIN;
            y += 22.0;
        }
        canvas.joined(&[(x, y - 4.5), (x + 26.0, y - 4.5)], *look);
        canvas.mark((x + 13.0, y - 4.5), POINT, *look, false);
        canvas.text(x + 32.0, y, name, Style::new(13.0, Anchor::Start, INK));
        x += wide;
    }
    y - head + 16.0
}

/// One link's axes.
struct Panel {
    area: Area,
    x: Scale,
    y: Scale,
    unit: (f64, &'static str),
    /// What the vertical axis is called, where it is named here.
    name: Option<String>,
}

impl Panel {
    fn new(
        (left, top, wide): (f64, f64, f64),
        points: &[&Point<'_>],
        accuracies: (f64, f64),
        name: Option<String>,
    ) -> Self {
        let (left, right) = (left + 52.0, left + wide - 14.0);
        let (top, bottom) = (top + 28.0, top + PANEL_HEIGHT - 62.0);
        let latencies = padded(points.iter().map(|point| point.latency));
        let longest = points.iter().map(|point| point.latency).fold(0.0, f64::max);
        Self {
            area: Area { left, right, top, bottom },
            x: Scale::new(latencies, left, right),
            y: Scale::new(accuracies, bottom, top),
            unit: time_unit(longest),
            name,
        }
    }

    fn draw_points(&self, canvas: &mut Canvas, points: &[&Point<'_>], series: &[Series], most: u64) {
        let Area { left, right, top, bottom } = self.area;
        let at = |point: &Point<'_>| (self.x.at(point.latency), self.y.at(point.accuracy.share));
        let mut room = Room::new(Area { right: right + 12.0, top: top - 8.0, bottom: bottom - 3.0, left });
        self.draw_front(canvas, points, at);
        for (index, Series { look, .. }) in series.iter().enumerate() {
            let of_it = || points.iter().filter(|point| point.series == index);
            canvas.joined(&of_it().map(|point| at(point)).collect::<Vec<_>>(), *look);
            for point in of_it() {
                let ((x, y), colour) = (at(point), look.on_white());
                let (low, high) = point.accuracy.interval;
                canvas.line((x, self.y.at(low)), (x, self.y.at(high)), colour, 1.0);
                if let Some((low, high)) = point.row.online_s_p50_low.zip(point.row.online_s_p50_high) {
                    let inside = |time: f64| self.x.at(time).clamp(left, right);
                    canvas.line((inside(low), y), (inside(high), y), colour, 1.0);
                }
                if let Some(beside) = point.beside {
                    let y = self.y.at(beside.share);
                    canvas.line((x - 8.0, y), (x + 8.0, y), colour, 2.0);
                    room.take(Area { left: x - 8.0, right: x + 8.0, top: y - 2.0, bottom: y + 2.0 });
                }
                room.take(Area::around((x, y), POINT + 2.0));
            }
        }
        for point in points {
            canvas.mark(at(point), POINT, series[point.series].look, point.accuracy.images < most);
        }
        let mut in_turn = points.to_vec();
        in_turn.sort_by_key(|point| !point.front);
        for point in in_turn {
            let text = budget(point.row);
            if let Some(area) = room.beside(at(point), &text, LABEL) {
                canvas.text(
                    area.left + APART,
                    area.bottom - 2.5,
                    &text,
                    Style::new(LABEL, Anchor::Start, INK).haloed(),
                );
            }
        }
    }

    /// A ring around each cell that nothing surely beats, and a line through those of them that are the most accurate so far.
    fn draw_front(&self, canvas: &mut Canvas, points: &[&Point<'_>], at: impl Fn(&Point<'_>) -> (f64, f64)) {
        let mut front: Vec<&&Point<'_>> = points.iter().filter(|point| point.front).collect();
        front.sort_by(|one, other| one.latency.total_cmp(&other.latency));
        let mut best = f64::NEG_INFINITY;
        let mut line = Vec::new();
        for point in &front {
            if point.accuracy.share > best {
                best = point.accuracy.share;
                line.push(at(point));
            }
        }
        canvas.path(&line, FRONT, 7.0);
        front.iter().for_each(|point| canvas.ring(at(point), POINT + 4.0, FRONT));
    }

    fn draw_axes(&self, canvas: &mut Canvas, link: &str) {
        let Area { left, right, top, bottom } = self.area;
        let small = Style::new(12.0, Anchor::Middle, MUTED);
        canvas.text(left, top - 12.0, link, Style::new(14.0, Anchor::Start, INK).bold());
        for (value, label) in self.y.ticks(8, 1.0) {
            let y = self.y.at(value);
            canvas.line((left, y), (right, y), GRID, 1.0);
            canvas.text(left - 8.0, y + 4.0, &label, Style { anchor: Anchor::End, ..small });
        }
        for (value, label) in self.x.spaced(7, self.unit.0, 12.0) {
            let x = self.x.at(value);
            canvas.line((x, bottom), (x, bottom + 5.0), MUTED, 1.0);
            canvas.text(x, bottom + 20.0, &label, small);
        }
        canvas.line((left, bottom), (right, bottom), MUTED, 1.0);
        let middle = f64::midpoint(left, right);
        canvas.text(middle, bottom + 42.0, &format!("online latency, median ({})", self.unit.1), small);
        if let Some(name) = &self.name {
            canvas.text(left - 40.0, f64::midpoint(top, bottom), name, small.turned());
        }
    }
}
