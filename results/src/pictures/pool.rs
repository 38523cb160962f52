//! `pool.svg`: how many preprocessed inferences each cell's pool held while its queries came.

use super::axis::{Scale, time_unit};
use super::paper::{GRID, INK, LINES, MARGIN, MUTED, WIDTH};
use super::svg::{Anchor, Canvas, Style};
use crate::scenario::PoolLevel;
use crate::schema::{ItemRow, QueryRow, ScenarioRow};

const HEAD: f64 = 92.0;
const HEIGHT: f64 = 150.0;
const GAP: f64 = 58.0;
const FOOT: f64 = 40.0;
const LEFT: f64 = MARGIN + 44.0;
const RIGHT: f64 = WIDTH - MARGIN;

/// A panel a cell, on one axis of time.
pub(crate) fn draw(rows: &[ScenarioRow], queries: &[QueryRow], items: &[ItemRow]) -> String {
    let title = "Preprocessed inferences in the pool";
    let subtitles =
        ["Dots: queries whose turn came when the pool was empty, and that had to wait".to_owned()];
    let mut canvas = Canvas::titled(title, &subtitles);
    let last = queries.iter().map(|row| row.done_ns).max().unwrap_or(0);
    let x = Scale::new((0.0, last as f64 / 1e9), LEFT, RIGHT);
    let mut top = HEAD;
    for (row, colour) in rows.iter().zip(LINES.iter().cycle()) {
        panel(&mut canvas, row, &PoolLevel::of(&row.cell, queries, items), (top, &x, colour));
        top += HEIGHT + GAP;
    }
    let bottom = top - GAP;
    let (unit, name) = time_unit(last as f64 / 1e9);
    let small = Style::new(12.0, Anchor::Middle, MUTED);
    for (value, label) in x.spaced(8, unit, 12.0) {
        canvas.text(x.at(value), bottom + 18.0, &label, small);
    }
    canvas.text(f64::midpoint(LEFT, RIGHT), bottom + 36.0, &format!("time ({name})"), small);
    canvas.finish(WIDTH, bottom + FOOT + 8.0, title)
}

fn panel(canvas: &mut Canvas, row: &ScenarioRow, level: &PoolLevel, (top, x, colour): (f64, &Scale, &str)) {
    let bottom = top + HEIGHT;
    let highest = level.points.iter().map(|(_, level)| *level).max().unwrap_or(0).max(row.pool as i64);
    let y = Scale::new((0.0, highest as f64 * 1.08), bottom, top);
    let small = Style::new(12.0, Anchor::End, MUTED);
    for (value, label) in y.ticks((highest.clamp(1, 4)) as u32, 1.0) {
        canvas.line((LEFT, y.at(value)), (RIGHT, y.at(value)), GRID, 1.0);
        canvas.text(LEFT - 8.0, y.at(value) + 4.0, &label, small);
    }
    let rate = row.rate_per_s.map_or_else(|| "all at once".to_owned(), |rate| format!("{rate} a second"));
    let name = format!("{}: {rate}, {} of {} queries found none", row.cell, row.dry, row.n);
    canvas.text(LEFT, top - 8.0, &name, Style::new(13.0, Anchor::Start, INK).bold());
    let line: Vec<(f64, f64)> =
        level.points.iter().map(|(at, level)| (x.at(*at), y.at(*level as f64))).collect();
    canvas.polyline(&line, colour);
    level.dry.iter().for_each(|at| canvas.dot((x.at(*at), bottom), 4.0, LINES[1]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_up_an_item_a_step_down_a_query_and_a_dot_where_there_was_none() {
        let query = |query: u32, supplied_ns: u64, pool_level: u64| QueryRow {
            cell: "c".into(),
            query,
            began_ns: supplied_ns - 1,
            supplied_ns,
            done_ns: supplied_ns + 1_000_000,
            pool_level,
            ..QueryRow::default()
        };
        let item = |done_ns: i64, query| ItemRow { cell: "c".into(), done_ns, query, ..ItemRow::default() };
        let queries = [query(0, 1_000_000, 1), query(1, 3_000_000, 0)];
        let items = [item(-5, Some(0)), item(3_000_000, Some(1))];
        let row = ScenarioRow { cell: "c".into(), pool: 1, n: 2, dry: 1, ..ScenarioRow::default() };
        let level = PoolLevel::of("c", &queries, &items);
        let levels: Vec<i64> = level.points.iter().map(|(_, level)| *level).collect();
        assert_eq!(levels, [1, 1, 0, 0, 1, 1, 0]);
        assert_eq!(level.dry.len(), 1);
        let svg = draw(&[row], &queries, &items);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 1));
        assert!(svg.contains("1 of 2 queries found none"), "{svg}");
    }
}
