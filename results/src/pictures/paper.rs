//! Colours and sizes that all pictures share.

use crate::look::COLOURS;

/// Text and axes.
pub(super) const INK: &str = "#1b1f24";
/// Secondary text.
pub(super) const MUTED: &str = "#5b6470";
/// Grid lines.
pub(super) const GRID: &str = "#e2e5e9";
/// What marks the cells that nothing surely beats; below everything else.
pub(super) const FRONT: &str = "#d3dae2";
/// Colours of lines that are no method's.
pub(super) const LINES: [&str; 4] = [COLOURS[0].0, COLOURS[1].0, COLOURS[2].0, COLOURS[3].0];

/// Width of every picture.
pub(super) const WIDTH: f64 = 960.0;
/// Space around a picture.
pub(super) const MARGIN: f64 = 28.0;
