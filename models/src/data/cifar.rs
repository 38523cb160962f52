//! CIFAR's binary files: records of one (CIFAR-10) or two (CIFAR-100: coarse, fine) label bytes, then 3,072 bytes of
//! red, green and blue planes. Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

use super::Dataset;
use super::files::{self, FileCheck, unread};
use crate::Error;
use crate::graph::Shape;
use std::fs;
use std::path::Path;

const SHAPE: Shape = Shape::new(3, 32, 32);

/// Training images that `DataSource::load` sets apart.
pub(super) const HELD_OUT: usize = 5_000;

/// Which of the two layouts a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// One label byte.
    Cifar10,
    /// Coarse and fine label bytes; the fine one is the class.
    Cifar100,
}

/// A file and the number of records it must hold.
type FileSize = (&'static str, usize);

/// Official SHA-256 sums that are known to us.
const OFFICIAL: [(Records, &str, &str); 4] = [
    (Records::Cifar10, "test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    (
        Records::Cifar10,
        "data_batch_1.bin",
        "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    ),
    (Records::Cifar100, "test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"),
    (Records::Cifar100, "train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"),
];

impl Records {
    /// Bytes of one record.
    pub const fn bytes(self) -> usize {
        self.labels() + SHAPE.size()
    }

    /// Number of classes.
    pub const fn classes(self) -> usize {
        match self {
            Self::Cifar10 => 10,
            Self::Cifar100 => 100,
        }
    }

    const fn labels(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
        }
    }

    const fn training_files(self) -> &'static [FileSize] {
        match self {
            Self::Cifar10 => &[
                ("data_batch_1.bin", 10_000),
                ("data_batch_2.bin", 10_000),
                ("data_batch_3.bin", 10_000),
                ("data_batch_4.bin", 10_000),
                ("data_batch_5.bin", 10_000),
            ],
            Self::Cifar100 => &[("train.bin", 50_000)],
        }
    }

    const fn test_file(self) -> &'static FileSize {
        match self {
            Self::Cifar10 => &("test_batch.bin", 10_000),
            Self::Cifar100 => &("test.bin", 10_000),
        }
    }

    fn files(self) -> impl Iterator<Item = &'static FileSize> {
        self.training_files().iter().chain([self.test_file()])
    }
}

/// Reads one file of records; with `count`, it must hold exactly that many.
pub fn read(path: &Path, records: Records, count: Option<usize>) -> Result<Dataset, Error> {
    let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let mut parts = Parts::default();
    parts.append(path, records, count)?;
    parts.finish(format!("{}/{name}", records.name()), records)
}

/// The 50,000 training images of the folder.
pub(super) fn training(dir: &Path, records: Records) -> Result<Dataset, Error> {
    let mut parts = Parts::default();
    for (file, count) in records.training_files() {
        parts.append(&dir.join(file), records, Some(*count))?;
    }
    parts.finish(format!("{}/train", records.name()), records)
}

/// The 10,000 test images of the folder.
pub(super) fn test(dir: &Path, records: Records) -> Result<Dataset, Error> {
    let (file, count) = records.test_file();
    let mut parts = Parts::default();
    parts.append(&dir.join(file), records, Some(*count))?;
    parts.finish(format!("{}/test", records.name()), records)
}

/// Errors unless all files of the folder are there and as long as they should be.
pub(super) fn check_there(dir: &Path, records: Records) -> Result<(), Error> {
    records.files().try_for_each(|(file, count)| check_length(&dir.join(file), records, Some(*count)))
}

/// Errors unless the file is there and of whole records, `count` of them if that is known.
fn check_length(path: &Path, records: Records, count: Option<usize>) -> Result<(), Error> {
    let size = records.bytes();
    let length = fs::metadata(path).map_err(|e| missing(path, e, records))?.len();
    let expected = count.map(|n| (n * size) as u64);
    if expected.is_some_and(|e| e != length) || length % size as u64 != 0 || length == 0 {
        let expected = match count {
            Some(n) => format!("{n} records of {size} bytes ({} bytes)", n * size),
            None => format!("records of {size} bytes"),
        };
        return Err(Error::format(path, expected, format!("{length} bytes")));
    }
    Ok(())
}

/// Checksums of all files of the folder, training files first.
pub(super) fn checksums(dir: &Path, records: Records) -> Result<Vec<FileCheck>, Error> {
    let names = records.files().map(|(name, _)| *name);
    names
        .map(|name| {
            let official = OFFICIAL.iter().find(|(of, file, _)| (*of, *file) == (records, name));
            files::file(dir.join(name), official.map(|(.., sum)| *sum))
        })
        .collect()
}

/// Images and labels gathered from several files.
#[derive(Default)]
struct Parts {
    images: Vec<u8>,
    labels: Vec<u16>,
}

impl Parts {
    fn append(&mut self, path: &Path, records: Records, count: Option<usize>) -> Result<(), Error> {
        check_length(path, records, count)?;
        let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
        for (index, record) in bytes.chunks_exact(records.bytes()).enumerate() {
            let (labels, image) = record.split_at(records.labels());
            let label = labels[records.labels() - 1];
            if usize::from(label) >= records.classes() {
                let expected = format!("labels below {}", records.classes());
                return Err(Error::format(path, expected, format!("{label} in record {index}")));
            }
            self.labels.push(u16::from(label));
            self.images.extend_from_slice(image);
        }
        Ok(())
    }

    fn finish(self, name: String, records: Records) -> Result<Dataset, Error> {
        Dataset::new(name, SHAPE, records.classes(), self.images, self.labels)
    }
}

/// A missing file says which files the folder should hold.
fn missing(path: &Path, error: std::io::Error, records: Records) -> Error {
    let files: Vec<&str> = records.files().map(|(file, _)| *file).collect();
    unread(path, error, format!("the binary version of {}: {}", records.name(), files.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records with label `i % classes` and pixels `i + position`, modulo 256.
    fn synthetic(records: Records, count: usize) -> Vec<u8> {
        (0..count)
            .flat_map(|i| {
                let mut record = vec![99; records.labels() - 1];
                record.push((i % records.classes()) as u8);
                record.extend((0..SHAPE.size()).map(|p| (i + p) as u8));
                record
            })
            .collect()
    }

    #[test]
    fn both_layouts_are_read() {
        let dir = tempfile::tempdir().unwrap();
        for records in [Records::Cifar10, Records::Cifar100] {
            let path = dir.path().join("some.bin");
            fs::write(&path, synthetic(records, 12)).unwrap();
            let data = read(&path, records, None).unwrap();
            assert_eq!(
                (data.len(), data.classes(), data.label(11)),
                (12, records.classes(), 11 % records.classes())
            );
            assert_eq!(data.image(3).bytes().unwrap()[..4], [3, 4, 5, 6]);
            assert_eq!(data.name(), format!("{}/some", records.name()));
        }
    }

    #[test]
    fn the_folder_is_split_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let all = synthetic(Records::Cifar10, 10_000);
        for (file, _) in Records::Cifar10.files() {
            fs::write(dir.path().join(file), &all).unwrap();
        }
        let source = super::super::DataSource::Cifar10 { dir: dir.path().into() };
        let splits = source.load(1).unwrap();
        assert_eq!((splits.train.len(), splits.held_out.len(), splits.test.len()), (45_000, 5_000, 10_000));
        for class in 0..10 {
            assert_eq!((0..5_000).filter(|i| splits.held_out.label(*i) == class).count(), 500);
        }
        let checks = source.checksums().unwrap();
        let known = |check: &FileCheck| {
            let name = check.path.file_name().unwrap().to_string_lossy().into_owned();
            (name, check.is_official())
        };
        let checks: Vec<_> = checks.iter().map(known).collect();
        // Synthetic files are not the official ones, where those are known.
        let expected = [
            ("data_batch_1.bin", Some(false)),
            ("data_batch_2.bin", None),
            ("data_batch_3.bin", None),
            ("data_batch_4.bin", None),
            ("data_batch_5.bin", None),
            ("test_batch.bin", Some(false)),
        ];
        assert_eq!(checks, expected.map(|(name, official)| (name.to_owned(), official)));
    }

    #[test]
    fn damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test_batch.bin");
        let message = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            test(dir.path(), Records::Cifar10).unwrap_err().to_string()
        };
        let short = message(&[0; 100]);
        assert!(
            short.ends_with("expected 10000 records of 3073 bytes (30730000 bytes), found 100 bytes"),
            "{short}"
        );
        let mut bad = synthetic(Records::Cifar10, 10_000);
        bad[2 * 3073] = 10;
        let label = message(&bad);
        assert!(label.ends_with("expected labels below 10, found 10 in record 2"), "{label}");
        let absent = training(dir.path(), Records::Cifar100).unwrap_err().to_string();
        assert!(
            absent.ends_with(
                "expected the binary version of cifar100: train.bin, test.bin, found no such file or folder"
            ),
            "{absent}"
        );
    }
}
