//! Where images come from, as it is typed and as it is stored.
//!
//! A stored name, which may come from a server, never has a path in it: what is read is chosen by who reads it, by a folder beside
//! the name.

use super::arrays::Format;
use super::crop::Crop;
use super::dataset::Normalisation;
use super::noise;
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
    /// MNIST: ten handwritten digits, 1x28x28, in idx files.
    Mnist {
        /// Folder of `train-images-idx3-ubyte` and its like, plain or with `.gz` behind.
        dir: PathBuf,
    },
    /// Fashion-MNIST: ten kinds of clothes in files of the same names.
    FashionMnist {
        /// Their folder.
        dir: PathBuf,
    },
    /// Street View House Numbers: ten digits, 3x32x32, in MATLAB's files.
    Svhn {
        /// Folder of `train_32x32.mat` and `test_32x32.mat`.
        dir: PathBuf,
    },
    /// ImageNet's 50,000 validation images in 1,000 folders: test images alone.
    Imagenet {
        /// The size that they are brought to.
        crop: Crop,
        /// Folder with `val`, or that of the classes itself.
        dir: PathBuf,
    },
    /// Pictures, a folder a class.
    Folder {
        /// The size that they are brought to; where it is absent all have the same.
        crop: Option<Crop>,
        /// Folder of classes, or of `train` and `val` or `test`.
        dir: PathBuf,
    },
    /// Images and labels in one file of arrays.
    Arrays {
        /// The file's format.
        format: Format,
        /// Number of classes; where it is absent one more than the largest label.
        classes: Option<usize>,
        /// The file.
        file: PathBuf,
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
pub const LISTED: &str = "shapes, cifar10, cifar100, tiny-imagenet, mnist, fashion-mnist, svhn, imagenet, \
                          folder[:CxHxW[:RESIZE]] for pictures, npz or safetensors for arrays, or noise:CxHxW:CLASSES for \
                          random pixels";

impl DataSource {
    /// Understands what is typed: a name as [`DataSource::parse`] does, and behind it after a colon the folder or file, unless
    /// `dir` is that. `folder:pictures`, `folder:3x224x224:256:pictures`, `npz:digits.npz`, `cifar10:cifar-10-batches-bin`.
    ///
    /// # Errors
    /// As [`DataSource::parse`], and where both name a folder.
    pub fn typed(text: &str, dir: Option<&Path>) -> Result<Self, Error> {
        match (path_in(text), dir) {
            (None, dir) => Self::parse(text, dir),
            (Some((name, path)), None) => Self::parse(name, Some(Path::new(path))),
            (Some((_, path)), Some(dir)) => {
                let expected = format!("none, since --data names {path}");
                Err(Error::argument(DIR, expected, dir.display().to_string()))
            }
        }
    }

    /// Understands a name as it is stored, without a path: see [`LISTED`]. Those of files need the files' folder, those of arrays
    /// their file.
    ///
    /// # Errors
    /// A name that is unknown, a folder that is missing or one too many.
    pub fn parse(name: &str, dir: Option<&Path>) -> Result<Self, Error> {
        let folder =
            |files: &str| dir.map(Path::to_owned).ok_or_else(|| Error::argument(DIR, files, "none given"));
        if let Some((kind, path)) = path_in(name) {
            let expected =
                format!("a name without a path, which --data-dir gives (here `{kind}` and `{path}`)");
            return Err(Error::argument("data set", expected, name));
        }
        let (kind, options) =
            name.split_once(':').map_or((name, None), |(kind, options)| (kind, Some(options)));
        if let Some(made) = Self::built_in(kind, options)? {
            let refuse = |dir: &Path| {
                let expected = format!("none, since `{name}` is built in");
                Error::argument(DIR, expected, dir.display().to_string())
            };
            return dir.map_or(Ok(made), |dir| Err(refuse(dir)));
        }
        let crop = || options.map(Crop::parse).transpose();
        match (kind, options) {
            ("cifar10", None) => {
                Ok(Self::Cifar10 { dir: folder("a folder with data_batch_1..5.bin and test_batch.bin")? })
            }
            ("cifar100", None) => Ok(Self::Cifar100 { dir: folder("a folder with train.bin and test.bin")? }),
            ("tiny-imagenet", None) => {
                Ok(Self::TinyImagenet { dir: folder("a folder with wnids.txt, train and val")? })
            }
            ("mnist", None) => Ok(Self::Mnist { dir: folder(IDX)? }),
            ("fashion-mnist", None) => Ok(Self::FashionMnist { dir: folder(IDX)? }),
            ("svhn", None) => {
                Ok(Self::Svhn { dir: folder("a folder with train_32x32.mat and test_32x32.mat")? })
            }
            ("imagenet", _) => {
                let dir = folder("a folder with val, which has a folder a class")?;
                Ok(Self::Imagenet { crop: crop()?.unwrap_or(Crop::IMAGENET), dir })
            }
            ("folder", _) => Ok(Self::Folder { crop: crop()?, dir: folder("a folder with one a class")? }),
            ("npz", _) => arrays(Format::Npz, options, folder("a file of NumPy's arrays")?),
            ("safetensors", _) => arrays(Format::Safetensors, options, folder("a file of arrays")?),
            _ => Err(Error::argument("data set", format!("one of {LISTED}"), name)),
        }
    }

    fn built_in(kind: &str, options: Option<&str>) -> Result<Option<Self>, Error> {
        match (kind, options) {
            ("shapes", None) => Ok(Some(Self::Shapes)),
            ("noise", Some(size)) => {
                let (shape, classes) = noise::parse(size)?;
                Ok(Some(Self::Noise { shape, classes }))
            }
            _ => Ok(None),
        }
    }

    /// Random pixels in the place of a published data set's, as many and of as many classes, for what needs no more of it than
    /// sizes; `None` where its name does not tell them.
    pub fn stand_in(name: &str) -> Option<Self> {
        let (shape, classes) = match name {
            "cifar10" | "svhn" => (Shape::new(3, 32, 32), 10),
            "cifar100" => (Shape::new(3, 32, 32), 100),
            "tiny-imagenet" => (Shape::new(3, 64, 64), 200),
            "mnist" | "fashion-mnist" => (Shape::new(1, 28, 28), 10),
            "imagenet" => (Shape::new(3, 224, 224), 1000),
            _ => return None,
        };
        Some(Self::Noise { shape, classes })
    }

    /// The name that [`DataSource::parse`] understands. No path is in it.
    pub fn name(&self) -> String {
        let with = |kind: &str, option: Option<String>| match option {
            Some(option) => format!("{kind}:{option}"),
            None => kind.to_owned(),
        };
        match self {
            Self::Shapes => "shapes".to_owned(),
            Self::Cifar10 { .. } => "cifar10".to_owned(),
            Self::Cifar100 { .. } => "cifar100".to_owned(),
            Self::TinyImagenet { .. } => "tiny-imagenet".to_owned(),
            Self::Mnist { .. } => "mnist".to_owned(),
            Self::FashionMnist { .. } => "fashion-mnist".to_owned(),
            Self::Svhn { .. } => "svhn".to_owned(),
            Self::Imagenet { crop, .. } => {
                with("imagenet", (*crop != Crop::IMAGENET).then(|| crop.to_string()))
            }
            Self::Folder { crop, .. } => with("folder", crop.map(|crop| crop.to_string())),
            Self::Arrays { format, classes, .. } => with(format.name(), classes.map(|n| n.to_string())),
            Self::Noise { shape, classes } => format!("noise:{shape}:{classes}"),
        }
    }

    /// The folder of its files, or the file itself, where it is not built in.
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Self::Shapes | Self::Noise { .. } => None,
            Self::Cifar10 { dir }
            | Self::Cifar100 { dir }
            | Self::TinyImagenet { dir }
            | Self::Mnist { dir }
            | Self::FashionMnist { dir }
            | Self::Svhn { dir }
            | Self::Imagenet { dir, .. }
            | Self::Folder { dir, .. } => Some(dir),
            Self::Arrays { file, .. } => Some(file),
        }
    }

    /// For a network of that input and so many classes: what is not said of the images is taken from it, the size of pictures and
    /// the number of classes of arrays.
    #[must_use]
    pub fn for_network(self, input: Shape, of: usize) -> Self {
        match self {
            Self::Folder { crop: None, dir } if [1, 3].contains(&input.c) => {
                Self::Folder { crop: Some(Crop::whole(input)), dir }
            }
            Self::Arrays { format, classes: None, file } => Self::Arrays { format, classes: Some(of), file },
            other => other,
        }
    }

    /// Mean and deviation per channel that networks on this set are trained with; of folders and arrays, of which that is not
    /// known, none: bytes stay in 0 to 1, and floats as they are.
    pub fn default_normalisation(&self, channels: usize) -> Normalisation {
        let (mean, std) = match self {
            Self::Shapes => ([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]),
            Self::Cifar10 { .. } => ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
            Self::Cifar100 { .. } => ([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]),
            Self::TinyImagenet { .. } => ([0.480, 0.448, 0.398], [0.277, 0.269, 0.282]),
            Self::Svhn { .. } => ([0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]),
            Self::Imagenet { .. } if channels == 3 => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Self::Imagenet { .. } => return same(0.45, 0.225, channels),
            Self::Mnist { .. } => return same(0.1307, 0.3081, channels),
            Self::FashionMnist { .. } => return same(0.2860, 0.3530, channels),
            Self::Folder { .. } | Self::Arrays { .. } => return Normalisation::none(channels),
            // Uniform pixels have a deviation of one over the root of twelve.
            Self::Noise { .. } => return same(0.5, 0.288_675, channels),
        };
        Normalisation { mean: mean.to_vec(), std: std.to_vec() }
    }
}

/// What is called a folder in errors.
const DIR: &str = "data folder (--data-dir)";
const IDX: &str = "a folder with train-images-idx3-ubyte and its like, plain or with .gz behind";

fn same(mean: f32, std: f32, channels: usize) -> Normalisation {
    Normalisation { mean: vec![mean], std: vec![std] }.spread(channels)
}

fn arrays(format: Format, classes: Option<&str>, file: PathBuf) -> Result<DataSource, Error> {
    let fault = |found: &str| {
        let expected = format!("2 to 65536, or none, as in {}:10", format.name());
        Error::argument("number of classes", expected, format!("`{found}`"))
    };
    let number =
        |text: &str| text.parse().ok().filter(|n| (2..=65_536).contains(n)).ok_or_else(|| fault(text));
    let classes = classes.map(number).transpose()?;
    Ok(DataSource::Arrays { format, classes, file })
}

/// What is typed taken apart into name and path: the path begins behind the first colon that neither a size nor a number follows.
fn path_in(text: &str) -> Option<(&str, &str)> {
    let is_option = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit()) && part.chars().all(|c| c.is_ascii_digit() || c == 'x')
    };
    let mut parts = text.split(':');
    let mut end = parts.next()?.len();
    for part in parts {
        if !is_option(part) {
            let path = &text[end + 1..];
            return (!path.is_empty()).then_some((&text[..end], path));
        }
        end += 1 + part.len();
    }
    None
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
        assert_eq!(message("mnits", None), format!("data set: expected one of {LISTED}, found mnits"));
        assert_eq!(
            message("tiny-imagenet", None),
            "data folder (--data-dir): expected a folder with wnids.txt, train and val, found none given"
        );
        assert_eq!(
            message("shapes", Some(Path::new("x"))),
            "data folder (--data-dir): expected none, since `shapes` is built in, found x"
        );
        assert!(message("npz", None).contains("a file of NumPy's arrays, found none given"));
        assert!(message("npz:1", Some(Path::new("x"))).contains("2 to 65536"));
    }

    #[test]
    fn paths_are_typed_and_never_stored() {
        let dir = |name: &str| Some(PathBuf::from(name));
        for (typed, name, at) in [
            ("folder:pictures", "folder", "pictures"),
            ("folder:3x64x64:pictures", "folder:3x64x64", "pictures"),
            ("folder:3x224x224:256:/a:b/c", "folder:3x224x224:256", "/a:b/c"),
            ("folder:3x64x64:64:./64", "folder:3x64x64", "./64"),
            ("npz:digits.npz", "npz", "digits.npz"),
            ("npz:1000:x", "npz:1000", "x"),
            ("safetensors:images.safetensors", "safetensors", "images.safetensors"),
            ("imagenet:ILSVRC", "imagenet", "ILSVRC"),
            ("imagenet:3x224x224:256:ILSVRC", "imagenet", "ILSVRC"),
            ("imagenet:3x299x299:342:ILSVRC", "imagenet:3x299x299:342", "ILSVRC"),
            ("mnist:digits", "mnist", "digits"),
        ] {
            let source = DataSource::typed(typed, None).unwrap();
            assert_eq!((source.name().as_str(), source.dir().map(Path::to_owned)), (name, dir(at)));
            assert_eq!(DataSource::typed(name, Some(Path::new(at))).unwrap(), source);
            assert_eq!(DataSource::parse(name, Some(Path::new(at))).unwrap(), source);
            let given = DataSource::typed(typed, Some(Path::new("y"))).unwrap_err().to_string();
            assert!(given.contains("expected none, since --data names"), "{given}");
            // What a server calls its data chooses no file here.
            assert!(DataSource::parse(typed, Some(Path::new("own"))).is_err(), "{typed}");
        }
        assert!(DataSource::typed("noise:3x8x8:10", None).is_ok());
    }

    #[test]
    fn a_network_says_what_is_not_said_of_images() {
        let (input, source) = (Shape::new(1, 20, 28), |text| DataSource::typed(text, None).unwrap());
        let named = |text| source(text).for_network(input, 7).name();
        assert_eq!(named("folder:x"), "folder:1x20x28");
        assert_eq!(named("folder:3x8x8:x"), "folder:3x8x8");
        assert_eq!(
            (named("npz:x").as_str(), named("npz:9:x").as_str(), named("mnist:x").as_str()),
            ("npz:7", "npz:9", "mnist")
        );
    }
}
