//! Cells of one or more runs side by side: ratios to a baseline with their intervals, which cells are worth choosing, what a
//! ReLU costs, and what networks of one accuracy take.

mod below;
mod block;
mod cells;
mod cost;
mod equal;
mod export;
mod fields;
mod front;
mod grid;
mod layers;
mod limit;
mod row;
mod text;
mod unbeaten;

pub use crate::schema::Dimension;
pub use block::{Block, Options};
pub use cells::compare;
pub use cost::{LITERATURE_US_PER_RELU, ReluCost};
pub use equal::{AtAccuracy, MethodTime};
pub use export::{Exported, csv, csv_of, json, json_of, parquet, schema};
pub use fields::{Field, Sorting};
pub use front::Beaten;
pub use grid::{Page, grid, usual};
pub use layers::{layers_csv, layers_text};
pub use limit::Limit;
pub use row::ComparedRow;
pub use text::text;
pub use unbeaten::unbeaten;
