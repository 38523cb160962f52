//! From raw rows to one row a cell.
//!
//! A phase's time in one repeat is the sum of a party's wall times over its steps: setup and offline take the slower
//! party, online the client, who waits for the answer. Up is client to server. Rounds are the flights of both
//! parties: the longest chain of messages that waited for each other, a one-way delay a link. Warm-ups and failed
//! repeats do not count.

mod summarise;
mod text;
mod times;
mod totals;

pub use summarise::summarise;
pub use text::table;
pub(crate) use times::{Timed, times};
