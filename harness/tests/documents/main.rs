//! The README's own commands, typed as they stand there: somebody's network, from an empty folder to a report.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::path::Path;
use std::process::Command;

#[path = "../../tests/documented/mod.rs"]
mod documented;

/// Records of CIFAR-10's layout with random pixels.
fn cifar(folder: &Path) {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    std::fs::create_dir_all(folder).unwrap();
    let names = (1..=5).map(|part| format!("data_batch_{part}.bin")).chain(["test_batch.bin".to_owned()]);
    for name in names {
        let records = (0..40).flat_map(|image| std::iter::once(image % 10).chain((0..3072).map(|_| 0)));
        let mut bytes: Vec<u8> = records.collect();
        for record in bytes.chunks_exact_mut(3073) {
            rng.fill(&mut record[1..]);
        }
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// A field of a message that has a length: text, bytes, or a message within.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut bytes = vec![number << 3 | 2];
    while length >= 128 {
        bytes.push(length as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

/// A field that is a small number.
fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn tensor(name: &str, dims: &[u8], rng: &mut ChaCha12Rng) -> Vec<u8> {
    let size = dims.iter().map(|dim| usize::from(*dim)).product();
    let values: Vec<u8> = (0..size).flat_map(|_| rng.random_range(-0.5f32..0.5).to_le_bytes()).collect();
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    let float = number(2, 1);
    field(5, &[dims, float, field(8, name.as_bytes()), field(9, &values)].concat())
}

fn node(kind: &str, inputs: &[&str], output: &str, ints: &[(&str, &[u8])]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    let attribute = |(name, values): &(&str, &[u8])| {
        let values: Vec<u8> = values.iter().flat_map(|value| number(8, *value)).collect();
        // `type` is field 20, of which the key takes two bytes; 7 are integers.
        field(5, &[field(1, name.as_bytes()), values, vec![0xa0, 0x01, 7]].concat())
    };
    let attributes: Vec<u8> = ints.iter().flat_map(attribute).collect();
    field(1, &[inputs, field(2, output.as_bytes()), field(4, kind.as_bytes()), attributes].concat())
}

fn value(number_of: u8, name: &str, dims: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| field(1, &number(1, *dim))).collect();
    let kind = field(2, &field(1, &[number(1, 1), field(2, &dims)].concat()));
    field(number_of, &[field(1, name.as_bytes()), kind].concat())
}

/// An ONNX file of a small network for images of 3x32x32 in 10 classes.
fn onnx() -> Vec<u8> {
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    let graph = [
        node("Conv", &["image", "w"], "a", &[("strides", &[2, 2]), ("pads", &[1, 1, 1, 1])]),
        node("Relu", &["a"], "b", &[]),
        node("GlobalAveragePool", &["b"], "c", &[]),
        node("Flatten", &["c"], "d", &[]),
        node("Gemm", &["d", "m", "n"], "logits", &[]),
        field(2, b"small"),
        tensor("w", &[4, 3, 3, 3], &mut rng),
        tensor("m", &[4, 10], &mut rng),
        tensor("n", &[10], &mut rng),
        value(11, "image", &[1, 3, 32, 32]),
        value(12, "logits", &[1, 10]),
    ];
    [number(1, 7), field(7, &graph.concat()), field(8, &number(2, 13))].concat()
}

#[test]
fn your_own_model_in_five_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let readme = documented::commands(&root, "linnet").into_iter();
    let commands: Vec<Vec<String>> = readme
        .filter(|command| command.whole && command.file == root.join("README.md"))
        .map(|command| command.words)
        .collect();
    // The first of the five installs the program.
    let named: Vec<&str> = commands.iter().map(|words| words[1].as_str()).collect();
    assert_eq!(named, ["import", "sweep", "compare", "report"]);

    let temp = tempfile::tempdir().unwrap();
    cifar(&temp.path().join("CIFAR"));
    std::fs::write(temp.path().join("my.onnx"), onnx()).unwrap();
    for words in commands {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.current_dir(temp.path()).args(&words[1..]);
        // A network of random weights keeps no classes, and two images a cell are enough here.
        if words[1] == "sweep" {
            command.args(["--agreement", "0", "--images", "2"]);
        }
        let done = command.output().unwrap();
        let said =
            String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{}: {said}", words.join(" "));
    }
    let run = results::load(&temp.path().join("runs/mine")).unwrap();
    let cells: Vec<(&str, &str)> = run.summary.iter().map(|row| (&*row.relu, &*row.link)).collect();
    assert_eq!(cells, [("sign", "lan"), ("sign", "wan"), ("millionaire", "lan"), ("millionaire", "wan")]);
    assert!(run.tables.inferences.iter().all(|row| row.verified == Some(true)));
    let imported = run.manifest.models[0].imported_from.as_ref().unwrap();
    assert!(imported.file == "my.onnx" && imported.sha256.as_ref().unwrap().len() == 64);
    let page = std::fs::read_to_string(temp.path().join("runs/mine/report.html")).unwrap();
    assert!(page.contains("The answer"));
}
