//! ONNX files of small networks, byte by byte.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// A file of a network for square images in 10 classes.
pub(crate) fn onnx(channels: u8, side: u8) -> Vec<u8> {
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    let graph = [
        node("Conv", &["image", "w"], "a", &[("strides", &[2, 2]), ("pads", &[1, 1, 1, 1])]),
        node("Relu", &["a"], "b", &[]),
        node("GlobalAveragePool", &["b"], "c", &[]),
        node("Flatten", &["c"], "d", &[]),
        node("Gemm", &["d", "m", "n"], "logits", &[]),
        field(2, b"small"),
        tensor("w", &[4, channels, 3, 3], &mut rng),
        tensor("m", &[4, 10], &mut rng),
        tensor("n", &[10], &mut rng),
        value(11, "image", &[1, channels, side, side]),
        value(12, "logits", &[1, 10]),
    ];
    [number(1, 7), field(7, &graph.concat()), field(8, &number(2, 13))].concat()
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
