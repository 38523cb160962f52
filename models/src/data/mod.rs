//! Labelled images: the embedded `shapes` set, CIFAR's binary files, Tiny ImageNet's JPEGs, and noise of any size.

pub mod cifar;
mod dataset;
mod files;
#[cfg(test)]
mod fuzz;
mod noise;
mod shapes;
mod split;
mod tiny_imagenet;

pub use dataset::{Dataset, Normalisation, Splits};
pub use files::FileCheck;

use crate::Error;
use crate::graph::Shape;
use std::path::{Path, PathBuf};

/// Where images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// Ten kinds of drawn shapes, 3x32x32, made on the spot; the same images everywhere and always.
    Shapes,
    /// CIFAR-10 in its binary layout.
    Cifar10 {
        /// Folder of `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
        dir: PathBuf,
    },
    /// CIFAR-100 (fine labels) in its binary layout.
    Cifar100 {
        /// Folder of `train.bin` and `test.bin`.
        dir: PathBuf,
    },
    /// Tiny ImageNet: 200 classes, 3x64x64, as JPEGs.
    TinyImagenet {
        /// Folder of `wnids.txt`, `train` and `val`.
        dir: PathBuf,
    },
    /// Random pixels and labels, to time networks for which there are no data.
    Noise {
        /// Of each image.
        shape: Shape,
        /// Number of classes.
        classes: usize,
    },
}

/// What [`DataSource::parse`] understands, for people.
pub const LISTED: &str = "shapes, cifar10, cifar100, tiny-imagenet, or noise:CxHxW:CLASSES for random pixels";

impl DataSource {
    /// Understands `shapes`, `cifar10`, `cifar100`, `tiny-imagenet` and `noise:3x224x224:1000` for any size and number of
    /// classes; those of files need the files' folder.
    pub fn parse(name: &str, dir: Option<&Path>) -> Result<Self, Error> {
        let folder = |files: &str| {
            dir.map(Path::to_owned).ok_or_else(|| {
                Error::argument("data folder (--data-dir)", format!("a folder with {files}"), "none given")
            })
        };
        let made = match name.strip_prefix(noise::PREFIX) {
            Some(size) => {
                let (shape, classes) = noise::parse(size)?;
                Some(Self::Noise { shape, classes })
            }
            None => (name == "shapes").then_some(Self::Shapes),
        };
        if let Some(made) = made {
            let refuse = |dir: &Path| {
                let expected = format!("none, since `{name}` is built in");
                Error::argument("data folder (--data-dir)", expected, dir.display().to_string())
            };
            return dir.map_or(Ok(made), |dir| Err(refuse(dir)));
        }
        match name {
            "cifar10" => Ok(Self::Cifar10 { dir: folder("data_batch_1..5.bin and test_batch.bin")? }),
            "cifar100" => Ok(Self::Cifar100 { dir: folder("train.bin and test.bin")? }),
            "tiny-imagenet" => Ok(Self::TinyImagenet { dir: folder("wnids.txt, train and val")? }),
            other => Err(Error::argument("data set", format!("one of {LISTED}"), other)),
        }
    }

    /// The name that [`DataSource::parse`] understands.
    pub fn name(&self) -> String {
        match self {
            Self::Shapes => "shapes".to_owned(),
            Self::Cifar10 { .. } => "cifar10".to_owned(),
            Self::Cifar100 { .. } => "cifar100".to_owned(),
            Self::TinyImagenet { .. } => "tiny-imagenet".to_owned(),
            Self::Noise { shape, classes } => format!("{}{shape}:{classes}", noise::PREFIX),
        }
    }

    /// The folder of its files, where it is not built in.
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Self::Shapes | Self::Noise { .. } => None,
            Self::Cifar10 { dir } | Self::Cifar100 { dir } | Self::TinyImagenet { dir } => Some(dir),
        }
    }

    /// Mean and deviation per channel that networks on this set are trained with.
    pub fn default_normalisation(&self) -> Normalisation {
        let (mean, std) = match self {
            Self::Shapes => ([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]),
            Self::Cifar10 { .. } => ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
            Self::Cifar100 { .. } => ([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]),
            Self::TinyImagenet { .. } => ([0.480, 0.448, 0.398], [0.277, 0.269, 0.282]),
            // Uniform pixels have a deviation of one over the root of twelve.
            Self::Noise { shape, .. } => {
                return Normalisation { mean: vec![0.5; shape.c], std: vec![0.288_675; shape.c] };
            }
        };
        Normalisation { mean: mean.to_vec(), std: std.to_vec() }
    }

    /// Training, held-out and test images. `seed` chooses the class-balanced held-out part: 5,000 of CIFAR's 50,000
    /// training images, a tenth of Tiny ImageNet's 100,000, 1,000 of the 9,000 that `shapes` draws beside its test set; of noise 16.
    ///
    /// # Errors
    /// A file that is missing or is not what its format promises, with its path, what was expected and what found.
    pub fn load(&self, seed: u64) -> Result<Splits, Error> {
        let (all, held_out) = match self {
            Self::Shapes => (shapes::training(), shapes::HELD_OUT),
            Self::Cifar10 { dir } => (cifar::training(dir, cifar::Records::Cifar10)?, cifar::HELD_OUT),
            Self::Cifar100 { dir } => (cifar::training(dir, cifar::Records::Cifar100)?, cifar::HELD_OUT),
            Self::TinyImagenet { dir } => {
                let all = tiny_imagenet::training(dir)?;
                let held_out = all.len() / tiny_imagenet::HELD_OUT_SHARE;
                (all, held_out)
            }
            Self::Noise { shape, classes } => return noise::load(*shape, *classes),
        };
        let (train, held_out) = split::balanced(&all, held_out, seed);
        Ok(Splits { train, held_out, test: self.load_test()? })
    }

    /// The test images alone; those of Tiny ImageNet are in its folder `val`.
    ///
    /// # Errors
    /// As [`DataSource::load`].
    pub fn load_test(&self) -> Result<Dataset, Error> {
        match self {
            Self::Shapes => Ok(shapes::test()),
            Self::Cifar10 { dir } => cifar::test(dir, cifar::Records::Cifar10),
            Self::Cifar100 { dir } => cifar::test(dir, cifar::Records::Cifar100),
            Self::TinyImagenet { dir } => tiny_imagenet::test(dir),
            Self::Noise { shape, classes } => noise::test(*shape, *classes),
        }
    }

    /// Errors unless the files that [`DataSource::load`] reads are there: asked before what takes minutes. What is in them is
    /// seen when they are read.
    ///
    /// # Errors
    /// The first that is missing, with what was expected.
    pub fn check_there(&self) -> Result<(), Error> {
        match self {
            Self::Shapes | Self::Noise { .. } => Ok(()),
            Self::Cifar10 { dir } => cifar::check_there(dir, cifar::Records::Cifar10),
            Self::Cifar100 { dir } => cifar::check_there(dir, cifar::Records::Cifar100),
            Self::TinyImagenet { dir } => tiny_imagenet::check_there(dir),
        }
    }

    /// SHA-256 of every file that [`DataSource::load`] reads, beside the official one where that is known. Nothing is
    /// refused for a difference: near copies with some images re-encoded exist and are fine to work with, but the
    /// reader of a result should know.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn checksums(&self) -> Result<Vec<FileCheck>, Error> {
        match self {
            Self::Shapes | Self::Noise { .. } => Ok(Vec::new()),
            Self::Cifar10 { dir } => cifar::checksums(dir, cifar::Records::Cifar10),
            Self::Cifar100 { dir } => cifar::checksums(dir, cifar::Records::Cifar100),
            Self::TinyImagenet { dir } => tiny_imagenet::checksums(dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_says_what_is_missing() {
        assert_eq!(DataSource::parse("shapes", None).unwrap(), DataSource::Shapes);
        let message = |name, dir| DataSource::parse(name, dir).unwrap_err().to_string();
        assert_eq!(
            message("cifar10", None),
            "data folder (--data-dir): expected a folder with data_batch_1..5.bin and test_batch.bin, found none given"
        );
        assert_eq!(
            message("mnist", None),
            "data set: expected one of shapes, cifar10, cifar100, tiny-imagenet, or noise:CxHxW:CLASSES for random pixels, \
             found mnist"
        );
        assert_eq!(
            message("tiny-imagenet", None),
            "data folder (--data-dir): expected a folder with wnids.txt, train and val, found none given"
        );
        assert_eq!(
            message("shapes", Some(Path::new("x"))),
            "data folder (--data-dir): expected none, since `shapes` is built in, found x"
        );
    }
}
