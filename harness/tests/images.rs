//! Images of one's own from the command line: a folder of pictures and a file of arrays, from a network to a secure run.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use models::checkpoint::{ARRAYS, Checkpoint};
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Output};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const RUN: &str = "--link loopback --relu sign --images 2 --warmups 0 --accuracy-images 3 --verify layers";

fn linnet(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(words.split_whitespace()).output().unwrap()
}

/// What it said, on both streams.
fn done(folder: &Path, words: &str) -> String {
    let output = linnet(folder, words);
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{words}: {said}");
    said
}

fn refused(folder: &Path, words: &str) -> String {
    let output = linnet(folder, words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{words}: {said}");
    said
}

/// Four pictures of 24x20 pixels in each of so many classes.
fn pictures(at: &Path, classes: usize) {
    for class in 0..classes {
        fs::create_dir_all(at.join(format!("class{class}"))).unwrap();
        for n in 0..4 {
            let pixels: Vec<u8> = (0..24 * 20 * 3).map(|i| (i * (class + 2) + 31 * n) as u8).collect();
            let file = File::create(at.join(format!("class{class}/{n}.png"))).unwrap();
            PngEncoder::new(file).write_image(&pixels, 24, 20, ExtendedColorType::Rgb8).unwrap();
        }
    }
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

#[test]
fn a_folder_of_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(&folder.join("pics"), 3);
    let said = done(folder, "init --net mini --data folder:3x16x16:18:pics --budget 20% --out net");
    assert!(said.contains("6 of 12 are set apart for calibration"), "{said}");
    done(folder, &format!("run --model net --data-dir pics {RUN} --id folder"));
    let run = results::load(&folder.join("runs/folder")).unwrap();
    assert_eq!((run.summary[0].status.to_string().as_str(), run.summary[0].n), ("ok", 2));
    assert_eq!(run.manifest.models[0].data, "folder:3x16x16:18", "without a path");
    let [record] = &run.manifest.data[..] else { panic!("{:?}", run.manifest.data) };
    let remark = record.remark.as_deref().unwrap();
    assert!(record.file == "pics" && remark.contains("names and sizes of its 12 images"), "{remark}");
    assert!(remark.contains("6 of 12 are set apart for calibration"), "{remark}");

    let listed = done(folder, "data --data folder:3x16x16:18:pics");
    assert!(
        listed.contains("folder/test without 6 for calibration") && !listed.contains("train"),
        "{listed}"
    );
    pictures(&folder.join("fewer"), 2);
    let told = refused(folder, &format!("run --model net --data-dir fewer {RUN}"));
    assert!(told.contains("images of 3x16x16 in 3 classes, as the network has"), "{told}");
}

/// Weights for a graph, on pictures that are brought to its size, by one mean for all channels.
#[test]
fn pictures_take_the_size_of_an_imported_network() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(&folder.join("pics"), 10);
    done(folder, "init --net mini --data noise:3x12x12:10 --out net");
    let graph = Checkpoint::load(&folder.join("net")).unwrap().graph;
    fs::write(folder.join("graph.json"), serde_json::to_vec(&graph).unwrap()).unwrap();
    let import = format!("import net/{ARRAYS} --graph graph.json --data folder:pics");
    let said = done(folder, &format!("{import} --mean 0.5 --std 0.25 --out own"));
    assert!(said.contains("mean [0.5, 0.5, 0.5], deviation [0.25, 0.25, 0.25]"), "{said}");
    assert!(!said.contains("warning"), "{said}");
    assert_eq!(Checkpoint::load(&folder.join("own")).unwrap().meta.data, "folder:3x12x12");
    let said = done(folder, &format!("{import} --mean 127.5 --std 127.5 --out bytes"));
    assert!(said.contains("warning: --mean and --std go up to 127.5"), "{said}");
    let told = refused(folder, &format!("{import} --data-dir pics --out twice"));
    assert!(told.contains("expected none, since --data names pics"), "{told}");
    let told = refused(
        folder,
        &format!("import net/{ARRAYS} --graph graph.json --data folder:3x16x16:pics --out x"),
    );
    assert!(told.contains("expected images of 3x12x12 in 10 classes, as the network has"), "{told}");
}

#[test]
fn a_file_of_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let images = |count: usize| (0..count * 144).map(|i| (i * i / 7) as u8).collect::<Vec<u8>>();
    let labels = |count: usize| (0..count).map(|i| (i % 4) as u8).collect::<Vec<u8>>();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (part, count) in [("train", 20), ("test", 6)] {
        for (name, bytes) in [
            ("x", npy(&format!("({count}, 12, 12)"), &images(count))),
            ("y", npy(&format!("({count},)"), &labels(count))),
        ] {
            zip.start_file(format!("{name}_{part}.npy"), options).unwrap();
            zip.write_all(&bytes).unwrap();
        }
    }
    fs::write(folder.join("digits.npz"), zip.finish().unwrap().into_inner()).unwrap();
    done(folder, "init --net mini --data npz:digits.npz --budget 20% --out net");
    done(folder, &format!("run --model net --data-dir digits.npz {RUN} --id npz"));
    let run = results::load(&folder.join("runs/npz")).unwrap();
    assert_eq!((run.summary[0].status.to_string().as_str(), run.summary[0].n), ("ok", 2));
    assert_eq!(
        (run.manifest.models[0].data.as_str(), run.manifest.data[0].file.as_str()),
        ("npz", "digits.npz")
    );
    assert_eq!(run.manifest.data[0].remark, None);
    let told = refused(folder, &format!("run --model net {RUN}"));
    assert!(told.contains("expected a file of NumPy's arrays, found none given"), "{told}");
}
