//! What measured times and counts say, and how sure it is.

mod confidence;
mod line;
mod mean;
mod median;
mod percentile;
mod proportion;

pub use confidence::{CONFIDENCE, INTERVAL, needed_for_interval};
pub use line::{Line, line};
pub use mean::mean;
pub use median::{Estimate, median, median_ratio, ratio_of_medians};
pub use percentile::{Percentile, Sample};
pub use proportion::{Paired, wilson};
