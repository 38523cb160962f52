//! `curves.svg`: accuracies and loss over the epochs of a training, its phases one after the other.

use super::axis::{Scale, padded};
use super::labels::distinct;
use super::paper::{GRID, INK, LINES, MARGIN, MUTED, WIDTH};
use super::svg::{Anchor, Canvas, Style, width};
use crate::schema::EpochRow;
use crate::units::percent;

const HEAD: f64 = 112.0;
const ACCURACY_HEIGHT: f64 = 270.0;
const LOSS_HEIGHT: f64 = 150.0;
const GAP: f64 = 30.0;
const FOOT: f64 = 66.0;
const LEFT: f64 = MARGIN + 52.0;
/// Names and last values stand to the right of the lines.
const RIGHT: f64 = WIDTH - MARGIN - 150.0;
const LABEL: f64 = 13.0;
/// With more epochs than this, lines are drawn without dots.
const DOTTED: usize = 40;

/// A quantity over the epochs, in the axis' unit.
struct Line {
    name: &'static str,
    colour: &'static str,
    values: Vec<f64>,
}

/// A panel: lines on one vertical axis.
struct Panel {
    name: &'static str,
    lines: Vec<Line>,
    /// What stands after a line's last value.
    text: fn(f64) -> String,
    top: f64,
    bottom: f64,
    most_ticks: u32,
}

/// The picture of a training of `name`.
pub(crate) fn draw(name: &str, epochs: &[EpochRow]) -> String {
    let title = format!("Training of {name}");
    let mut canvas = Canvas::titled(&title, &subtitles(epochs));
    if epochs.is_empty() {
        canvas.text(MARGIN, HEAD, "No epoch to draw.", Style::new(14.0, Anchor::Start, MUTED));
        return canvas.finish(WIDTH, HEAD + 40.0, &title);
    }
    let x = Scale::new((0.0, epochs.len() as f64), LEFT, RIGHT);
    let column = |value: fn(&EpochRow) -> f64| epochs.iter().map(value).collect();
    let accuracy = Panel {
        name: "top-1 accuracy (%)",
        lines: vec![
            Line { name: "training", colour: LINES[0], values: column(|epoch| 100.0 * epoch.train) },
            Line { name: "held-out", colour: LINES[1], values: column(|epoch| 100.0 * epoch.held_out) },
        ],
        text: |value| format!("{} %", percent(value / 100.0)),
        top: HEAD,
        bottom: HEAD + ACCURACY_HEIGHT,
        most_ticks: 8,
    };
    let loss = Panel {
        name: "mean loss",
        lines: vec![Line { name: "loss", colour: LINES[2], values: column(|epoch| epoch.loss) }],
        text: |value| format!("{value:.4}"),
        top: accuracy.bottom + GAP,
        bottom: accuracy.bottom + GAP + LOSS_HEIGHT,
        most_ticks: 5,
    };
    let (low, high) = padded(accuracy.lines.iter().flat_map(|line| line.values.iter().copied()));
    let percents = accuracy.draw(&mut canvas, &x, (low.max(0.0), high.min(100.0)));
    let losses = padded(loss.lines.iter().flat_map(|line| line.values.iter().copied()));
    loss.draw(&mut canvas, &x, losses);
    draw_phases(&mut canvas, &x, epochs, loss.bottom);
    draw_epochs(&mut canvas, &x, epochs.len(), loss.bottom);
    if let Some(best) = best(epochs) {
        let at = (x.at(best as f64 + 1.0), percents.at(100.0 * epochs[best].held_out));
        canvas.dot(at, 6.0, LINES[1]);
    }
    canvas.finish(WIDTH, loss.bottom + FOOT, &title)
}

/// Index of the epoch that is kept: the first of the largest held-out accuracy.
fn best(epochs: &[EpochRow]) -> Option<usize> {
    let largest = epochs.iter().map(|epoch| epoch.held_out).fold(f64::NEG_INFINITY, f64::max);
    epochs.iter().position(|epoch| epoch.held_out == largest)
}

fn subtitles(epochs: &[EpochRow]) -> Vec<String> {
    let Some(best) = best(epochs).map(|index| &epochs[index]) else { return Vec::new() };
    let phases = distinct(epochs.iter().map(|epoch| epoch.phase.as_str()));
    let of = if phases.len() > 1 { format!(" of phase {}", best.phase) } else { String::new() };
    vec![
        format!(
            "Large dot: the best epoch, {}{of}, with {} % on the held-out images",
            best.epoch,
            percent(best.held_out)
        ),
        "Training accuracy and loss are of the images as they were seen, while the weights changed"
            .to_owned(),
    ]
}

impl Panel {
    /// Draws axis and lines; returns the axis.
    fn draw(&self, canvas: &mut Canvas, x: &Scale, range: (f64, f64)) -> Scale {
        let y = Scale::new(range, self.bottom, self.top);
        let small = Style::new(12.0, Anchor::Middle, MUTED);
        for (value, label) in y.ticks(self.most_ticks, 1.0) {
            let at = y.at(value);
            canvas.line((LEFT, at), (RIGHT, at), GRID, 1.0);
            canvas.text(LEFT - 8.0, at + 4.0, &label, Style { anchor: Anchor::End, ..small });
        }
        canvas.text(MARGIN + 8.0, f64::midpoint(self.top, self.bottom), self.name, small.turned());
        for line in &self.lines {
            let points: Vec<(f64, f64)> = line
                .values
                .iter()
                .enumerate()
                .map(|(index, value)| (x.at(index as f64 + 1.0), y.at(*value)))
                .collect();
            canvas.polyline(&points, line.colour);
            if points.len() <= DOTTED {
                points.iter().for_each(|point| canvas.dot(*point, 3.5, line.colour));
            }
        }
        self.draw_ends(canvas, &y);
        y
    }

    /// Names and last values beside the lines' ends, moved apart where they would meet.
    fn draw_ends(&self, canvas: &mut Canvas, y: &Scale) {
        let last = |line: &Line| line.values.last().copied().unwrap_or_default();
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by(|a, b| y.at(last(a)).total_cmp(&y.at(last(b))));
        let mut free = f64::NEG_INFINITY;
        for line in lines {
            let at = (y.at(last(line)) + 4.5).max(free);
            free = at + LABEL + 4.0;
            let text = format!("{} {}", line.name, (self.text)(last(line)));
            canvas.text(RIGHT + 14.0, at, &text, Style::new(LABEL, Anchor::Start, line.colour).bold());
        }
    }
}

/// Lines between phases, and their names above where there are several.
fn draw_phases(canvas: &mut Canvas, x: &Scale, epochs: &[EpochRow], bottom: f64) {
    let mut start = 0;
    for end in 1..=epochs.len() {
        if epochs.get(end).is_some_and(|next| next.phase == epochs[start].phase) {
            continue;
        }
        // A border lies between the last epoch of one phase and the first of the next.
        let border = |index: usize| x.at(if index == 0 { 0.0 } else { index as f64 + 0.5 });
        let (left, right) = (border(start), if end == epochs.len() { RIGHT } else { border(end) });
        if start > 0 {
            canvas.line((left, HEAD - 22.0), (left, bottom), MUTED, 1.0);
        }
        let name = &epochs[start].phase;
        if (start, end) != (0, epochs.len()) && width(name, LABEL) < right - left {
            let style = Style::new(LABEL, Anchor::Middle, INK);
            canvas.text(f64::midpoint(left, right), HEAD - 10.0, name, style);
        }
        start = end;
    }
}

fn draw_epochs(canvas: &mut Canvas, x: &Scale, count: usize, bottom: f64) {
    let small = Style::new(12.0, Anchor::Middle, MUTED);
    canvas.line((LEFT, bottom), (RIGHT, bottom), MUTED, 1.0);
    // No more ticks than epochs, so that each is at a whole number.
    for (value, label) in x.ticks(count.min(10) as u32, 1.0) {
        let at = x.at(value);
        canvas.line((at, bottom), (at, bottom + 5.0), MUTED, 1.0);
        canvas.text(at, bottom + 20.0, &label, small);
    }
    canvas.text(f64::midpoint(LEFT, RIGHT), bottom + 42.0, "epochs done, over all phases", small);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(phases: &[(&str, usize)]) -> Vec<EpochRow> {
        let all = phases.iter().flat_map(|(phase, count)| (1..=*count).map(move |epoch| (phase, epoch)));
        all.map(|(phase, epoch)| EpochRow {
            phase: (*phase).to_owned(),
            epoch: epoch as u64,
            loss: 2.0 / epoch as f64,
            train: 1.0 - 0.9 / epoch as f64,
            held_out: 0.9 - 0.8 / epoch as f64,
        })
        .collect()
    }

    #[test]
    fn each_quantity_is_a_line_and_the_best_epoch_a_dot() {
        let svg = draw("mini", &epochs(&[("train", 100)]));
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (3, 1));
        assert!(svg.contains(">held-out 89.20 %<") && svg.contains(">training 99.10 %<"), "{svg}");
        assert!(svg.contains("the best epoch, 100, with 89.20 %") && svg.contains(">loss 0.0200<"), "{svg}");
        assert!(!svg.contains(">train<"), "one phase needs no mark");
        assert_eq!(draw("mini", &epochs(&[("train", 10)])).matches("<circle").count(), 31);
    }

    #[test]
    fn phases_are_marked() {
        let svg = draw("mini", &epochs(&[("replace", 4), ("finetune", 6)]));
        assert!(svg.contains(">replace<") && svg.contains(">finetune<"), "{svg}");
        assert!(svg.contains("the best epoch, 6 of phase finetune"), "{svg}");
    }

    #[test]
    fn few_epochs_are_drawn_too() {
        assert!(draw("a<b", &[]).contains("No epoch to draw."));
        assert!(draw("a<b", &[]).contains("a&lt;b"));
        let svg = draw("mini", &epochs(&[("train", 1)]));
        assert!(!svg.contains("NaN") && svg.matches("<circle").count() == 4, "{svg}");
    }
}
