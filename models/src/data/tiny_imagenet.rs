//! Tiny ImageNet, 200 classes of 64x64 JPEGs, as `tiny-imagenet-200.zip` unpacks. Source: Stanford's course CS231n.
//!
//! `wnids.txt` lists the classes by their WordNet ids, a line each. Training images are
//! `train/WNID/images/WNID_N.JPEG`. The lines of `val/val_annotations.txt` (file, id and four numbers of a box,
//! separated by tabs) give the class of every `val/images/val_N.JPEG`; these are the test set, since no labels of the
//! folder `test` were ever published. Some JPEGs are greyscale; their one plane becomes all three.
//!
//! A class's index is its id's position in sorted order, as torchvision's `ImageFolder` has it. Training images are
//! ordered with the classes in turn (the first of every class, the second of every class, ...; by name as text within
//! a class), test images as in the annotations, so that the first n of either are of many classes.

use super::Dataset;
use super::files::{self, FileCheck, unread};
use crate::Error;
use crate::disk::read_capped;
use crate::graph::Shape;
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

const SHAPE: Shape = Shape::new(3, 64, 64);

/// Largest text files and images that are read, in bytes: a hundred times those of the official set.
const TEXT_LIMIT: u64 = 100_000_000;
const IMAGE_LIMIT: u64 = 1_000_000;

const CLASSES: &str = "wnids.txt";
const ANNOTATIONS: &str = "val/val_annotations.txt";

/// An image on disk: its path, relative to the data set's folder, and its class.
pub(super) struct Listed {
    file: String,
    class: u8,
}

/// The training images of the folder.
pub(super) fn training(dir: &Path) -> Result<Dataset, Error> {
    let classes = classes(dir)?;
    decoded("tiny-imagenet/train", dir, &classes, &training_files(dir, &classes)?)
}

/// The val images of the folder.
pub(super) fn test(dir: &Path) -> Result<Dataset, Error> {
    let classes = classes(dir)?;
    decoded("tiny-imagenet/test", dir, &classes, &test_files(dir, &classes)?)
}

/// Errors unless the two text files and the two folders of images are there.
pub(super) fn check_there(dir: &Path) -> Result<(), Error> {
    for (name, expected) in
        [(CLASSES, "a list of classes"), ("train", "a folder of images"), (ANNOTATIONS, "a list of images")]
    {
        let path = dir.join(name);
        fs::metadata(&path).map_err(|error| unread(&path, error, expected))?;
    }
    Ok(())
}

/// Checksums of the two text files and of the two folders of images. No official ones are known to us.
pub(super) fn checksums(dir: &Path) -> Result<Vec<FileCheck>, Error> {
    let classes = classes(dir)?;
    let folder = |name: &str, listed: Vec<Listed>| {
        let inside = |image: Listed| image.file[name.len() + 1..].to_owned();
        files::folder(dir.join(name), listed.into_iter().map(inside).collect())
    };
    Ok(vec![
        files::file(dir.join(CLASSES), None)?,
        folder("train", training_files(dir, &classes)?)?,
        files::file(dir.join(ANNOTATIONS), None)?,
        folder("val/images", test_files(dir, &classes)?)?,
    ])
}

/// The ids of `wnids.txt`, sorted.
fn classes(dir: &Path) -> Result<Vec<String>, Error> {
    let path = dir.join(CLASSES);
    let text = text(&path, "the list of classes of tiny-imagenet-200.zip, unpacked")?;
    let mut ids: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    ids.retain(|id| !id.is_empty());
    // Ids become names of folders, so nothing else may pass.
    let is_id = |id: &str| id.strip_prefix('n').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if let Some(bad) = ids.iter().find(|id| !is_id(id)) {
        return Err(Error::format(path, "WordNet ids such as n01443537, a line each", format!("`{bad}`")));
    }
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::format(path, "every class once", format!("{} twice", pair[0])));
    }
    if ids.is_empty() || ids.len() > 256 {
        return Err(Error::format(path, "1 to 256 classes", ids.len().to_string()));
    }
    Ok(ids)
}

fn training_files(dir: &Path, classes: &[String]) -> Result<Vec<Listed>, Error> {
    let train = dir.join("train");
    for folder in names(&train, "a folder for every class of wnids.txt")? {
        if classes.binary_search(&folder).is_err() && train.join(&folder).is_dir() {
            let expected = format!("a class that {CLASSES} lists");
            return Err(Error::format(train.join(&folder), expected, format!("{folder}, which it does not")));
        }
    }
    let mut by_class = Vec::with_capacity(classes.len());
    for id in classes {
        let folder = train.join(id).join("images");
        let mut images = names(&folder, format!("the training images of class {id}"))?;
        images.retain(|name| name.ends_with(".JPEG"));
        if images.is_empty() {
            return Err(Error::format(folder, format!("images named {id}_N.JPEG"), "none"));
        }
        images.sort_unstable();
        by_class.push(images);
    }
    let most = by_class.iter().map(Vec::len).max().unwrap_or_default();
    let round = |n: usize| {
        by_class.iter().zip(classes).enumerate().filter_map(move |(class, (images, id))| {
            let file = format!("train/{id}/images/{}", images.get(n)?);
            Some(Listed { file, class: class as u8 })
        })
    };
    Ok((0..most).flat_map(round).collect())
}

pub(super) fn test_files(dir: &Path, classes: &[String]) -> Result<Vec<Listed>, Error> {
    let path = dir.join(ANNOTATIONS);
    let text = text(&path, "the classes of the val images, a line each")?;
    let mut listed = Vec::new();
    let mut seen = HashSet::new();
    for (line, content) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |expected: String, found: &str| {
            Error::format(&path, expected, format!("`{found}` in line {}", line + 1))
        };
        let mut fields = content.split('\t');
        let (file, id) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        if !file.ends_with(".JPEG") || file.contains(['/', '\\']) {
            return Err(wrong("the name of a JPEG, a tab and its class".into(), content));
        }
        let Ok(class) = classes.binary_search_by(|class| class.as_str().cmp(id)) else {
            return Err(wrong(format!("a class that {CLASSES} lists"), id));
        };
        if !seen.insert(file) {
            return Err(wrong("every image once".into(), file));
        }
        listed.push(Listed { file: format!("val/images/{file}"), class: class as u8 });
    }
    let counts = |class: usize| listed.iter().filter(|image| usize::from(image.class) == class).count();
    if let Some(empty) = (0..classes.len()).find(|class| counts(*class) == 0) {
        return Err(Error::format(path, format!("images of class {}", classes[empty]), "none"));
    }
    Ok(listed)
}

fn text(path: &Path, expected: &str) -> Result<String, Error> {
    let bytes = read(path, TEXT_LIMIT, expected)?;
    String::from_utf8(bytes).map_err(|e| Error::format(path, "text in UTF-8", e.to_string()))
}

/// A file's bytes; one that is not there says what was expected.
fn read(path: &Path, limit: u64, expected: &str) -> Result<Vec<u8>, Error> {
    read_capped(path, limit).map_err(|error| match error {
        Error::Io { source, .. } => unread(path, source, expected),
        other => other,
    })
}

/// Names in a folder. Names that are no text are left out: no file of the data set has one.
fn names(folder: &Path, expected: impl Into<String>) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).map_err(|e| unread(folder, e, expected))?;
    entries
        .filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(e) => Some(Err(Error::io(folder, e))),
        })
        .collect()
}

/// Decodes all images, on all cores.
fn decoded(name: &str, dir: &Path, classes: &[String], listed: &[Listed]) -> Result<Dataset, Error> {
    let mut images = vec![0; listed.len() * SHAPE.size()];
    let pairs = images.par_chunks_exact_mut(SHAPE.size()).zip(listed);
    pairs.try_for_each(|(image, listed)| decode(&dir.join(&listed.file), image))?;
    let labels = listed.iter().map(|image| u16::from(image.class)).collect();
    Dataset::new(name, SHAPE, classes.len(), images, labels)
}

/// Decodes one JPEG to planes of red, green and blue. A JPEG whose data end early or make no sense is an error,
/// although a viewer would show a part of it.
pub(super) fn decode(path: &Path, planes: &mut [u8]) -> Result<(), Error> {
    let expected = format!("a JPEG of {}x{} pixels", SHAPE.w, SHAPE.h);
    let bytes = read(path, IMAGE_LIMIT, &expected)?;
    let wrong = |found: String| Error::format(path, expected.as_str(), found);
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
    decoder.decode_headers().map_err(|e| wrong(format!("a damaged one ({e})")))?;
    match decoder.dimensions() {
        Some((w, h)) if (w, h) == (SHAPE.w, SHAPE.h) => {}
        Some((w, h)) => return Err(wrong(format!("{w}x{h}"))),
        None => return Err(wrong("one without a size".into())),
    }
    // The decoder fills up the last rows of pixels where the file ends within them; the end has a marker.
    if !bytes.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        return Err(wrong("a damaged one (its end is missing)".into()));
    }
    let pixels = decoder.decode().map_err(|e| wrong(format!("a damaged one ({e})")))?;
    if pixels.len() != SHAPE.size() {
        return Err(wrong(format!("{} bytes of pixels", pixels.len())));
    }
    for (at, pixel) in pixels.chunks_exact(SHAPE.c).enumerate() {
        for (channel, value) in pixel.iter().enumerate() {
            planes[channel * SHAPE.area() + at] = *value;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
