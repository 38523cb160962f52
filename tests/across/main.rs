//! Tests that need several crates at once, in one binary.

mod fixtures;
mod protocol;
mod tidy;
