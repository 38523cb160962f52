//! The built-in networks, as graphs.
