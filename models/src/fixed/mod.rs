//! Fixed point: from a network over the reals to integers modulo 2^k.
//!
//! `lower` folds the graph into linear segments and activation steps, `level` brings values that are far from usual to where
//! scales are looked for, `equalise` makes small channels of a layer larger, `merge` makes fewer steps where that is cheaper,
//! `calibrate` measures them, `quantise` turns weights into integers at the `scales` it is given and proves that nothing
//! wraps, `evaluate` is the meaning of the result (`curve` that of a kept unit), and `search` finds the smallest scales that
//! keep the network's answers.

pub mod agreement;
pub mod calibrate;
pub mod curve;
pub mod deciding;
pub mod equalise;
pub mod evaluate;
pub mod exact;
mod expr;
pub mod fit;
pub mod level;
pub mod linear;
pub mod lower;
pub mod merge;
pub mod quantise;
pub mod ring;
mod rounded;
pub mod scales;
pub mod search;
mod sensitivity;
pub mod steps;
mod weighted;

pub use quantise::QuantModel;
pub use ring::Ring;
