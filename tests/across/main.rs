//! Tests that need several crates at once, in one binary.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod borders;
mod branches;
mod choosing;
mod fixtures;
mod fresh;
mod merging;
mod middle;
mod networks;
mod passing;
mod protocol;
mod real_data;
mod relay;
mod tidy;
mod transfers;
