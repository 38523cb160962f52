//! Images and labels in memory, and how a byte becomes a network's input.

use crate::Error;
use crate::digest::hex;
use crate::graph::Shape;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Labelled 8-bit images of one shape, `(channel, row, column)` order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    name: String,
    shape: Shape,
    classes: usize,
    images: Vec<u8>,
    labels: Vec<u16>,
}

impl Dataset {
    /// Wraps `labels.len()` images that follow each other in `images`.
    pub fn new(
        name: impl Into<String>,
        shape: Shape,
        classes: usize,
        images: Vec<u8>,
        labels: Vec<u16>,
    ) -> Result<Self, Error> {
        let name = name.into();
        if images.len() != labels.len() * shape.size() {
            let expected = format!("{} bytes for {} images", labels.len() * shape.size(), labels.len());
            return Err(Error::argument(name, expected, images.len().to_string()));
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

    /// The `i`-th image's bytes.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * self.shape.size()..][..self.shape.size()]
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
            images: self.images[..n * self.shape.size()].to_vec(),
            labels: self.labels[..n].to_vec(),
        }
    }

    /// The images at `indices`, in that order.
    pub fn select(&self, name: impl Into<String>, indices: &[usize]) -> Self {
        let mut images = Vec::with_capacity(indices.len() * self.shape.size());
        indices.iter().for_each(|i| images.extend_from_slice(self.image(*i)));
        Self {
            name: name.into(),
            shape: self.shape,
            classes: self.classes,
            images,
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
        hash.update(&self.images);
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

/// From bytes to a network's input: `(x / 255 - mean) / std`, per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Subtracted, one per channel, on the scale of 0 to 1.
    pub mean: Vec<f32>,
    /// Divided by, one per channel.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Normalises one image of `shape`. Mean and deviation must have one value per channel.
    pub fn apply(&self, image: &[u8], shape: Shape) -> Vec<f32> {
        assert_eq!(image.len(), shape.size(), "an image has its data set's shape");
        assert_eq!((self.mean.len(), self.std.len()), (shape.c, shape.c), "one mean and deviation a channel");
        image
            .chunks_exact(shape.area())
            .zip(self.mean.iter().zip(&self.std))
            .flat_map(|(plane, (mean, std))| plane.iter().map(move |x| (f32::from(*x) / 255.0 - mean) / std))
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
        Dataset::new("tiny", Shape::new(2, 1, 2), 3, (0..12).collect(), vec![0, 2, 1]).unwrap()
    }

    #[test]
    fn images_and_labels_stay_together() {
        let data = tiny();
        assert_eq!((data.len(), data.image(1), data.label(1)), (3, &[4u8, 5, 6, 7][..], 2));
        let chosen = data.select("chosen", &[2, 0]);
        assert_eq!((chosen.image(0), chosen.label(0), chosen.label(1)), (&[8u8, 9, 10, 11][..], 1, 0));
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
        let message = |images, labels| Dataset::new("d", shape, 2, images, labels).unwrap_err().to_string();
        assert_eq!(message(vec![0; 3], vec![0, 1]), "d: expected 4 bytes for 2 images, found 3");
        assert_eq!(message(vec![0; 4], vec![0, 2]), "d: expected labels below 2, found 2 at image 1");
    }

    #[test]
    fn normalisation_is_per_channel() {
        let n = Normalisation { mean: vec![0.0, 0.5], std: vec![1.0, 0.5] };
        assert_eq!(n.apply(&[0, 255, 0, 255], Shape::new(2, 1, 2)), [0.0, 1.0, -1.0, 1.0]);
        assert!(n.check(2).is_ok());
        assert!(n.check(3).is_err());
        assert!(Normalisation { mean: vec![0.0], std: vec![0.0] }.check(1).is_err());
    }
}
