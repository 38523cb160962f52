//! Labelled images: the embedded `shapes` set, published sets by their own files, folders of pictures, arrays, and noise of any
//! size.
//!
//! `source.rs` is what is typed and stored, `load.rs` what comes of it; a file a format beside.

mod arrays;
pub mod cifar;
mod crop;
mod dataset;
mod files;
#[cfg(test)]
mod fuzz;
mod idx;
mod inflate;
mod load;
mod matlab;
mod noise;
mod pictures;
mod shapes;
mod source;
mod split;
mod svhn;
mod tiny_imagenet;

pub use arrays::Format;
pub use crop::Crop;
pub use dataset::{Dataset, Image, Normalisation, Pixels, Splits};
pub use files::FileCheck;
pub use source::{DataSource, LISTED};
