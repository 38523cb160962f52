//! Images of a source: read whole, or where they are files of their own as many as are asked for.

use super::dataset::{Dataset, Splits};
use super::files::{FileCheck, thousands};
use super::pictures::{self, Listing};
use super::source::DataSource;
use super::split::{self, Apart};
use super::{arrays, cifar, files, idx, noise, shapes, svhn, tiny_imagenet};
use crate::Error;

/// Training images of which one is held out, where a set has no number of its own.
const HELD_OUT_SHARE: usize = 10;

/// Images in their order, of which some are chosen before they are read.
enum Pool {
    Read(Dataset),
    Listed(Listing),
}

impl Pool {
    fn labels(&self) -> Vec<u16> {
        match self {
            Self::Read(data) => (0..data.len()).map(|i| data.label(i) as u16).collect(),
            Self::Listed(listing) => listing.labels(),
        }
    }

    /// The first `most` of the images at `indices`.
    fn read(&self, name: &str, indices: &[usize], most: usize) -> Result<Dataset, Error> {
        let indices = &indices[..most.min(indices.len())];
        match self {
            Self::Read(data) => Ok(data.select(name, indices)),
            Self::Listed(listing) => listing.read(name, indices),
        }
    }
}

impl DataSource {
    /// Training, held-out and test images. `seed` chooses the class-balanced held-out part: a tenth of the training images, 1,000
    /// of the 9,000 that `shapes` draws beside its test set; of noise 16.
    ///
    /// # Errors
    /// A file that is missing or is not what its format promises, with its path, what was expected and what found; a set of
    /// test images alone.
    pub fn load(&self, seed: u64) -> Result<Splits, Error> {
        if let Self::Noise { shape, classes } = self {
            return noise::load(*shape, *classes);
        }
        let Some((pool, split)) = self.trained_on(seed)? else {
            let expected = match self {
                Self::Arrays { .. } => "arrays x_train and y_train to train on, beside x_test and y_test",
                _ => "a folder train beside val or test, to train on",
            };
            let at = self.dir().unwrap_or_else(|| std::path::Path::new(""));
            return Err(Error::format(at, expected, "test images alone"));
        };
        let part = |part: &str| format!("{}/{part}", self.short_name());
        Ok(Splits {
            train: pool.read(&part("train"), &split.rest, usize::MAX)?,
            held_out: pool.read(&part("held-out"), &split.apart, usize::MAX)?,
            test: self.load_test()?,
        })
    }

    /// The first `most` held-out images, as [`DataSource::load`] has them. Of a set of test images alone they are some that are
    /// set apart, whatever the seed: 500, or as many as there are classes if that is more, but at most half.
    ///
    /// # Errors
    /// As [`DataSource::load`]; a set of a single image.
    pub fn held_out(&self, seed: u64, most: usize) -> Result<Dataset, Error> {
        if let Self::Noise { shape, classes } = self {
            return Ok(noise::load(*shape, *classes)?.held_out.take(most));
        }
        let (pool, split) = match self.trained_on(seed)? {
            Some(parts) => parts,
            None => self.tested_on()?,
        };
        if split.apart.is_empty() {
            let at = self.dir().unwrap_or_else(|| std::path::Path::new(""));
            let found = split.rest.len().to_string();
            return Err(Error::format(at, "images enough to set some apart for calibration", found));
        }
        pool.read(&format!("{}/held-out", self.short_name()), &split.apart, most)
    }

    /// The first `most` training images, as [`DataSource::load`] has them; of a set of test images alone its held-out ones.
    ///
    /// # Errors
    /// As [`DataSource::held_out`].
    pub fn training(&self, seed: u64, most: usize) -> Result<Dataset, Error> {
        if let Self::Noise { shape, classes } = self {
            return Ok(noise::load(*shape, *classes)?.train.take(most));
        }
        match self.trained_on(seed)? {
            Some((pool, split)) => pool.read(&format!("{}/train", self.short_name()), &split.rest, most),
            None => self.held_out(seed, most),
        }
    }

    /// The test images alone; those of Tiny ImageNet are in its folder `val`.
    ///
    /// # Errors
    /// As [`DataSource::load`].
    pub fn load_test(&self) -> Result<Dataset, Error> {
        self.test(usize::MAX)
    }

    /// The first `most` test images. Of a set of test images alone those that are set apart are left out, and the name says so.
    ///
    /// # Errors
    /// As [`DataSource::load`].
    pub fn test(&self, most: usize) -> Result<Dataset, Error> {
        let (pool, split) = self.tested_on()?;
        let name = split.name(&format!("{}/test", self.short_name()));
        match pool {
            Pool::Read(data) if split.apart.is_empty() && most >= data.len() => Ok(data),
            pool => pool.read(&name, &split.rest, most),
        }
    }

    /// Whether there are training images.
    ///
    /// # Errors
    /// A file of arrays that cannot be read.
    pub fn has_training(&self) -> Result<bool, Error> {
        match self {
            Self::Imagenet { .. } => Ok(false),
            Self::Folder { dir, .. } => Ok(pictures::has_training(dir)),
            Self::Arrays { format, file, .. } => arrays::has_training(file, *format),
            Self::Shapes
            | Self::Cifar10 { .. }
            | Self::Cifar100 { .. }
            | Self::TinyImagenet { .. }
            | Self::Mnist { .. }
            | Self::FashionMnist { .. }
            | Self::Svhn { .. }
            | Self::Noise { .. } => Ok(true),
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
            Self::Mnist { dir } | Self::FashionMnist { dir } => idx::check_there(dir),
            Self::Svhn { dir } => svhn::check_there(dir),
            Self::Imagenet { crop, dir } => pictures::imagenet(dir, *crop).map(drop),
            Self::Folder { dir, .. } => pictures::check_there(dir),
            Self::Arrays { format, file, .. } => arrays::check_there(file, *format),
        }
    }

    /// SHA-256 of every file that [`DataSource::load`] reads, beside the official one where that is known. Nothing is
    /// refused for a difference: near copies with some images re-encoded exist and are fine to work with, but the
    /// reader of a result should know. Of folders of pictures, which may be very many, one of their names and sizes.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn checksums(&self) -> Result<Vec<FileCheck>, Error> {
        let mut checks = match self {
            Self::Shapes | Self::Noise { .. } => Vec::new(),
            Self::Cifar10 { dir } => cifar::checksums(dir, cifar::Records::Cifar10)?,
            Self::Cifar100 { dir } => cifar::checksums(dir, cifar::Records::Cifar100)?,
            Self::TinyImagenet { dir } => tiny_imagenet::checksums(dir)?,
            Self::Mnist { dir } | Self::FashionMnist { dir } => idx::checksums(dir)?,
            Self::Svhn { dir } => svhn::checksums(dir)?,
            Self::Imagenet { crop, dir } => vec![pictures::imagenet(dir, *crop)?.checksum()?],
            Self::Folder { crop, dir } => {
                let train = pictures::training(dir, *crop)?;
                let parts = train.into_iter().chain([pictures::test(dir, *crop)?]);
                parts.map(|part| part.checksum()).collect::<Result<_, _>>()?
            }
            Self::Arrays { file, .. } => vec![files::file(file.clone(), None)?],
        };
        if let (Some(set_apart), Some(last)) = (self.set_apart()?, checks.last_mut()) {
            last.remark =
                Some(last.remark.take().map_or(set_apart.clone(), |other| format!("{other}; {set_apart}")));
        }
        Ok(checks)
    }

    /// What whoever reads a result should know of the files, a line each: what is shorter than published, and which test images
    /// are used to calibrate. They are in [`DataSource::checksums`] too.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn remarks(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Cifar10 { dir } => cifar::remarks(dir, cifar::Records::Cifar10),
            Self::Cifar100 { dir } => cifar::remarks(dir, cifar::Records::Cifar100),
            Self::Mnist { dir } | Self::FashionMnist { dir } => idx::remarks(dir),
            Self::Svhn { dir } => svhn::remarks(dir),
            Self::Imagenet { .. } | Self::Folder { .. } | Self::Arrays { .. } => {
                let of = |remark| format!("{}: {remark}", self.name());
                Ok(self.set_apart()?.map(of).into_iter().collect())
            }
            Self::Shapes | Self::TinyImagenet { .. } | Self::Noise { .. } => Ok(Vec::new()),
        }
    }

    /// Its name without sizes.
    fn short_name(&self) -> String {
        let name = self.name();
        name.split(':').next().unwrap_or_default().to_owned()
    }

    /// The images to train on and those of them that are held out.
    fn trained_on(&self, seed: u64) -> Result<Option<(Pool, Apart)>, Error> {
        let (pool, held_out) = match self {
            Self::Shapes => (Pool::Read(shapes::training()), Some(shapes::HELD_OUT)),
            Self::Cifar10 { dir } => (Pool::Read(cifar::training(dir, cifar::Records::Cifar10)?), None),
            Self::Cifar100 { dir } => (Pool::Read(cifar::training(dir, cifar::Records::Cifar100)?), None),
            Self::TinyImagenet { dir } => (Pool::Read(tiny_imagenet::training(dir)?), None),
            Self::Mnist { dir } | Self::FashionMnist { dir } => {
                (Pool::Read(idx::training(&self.short_name(), dir)?), None)
            }
            Self::Svhn { dir } => (Pool::Read(svhn::training(dir)?), None),
            Self::Imagenet { .. } => return Ok(None),
            Self::Folder { crop, dir } => match pictures::training(dir, *crop)? {
                Some(listing) => (Pool::Listed(listing), None),
                None => return Ok(None),
            },
            Self::Arrays { format, classes, file } => match arrays::training(file, *format, *classes)? {
                Some(data) => (Pool::Read(data), None),
                None => return Ok(None),
            },
            Self::Noise { shape, classes } => (Pool::Read(noise::load(*shape, *classes)?.train), Some(0)),
        };
        let labels = pool.labels();
        let split = split::balanced(&labels, held_out.unwrap_or(labels.len() / HELD_OUT_SHARE), seed);
        Ok(Some((pool, split)))
    }

    /// The test images and those of them that are set apart.
    fn tested_on(&self) -> Result<(Pool, Apart), Error> {
        let pool = match self {
            Self::Shapes => Pool::Read(shapes::test()),
            Self::Cifar10 { dir } => Pool::Read(cifar::test(dir, cifar::Records::Cifar10)?),
            Self::Cifar100 { dir } => Pool::Read(cifar::test(dir, cifar::Records::Cifar100)?),
            Self::TinyImagenet { dir } => Pool::Read(tiny_imagenet::test(dir)?),
            Self::Mnist { dir } | Self::FashionMnist { dir } => {
                Pool::Read(idx::test(&self.short_name(), dir)?)
            }
            Self::Svhn { dir } => Pool::Read(svhn::test(dir)?),
            Self::Imagenet { crop, dir } => Pool::Listed(pictures::imagenet(dir, *crop)?),
            Self::Folder { crop, dir } => Pool::Listed(pictures::test(dir, *crop)?),
            Self::Arrays { format, classes, file } => Pool::Read(arrays::test(file, *format, *classes)?),
            Self::Noise { shape, classes } => Pool::Read(noise::test(*shape, *classes)?),
        };
        let labels = pool.labels();
        let split = match self.has_training()? {
            true => Apart::none(labels.len()),
            false => split::for_calibration(&labels),
        };
        Ok((pool, split))
    }

    /// What is said where test images are set apart.
    fn set_apart(&self) -> Result<Option<String>, Error> {
        if self.has_training()? {
            return Ok(None);
        }
        let labels = match self {
            Self::Arrays { format, classes, file } => arrays::labels(file, *format, *classes)?.test,
            Self::Imagenet { crop, dir } => pictures::imagenet(dir, *crop)?.labels(),
            Self::Folder { crop, dir } => pictures::test(dir, *crop)?.labels(),
            _ => return Ok(None),
        };
        let (apart, all) = (split::for_calibration(&labels).apart.len(), labels.len());
        let (apart, all) = (thousands(apart), thousands(all));
        Ok(Some(format!(
            "there are test images alone; {apart} of {all} are set apart for calibration and classified in no result"
        )))
    }
}
