//! Folders of pictures, PNG and JPEG: a folder a class, as torchvision's `ImageFolder` has it.

mod decode;
mod folder;
mod resize;

#[cfg(test)]
pub(super) use decode::picture;
pub(super) use folder::{Listing, check_there, has_training, imagenet, test, training};
