//! Oblivious transfer: 128 base OTs, then as many correlated OTs with a fixed offset as wanted.

pub mod base;
pub(crate) mod columns;
mod correlated;
pub mod extension;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub mod ideal;
pub mod product;
pub mod scaling;
pub mod silent;
mod transpose;
mod tree;
mod variant;

pub use correlated::{CotReceiver, CotSender, Random};
pub(crate) use correlated::{batches, turning_bytes};
pub use variant::OtVariant;

use netem::FrameKind;

/// Base OT: the sender's point.
pub const BASE_SENDER: FrameKind = FrameKind(0x10);
/// Base OT: the receiver's points.
pub const BASE_RECEIVER: FrameKind = FrameKind(0x11);
/// OT extension: the receiver's columns.
pub const EXTENSION: FrameKind = FrameKind(0x12);
/// OT extension: the receiver's trees of keys.
pub const TREES: FrameKind = FrameKind(0x13);
/// Silent OT: the sender's trees.
pub const SILENT: FrameKind = FrameKind(0x14);
