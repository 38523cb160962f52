//! The few SVG elements the pictures are made of. Lengths are in pixels of the view box, y downwards.

use super::paper::{INK, MARGIN, MUTED};
use crate::look::{DASHES, Look, SHAPES};
use std::fmt::Write;

/// Which end of a text its position is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) colour: &'static str,
    pub(super) bold: bool,
    /// Read from bottom to top.
    pub(super) turned: bool,
    /// With the ground's colour around every letter, so that it can be read across lines.
    pub(super) haloed: bool,
}

impl Style {
    pub(super) const fn new(size: f64, anchor: Anchor, colour: &'static str) -> Self {
        Self { size, anchor, colour, bold: false, turned: false, haloed: false }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) const fn turned(self) -> Self {
        Self { turned: true, ..self }
    }

    pub(super) const fn haloed(self) -> Self {
        Self { haloed: true, ..self }
    }
}

/// A picture in the making.
pub(super) struct Canvas {
    body: String,
}

impl Canvas {
    /// A canvas with its title and the lines under it.
    pub(super) fn titled(title: &str, subtitles: &[String]) -> Self {
        let mut canvas = Self { body: String::new() };
        canvas.text(MARGIN, 40.0, title, Style::new(20.0, Anchor::Start, INK).bold());
        for (index, subtitle) in subtitles.iter().enumerate() {
            let y = 62.0 + 18.0 * index as f64;
            canvas.text(MARGIN, y, subtitle, Style::new(13.0, Anchor::Start, MUTED));
        }
        canvas
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.put(format_args!(
            r#"<rect x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" fill="{fill}"/>"#
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        self.put(format_args!(
            r#"<line x1="{:.2}" y1="{:.2}" x2="{:.2}" y2="{:.2}" stroke="{colour}" stroke-width="{width}"/>"#,
            from.0, from.1, to.0, to.1
        ));
    }

    pub(super) fn polyline(&mut self, points: &[(f64, f64)], colour: &str) {
        let points = listed(points);
        self.put(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-opacity="0.55" stroke-linejoin="round"/>"#
        ));
    }

    /// A line through a series' points.
    pub(super) fn joined(&mut self, points: &[(f64, f64)], look: Look) {
        let points = listed(points);
        let (colour, dash) = (look.on_white(), DASHES[look.mark]);
        self.put(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-opacity="0.6" stroke-dasharray="{dash}" stroke-linejoin="round"/>"#
        ));
    }

    /// A broad line below others.
    pub(super) fn path(&mut self, points: &[(f64, f64)], colour: &str, width: f64) {
        if points.len() < 2 {
            return;
        }
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.2} {y:.2}")).collect();
        self.put(format_args!(
            r#"<path d="M{}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round" stroke-linecap="round"/>"#,
            points.join("L")
        ));
    }

    /// A series' mark; hollow, with the ground's colour within.
    pub(super) fn mark(&mut self, (x, y): (f64, f64), radius: f64, look: Look, hollow: bool) {
        let colour = look.on_white();
        let (fill, edge, wide) = if hollow { ("#ffffff", colour, 2.0) } else { (colour, "#ffffff", 1.0) };
        let paint = format!(r#"fill="{fill}" stroke="{edge}" stroke-width="{wide}""#);
        match SHAPES[look.mark] {
            [] => self
                .put(format_args!(r#"<circle class="point" cx="{x:.2}" cy="{y:.2}" r="{radius}" {paint}/>"#)),
            corners => {
                let corners: Vec<(f64, f64)> =
                    corners.iter().map(|(dx, dy)| (x + radius * dx, y + radius * dy)).collect();
                let points = listed(&corners);
                self.put(format_args!(r#"<polygon class="point" points="{points}" {paint}/>"#));
            }
        }
    }

    /// A disc behind a mark.
    pub(super) fn ring(&mut self, (x, y): (f64, f64), radius: f64, colour: &str) {
        self.put(format_args!(
            r#"<circle class="front" cx="{x:.2}" cy="{y:.2}" r="{radius}" fill="{colour}"/>"#
        ));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str) {
        self.put(format_args!(
            r##"<circle cx="{x:.2}" cy="{y:.2}" r="{radius}" fill="{colour}" stroke="#ffffff" stroke-width="1.5"/>"##
        ));
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, style: Style) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.bold { r#" font-weight="600""# } else { "" };
        let halo = if style.haloed {
            r##" stroke="#ffffff" stroke-width="3" stroke-linejoin="round" paint-order="stroke""##
        } else {
            ""
        };
        let turn =
            if style.turned { format!(r#" transform="rotate(-90 {x:.2} {y:.2})""#) } else { String::new() };
        self.put(format_args!(
            r#"<text x="{x:.2}" y="{y:.2}" font-size="{}" text-anchor="{anchor}" fill="{}"{weight}{halo}{turn}>{}</text>"#,
            style.size,
            style.colour,
            escaped(text)
        ));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes every text");
    }

    /// The whole document.
    pub(super) fn finish(self, width: f64, height: f64, title: &str) -> String {
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" font-family=\"sans-serif\" role=\"img\">\n<title>{title}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// Room to keep for a text: no font is at hand, so a wide sans-serif's mean advance is assumed.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| if matches!(c, ',' | '.' | ' ' | 'i' | 'l') { 0.35 } else { 0.62 }).sum::<f64>()
        * size
}

fn listed(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
