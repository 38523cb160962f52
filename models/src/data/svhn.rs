//! Street View House Numbers, cropped digits: `train_32x32.mat` and `test_32x32.mat`, MATLAB 5 files of `X`, 32x32x3xN bytes, and
//! `y`, Nx1, where 10 is the digit 0. Source: Netzer et al., "Reading Digits in Natural Images", 2011.

use super::Dataset;
use super::files::{self, FileCheck, Records, unread};
use super::matlab;
use crate::Error;
use crate::graph::Shape;
use std::fs;
use std::path::Path;

const SHAPE: Shape = Shape::new(3, 32, 32);
const CLASSES: usize = 10;
/// Files, and the images that were published in them.
const TRAIN: (&str, usize) = ("train_32x32.mat", 73_257);
const TEST: (&str, usize) = ("test_32x32.mat", 26_032);

/// The training images of the folder.
pub(super) fn training(dir: &Path) -> Result<Dataset, Error> {
    read("svhn/train", dir, TRAIN)
}

/// The test images of the folder.
pub(super) fn test(dir: &Path) -> Result<Dataset, Error> {
    read("svhn/test", dir, TEST)
}

/// Errors unless both files are there.
pub(super) fn check_there(dir: &Path) -> Result<(), Error> {
    [TRAIN, TEST].iter().try_for_each(|(file, _)| {
        let path = dir.join(file);
        fs::metadata(&path).map(drop).map_err(|e| unread(&path, e, "cropped digits in a MATLAB file"))
    })
}

/// Checksums of both files, of which none are known to be the official ones.
pub(super) fn checksums(dir: &Path) -> Result<Vec<FileCheck>, Error> {
    [TRAIN, TEST].iter().map(|(file, _)| files::file(dir.join(file), None)).collect()
}

fn read(name: &str, dir: &Path, (file, published): (&str, usize)) -> Result<Dataset, Error> {
    let path = dir.join(file);
    let x = matlab::read(&path, "X")?;
    let &[32, 32, 3, count] = &x.extents[..] else {
        return Err(Error::format(path, "`X` of extents [32, 32, 3, N]", format!("{:?}", x.extents)));
    };
    if count > published {
        let expected = format!("at most {published} images, as were published");
        return Err(Error::format(path, expected, count.to_string()));
    }
    let y = matlab::read(&path, "y")?.values;
    if y.len() != count {
        return Err(Error::format(
            path,
            format!("{count} labels `y`, an image a label"),
            y.len().to_string(),
        ));
    }
    if let Some(at) = y.iter().position(|label| !(1..=10).contains(label)) {
        return Err(Error::format(path, "labels 1 to 10", format!("{} at image {at}", y[at])));
    }
    // From columns to rows.
    let mut images = vec![0; x.values.len()];
    for (plane, column_wise) in images.chunks_exact_mut(32 * 32).zip(x.values.chunks_exact(32 * 32)) {
        for (at, value) in column_wise.iter().enumerate() {
            plane[at % 32 * 32 + at / 32] = *value;
        }
    }
    Dataset::new(name, SHAPE, CLASSES, images, y.iter().map(|label| u16::from(label % 10)).collect())
}

/// What a reader should know of the files.
pub(super) fn remarks(dir: &Path) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    for (file, published) in [TRAIN, TEST] {
        let path = dir.join(file);
        let records = Records { found: matlab::read(&path, "y")?.values.len(), published };
        remarks.extend(records.remark().map(|remark| format!("{}: {remark}", path.display())));
    }
    Ok(remarks)
}

#[cfg(test)]
mod tests {
    use super::super::matlab::tests::{array, file};
    use super::*;

    fn put(dir: &Path, count: usize, labels: &[u8]) {
        // Rows fastest: the value is 3 times the row, and the column and 100 times the image beside.
        let values = (0..count).flat_map(|n| {
            (0..3 * 32 * 32).map(move |at| (3 * (at % 32) + at / 32 % 32 + 100 * n + at / 1024) as u8)
        });
        let values: Vec<u8> = values.collect();
        let arrays = [
            array("X", &[32, 32, 3, count as i32], &values, true),
            array("y", &[labels.len() as i32, 1], labels, true),
        ];
        [TRAIN, TEST].iter().for_each(|(name, _)| fs::write(dir.join(name), file(&arrays)).unwrap());
    }

    #[test]
    fn columns_become_rows_and_ten_becomes_zero() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), 2, &[10, 4]);
        check_there(dir.path()).unwrap();
        let data = test(dir.path()).unwrap();
        assert_eq!((data.len(), data.shape(), data.label(0), data.label(1)), (2, SHAPE, 0, 4));
        let value = |row: usize, column: usize| data.image(1).bytes().unwrap()[2 * 1024 + 32 * row + column];
        assert_eq!((value(0, 0), value(1, 0), value(0, 1)), (102, 105, 103));
        assert_eq!(training(dir.path()).unwrap().name(), "svhn/train");
        assert!(remarks(dir.path()).unwrap()[0].ends_with("2 of the 73,257 records that were published"));
    }

    #[test]
    fn labels_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), 2, &[0, 4]);
        let told = test(dir.path()).unwrap_err().to_string();
        assert!(told.ends_with("expected labels 1 to 10, found 0 at image 0"), "{told}");
        put(dir.path(), 2, &[1]);
        let told = test(dir.path()).unwrap_err().to_string();
        assert!(told.ends_with("expected 2 labels `y`, an image a label, found 1"), "{told}");
    }
}
