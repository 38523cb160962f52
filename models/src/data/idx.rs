//! The files of MNIST and Fashion-MNIST: a magic number of the axes (2051 for images, 2049 for labels), the extents, each 32 bits
//! with the highest byte first, then a byte a number. Plain or in gzip. Source: yann.lecun.com/exdb/mnist.

use super::Dataset;
use super::files::{self, FileCheck, Records, unread};
use super::inflate::read_all;
use crate::Error;
use crate::disk::read_capped;
use crate::graph::Shape;
use flate2::read::GzDecoder;
use std::path::{Path, PathBuf};

const SHAPE: Shape = Shape::new(1, 28, 28);
const CLASSES: usize = 10;
/// Largest file: that of the training images, and some.
const LIMIT: u64 = 64_000_000;

/// A pair of files, and the number of images that were published in them.
struct Part {
    images: &'static str,
    labels: &'static str,
    published: usize,
}

const TRAIN: Part =
    Part { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte", published: 60_000 };
const TEST: Part =
    Part { images: "t10k-images-idx3-ubyte", labels: "t10k-labels-idx1-ubyte", published: 10_000 };

/// The training images of the folder.
pub(super) fn training(set: &str, dir: &Path) -> Result<Dataset, Error> {
    read(format!("{set}/train"), dir, &TRAIN)
}

/// The test images of the folder.
pub(super) fn test(set: &str, dir: &Path) -> Result<Dataset, Error> {
    read(format!("{set}/test"), dir, &TEST)
}

/// Errors unless all four files are there.
pub(super) fn check_there(dir: &Path) -> Result<(), Error> {
    [TRAIN, TEST]
        .iter()
        .flat_map(|part| [part.images, part.labels])
        .try_for_each(|name| find(dir, name).map(drop))
}

/// Checksums of the four files, which none are known to be the official ones of.
pub(super) fn checksums(dir: &Path) -> Result<Vec<FileCheck>, Error> {
    let mut checks = Vec::new();
    for part in [TRAIN, TEST] {
        let (images, labels) = (find(dir, part.images)?, find(dir, part.labels)?);
        let found = labels_of(&labels, &part)?.len();
        let remark = Records { found, published: part.published }.remark();
        checks.push(FileCheck { remark, ..files::file(images, None)? });
        checks.push(files::file(labels, None)?);
    }
    Ok(checks)
}

/// What a reader should know of the files.
pub(super) fn remarks(dir: &Path) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    for part in [TRAIN, TEST] {
        let path = find(dir, part.labels)?;
        let records = Records { found: labels_of(&path, &part)?.len(), published: part.published };
        remarks.extend(records.remark().map(|remark| format!("{}: {remark}", path.display())));
    }
    Ok(remarks)
}

fn read(name: String, dir: &Path, part: &Part) -> Result<Dataset, Error> {
    let labels = labels_of(&find(dir, part.labels)?, part)?;
    let path = find(dir, part.images)?;
    let images = values(&path, [labels.len(), SHAPE.h, SHAPE.w])?;
    Dataset::new(name, SHAPE, CLASSES, images, labels)
}

fn labels_of(path: &Path, part: &Part) -> Result<Vec<u16>, Error> {
    let bytes = values(path, [])?;
    if bytes.len() > part.published {
        let expected = format!("at most {} labels, as were published", part.published);
        return Err(Error::format(path, expected, bytes.len().to_string()));
    }
    match bytes.iter().position(|label| usize::from(*label) >= CLASSES) {
        Some(at) => Err(Error::format(
            path,
            format!("labels below {CLASSES}"),
            format!("{} at image {at}", bytes[at]),
        )),
        None => Ok(bytes.into_iter().map(u16::from).collect()),
    }
}

/// The file of that name, or the one with `.gz` behind it.
fn find(dir: &Path, name: &str) -> Result<PathBuf, Error> {
    let plain = dir.join(name);
    let packed = dir.join(format!("{name}.gz"));
    match (plain.is_file(), packed.is_file()) {
        (true, _) => Ok(plain),
        (false, true) => Ok(packed),
        (false, false) => Err(Error::format(plain, "a file of that name, or with .gz behind it", "none")),
    }
}

/// The numbers of a file whose extents are these, or of a list of any length.
pub(super) fn values<const AXES: usize>(path: &Path, extents: [usize; AXES]) -> Result<Vec<u8>, Error> {
    let mut bytes = read_capped(path, LIMIT).map_err(|error| match error {
        Error::Io { source, .. } => unread(path, source, "an idx file"),
        other => other,
    })?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let inflated = read_all(GzDecoder::new(&bytes[..]), bytes.len() as u64);
        bytes = inflated.map_err(|e| Error::format(path, "a sound gzip file", e.to_string()))?;
    }
    let axes = AXES.max(1);
    let words = bytes.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    let words: Vec<usize> = words.take(1 + axes).map(|word| word as usize).collect();
    let magic = 0x0800 + axes;
    if words.first() != Some(&magic) {
        let found = words.first().map_or("fewer bytes".to_owned(), ToString::to_string);
        return Err(Error::format(path, format!("an idx file, which begins with {magic}"), found));
    }
    if words.len() <= axes || (AXES > 0 && words[1..] != extents) {
        let expected = format!("extents {extents:?}, an image a label");
        return Err(Error::format(path, expected, format!("{:?}", &words[1..])));
    }
    let (header, count) = (4 * (1 + axes), words[1..].iter().fold(1usize, |all, n| all.saturating_mul(*n)));
    if bytes.len() - header != count {
        let expected = format!("{count} bytes behind the header, as it says");
        return Err(Error::format(path, expected, (bytes.len() - header).to_string()));
    }
    bytes.drain(..header);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::fs;
    use std::io::Write;

    fn idx(extents: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = (0x0800 + extents.len() as u32).to_be_bytes().to_vec();
        extents.iter().for_each(|extent| bytes.extend(extent.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Of so many images a part; pixels of image `i` are `i`.
    fn folder(count: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for part in [TRAIN, TEST] {
            let images: Vec<u8> = (0..count).flat_map(|i| [i as u8; 784]).collect();
            let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
            fs::write(dir.path().join(part.images), idx(&[count as u32, 28, 28], &images)).unwrap();
            let packed = gzip(&idx(&[count as u32], &labels));
            fs::write(dir.path().join(format!("{}.gz", part.labels)), packed).unwrap();
        }
        dir
    }

    #[test]
    fn plain_and_packed_files_are_read() {
        let dir = folder(40);
        check_there(dir.path()).unwrap();
        let train = training("mnist", dir.path()).unwrap();
        assert_eq!((train.len(), train.shape(), train.label(13)), (40, SHAPE, 3));
        assert_eq!((train.name(), train.image(13).bytes().unwrap()), ("mnist/train", &[13; 784][..]));
        let remarks: Vec<_> = checksums(dir.path()).unwrap().into_iter().map(|check| check.remark).collect();
        let short = |n: &str| Some(format!("40 of the {n} records that were published"));
        assert_eq!(remarks, [short("60,000"), None, short("10,000"), None]);
    }

    #[test]
    fn damage_is_named() {
        let dir = folder(3);
        let told = |file: &str, bytes: &[u8]| {
            fs::write(dir.path().join(file), bytes).unwrap();
            test("mnist", dir.path()).unwrap_err().to_string()
        };
        let images = idx(&[3, 28, 28], &[0; 3 * 784]);
        let ends = |text: &str, end: &str| assert!(text.ends_with(end), "{text}");
        ends(
            &told(TEST.images, &images[..1000]),
            "expected 2352 bytes behind the header, as it says, found 984",
        );
        ends(&told(TEST.images, &images[..7]), "expected extents [3, 28, 28], an image a label, found []");
        ends(&told(TEST.images, b"PK"), "expected an idx file, which begins with 2051, found fewer bytes");
        let huge = idx(&[u32::MAX, u32::MAX, u32::MAX], &[]);
        ends(
            &told(TEST.images, &huge),
            "expected extents [3, 28, 28], an image a label, found [4294967295, 4294967295, 4294967295]",
        );
        ends(&told(TEST.images, &idx(&[2, 28, 28], &[0; 2 * 784])), "found [2, 28, 28]");
        ends(&told(TEST.labels, &idx(&[2], &[1, 10])), "expected labels below 10, found 10 at image 1");
        ends(
            &told(TEST.labels, &idx(&[u32::MAX], &[1])),
            "expected 4294967295 bytes behind the header, as it says, found 1",
        );
        assert!(told(TEST.labels, &gzip(&idx(&[2], &[1, 1]))[..12]).contains("a sound gzip file"));
        fs::remove_file(dir.path().join(TRAIN.images)).unwrap();
        ends(&check_there(dir.path()).unwrap_err().to_string(), "or with .gz behind it, found none");
    }
}
