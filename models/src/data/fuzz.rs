//! Files of data sets.

use super::arrays::{self, Format, array};
use super::cifar::{self, Records};
use super::dataset::Dataset;
use super::pictures::picture;
use super::source::DataSource;
use super::tiny_imagenet::{decode, test_files};
use super::{idx, matlab};
use crate::fuzz::target;
use flate2::Compression;
use flate2::write::GzEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::io::Write;

fn cifar(name: &'static str, records: Records) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.bin");
    let seed = |count: usize| (0..count * records.bytes()).map(|at| (at % 7) as u8).collect::<Vec<u8>>();
    target(name).seeds([seed(1), seed(2)]).run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(read) = cifar::read(&path, records, None) else { return false };
        assert_eq!(read.len() * records.bytes(), bytes.len());
        (0..read.len()).all(|image| read.label(image) < records.classes())
    });
}

#[test]
fn cifar10() {
    cifar("cifar10", Records::Cifar10);
}

#[test]
fn cifar100() {
    cifar("cifar100", Records::Cifar100);
}

/// Images of the one size that there is; the decoder's tables and rows are all that it may hold beside.
#[test]
fn jpeg() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.JPEG");
    let jpeg = |colour: ColorType, channels: usize, progressive| {
        let pixels: Vec<u8> = (0..64 * 64 * channels).map(|at| (at * at / 97) as u8).collect();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 30);
        encoder.set_progressive(progressive);
        encoder.encode(&pixels, 64, 64, colour).unwrap();
        bytes
    };
    let seeds = [(ColorType::Rgb, 3, false), (ColorType::Luma, 1, false), (ColorType::Rgb, 3, true)];
    let seeds = seeds.map(|(colour, channels, progressive)| jpeg(colour, channels, progressive));
    target("jpeg").seeds(seeds).allows(64, 8 << 20).run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        decode(&path, &mut [0; 3 * 64 * 64]).is_ok()
    });
}

/// The classes of Tiny ImageNet's test images.
#[test]
fn annotations() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("val")).unwrap();
    let path = folder.path().join("val/val_annotations.txt");
    let classes = ["n01".to_owned(), "n02".to_owned()];
    let seed = "val_0.JPEG\tn01\t0\t0\t9\t9\nval_1.JPEG\tn02\t0\t0\t9\t9\n";
    target("annotations").seeds([seed]).run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        test_files(folder.path(), &classes).is_ok_and(|files| files.len() >= classes.len())
    });
}

/// What is typed: no name that is stored has more than its kind and sizes, and none has a path.
#[test]
fn sources() {
    let seeds = ["folder:3x8x8:9:a/b", "npz:10:c", "imagenet:d", "noise:1x2x3:4", "folder:3x8x8"];
    target("sources").seeds(seeds).run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let typed = DataSource::typed(&text, None).or_else(|_| DataSource::typed(&text, Some("x".as_ref())));
        let Ok(source) = typed else { return false };
        let name = source.name();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || ":-".contains(c)), "{name}");
        assert!(DataSource::parse(&name, source.dir()).unwrap() == source);
        true
    });
}

#[test]
fn idx_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels");
    let plain = [&[0, 0, 8, 1, 0, 0, 0, 5][..], &[1, 2, 3, 4, 5]].concat();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).unwrap();
    target("idx_file").seeds([plain, gzip.finish().unwrap()]).allows(200, 32 << 20).run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        idx::values(&path, []).is_ok()
    });
}

#[test]
fn matlab_file() {
    let (x, y) = ("X", "y");
    let seed = |packed| {
        matlab::tests::file(&[
            matlab::tests::array(x, &[2, 3, 2], &[7; 12], packed),
            matlab::tests::array(y, &[2, 1], &[1, 10], packed),
        ])
    };
    target("matlab_file").seeds([seed(false), seed(true)]).allows(200, 32 << 20).run(|bytes| {
        let found = [x, y].map(|name| matlab::find(bytes, name));
        found.iter().flatten().all(|array| array.extents.iter().product::<usize>() == array.values.len())
            && found.iter().any(Result::is_ok)
    });
}

#[test]
fn npy_file() {
    let header = "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }";
    let seed = [&b"\x93NUMPY\x01\x00\x3b\x00"[..], header.as_bytes(), &[0; 12]].concat();
    target("npy_file").seeds([seed]).run(|bytes| array(bytes.to_vec()).is_ok());
}

/// Of images that all have the network's size and classes below their number.
fn sound(data: &Dataset) -> bool {
    data.images().len() == data.len() * data.shape().size()
        && (0..data.len()).all(|image| data.label(image) < data.classes())
}

fn arrays(name: &'static str, format: Format, seeds: Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arrays");
    target(name).seeds(seeds).allows(400, 64 << 20).run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        let read = arrays::test(&path, format, None);
        assert!(read.is_err() || arrays::labels(&path, format, None).is_ok());
        read.is_ok_and(|data| sound(&data))
    });
}

#[test]
fn npz() {
    let seeds = [false, true].map(arrays::tests::small);
    arrays("npz", Format::Npz, seeds.into());
}

#[test]
fn safetensors_images() {
    let view = |kind, shape: &[usize], data| TensorView::new(kind, shape.to_vec(), data).unwrap();
    let arrays_ =
        [("x", view(Dtype::F32, &[2, 1, 3], &[0; 24])), ("y", view(Dtype::I16, &[2], &[0, 0, 1, 0]))];
    let seed = safetensors::serialize(arrays_, None).unwrap();
    arrays("safetensors_images", Format::Safetensors, vec![seed]);
}

/// Pictures of at most so many pixels, whatever their heads say.
#[test]
fn pictures() {
    const MOST: usize = 1 << 14;
    let pixels: Vec<u8> = (0..40 * 30 * 3).map(|at| (at * at / 97) as u8).collect();
    let (mut png, mut jpeg) = (Vec::new(), Vec::new());
    PngEncoder::new(&mut png).write_image(&pixels, 40, 30, ExtendedColorType::Rgb8).unwrap();
    Encoder::new(&mut jpeg, 50).encode(&pixels, 40, 30, ColorType::Rgb).unwrap();
    target("pictures").seeds([png, jpeg]).allows(64, 16 << 20).run(|bytes| picture(bytes, MOST).is_ok());
}
