//! Images and labels in memory, and how they become a network's input.

use crate::Error;
use crate::digest::hex;
use crate::graph::Shape;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Labelled images of one shape, `(channel, row, column)` order.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    shape: Shape,
    classes: usize,
    images: Pixels,
    labels: Vec<u16>,
}

/// The numbers of images that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// From 0 to 255, which stands for 1.
    Bytes(Vec<u8>),
    /// As they stand.
    Floats(Vec<f32>),
}

/// The numbers of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Image<'a> {
    /// From 0 to 255, which stands for 1.
    Bytes(&'a [u8]),
    /// As they stand.
    Floats(&'a [f32]),
}

impl Pixels {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Floats(floats) => floats.len(),
        }
    }

    fn at(&self, place: Range<usize>) -> Image<'_> {
        match self {
            Self::Bytes(bytes) => Image::Bytes(&bytes[place]),
            Self::Floats(floats) => Image::Floats(&floats[place]),
        }
    }

    /// The places, one behind the other.
    fn gathered(&self, places: impl Iterator<Item = Range<usize>>) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(gathered(bytes, places)),
            Self::Floats(floats) => Self::Floats(gathered(floats, places)),
        }
    }
}

impl<'a> Image<'a> {
    /// The numbers, where they are bytes.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Floats(_) => None,
        }
    }
}

impl From<Vec<u8>> for Pixels {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<f32>> for Pixels {
    fn from(floats: Vec<f32>) -> Self {
        Self::Floats(floats)
    }
}

impl<'a> From<&'a [u8]> for Image<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

fn gathered<T: Copy>(values: &[T], places: impl Iterator<Item = Range<usize>>) -> Vec<T> {
    let mut all = Vec::new();
    places.for_each(|place| all.extend_from_slice(&values[place]));
    all
}

impl Dataset {
    /// Wraps `labels.len()` images that follow each other in `images`.
    pub fn new(
        name: impl Into<String>,
        shape: Shape,
        classes: usize,
        images: impl Into<Pixels>,
        labels: Vec<u16>,
    ) -> Result<Self, Error> {
        let (name, images) = (name.into(), images.into());
        if images.len() != labels.len() * shape.size() {
            let expected = format!("{} numbers for {} images", labels.len() * shape.size(), labels.len());
            return Err(Error::argument(name, expected, images.len().to_string()));
        }
        if let Pixels::Floats(floats) = &images
            && let Some(at) = floats.iter().position(|x| !x.is_finite())
        {
            let found = format!("{} in image {}", floats[at], at / shape.size());
            return Err(Error::argument(name, "finite numbers", found));
        }
        if let Some((index, label)) = labels.iter().enumerate().find(|(_, l)| usize::from(**l) >= classes) {
            let expected = format!("labels below {classes}");
            return Err(Error::argument(name, expected, format!("{label} at image {index}")));
        }
        Ok(Self { name, shape, classes, images, labels })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of each image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of classes that labels are drawn from.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The `i`-th image.
    pub fn image(&self, i: usize) -> Image<'_> {
        self.images.at(self.place(i))
    }

    /// All images, one behind the other.
    pub fn images(&self) -> &Pixels {
        &self.images
    }

    fn place(&self, i: usize) -> Range<usize> {
        i * self.shape.size()..(i + 1) * self.shape.size()
    }

    /// The `i`-th image's class.
    pub fn label(&self, i: usize) -> usize {
        usize::from(self.labels[i])
    }

    /// Which set and part this is, such as `cifar10/test`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first `n` images (all, if there are fewer).
    pub fn take(&self, n: usize) -> Self {
        let n = n.min(self.len());
        Self {
            name: self.name.clone(),
            shape: self.shape,
            classes: self.classes,
            images: self.images.gathered(std::iter::once(0..n * self.shape.size())),
            labels: self.labels[..n].to_vec(),
        }
    }

    /// The images at `indices`, in that order.
    pub fn select(&self, name: impl Into<String>, indices: &[usize]) -> Self {
        Self {
            name: name.into(),
            shape: self.shape,
            classes: self.classes,
            images: self.images.gathered(indices.iter().map(|i| self.place(*i))),
            labels: indices.iter().map(|i| self.labels[*i]).collect(),
        }
    }

    /// SHA-256 (hex) over shape, classes, labels and images.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for extent in [self.len(), self.classes, self.shape.c, self.shape.h, self.shape.w] {
            hash.update((extent as u64).to_le_bytes());
        }
        // A byte each where that is enough, as it always was.
        match self.classes <= 1 << 8 {
            true => self.labels.iter().for_each(|label| hash.update([*label as u8])),
            false => self.labels.iter().for_each(|label| hash.update(label.to_le_bytes())),
        }
        match &self.images {
            Pixels::Bytes(bytes) => hash.update(bytes),
            Pixels::Floats(floats) => floats.iter().for_each(|x| hash.update(x.to_le_bytes())),
        }
        hex(&hash.finalize())
    }
}

/// The three parts of a data set.
#[derive(Clone, Debug)]
pub struct Splits {
    /// What weights are fitted to.
    pub train: Dataset,
    /// What epochs, masks and bounds are chosen on; no image of it is in `train`.
    pub held_out: Dataset,
    /// What accuracy is reported on, once.
    pub test: Dataset,
}

/// From an image to a network's input: `(x - mean) / std` per channel, of bytes `(x / 255 - mean) / std`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Subtracted, one per channel, on the scale of 0 to 1.
    pub mean: Vec<f32>,
    /// Divided by, one per channel.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// The one that leaves images as they are, bytes in 0 to 1.
    pub fn none(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], std: vec![1.0; channels] }
    }

    /// One mean or deviation alone serves all of `channels`.
    #[must_use]
    pub fn spread(self, channels: usize) -> Self {
        let spread = |values: Vec<f32>| match values[..] {
            [one] => vec![one; channels],
            _ => values,
        };
        Self { mean: spread(self.mean), std: spread(self.std) }
    }

    /// Normalises one image of `shape`. Mean and deviation must have one value per channel.
    pub fn apply<'a>(&self, image: impl Into<Image<'a>>, shape: Shape) -> Vec<f32> {
        match image.into() {
            Image::Bytes(bytes) => self.planes(bytes, shape, |x| f32::from(x) / 255.0),
            Image::Floats(floats) => self.planes(floats, shape, |x| x),
        }
    }

    fn planes<T: Copy>(&self, image: &[T], shape: Shape, value: impl Fn(T) -> f32 + Copy) -> Vec<f32> {
        assert_eq!(image.len(), shape.size(), "an image has its data set's shape");
        assert_eq!((self.mean.len(), self.std.len()), (shape.c, shape.c), "one mean and deviation a channel");
        image
            .chunks_exact(shape.area())
            .zip(self.mean.iter().zip(&self.std))
            .flat_map(|(plane, (mean, std))| plane.iter().map(move |x| (value(*x) - mean) / std))
            .collect()
    }

    /// Errors unless there is one finite mean and one positive deviation for each of `channels`.
    pub fn check(&self, channels: usize) -> Result<(), Error> {
        let good = self.mean.len() == channels
            && self.std.len() == channels
            && self.mean.iter().all(|m| m.is_finite())
            && self.std.iter().all(|s| s.is_finite() && *s > 0.0);
        if good {
            return Ok(());
        }
        let expected = format!("{channels} finite means and positive deviations");
        Err(Error::argument("normalisation", expected, format!("{:?} and {:?}", self.mean, self.std)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Dataset {
        Dataset::new("tiny", Shape::new(2, 1, 2), 3, (0..12).collect::<Vec<u8>>(), vec![0, 2, 1]).unwrap()
    }

    #[test]
    fn images_and_labels_stay_together() {
        let data = tiny();
        assert_eq!((data.len(), data.image(1), data.label(1)), (3, Image::Bytes(&[4, 5, 6, 7]), 2));
        let chosen = data.select("chosen", &[2, 0]);
        assert_eq!(
            (chosen.image(0), chosen.label(0), chosen.label(1)),
            (Image::Bytes(&[8, 9, 10, 11]), 1, 0)
        );
        assert_eq!(data.take(2), data.select("tiny", &[0, 1]));
        assert_eq!(data.take(9), data);
    }

    #[test]
    fn digests_tell_sets_apart() {
        let data = tiny();
        assert_eq!(data.digest(), data.select("renamed", &[0, 1, 2]).digest());
        assert_ne!(data.digest(), data.select("tiny", &[0, 2, 1]).digest());
        assert_eq!(data.digest().len(), 64);
    }

    #[test]
    fn wrong_sizes_and_labels_are_refused() {
        let shape = Shape::new(1, 1, 2);
        let message =
            |images: Vec<u8>, labels| Dataset::new("d", shape, 2, images, labels).unwrap_err().to_string();
        assert_eq!(message(vec![0; 3], vec![0, 1]), "d: expected 4 numbers for 2 images, found 3");
        assert_eq!(message(vec![0; 4], vec![0, 2]), "d: expected labels below 2, found 2 at image 1");
    }

    #[test]
    fn normalisation_is_per_channel() {
        let n = Normalisation { mean: vec![0.0, 0.5], std: vec![1.0, 0.5] };
        let shape = Shape::new(2, 1, 2);
        assert_eq!(n.apply(&[0, 255, 0, 255][..], shape), [0.0, 1.0, -1.0, 1.0]);
        assert_eq!(n.apply(Image::Floats(&[0.0, 1.0, 0.0, 255.0]), shape), [0.0, 1.0, -1.0, 509.0]);
        assert!(n.check(2).is_ok());
        assert!(n.check(3).is_err());
        assert!(Normalisation { mean: vec![0.0], std: vec![0.0] }.check(1).is_err());
    }

    #[test]
    fn one_value_serves_all_channels() {
        let one = Normalisation { mean: vec![0.5], std: vec![0.25, 0.5, 0.75] }.spread(3);
        assert_eq!(one, Normalisation { mean: vec![0.5; 3], std: vec![0.25, 0.5, 0.75] });
        assert!(Normalisation { mean: vec![0.5; 2], std: vec![1.0] }.spread(3).check(3).is_err());
    }

    #[test]
    fn floats_stay_as_they_are() {
        let set = |images| Dataset::new("f", Shape::new(1, 1, 2), 2, images, vec![0, 1]);
        let data = set(vec![0.1f32, -7.0, 300.0, 4.0]).unwrap();
        assert_eq!(data.select("f", &[1]).image(0), Image::Floats(&[300.0, 4.0]));
        assert_ne!(data.digest(), set(vec![0.1, -7.0, 300.0, 5.0]).unwrap().digest());
        let told = set(vec![0.0, 1.0, f32::NAN, 0.0]).unwrap_err().to_string();
        assert_eq!(told, "f: expected finite numbers, found NaN in image 1");
    }
}
