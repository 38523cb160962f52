//! The steps of a plan, one file each: messages, client, server, cost, meaning.
//!
//! A step is made once from the plan and holds all that its parties need; what a party has of it between two messages is a
//! type of its own, named for what it waits for, and consumed by what comes next.

pub mod activation;
pub mod input;
pub mod kept;
pub mod linear;
pub mod output;
pub mod product;
pub mod reshare;
pub mod truncation;

#[cfg(test)]
mod tests;
