//! The report page: that it is whole, and that a browser draws it, answers with it, keeps its views and saves its pictures.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod answer;
mod browser;
mod edges;
#[path = "../example/mod.rs"]
mod example;
mod files;
mod made;
mod relus;
mod whole;
