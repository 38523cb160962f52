//! Two-party inference on shares: homomorphic encryption offline, garbled circuits online.
//!
//! The server holds a network, the client an image; both know the [`plan`]. Semi-honest, 128-bit computational and
//! 40-bit statistical security. Roles are `client` and `server`, phases are set-up, offline and online.

pub mod allocator;
pub mod block;
pub mod cipher;
pub mod clear;
pub mod client;
pub mod compile;
pub mod cost;
pub mod gc;
pub mod handshake;
pub mod he;
pub mod instructions;
pub mod masks;
pub mod memory;
pub mod numbering;
pub mod ot;
pub mod plan;
pub mod pool;
pub mod prepared;
pub mod secret;
pub mod secrets;
pub mod server;
pub mod service;
pub mod setup;
pub mod show;
pub mod steps;
pub mod store;
pub mod tally;
pub mod timing;
pub mod values;
pub mod walk;
pub mod wire;

mod error;
#[cfg(test)]
mod fuzz;
mod labels;
#[cfg(test)]
mod leaks;
mod message;
mod parallel;
mod prg;
mod saved;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;
mod under_way;
mod window;

pub use error::Error;
