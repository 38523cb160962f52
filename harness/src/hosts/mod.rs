//! The two parties on two hosts: the same protocol code and rows as `linnet run`, over a connection that is really there.
//!
//!   client                                   server
//!     | <========= TCP, TLS handshake =========> |
//!     | ------------ session id ---------------> |
//!     | <- offer: plan, what it is of, machine -- |
//!     | <=============== set-up ===============> |   measured from here
//!     | --- requests, phases as ever ----------> |
//!     | --- report? / <- what the server did --- |   between phases, in none of them
//!
//! Each host measures by its own clock, and only durations travel.

mod door;
#[cfg(test)]
mod fuzz;
mod keys;
mod offer;
mod query;
mod serve;
mod settings;

pub(crate) use keys::keys;
pub(crate) use query::query;
pub(crate) use serve::serve;
