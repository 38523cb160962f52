//! CIFAR's binary files: records of one (CIFAR-10) or two (CIFAR-100: coarse, fine) label bytes, then 3,072 bytes of
//! red, green and blue planes. Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

use super::Dataset;
use super::files::{self, FileCheck, unread};
use crate::Error;
use crate::graph::Shape;
use std::fs;
use std::path::Path;

const SHAPE: Shape = Shape::new(3, 32, 32);

/// Which of the two layouts a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// One label byte.
    Cifar10,
    /// Coarse and fine label bytes; the fine one is the class.
    Cifar100,
}

/// A file and the number of records that were published in it.
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

/// Reads one file of records; with `most`, it may hold no more than so many.
pub fn read(path: &Path, records: Records, most: Option<usize>) -> Result<Dataset, Error> {
    let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let mut parts = Parts::default();
    parts.append(path, records, most)?;
    parts.finish(format!("{}/{name}", records.name()), records)
}

/// The training images of the folder, 50,000 where its files are whole.
pub(super) fn training(dir: &Path, records: Records) -> Result<Dataset, Error> {
    let mut parts = Parts::default();
    for (file, count) in records.training_files() {
        parts.append(&dir.join(file), records, Some(*count))?;
    }
    parts.finish(format!("{}/train", records.name()), records)
}

/// The test images of the folder, 10,000 where its file is whole.
pub(super) fn test(dir: &Path, records: Records) -> Result<Dataset, Error> {
    let (file, count) = records.test_file();
    let mut parts = Parts::default();
    parts.append(&dir.join(file), records, Some(*count))?;
    parts.finish(format!("{}/test", records.name()), records)
}

/// Errors unless all files of the folder are there, of whole records and no longer than published.
pub(super) fn check_there(dir: &Path, records: Records) -> Result<(), Error> {
    records.files().try_for_each(|(file, most)| count(&dir.join(file), records, Some(*most)).map(drop))
}

/// How many records the file holds; an error unless they are whole, and no more than `most`.
fn count(path: &Path, records: Records, most: Option<usize>) -> Result<usize, Error> {
    let size = records.bytes();
    let length = fs::metadata(path).map_err(|e| missing(path, e, records))?.len();
    let count = (length / size as u64) as usize;
    if count == 0 || most.is_some_and(|most| count > most) || length % size as u64 != 0 {
        let expected = match most {
            Some(most) => format!("whole records of {size} bytes, at most {most}"),
            None => format!("whole records of {size} bytes"),
        };
        return Err(Error::format(path, expected, format!("{length} bytes")));
    }
    Ok(count)
}

/// What a reader should know of the files: which of them are shorter than published.
pub(super) fn remarks(dir: &Path, records: Records) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    for (file, published) in records.files() {
        let path = dir.join(file);
        remarks.extend(
            remark(&path, records, *published)?.map(|remark| format!("{}: {remark}", path.display())),
        );
    }
    Ok(remarks)
}

fn remark(path: &Path, records: Records, published: usize) -> Result<Option<String>, Error> {
    Ok(files::Records { found: count(path, records, None)?, published }.remark())
}

/// Checksums of all files of the folder, training files first.
pub(super) fn checksums(dir: &Path, records: Records) -> Result<Vec<FileCheck>, Error> {
    let checked = |(name, published): &FileSize| {
        let official = OFFICIAL.iter().find(|(of, file, _)| (of, file) == (&records, name));
        let check = files::file(dir.join(name), official.map(|(.., sum)| *sum))?;
        // A file that is no CIFAR has its checksum too.
        let remark = remark(&check.path, records, *published).unwrap_or_default();
        Ok(FileCheck { remark, ..check })
    };
    records.files().map(checked).collect()
}

/// Images and labels gathered from several files.
#[derive(Default)]
struct Parts {
    images: Vec<u8>,
    labels: Vec<u16>,
}

impl Parts {
    fn append(&mut self, path: &Path, records: Records, most: Option<usize>) -> Result<(), Error> {
        count(path, records, most)?;
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
    fn a_part_of_the_records_will_do_and_is_said() {
        let dir = tempfile::tempdir().unwrap();
        for (file, count) in [("train.bin", 2_000), ("test.bin", 10_000)] {
            fs::write(dir.path().join(file), synthetic(Records::Cifar100, count)).unwrap();
        }
        let source = super::super::DataSource::Cifar100 { dir: dir.path().into() };
        source.check_there().unwrap();
        let splits = source.load(1).unwrap();
        assert_eq!((splits.train.len(), splits.held_out.len(), splits.test.len()), (1_800, 200, 10_000));
        let remarks = source.remarks().unwrap();
        let expected = "train.bin: 2,000 of the 50,000 records that were published";
        assert!(remarks.len() == 1 && remarks[0].ends_with(expected), "{remarks:?}");
        let recorded: Vec<_> = source.checksums().unwrap().into_iter().map(|check| check.remark).collect();
        assert_eq!(recorded, [Some(expected["train.bin: ".len()..].to_owned()), None]);
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
            short.ends_with("expected whole records of 3073 bytes, at most 10000, found 100 bytes"),
            "{short}"
        );
        let long = message(&vec![0; 10_001 * 3073]);
        assert!(long.ends_with("at most 10000, found 30733073 bytes"), "{long}");
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
