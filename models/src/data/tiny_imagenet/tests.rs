//! A made-up tree of three classes. Images are of one colour each, which a JPEG of quality 100 keeps to within 2.

use super::*;
use crate::data::DataSource;
use jpeg_encoder::{ColorType, Encoder};

const IDS: [&str; 3] = ["n00000007", "n00000020", "n00000100"];
const TRAIN: usize = 20;
const TEST: usize = 2;

/// The colour of a class's `n`-th training image.
fn colour(class: usize, n: usize) -> [u8; 3] {
    [40 * class as u8 + 20, 10 * n as u8 + 5, 200]
}

fn jpeg(pixels: &[u8], side: u16, kind: ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 100).encode(pixels, side, side, kind).unwrap();
    bytes
}

fn plain(colour: [u8; 3]) -> Vec<u8> {
    jpeg(&colour.repeat(SHAPE.area()), 64, ColorType::Rgb)
}

/// A data set on disk, whole.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("val/images")).unwrap();
    // Not in sorted order, and with an empty line at the end.
    fs::write(at(CLASSES), format!("{}\n{}\n{}\n\n", IDS[2], IDS[0], IDS[1])).unwrap();
    let mut annotations = String::new();
    for (class, id) in IDS.iter().enumerate() {
        fs::create_dir_all(at(&format!("train/{id}/images"))).unwrap();
        fs::write(at(&format!("train/{id}/{id}_boxes.txt")), "").unwrap();
        for n in 0..TRAIN {
            fs::write(at(&format!("train/{id}/images/{id}_{n}.JPEG")), plain(colour(class, n))).unwrap();
        }
        for n in 0..TEST {
            let file = format!("val_{}.JPEG", 2 - class + 3 * n);
            fs::write(at(&format!("val/images/{file}")), plain([80 * class as u8, 0, 0])).unwrap();
            annotations.push_str(&format!("{file}\t{id}\t0\t32\t44\t62\n"));
        }
    }
    fs::write(at(ANNOTATIONS), annotations).unwrap();
    dir
}

fn close(found: &[u8], expected: u8) -> bool {
    found.iter().all(|x| x.abs_diff(expected) <= 2)
}

#[test]
fn classes_are_sorted_and_images_in_turn() {
    let dir = tree();
    let train = training(dir.path()).unwrap();
    assert_eq!((train.len(), train.classes(), train.shape()), (3 * TRAIN, 3, SHAPE));
    // As text, 10 comes after 1 and before 2.
    let in_order = [0, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 2, 3, 4, 5, 6, 7, 8, 9];
    for i in 0..train.len() {
        assert_eq!(train.label(i), i % 3);
        let planes = train.image(i).bytes().unwrap().chunks_exact(SHAPE.area());
        for (plane, expected) in planes.zip(colour(i % 3, in_order[i / 3])) {
            assert!(close(plane, expected), "image {i}: {} where {expected} was drawn", plane[0]);
        }
    }
    let test = test(dir.path()).unwrap();
    assert_eq!((0..6).map(|i| test.label(i)).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
    assert!((0..6).all(|i| close(&test.image(i).bytes().unwrap()[..SHAPE.area()], 80 * test.label(i) as u8)));
}

#[test]
fn a_source_is_split_like_the_others() {
    let dir = tree();
    let source = DataSource::parse("tiny-imagenet", Some(dir.path())).unwrap();
    assert_eq!(source.name(), "tiny-imagenet");
    let splits = source.load(5).unwrap();
    assert_eq!((splits.train.len(), splits.held_out.len(), splits.test.len()), (54, 6, 6));
    assert_eq!(splits.held_out.name(), "tiny-imagenet/held-out");
    for class in 0..3 {
        assert_eq!((0..6).filter(|i| splits.held_out.label(*i) == class).count(), 2);
    }
    assert_eq!(source.load(5).unwrap().held_out, splits.held_out);
    assert_ne!(source.load(6).unwrap().held_out, splits.held_out);
}

#[test]
fn planes_are_red_green_and_blue_by_rows() {
    let dir = tree();
    let left_red_else_by_row = |at: usize| {
        let (row, column) = (at / 64, at % 64);
        if column < 32 {
            [255, 0, 0]
        } else if row < 32 {
            [0, 255, 0]
        } else {
            [0, 0, 255]
        }
    };
    let pixels: Vec<u8> = (0..SHAPE.area()).flat_map(left_red_else_by_row).collect();
    let path = dir.path().join(format!("train/{}/images/{}_0.JPEG", IDS[0], IDS[0]));
    fs::write(&path, jpeg(&pixels, 64, ColorType::Rgb)).unwrap();
    let train = training(dir.path()).unwrap();
    for (at, expected) in pixels.chunks_exact(3).enumerate() {
        let found = [0, 1, 2].map(|channel| train.image(0).bytes().unwrap()[channel * SHAPE.area() + at]);
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 2), "{at}: {found:?}");
    }
}

#[test]
fn a_greyscale_image_has_three_equal_planes() {
    let dir = tree();
    let grey: Vec<u8> = (0..SHAPE.area()).map(|at| (at / 64 * 3) as u8).collect();
    fs::write(dir.path().join("val/images/val_2.JPEG"), jpeg(&grey, 64, ColorType::Luma)).unwrap();
    let test = test(dir.path()).unwrap();
    let planes: Vec<&[u8]> = test.image(0).bytes().unwrap().chunks_exact(SHAPE.area()).collect();
    assert!(planes[0] == planes[1] && planes[1] == planes[2]);
    assert!(planes[0].iter().zip(&grey).all(|(a, b)| a.abs_diff(*b) <= 2));
}

/// The message of loading a tree after `damage`.
fn message(damage: impl FnOnce(&Path)) -> String {
    let dir = tree();
    damage(dir.path());
    let source = DataSource::TinyImagenet { dir: dir.path().into() };
    let message = source.load(1).unwrap_err().to_string();
    message.strip_prefix(&format!("{}/", dir.path().display())).expect("the path comes first").to_owned()
}

#[test]
fn damaged_images_are_named() {
    let image = "val/images/val_1.JPEG";
    let with = |bytes: &[u8]| message(|dir| fs::write(dir.join(image), bytes).unwrap());
    let expected = format!("{image}: expected a JPEG of 64x64 pixels, found ");
    let good = plain([1, 2, 3]);
    for damaged in
        [&b"no JPEG at all"[..], &[], &good[..20], &good[..good.len() / 2], &good[..good.len() - 2]]
    {
        let found = with(damaged);
        assert!(found.starts_with(&format!("{expected}a damaged one (")), "{found}");
    }
    assert_eq!(with(&jpeg(&[9; 32 * 32 * 3], 32, ColorType::Rgb)), format!("{expected}32x32"));
    let huge = with(&vec![0; 1_000_001]);
    assert_eq!(huge, format!("{image}: expected at most 1000000 bytes, found 1000001"));
    let gone = message(|dir| fs::remove_file(dir.join(image)).unwrap());
    assert_eq!(gone, format!("{expected}no such file or folder"));
    let name = format!("train/{0}/images/{0}_3.JPEG", IDS[1]);
    let training = message(|dir| fs::write(dir.join(&name), "no JPEG").unwrap());
    assert!(training.starts_with(&format!("{name}: expected a JPEG of 64x64 pixels")), "{training}");
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let check = |damage: &dyn Fn(&Path), expected: &str| assert_eq!(message(damage), expected);
    let write =
        |path: &'static str, text: &'static str| move |dir: &Path| fs::write(dir.join(path), text).unwrap();
    check(
        &|dir| fs::remove_file(dir.join(CLASSES)).unwrap(),
        "wnids.txt: expected the list of classes of tiny-imagenet-200.zip, unpacked, found no such file or folder",
    );
    check(
        &write(CLASSES, "../n1\n"),
        "wnids.txt: expected WordNet ids such as n01443537, a line each, found `../n1`",
    );
    check(&write(CLASSES, "n1\nn1\n"), "wnids.txt: expected every class once, found n1 twice");
    check(&write(CLASSES, "\n"), "wnids.txt: expected 1 to 256 classes, found 0");
    check(
        &|dir| fs::remove_dir_all(dir.join("train")).unwrap(),
        "train: expected a folder for every class of wnids.txt, found no such file or folder",
    );
    check(
        &|dir| fs::remove_dir_all(dir.join("train/n00000020")).unwrap(),
        "train/n00000020/images: expected the training images of class n00000020, found no such file or folder",
    );
    check(
        &|dir| {
            fs::remove_dir_all(dir.join("train/n00000020/images")).unwrap();
            fs::create_dir(dir.join("train/n00000020/images")).unwrap();
        },
        "train/n00000020/images: expected images named n00000020_N.JPEG, found none",
    );
    check(
        &|dir| fs::create_dir(dir.join("train/n5")).unwrap(),
        "train/n5: expected a class that wnids.txt lists, found n5, which it does not",
    );
    check(
        &|dir| fs::remove_file(dir.join(ANNOTATIONS)).unwrap(),
        "val/val_annotations.txt: expected the classes of the val images, a line each, \
         found no such file or folder",
    );
    check(
        &write(ANNOTATIONS, "val_0.JPEG\tn00000007\t0\nval_1.JPEG\tn5\t0\n"),
        "val/val_annotations.txt: expected a class that wnids.txt lists, found `n5` in line 2",
    );
    check(
        &write(ANNOTATIONS, "val_0.JPEG\tn00000007\nval_0.JPEG\tn00000020\n"),
        "val/val_annotations.txt: expected every image once, found `val_0.JPEG` in line 2",
    );
    check(
        &write(ANNOTATIONS, "../a.JPEG\tn00000007\n"),
        "val/val_annotations.txt: expected the name of a JPEG, a tab and its class, \
         found `../a.JPEG\tn00000007` in line 1",
    );
    check(
        &write(ANNOTATIONS, "val_0.JPEG\tn00000007\nval_1.JPEG\tn00000100\n"),
        "val/val_annotations.txt: expected images of class n00000020, found none",
    );
}

#[test]
fn checksums_see_every_file() {
    let dir = tree();
    let source = DataSource::TinyImagenet { dir: dir.path().into() };
    let sums = || source.checksums().unwrap();
    let before = sums();
    let names: Vec<&Path> = before.iter().map(|check| check.path.strip_prefix(dir.path()).unwrap()).collect();
    assert_eq!(names, [CLASSES, "train", ANNOTATIONS, "val/images"].map(Path::new));
    assert!(before.iter().all(|check| check.is_official().is_none()));
    assert_eq!(sums(), before);
    fs::write(dir.path().join(format!("train/{0}/images/{0}_7.JPEG", IDS[2])), "other").unwrap();
    let changed: Vec<bool> = sums().iter().zip(&before).map(|(now, then)| now != then).collect();
    assert_eq!(changed, [false, true, false, false]);
}
