use super::super::super::dataset::Image;
use super::super::npy::tests::file as npy;
use super::*;
use safetensors::tensor::{Dtype, TensorView};
use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive as `numpy.savez` or `numpy.savez_compressed` writes it.
fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Two images of four classes.
pub(in crate::data) fn small(packed: bool) -> Vec<u8> {
    let arrays = [("x", npy("|u1", "(2, 5, 4, 3)", &[7; 120])), ("y", npy("<u2", "(2,)", &[0, 0, 3, 0]))];
    npz(&arrays, if packed { CompressionMethod::Deflated } else { CompressionMethod::Stored })
}

fn put(dir: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join("some.file");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn keras_files_have_both_parts() {
    let dir = tempfile::tempdir().unwrap();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let arrays = [
            ("x_train", npy("|u1", "(3, 2, 5)", &(0..30).collect::<Vec<u8>>())),
            ("y_train", npy("|u1", "(3,)", &[0, 4, 1])),
            ("x_test", npy("|u1", "(1, 2, 5)", &[9; 10])),
            ("y_test", npy("<i8", "(1, 1)", &2i64.to_le_bytes())),
        ];
        let path = put(&dir, &npz(&arrays, method));
        check_there(&path, Format::Npz).unwrap();
        assert!(has_training(&path, Format::Npz).unwrap());
        let train = training(&path, Format::Npz, None).unwrap().unwrap();
        assert_eq!((train.len(), train.classes(), train.shape()), (3, 5, Shape::new(1, 2, 5)));
        assert_eq!((train.name(), train.image(1).bytes().unwrap()[0]), ("npz/train", 10));
        let test = test(&path, Format::Npz, Some(7)).unwrap();
        assert_eq!((test.len(), test.classes(), test.label(0)), (1, 7, 2));
        let told = labels(&path, Format::Npz, Some(3)).err().unwrap().to_string();
        assert!(told.ends_with("expected labels below 3, found 4"), "{told}");
    }
}

#[test]
fn channels_may_be_last_and_floats_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..2 * 5 * 6 * 3).map(|x| x as f32).flat_map(f32::to_le_bytes).collect();
    let labels: Vec<u8> = [1i32, 0].into_iter().flat_map(i32::to_le_bytes).collect();
    let view = |kind, shape: &[usize], data| TensorView::new(kind, shape.to_vec(), data).unwrap();
    let read = |shape: &[usize]| {
        let arrays =
            [("images", view(Dtype::F32, shape, &values)), ("labels", view(Dtype::I32, &[2], &labels))];
        let path = put(&dir, &safetensors::serialize(arrays, None).unwrap());
        assert!(training(&path, Format::Safetensors, None).unwrap().is_none());
        test(&path, Format::Safetensors, None).unwrap()
    };
    let last = read(&[2, 5, 6, 3]);
    assert_eq!((last.shape(), last.label(0), last.name()), (Shape::new(3, 5, 6), 1, "safetensors/test"));
    let Image::Floats(image) = last.image(1) else { panic!("bytes") };
    assert_eq!((image[0], image[1], image[30]), (90.0, 93.0, 91.0));
    let first = read(&[2, 3, 5, 6]);
    let Image::Floats(image) = first.image(1) else { panic!("bytes") };
    assert_eq!((first.shape(), image[0], image[30]), (Shape::new(3, 5, 6), 90.0, 120.0));
}

#[test]
fn axes_are_told_apart_or_refused() {
    let shape = |extents: &[usize]| {
        layout(extents).map(|l| (l.shape, l.channels_last)).map_err(|(expected, _)| expected)
    };
    assert_eq!(shape(&[9, 3, 32, 32]), Ok((Shape::new(3, 32, 32), false)));
    assert_eq!(shape(&[9, 32, 32, 4]), Ok((Shape::new(4, 32, 32), true)));
    assert_eq!(shape(&[9, 28, 28]), Ok((Shape::new(1, 28, 28), false)));
    assert!(shape(&[9, 3, 32, 3]).unwrap_err().contains("in one of the two places alone"));
    assert!(shape(&[9, 32, 32, 32]).unwrap_err().contains("of 1 to 4 channels"));
    assert!(shape(&[9, 3072]).unwrap_err().contains("NxHxW"));
    assert!(shape(&[9, 0, 5]).unwrap_err().contains("at least one number"));
}

#[test]
fn what_does_not_fit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let told = |arrays: &[(&str, Vec<u8>)]| {
        let path = put(&dir, &npz(arrays, CompressionMethod::Stored));
        test(&path, Format::Npz, None).unwrap_err().to_string()
    };
    let x = || ("x", npy("|u1", "(2, 1, 2)", &[0; 4]));
    let ends = |text: String, end: &str| assert!(text.ends_with(end), "{text}");
    ends(told(&[x()]), "or x_train, y_train, x_test and y_test, found x");
    ends(
        told(&[x(), ("y", npy("|u1", "(3,)", &[0; 3]))]),
        "expected 3 images `x`, as there are labels, found 2",
    );
    ends(told(&[x(), ("y", npy("|i1", "(2,)", &[0, 255]))]), "an image, found -1 at image 1");
    ends(told(&[x(), ("y", npy("<f4", "(1,)", &[0; 4]))]), "found numbers that are not whole");
    ends(told(&[x(), ("y", npy("|u1", "(1, 2)", &[0; 2]))]), "found an array of [1, 2]");
    let wide = ("x", npy("<u2", "(2, 1, 1)", &[0; 4]));
    ends(
        told(&[wide, ("y", npy("|u1", "(2,)", &[0; 2]))]),
        "expected images `x` of bytes (uint8) or floats, found whole numbers of another width",
    );
    let nan = ("x", npy("<f4", "(1, 1, 1)", &f32::NAN.to_le_bytes()));
    ends(told(&[nan, ("y", npy("|u1", "(1,)", &[0]))]), "expected finite numbers, found NaN in image 0");
    let path = put(&dir, b"no archive");
    assert!(check_there(&path, Format::Npz).unwrap_err().to_string().contains("a sound .npz file"));
    assert!(check_there(&path, Format::Safetensors).unwrap_err().to_string().contains("safetensors"));
    let absent = check_there(&dir.path().join("none"), Format::Npz).unwrap_err().to_string();
    ends(absent, "expected a file of arrays, found no such file or folder");
}

/// A few thousand bytes that would become a gigabyte.
#[test]
fn a_bomb_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for name in ["x.npy", "y.npy"] {
        zip.start_file(name, options).unwrap();
        zip.write_all(&npy("|u1", "(32000000,)", &vec![0; 32_000_000])).unwrap();
    }
    let path = put(&dir, &zip.finish().unwrap().into_inner());
    let told = test(&path, Format::Npz, None).unwrap_err().to_string();
    assert!(told.contains("`y`:") && told.contains("bytes become more than"), "{told}");
}
