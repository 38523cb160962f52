//! What documents suppose to lie in their reader's folder, as small as it can be.

use crate::onnx::onnx;
use crate::typing::{linnet, root};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Two networks that are only timed.
const STUDY: &str = r#"
question = "what do they take?"
links = ["loopback"]

[[models]]
net = "mini"
data = "noise:3x32x32:10"
init = ["100%", 500]

[measure]
images = 1
warmups = 0
accuracy-images = 2

[compile]
calibration-images = 4
"#;

/// What makes the example's study take seconds.
const SHAPES: [(&str, &str); 8] = [
    ("[\"loopback\", \"lan\", \"wan\"]", "[\"loopback\"]"),
    ("epochs = 3", "epochs = 1\nlimit = 100"),
    ("epochs = 8", "epochs = 1"),
    ("limit = 4000", "limit = 100"),
    ("limit = 300", "limit = 40"),
    ("eval-limit = 500", "eval-limit = 20"),
    ("shapley-images = 100", "shapley-images = 10"),
    ("depth = 2", "depth = 1"),
];

/// CIFAR-10's binary files, and an ONNX file for them.
pub(crate) fn own_model(folder: &Path) {
    cifar(&folder.join("CIFAR"));
    fs::write(folder.join("my.onnx"), onnx(3, 32)).unwrap();
}

/// The same by other names, pictures in folders, and digits.
pub(crate) fn own_images(folder: &Path) {
    cifar(&folder.join("cifar-10-batches-bin"));
    fs::write(folder.join("net.onnx"), onnx(3, 32)).unwrap();
    pictures(&folder.join("pictures"));
    fs::write(folder.join("digits.onnx"), onnx(1, 28)).unwrap();
    digits(&folder.join("mnist.npz"));
}

/// What [`own_model`] has, and the study that comes with the program.
pub(crate) fn examples(folder: &Path) {
    own_model(folder);
    let mut study = fs::read_to_string(root().join("studies/shapes.toml")).unwrap();
    for (from, to) in SHAPES {
        assert!(study.contains(from), "studies/shapes.toml has no `{from}`");
        study = study.replace(from, to);
    }
    fs::create_dir(folder.join("studies")).unwrap();
    fs::write(folder.join("studies/shapes.toml"), study).unwrap();
}

/// Networks for CIFAR-10 with weights that nobody trained.
pub(crate) fn networks(folder: &Path) {
    cifar(&folder.join("CIFAR"));
    cifar(&folder.join("cifar-10-batches-bin"));
    for out in ["models/net", "r20"] {
        linnet(folder, &format!("init --net resnet20 --data cifar10 --data-dir CIFAR --out {out}"));
    }
}

/// A network by the name that stands for a folder of one's own.
pub(crate) fn network(folder: &Path) {
    linnet(folder, "init --net mini --data shapes --budget 900 --out DIR");
}

/// A study by two names, and two runs of it.
pub(crate) fn studies(folder: &Path) {
    fs::create_dir(folder.join("studies")).unwrap();
    for file in ["FILE", "studies/e.toml"] {
        fs::write(folder.join(file), STUDY).unwrap();
    }
    for id in ["RUN", "e"] {
        linnet(folder, &format!("sweep FILE --id {id}"));
    }
}

/// Two runs of a network, of which the later sends more.
pub(crate) fn before_and_now(folder: &Path) {
    linnet(folder, "init --net mini --budget 900 --out model");
    for (id, scale) in [("before", "--fa 5"), ("now", "--fa 9")] {
        let run = "run --model model --link loopback --images 2 --accuracy-images 2 --calibration-images 4";
        linnet(folder, &format!("{run} {scale} --fw 6 --id {id}"));
    }
}

/// The runs that are published.
pub(crate) fn published(folder: &Path) {
    std::os::unix::fs::symlink(root().join("results"), folder.join("results")).unwrap();
}

/// Nothing.
pub(crate) fn nothing(_: &Path) {}

/// Records of CIFAR-10's layout with random pixels.
fn cifar(folder: &Path) {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    fs::create_dir_all(folder).unwrap();
    let names = (1..=5).map(|part| format!("data_batch_{part}.bin")).chain(["test_batch.bin".to_owned()]);
    for name in names {
        let records = (0..40).flat_map(|image| std::iter::once(image % 10).chain((0..3072).map(|_| 0)));
        let mut bytes: Vec<u8> = records.collect();
        for record in bytes.chunks_exact_mut(3073) {
            rng.fill(&mut record[1..]);
        }
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Four pictures of 72x66 pixels in each of ten classes.
fn pictures(at: &Path) {
    for class in 0..10 {
        fs::create_dir_all(at.join(format!("class{class}"))).unwrap();
        for n in 0..4 {
            let pixels: Vec<u8> = (0..72 * 66 * 3).map(|i| (i * (class + 2) + 31 * n) as u8).collect();
            let file = File::create(at.join(format!("class{class}/{n}.png"))).unwrap();
            PngEncoder::new(file).write_image(&pixels, 72, 66, ExtendedColorType::Rgb8).unwrap();
        }
    }
}

/// Arrays by the names of Keras' file of digits.
fn digits(at: &Path) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (part, count) in [("train", 60), ("test", 20)] {
        let images: Vec<u8> = (0..count * 784).map(|i: usize| (i * i / 7) as u8).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        for (name, shape, values) in
            [("x", format!("({count}, 28, 28)"), images), ("y", format!("({count},)"), labels)]
        {
            zip.start_file(format!("{name}_{part}.npy"), SimpleFileOptions::default()).unwrap();
            zip.write_all(&npy(&shape, &values)).unwrap();
        }
    }
    fs::write(at, zip.finish().unwrap().into_inner()).unwrap();
}

/// An array of bytes as NumPy writes it.
fn npy(shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}
