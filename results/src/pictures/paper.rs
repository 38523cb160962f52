//! Colours and sizes that all pictures share.

/// Text and axes.
pub(super) const INK: &str = "#1b1f24";
/// Secondary text.
pub(super) const MUTED: &str = "#5b6470";
/// Grid lines.
pub(super) const GRID: &str = "#e2e5e9";
/// Okabe and Ito's colours, which stay apart for colour-blind readers; those dark enough for a line on white.
pub(super) const SERIES: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#a3457f", "#5b6470", "#b07d00", "#3aa6dd", "#8c2d04"];

/// Width of every picture.
pub(super) const WIDTH: f64 = 960.0;
/// Space around a picture.
pub(super) const MARGIN: f64 = 28.0;
