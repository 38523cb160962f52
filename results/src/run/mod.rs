//! The run's folder: written row by row as results come, read back whole and checked.

mod derived;
pub(crate) mod files;
#[cfg(test)]
mod fuzz;
mod lines;
pub(crate) mod packed;
mod read;
mod references;
mod write;

pub(crate) use read::content;
pub use read::{load, load_manifest, load_summary, load_tables, load_transcripts};
pub(crate) use write::replace_tables;
pub use write::{Run, check_room};
