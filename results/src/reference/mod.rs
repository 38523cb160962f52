//! What others published: the accuracy of a linearizer's network at a ReLU budget, and what a protocol costs, each with the place
//! where it stands. Nothing of it was measured here.
//!
//! A system is a TOML file in `results/reference`; all of them are part of the program.

mod entry;
mod file;
mod names;
mod tables;

pub use entry::{Cost, Per, Phase, Reference, Source, SourceKind, System, Unit, What};
pub use file::{built_in, parse};
pub use names::{fits, fitting, same_data, same_network};
pub use tables::{markdown, text};
