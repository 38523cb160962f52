//! Where pictures lie: `DIR/CLASS/*.png`, or `DIR/train/CLASS/*.png` with `DIR/val` or, where there is none, `DIR/test`.
//!
//! A class's index is its folder's position in sorted order, as torchvision's `ImageFolder` has it. Pictures are ordered with
//! the classes in turn (the first of every class, the second of every class, ...; by name within a class), so that the
//! first n are of many classes. Names that begin with a dot, or are no text, are left out.

use super::super::Dataset;
use super::super::crop::Crop;
use super::super::files::{FileCheck, unread};
use super::decode::{Size, decode, shape};
use crate::Error;
use crate::digest::hex;
use crate::graph::Shape;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of pictures end in, in small letters or large.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];
/// Classes of ImageNet.
const OF_IMAGENET: usize = 1000;

/// Pictures that are not read yet.
pub(in crate::data) struct Listing {
    dir: PathBuf,
    classes: usize,
    /// Names below the folder, and classes.
    files: Vec<(String, u16)>,
    crop: Option<Crop>,
}

/// The parts of a folder.
struct Parts {
    train: Option<PathBuf>,
    test: PathBuf,
}

/// Whether the folder has pictures to train on.
pub(in crate::data) fn has_training(dir: &Path) -> bool {
    dir.join("train").is_dir()
}

/// The pictures to train on, where there are any.
pub(in crate::data) fn training(dir: &Path, crop: Option<Crop>) -> Result<Option<Listing>, Error> {
    let parts = parts(dir)?;
    let Some(train) = parts.train else { return Ok(None) };
    let classes = classes(&train)?;
    agree(&train, &classes, &parts.test)?;
    Listing::new(train, &classes, crop).map(Some)
}

/// The test pictures.
pub(in crate::data) fn test(dir: &Path, crop: Option<Crop>) -> Result<Listing, Error> {
    let parts = parts(dir)?;
    let classes = classes(&parts.test)?;
    if let Some(train) = &parts.train {
        agree(&parts.test, &classes, train)?;
    }
    Listing::new(parts.test, &classes, crop)
}

/// The pictures of ImageNet's `val`, or of the folder itself.
pub(in crate::data) fn imagenet(dir: &Path, crop: Crop) -> Result<Listing, Error> {
    let test = of_imagenet(dir);
    let classes = classes(&test)?;
    if classes.len() != OF_IMAGENET {
        let expected = format!("{OF_IMAGENET} folders of classes (`--data folder` takes any number)");
        return Err(Error::format(test, expected, classes.len().to_string()));
    }
    Listing::new(test, &classes, Some(crop))
}

fn of_imagenet(dir: &Path) -> PathBuf {
    let val = dir.join("val");
    if val.is_dir() { val } else { dir.to_owned() }
}

/// Errors unless there are folders of classes.
pub(in crate::data) fn check_there(dir: &Path) -> Result<(), Error> {
    let parts = parts(dir)?;
    parts.train.iter().chain([&parts.test]).try_for_each(|part| classes(part).map(drop))
}

fn parts(dir: &Path) -> Result<Parts, Error> {
    let test = ["val", "test"].map(|name| dir.join(name)).into_iter().find(|part| part.is_dir());
    match (has_training(dir), test) {
        (true, Some(test)) => Ok(Parts { train: Some(dir.join("train")), test }),
        (true, None) => Err(Error::format(dir, "a folder val or test beside the folder train", "neither")),
        (false, Some(test)) if classes(&test).is_ok() => Ok(Parts { train: None, test }),
        (false, _) => Ok(Parts { train: None, test: dir.to_owned() }),
    }
}

/// The names of a part's folders, sorted.
fn classes(part: &Path) -> Result<Vec<String>, Error> {
    const EXPECTED: &str = "a folder for every class, with its images in PNG or JPEG";
    let mut found = names(part, EXPECTED)?;
    found.retain(|name| part.join(name).is_dir());
    match found.len() {
        0 => Err(Error::format(part, EXPECTED, "no folder")),
        1..=65_536 => Ok(found),
        more => Err(Error::format(part, "at most 65536 classes", more.to_string())),
    }
}

/// Errors unless the other part has the same classes.
fn agree(one: &Path, classes_of_one: &[String], other: &Path) -> Result<(), Error> {
    let others = classes(other)?;
    let lacks = |some: &[String], all: &[String]| all.iter().find(|name| !some.contains(name)).cloned();
    let expected = |part: &Path| format!("the classes of {}", part.display());
    if let Some(name) = lacks(&others, classes_of_one) {
        return Err(Error::format(other, expected(one), format!("no folder `{name}`")));
    }
    match lacks(classes_of_one, &others) {
        Some(name) => Err(Error::format(one, expected(other), format!("no folder `{name}`"))),
        None => Ok(()),
    }
}

/// Names in a folder, sorted.
fn names(folder: &Path, expected: &str) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).map_err(|e| unread(folder, e, expected))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(folder, e))?;
        names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort_unstable();
    Ok(names)
}

fn is_picture(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e)))
}

impl Listing {
    fn new(dir: PathBuf, classes: &[String], crop: Option<Crop>) -> Result<Self, Error> {
        let mut by_class = Vec::with_capacity(classes.len());
        for class in classes {
            let folder = dir.join(class);
            let mut files = names(&folder, "images in PNG or JPEG")?;
            files.retain(|name| is_picture(name));
            if files.is_empty() {
                return Err(Error::format(folder, "images whose names end in .png, .jpg or .jpeg", "none"));
            }
            by_class.push(files);
        }
        let most = by_class.iter().map(Vec::len).max().unwrap_or_default();
        let round = |n: usize| {
            let classes = by_class.iter().zip(classes).zip(0..=u16::MAX);
            classes
                .filter_map(move |((files, name), class)| Some((format!("{name}/{}", files.get(n)?), class)))
        };
        let files = (0..most).flat_map(round).collect();
        Ok(Self { dir, classes: classes.len(), files, crop })
    }

    /// The class of every picture.
    pub(in crate::data) fn labels(&self) -> Vec<u16> {
        self.files.iter().map(|(_, class)| *class).collect()
    }

    /// Reads the pictures at `indices`, on all cores.
    pub(in crate::data) fn read(&self, name: &str, indices: &[usize]) -> Result<Dataset, Error> {
        let size = match self.crop {
            Some(crop) => Size::Crop(crop),
            None => Size::Exactly(self.first()?),
        };
        let (shape, files) = (size.shape(), || indices.par_iter().map(|i| &self.files[*i]));
        let mut images = vec![0; indices.len() * shape.size()];
        images.par_chunks_exact_mut(shape.size()).zip(files()).try_for_each(|(image, (file, _))| {
            image.copy_from_slice(&decode(&self.dir.join(file), size)?);
            Ok(())
        })?;
        let labels = indices.iter().map(|i| self.files[*i].1).collect();
        Dataset::new(name, shape, self.classes, images, labels)
    }

    /// The shape of the first picture.
    fn first(&self) -> Result<Shape, Error> {
        shape(&self.dir.join(&self.files[0].0))
    }

    /// One digest for all pictures: of the lines `NAME SIZE`, sorted by name. What is in them is not looked at, since they may be
    /// very many.
    pub(in crate::data) fn checksum(&self) -> Result<FileCheck, Error> {
        let mut names: Vec<&str> = self.files.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let mut listing = Sha256::new();
        for name in names {
            let path = self.dir.join(name);
            let size = fs::metadata(&path).map_err(|e| Error::io(&path, e))?.len();
            listing.update(format!("{name} {size}\n"));
        }
        let remark = format!("the digest is of the names and sizes of its {} images", self.files.len());
        let sha256 = hex(&listing.finalize());
        Ok(FileCheck { path: self.dir.clone(), sha256, official: None, remark: Some(remark) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    /// A grey picture of one value.
    fn put(path: PathBuf, value: u8, width: u32, height: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixels = vec![value; (width * height) as usize];
        let file = fs::File::create(path).unwrap();
        PngEncoder::new(file).write_image(&pixels, width, height, ExtendedColorType::L8).unwrap();
    }

    fn tree(parts: &[&str], classes: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for part in parts {
            for (class, name) in classes.iter().enumerate() {
                for n in 0..3 {
                    let path = dir.path().join(part).join(name).join(format!("{n}.PNG"));
                    put(path, 10 * class as u8 + n, 4, 2);
                }
            }
        }
        dir
    }

    #[test]
    fn classes_are_sorted_and_pictures_in_turn() {
        let dir = tree(&[""], &["b", "a"]);
        fs::write(dir.path().join("notes.txt"), "no class").unwrap();
        fs::write(dir.path().join("a/notes.txt"), "no picture").unwrap();
        fs::create_dir(dir.path().join(".hidden")).unwrap();
        assert!(training(dir.path(), None).unwrap().is_none());
        let listing = test(dir.path(), None).unwrap();
        assert_eq!((listing.classes, listing.labels()), (2, vec![0, 1, 0, 1, 0, 1]));
        let read = listing.read("x", &[3, 0]).unwrap();
        assert_eq!((read.shape(), read.label(0), read.label(1)), (Shape::new(1, 2, 4), 1, 0));
        assert_eq!(read.image(0).bytes().unwrap(), [1; 8], "`b` was written first, so its values begin at 0");
        assert_eq!(read.image(1).bytes().unwrap(), [10; 8]);
        let crop = Some(Crop::whole(Shape::new(3, 2, 2)));
        assert_eq!(
            test(dir.path(), crop).unwrap().read("x", &[0]).unwrap().image(0).bytes().unwrap(),
            [10; 12]
        );
    }

    #[test]
    fn parts_have_the_same_classes() {
        let dir = tree(&["train", "val"], &["a", "b"]);
        assert_eq!(training(dir.path(), None).unwrap().unwrap().labels().len(), 6);
        assert_eq!(test(dir.path(), None).unwrap().labels().len(), 6);
        fs::rename(dir.path().join("val/b"), dir.path().join("val/c")).unwrap();
        let told = test(dir.path(), None).err().unwrap().to_string();
        assert!(told.contains("no folder `c`") || told.contains("no folder `b`"), "{told}");
        fs::remove_dir_all(dir.path().join("val")).unwrap();
        let told = check_there(dir.path()).unwrap_err().to_string();
        assert!(
            told.ends_with("expected a folder val or test beside the folder train, found neither"),
            "{told}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let told = check_there(dir.path()).unwrap_err().to_string();
        assert!(
            told.ends_with(
                "expected a folder for every class, with its images in PNG or JPEG, found no folder"
            )
        );
        fs::create_dir(dir.path().join("a")).unwrap();
        let told = test(dir.path(), None).err().unwrap().to_string();
        assert!(
            told.ends_with("expected images whose names end in .png, .jpg or .jpeg, found none"),
            "{told}"
        );
        put(dir.path().join("a/0.png"), 1, 2, 2);
        put(dir.path().join("a/1.png"), 1, 3, 2);
        let told = test(dir.path(), None).unwrap().read("x", &[0, 1]).unwrap_err().to_string();
        assert!(told.contains("1.png: expected an image of 1x2x2") && told.contains("found 1x2x3"), "{told}");
        let told = imagenet(dir.path(), Crop::IMAGENET).err().unwrap().to_string();
        assert!(told.contains("expected 1000 folders of classes") && told.ends_with("found 1"), "{told}");
    }

    #[test]
    fn a_digest_of_names_and_sizes() {
        let dir = tree(&[""], &["a"]);
        let digest = || test(dir.path(), None).unwrap().checksum().unwrap().sha256;
        let before = digest();
        assert_eq!(digest(), before);
        fs::write(dir.path().join("a/0.PNG"), "other").unwrap();
        assert_ne!(digest(), before);
    }
}
