//! Small files that would become much: refused by name, with memory in proportion to the file.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[expect(dead_code, reason = "the tests of operators need more of it")]
mod file;

use allocation_counter::measure;
use file::File;
use import::masks::THRESHOLD;
use models::graph::{Activation, Graph, Node, Op, Shape};
use std::path::Path;

/// What reading a file of these bytes says, within memory that they explain.
fn read(name: &str, bytes: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut said = Ok(());
    let taken = measure(|| said = import(&path)).bytes_max;
    let room = 64 * bytes.len() as u64 + 16_000_000;
    assert!(taken <= room, "{taken} bytes for a file of {}: {said:?}", bytes.len());
    assert!(said.as_ref().is_ok() || said.as_ref().unwrap_err().len() < 4000, "an error of many words");
    said
}

fn import(path: &Path) -> Result<(), String> {
    let read = match path.extension().unwrap().to_str().unwrap() {
        "onnx" => import::onnx::read(path),
        _ => import::weights::read(path, graph(), THRESHOLD, &[]),
    };
    read.map(drop).map_err(|error| error.to_string())
}

fn graph() -> Graph {
    let node = |name: &str, op, inputs: &[usize]| Node { name: name.into(), op, inputs: inputs.to_vec() };
    let nodes =
        vec![node("input", Op::Input, &[]), node("relu", Op::Act { activation: Activation::Relu }, &[0])];
    Graph::new(Shape::new(1, 2, 2), nodes).unwrap()
}

fn refused(name: &str, bytes: &[u8]) -> String {
    read(name, bytes).expect_err("the file is refused")
}

/// A field of bytes in protobuf's format.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        all.push(length as u8 | 0x80);
        length >>= 7;
    }
    all.push(length as u8);
    [&all, bytes].concat()
}

/// The model of a graph with this behind its nodes.
fn model(rest: &[u8]) -> Vec<u8> {
    field(7, rest)
}

#[test]
fn messages_without_content_are_counted_before_they_are_made() {
    let many = 2_000_000;
    let node = |content: Vec<u8>| model(&field(1, &content));
    let input = |shape: Vec<u8>| model(&field(11, &field(2, &field(1, &field(2, &shape)))));
    for (bytes, said) in [
        (model(&field(1, &[]).repeat(many)), "at most 10000 operators"),
        (node(field(5, &[]).repeat(many)), "at most 80000 attributes"),
        (node(field(1, &[]).repeat(many)), "at most 200000 names"),
        (node(field(2, &[]).repeat(many)), "at most 200000 names"),
        (model(&field(5, &[]).repeat(many)), "at most 50000 initializers"),
        (model(&field(11, &[]).repeat(many)), "at most 300000 inputs"),
        (model(&field(12, &[]).repeat(many)), "at most 300000 inputs"),
        (field(8, &[]).repeat(many), "at most 50000 versions"),
        (model(&field(5, &field(13, &[]).repeat(many))), "at most 50000 versions"),
        (input(field(1, &[]).repeat(many)), "at most 300000 inputs"),
        // Numbers of a byte each, together and one by one; many merged attributes and graphs.
        (model(&field(5, &field(7, &vec![0; 3 * many]))), "at most 4194304 listed integers"),
        (model(&field(5, &[1 << 3, 0].repeat(3 * many))), "at most 4194304 listed integers"),
        (node(field(5, &[8 << 3, 0].repeat(3 * many))), "at most 4194304 listed integers"),
        (node(field(5, &field(5, &field(5, &[0; 64]).repeat(100_000)))), "at most 4194304 listed integers"),
        (model(&[]).repeat(many), "ONNX's operators in a version"),
        (model(&field(1, &[])).repeat(many), "at most 10000 operators"),
        (node(field(3, &vec![b'x'; 2000])), "names of at most 1024 bytes"),
        // Neither groups, nor lengths beyond the end, nor endless numbers.
        (vec![0x0b; 1000], "a field of wire type 3"),
        (
            vec![7 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            "a field that is cut off",
        ),
        (vec![0xff; 100], "a number of more than ten bytes"),
    ] {
        let found = refused("x.onnx", &bytes);
        assert!(found.contains(said), "{found} for {said}");
    }
}

#[test]
fn a_constant_is_not_multiplied() {
    let values = vec![0.5; 1 << 18];
    let file = File::of(&[1, 1, 1, 1]).floats("w", &[1 << 18, 1], &values);
    // Layers that share their weights, views of them, and transposed ones.
    let mut shared = file.clone().node("Flatten", "f", &["x"], "v0", &[]);
    let mut views = file.integers("shape", &[2], &[1, 1 << 18]);
    for i in 0..64 {
        let (from, to) = (format!("w{i}"), format!("w{}", i + 1));
        views = views.node("Reshape", "r", &[if i == 0 { "w" } else { &from }, "shape"], &to, &[]);
        let (hidden, value) = (format!("h{i}"), format!("v{}", i + 1));
        shared = shared
            .node("Gemm", "g", &[&format!("v{i}"), "w"], &hidden, &[("transB", file::int(1))])
            .node("Gemm", "h", &[&hidden, "w"], &value, &[]);
    }
    let views = views.node("MatMul", "m", &["x", "w64"], "y", &[]);
    let shared = shared.node("Relu", "y", &["v64"], "y", &[]);
    for file in [shared, views] {
        let found = refused("x.onnx", &file.bytes());
        assert!(found.contains("one number a byte of the file"), "{found}");
    }

    // A number for every unit of a large map; axes of a constant without elements; the same name many times.
    let large =
        File::of(&[1, 1, 4096, 4096]).floats("k", &[1], &[2.0]).node("Mul", "m", &["x", "k"], "y", &[]);
    assert!(refused("x.onnx", &large.bytes()).contains("an output that the last operator makes"));
    let empty = File::of(&[1, 1, 2, 2])
        .integers("none", &[0, 1 << 40], &[])
        .integers("ends", &[1], &[1 << 40])
        .integers("axes", &[1], &[1])
        .integers("starts", &[1], &[0])
        .node("Slice", "s", &["none", "starts", "ends", "axes"], "c", &[])
        .node("Add", "a", &["x", "c"], "y", &[]);
    let found = refused("x.onnx", &empty.bytes());
    assert!(found.contains("a slice of a constant with elements"), "{found}");
    let mut same = File::of(&[1, 1, 2, 2]);
    for i in 0..9_000 {
        let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
        same = same.node("Relu", "r", &[if i == 0 { "x" } else { &from }], &to, &[]);
    }
    read("x.onnx", &same.renamed("v9000", "y").bytes()).unwrap();
}

/// A stream of pickles as PyTorch wrote it, with this state dict, and storages of bytes behind it.
fn legacy(dict: &[u8], keys: &[u8], storages: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    [magic, &b"\x80\x02M\xe9\x03."[..], b"\x80\x02}.", dict, keys, storages].concat()
}

/// The operations that make a view of the storage `k` of four bytes, with this shape and strides, and remember its class (0),
/// arguments (1) and itself (2).
fn view(shape: &[u8], strides: &[u8]) -> Vec<u8> {
    [
        &b"ctorch._utils\n_rebuild_tensor_v2\nq\x00((U\x07storagectorch\nByteStorage\nU\x01kNK\x04tQK\x00("[..],
        shape,
        b"t(",
        strides,
        b"ttq\x01Rq\x02",
    ]
    .concat()
}

#[test]
fn what_a_pickle_refers_to_again_is_not_made_again() {
    let (shape, strides) = (b"K\x01".repeat(64), b"K\x01".repeat(64));
    let class = b"ctorch._utils\n_rebuild_parameter\nq\x03(h\x02tq\x04R0";
    let times = 1_000_000;
    for (repeated, what) in [
        // Tensors, and parameters of one, of 64 axes; dicts of pairs; lists; places to remember.
        (&b"h\x00h\x01R0"[..], "tensors"),
        (b"h\x03h\x04R0", "parameters"),
        (b"]", "lists"),
        (b"N", "nothings"),
        (b"h\x02", "references"),
        (b"\x94", "memos"),
        (b"(", "marks"),
        (b"]h\x02a0", "lists of one"),
        (b"h\x02\x85", "tuples in tuples"),
        (b"h\x05h\x02h\x02\x86\x85\x85R0", "dicts"),
    ] {
        let dict = [&b"\x80\x02}"[..], &view(&shape, &strides), class, b"ccollections\nOrderedDict\nq\x05"];
        let dict = [&dict.concat()[..], &repeated.repeat(times), b"."].concat();
        let bytes = legacy(&dict, b"\x80\x02]U\x01ka.", b"\x04\0\0\0\0\0\0\0abcd");
        let found = refused("x.pth", &bytes);
        assert!(found.contains("x.pth"), "{what}: {found}");
    }
    let tensors = [&b"\x80\x02}"[..], &view(&shape, &strides), &b"h\x00h\x01R0".repeat(times), b"."].concat();
    let found = refused("x.pth", &legacy(&tensors, b"\x80\x02].", b""));
    assert!(found.contains("objects of at most 20 times a pickle's bytes"), "{found}");
}

/// A dict with the view that was remembered under numbers from 0 on.
fn dict(count: usize, view: &[u8]) -> Vec<u8> {
    let entry = |i: usize| [&b"X\x06\0\0\0"[..], format!("{i:06}").as_bytes(), b"h\x02s"].concat();
    let entries: Vec<u8> = (0..count).flat_map(entry).collect();
    // The view is made first, and is forgotten but for the memo.
    [&b"\x80\x02"[..], view, b"0}", &entries, b"."].concat()
}

#[test]
fn views_of_a_storage_are_together_no_larger_than_twice_the_file() {
    let (keys, storages) = (b"\x80\x02]U\x01ka.", b"\x04\0\0\0\0\0\0\0abcd");
    let whole = legacy(&dict(1, &view(b"K\x02K\x02", b"K\x01K\x02")), keys, storages);
    let found = refused("x.pth", &whole);
    assert!(found.contains("in the file alone"), "{found}");
    let expanded = legacy(&dict(1, &view(b"J\0\0\0\x04", b"K\x00")), keys, storages);
    assert!(refused("x.pth", &expanded).contains("a view of 4 elements that repeats none"));
    // Large shapes of few elements, or none.
    let long = b"K\x01".repeat(64);
    let many = legacy(&dict(100_000, &view(&long, &long)), keys, storages);
    assert!(refused("x.pth", &many).contains("at most twice the file's size"));
    let wrapped = view(b"K\x00\x8a\x08\0\0\0\0\0\0\0\x40\x8a\x08\0\0\0\0\0\0\0\x40", b"K\x01K\x01K\x01");
    let found = refused("x.pth", &legacy(&dict(1, &wrapped), keys, storages));
    assert!(found.contains("in the file alone"), "{found}");
    let twice = legacy(&dict(1, &view(b"K\x04", b"K\x01")), b"\x80\x02](U\x01kU\x01ke.", &storages.repeat(2));
    assert!(refused("x.pth", &twice).contains("every storage once"));
    let huge = legacy(&dict(1, &view(b"K\x04", b"K\x01")), keys, &[0xff; 12]);
    assert!(refused("x.pth", &huge).contains("the end of the file"));
}

/// A member of a zip archive: its name, how it is compressed, its size as said and its bytes.
struct Member<'a>(&'a str, u16, u32, &'a [u8]);

fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for Member(name, method, size, bytes) in members {
        let crc = 0xffff_ffff
            ^ bytes.iter().fold(0xffff_ffff_u32, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
            });
        let common = [
            &method.to_le_bytes()[..],
            &[0; 4],
            &crc.to_le_bytes(),
            &(bytes.len() as u32).to_le_bytes(),
            &size.to_le_bytes(),
            &(name.len() as u16).to_le_bytes(),
            &[0; 2],
        ]
        .concat();
        let start = all.len() as u32;
        all.extend([&b"PK\x03\x04\x14\0\0\0"[..], &common, name.as_bytes(), bytes].concat());
        let place = [&[0; 10][..], &start.to_le_bytes()].concat();
        directory.extend([&b"PK\x01\x02\x14\0\x14\0\0\0"[..], &common, &place, name.as_bytes()].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let sizes = [(directory.len() as u32).to_le_bytes(), (all.len() as u32).to_le_bytes()].concat();
    [&all[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &sizes, &[0; 2]].concat()
}

#[test]
fn archives_hold_what_they_say_once() {
    let pickle = dict(1, &view(b"K\x04", b"K\x01"));
    let sound = |method, size, bytes| {
        let data = Member("a/data.pkl", 0, pickle.len() as u32, &pickle);
        archive(&[data, Member("a/data/k", method, size, bytes)])
    };
    let found = refused("x.pth", &sound(0, 4, b"abcd"));
    assert!(found.contains("in the file alone 000000 [4]"), "{found}");
    for (method, size, bytes) in [
        (0, 4, &b"abcdefgh"[..]),
        (0, 8, b"abcd"),
        (0, u32::MAX - 1, b"abcd"),
        (8, 4, b"\x4b\x4c\x4a\x4e\x01\x00"),
        (8, 1 << 30, b"\x4b\x4c\x4a\x4e\x01\x00"),
    ] {
        let found = refused("x.pth", &sound(method, size, bytes));
        assert!(!found.contains("in the file alone"), "{size} bytes: {found}");
    }
    let two = |name| {
        let data = Member("a/data.pkl", 0, pickle.len() as u32, &pickle);
        archive(&[data, Member("a/data/k", 0, 4, b"abcd"), Member(name, 0, 4, b"efgh")])
    };
    assert!(refused("x.pth", &two("a/data/k")).contains("different names"));
    assert!(refused("x.pth", &two("a/data/l")).contains("in the file alone"));
    let names: Vec<String> = (0..30_000).map(|i| format!("{i}")).collect();
    let many: Vec<Member<'_>> = names.iter().map(|name| Member(name, 0, 0, b"")).collect();
    assert!(refused("x.pth", &archive(&many)).contains("one data.pkl"));
}

#[test]
fn a_header_of_safetensors_is_bounded() {
    let file = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let junk = format!("{{\"a\": [{}0]}}", "[[0],[0]],".repeat(300_000));
    assert!(refused("x.safetensors", &file(&junk)).contains("a safetensors file"));
    let entry = |i| format!("\"{i}.mask\": {{\"dtype\": \"F32\", \"shape\": [0], \"data_offsets\": [0, 0]}}");
    let many = |count: usize| format!("{{{}}}", (0..count).map(entry).collect::<Vec<_>>().join(","));
    assert!(refused("x.safetensors", &file(&many(60_000))).contains("at most 50000 arrays"));
    assert!(refused("x.safetensors", &file(&many(40_000))).contains("and 39992 more"));
}
