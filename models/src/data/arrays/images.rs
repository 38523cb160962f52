//! Data sets out of arrays. Their names are `x_train`, `y_train`, `x_test` and `y_test`, as in Keras' files, or of test images alone
//! `x` and `y`, or `images` and `labels`.
//!
//! Images are NxHxW, NxHxWxC or NxCxHxW, where C is 1 to 4 and in exactly one of the two places; bytes, where 255 stands for
//! 1, or floats, which stay as they are. Labels are whole numbers of any width, N or Nx1 of them, from 0 on.

use super::super::dataset::{Dataset, Pixels};
use super::file::{Arrays, Format};
use super::values::Array;
use crate::Error;
use crate::graph::Shape;
use std::path::Path;

const TRAIN: (&str, &str) = ("x_train", "y_train");
/// Names of test images and their labels, the first that are there.
const TEST: [(&str, &str); 3] = [("x_test", "y_test"), ("x", "y"), ("images", "labels")];
/// Most classes: labels have 16 bits.
const MOST_CLASSES: usize = 1 << 16;
/// Most channels of images: with more it is not known which axis they are.
const MOST_CHANNELS: usize = 4;

/// The labels of a file's parts.
pub(in crate::data) struct Labels {
    /// Where there are training images.
    pub(in crate::data) train: Option<Vec<u16>>,
    pub(in crate::data) test: Vec<u16>,
    /// As many as were asked for, or one more than the largest label.
    pub(in crate::data) classes: usize,
}

/// Errors unless arrays of images are there.
pub(in crate::data) fn check_there(path: &Path, format: Format) -> Result<(), Error> {
    parts(&Arrays::open(path, format)?, path).map(drop)
}

/// Whether there are images to train on.
pub(in crate::data) fn has_training(path: &Path, format: Format) -> Result<bool, Error> {
    Ok(parts(&Arrays::open(path, format)?, path)?.0)
}

/// The labels alone.
pub(in crate::data) fn labels(path: &Path, format: Format, classes: Option<usize>) -> Result<Labels, Error> {
    read_labels(&mut Arrays::open(path, format)?, path, classes)
}

/// The training images, where there are any.
pub(in crate::data) fn training(
    path: &Path,
    format: Format,
    classes: Option<usize>,
) -> Result<Option<Dataset>, Error> {
    let mut arrays = Arrays::open(path, format)?;
    let labels = read_labels(&mut arrays, path, classes)?;
    let Some(train) = labels.train else { return Ok(None) };
    let name = format!("{}/train", format.name());
    images(&mut arrays, path, TRAIN.0, (name, train, labels.classes)).map(Some)
}

/// The test images.
pub(in crate::data) fn test(path: &Path, format: Format, classes: Option<usize>) -> Result<Dataset, Error> {
    let mut arrays = Arrays::open(path, format)?;
    let (_, (x, _)) = parts(&arrays, path)?;
    let labels = read_labels(&mut arrays, path, classes)?;
    images(&mut arrays, path, x, (format!("{}/test", format.name()), labels.test, labels.classes))
}

/// Whether there are training images, and what the test images' arrays are called.
fn parts(arrays: &Arrays, path: &Path) -> Result<(bool, (&'static str, &'static str)), Error> {
    let names = arrays.names(path)?;
    let has = |(x, y): (&str, &str)| names.iter().any(|name| name == x) && names.iter().any(|name| name == y);
    match TEST.into_iter().find(|pair| has(*pair)) {
        Some(pair) => Ok((pair == TEST[0] && has(TRAIN), pair)),
        None => {
            let expected = "arrays x and y, images and labels, or x_train, y_train, x_test and y_test";
            let listed: Vec<&str> = names.iter().map(String::as_str).take(10).collect();
            let found = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
            Err(Error::format(path, expected, found.escape_debug().to_string()))
        }
    }
}

fn read_labels(arrays: &mut Arrays, path: &Path, classes: Option<usize>) -> Result<Labels, Error> {
    let (has_training, (_, y)) = parts(arrays, path)?;
    let train = if has_training { Some(labels_of(arrays, path, TRAIN.1)?) } else { None };
    let test = labels_of(arrays, path, y)?;
    let largest = train.iter().flatten().chain(&test).max().copied().unwrap_or_default();
    let needed = usize::from(largest) + 1;
    match classes {
        Some(classes) if classes < needed => {
            Err(Error::format(path, format!("labels below {classes}"), largest.to_string()))
        }
        Some(classes) => Ok(Labels { train, test, classes }),
        None => Ok(Labels { train, test, classes: needed.max(2) }),
    }
}

fn array<'a>(arrays: &'a mut Arrays, path: &Path, name: &str) -> Result<Array<'a>, Error> {
    arrays.get(path, name)?.ok_or_else(|| Error::format(path, format!("an array `{name}`"), "none"))
}

fn labels_of(arrays: &mut Arrays, path: &Path, name: &str) -> Result<Vec<u16>, Error> {
    let array = array(arrays, path, name)?;
    let expected = format!("labels `{name}`, a whole number from 0 to {} an image", MOST_CLASSES - 1);
    let wrong = |found: String| Error::format(path, expected.as_str(), found);
    if !matches!(array.shape(), [_] | [_, 1]) {
        return Err(wrong(format!("an array of {:?}", array.shape())));
    }
    let values = array.integers().ok_or_else(|| wrong("numbers that are not whole".into()))?;
    let labels = values.iter().enumerate();
    labels.map(|(at, x)| u16::try_from(*x).map_err(|_| wrong(format!("{x} at image {at}")))).collect()
}

fn images(
    arrays: &mut Arrays,
    path: &Path,
    x: &str,
    (name, labels, classes): (String, Vec<u16>, usize),
) -> Result<Dataset, Error> {
    let array = array(arrays, path, x)?;
    let layout = layout(array.shape())
        .map_err(|(expected, found)| Error::format(path, format!("images `{x}` of {expected}"), found))?;
    if array.shape()[0] != labels.len() {
        let expected = format!("{} images `{x}`, as there are labels", labels.len());
        return Err(Error::format(path, expected, array.shape()[0].to_string()));
    }
    let pixels = match (array.bytes(), array.floats()) {
        (Some(bytes), _) => Pixels::Bytes(layout.planes(bytes)),
        (None, Some(floats)) => Pixels::Floats(layout.planes(&floats)),
        (None, None) => {
            let expected = format!("images `{x}` of bytes (uint8) or floats");
            return Err(Error::format(path, expected, "whole numbers of another width"));
        }
    };
    let data = Dataset::new(name, layout.shape, classes, pixels, labels);
    data.map_err(|error| match error {
        Error::Argument { expected, found, .. } => Error::format(path, expected, found),
        other => other,
    })
}

/// How images lie in an array.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    shape: Shape,
    channels_last: bool,
}

/// What was expected and found where it is not clear.
fn layout(extents: &[usize]) -> Result<Layout, (&'static str, String)> {
    let few = |c: usize| (1..=MOST_CHANNELS).contains(&c);
    let fault = |expected| Err((expected, format!("{extents:?}")));
    let layout = match *extents {
        [_, h, w] => Layout { shape: Shape::new(1, h, w), channels_last: false },
        [_, a, h, b] if few(a) && few(b) => {
            let _ = h;
            return fault("NxHxWxC or NxCxHxW, 1 to 4 channels in one of the two places alone");
        }
        [_, c, h, w] if few(c) => Layout { shape: Shape::new(c, h, w), channels_last: false },
        [_, h, w, c] if few(c) => Layout { shape: Shape::new(c, h, w), channels_last: true },
        _ => return fault("NxHxW, NxHxWxC or NxCxHxW, of 1 to 4 channels"),
    };
    match layout.shape.size() {
        0 => fault("at least one number an image"),
        _ => Ok(layout),
    }
}

impl Layout {
    /// All images, plane by plane.
    fn planes<T: Copy>(&self, values: &[T]) -> Vec<T> {
        if !self.channels_last || self.shape.c == 1 {
            return values.to_vec();
        }
        let Shape { c, .. } = self.shape;
        let images = values.chunks_exact(self.shape.size());
        images
            .flat_map(|image| (0..c).flat_map(move |channel| image.iter().skip(channel).step_by(c).copied()))
            .collect()
    }
}

#[cfg(test)]
pub(in crate::data) mod tests;
