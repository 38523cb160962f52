//! Files of data sets.

use super::cifar::{self, Records};
use super::tiny_imagenet::{decode, test_files};
use crate::fuzz::target;
use jpeg_encoder::{ColorType, Encoder};

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
