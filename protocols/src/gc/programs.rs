//! The programs of kept units: which circuit, and what becomes of its output wires, per variant and curve.
//!
//! Bits of a number are least significant first. `U` and `u` are the server's (the garbler's), `V`, `v` and the mask `r`
//! the client's (the evaluator's).

use super::circuit::{Builder, Circuit, Wire};
use models::fixed::curve::{Curve, Table};

/// A circuit and the meaning of its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The circuit of one unit.
    pub circuit: Circuit,
    /// One an output wire, in order.
    pub outputs: Vec<Output>,
}

/// What an output wire is worth to its unit's arithmetic share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Its bit times a public integer; a ciphertext that travels offline.
    Weighted(i64),
    /// Its bit times (a value that the server learns online + one that the client knows offline). At most one a program.
    Joint,
    /// Its bit times a value that the server learns online, times 2^`shift`.
    Served {
        /// log2 of the factor.
        shift: u32,
    },
    /// Its bit stays shared as in point-and-permute: the client's colour, xor the server's permute bit.
    Coloured,
}

/// `curve(X)` where `X = U + V + 1 mod 2^n` is read as signed, all in the circuit; `n >= 2`.
///
/// The carry-in of 1 makes `X` the stochastically rounded value of the shares whose dropped low bits it stands for; it
/// costs nothing. For ReLU `2n - 2` ANDs.
pub fn narrow(curve: &Curve, n: usize) -> Program {
    let (mut b, u, v) = Builder::new(n, n);
    let sum = sum_and_one(&mut b, &u, &v);
    let (wires, outputs) = curved(&mut b, curve, &sum.bits).weighted();
    Program { circuit: b.finish(&wires), outputs }
}

/// `curve(X)` as [`narrow`], with the circuit deciding only where `X` counts; the product is outside (`steps/kept/sign.rs`).
///
/// The first output says whether the unit is worth `X`, the second whether `X` wrapped, given that the server's top bit
/// is set; for ReLU `n` ANDs.
pub fn sign(curve: &Curve, n: usize) -> Program {
    let (mut b, u, v) = Builder::new(n, n);
    let sum = sum_and_one(&mut b, &u, &v);
    let wraps = |b: &mut Builder| {
        let no_carry = b.not(sum.top_carry);
        b.and(v[n - 1], no_carry)
    };
    let wrap = Output::Served { shift: n as u32 };
    let keep = b.not(sum.bits[n - 1]);
    let (wires, outputs) = match curve {
        Curve::Clamp { top } if *top < 1 << (n - 1) => {
            let wraps = wraps(&mut b);
            let over = at_least(&mut b, &sum.bits[..n - 1], *top, keep);
            let inside = b.xor(keep, over);
            let under = b.not(over);
            let wraps = b.and(wraps, under);
            (vec![inside, wraps, over], vec![Output::Joint, wrap, Output::Weighted(*top as i64)])
        }
        Curve::Relu | Curve::Clamp { .. } => (vec![keep, wraps(&mut b)], vec![Output::Joint, wrap]),
        Curve::Mirrored { .. } | Curve::Centred { .. } => curved(&mut b, curve, &sum.bits).weighted(),
        Curve::Dented(table) => {
            let (wraps, entry) = (wraps(&mut b), look_up(&mut b, table, &sum.bits));
            let outputs = (0..entry.len()).map(|i| Output::Weighted(-1 << i));
            let outputs = [Output::Joint, wrap].into_iter().chain(outputs).collect();
            ([keep, wraps].into_iter().chain(entry).collect(), outputs)
        }
    };
    Program { circuit: b.finish(&wires), outputs }
}

/// The two outputs of [`sign`] for ReLU, decided by the upper `w` of `n` bits alone; for `w` ANDs.
pub fn decide(w: usize, n: u32) -> Program {
    let mut program = sign(&Curve::Relu, w);
    program.outputs[1] = Output::Served { shift: n };
    program
}

/// `curve(x >> f) - r mod 2^k` where `x = u + v + 1 mod 2^k` is read as signed: the whole of it in the circuit, as in the
/// Delphi paper (section 4.2); the carry-in of 1, as in [`narrow`], costs nothing. The client's inputs are `v`, then `r`. For ReLU `3k - 3 - f` ANDs.
pub fn delphi(curve: &Curve, k: usize, f: usize) -> Program {
    let (mut b, u, inputs) = Builder::new(k, 2 * k);
    let (v, r) = inputs.split_at(k);
    let x = sum_and_one(&mut b, &u, v).bits;
    let wires = match curved(&mut b, curve, &x[f..]) {
        Curved::Positive { bits } => difference(&mut b, &bits, r, k),
        Curved::Signed { mut bits, sign } => {
            bits.resize(k, sign);
            difference(&mut b, &bits, r, k)
        }
        Curved::WithTable { bits, table } => {
            let value = difference(&mut b, &bits, &table, k);
            difference(&mut b, &value, r, k)
        }
    };
    Program { circuit: b.finish(&wires), outputs: vec![Output::Coloured; k] }
}

/// A curve's value as wires.
enum Curved {
    /// An unsigned number.
    Positive { bits: Vec<Wire> },
    /// An unsigned number, less the power of two behind it where the sign is set.
    Signed { bits: Vec<Wire>, sign: Wire },
    /// The difference of two unsigned numbers.
    WithTable { bits: Vec<Wire>, table: Vec<Wire> },
}

impl Curved {
    /// The wires, and what each is worth.
    fn weighted(self) -> (Vec<Wire>, Vec<Output>) {
        let worth = |sign: i64, count: usize| (0..count).map(move |i| Output::Weighted(sign << i));
        match self {
            Self::Positive { bits } => {
                let outputs = worth(1, bits.len()).collect();
                (bits, outputs)
            }
            Self::Signed { mut bits, sign } => {
                let outputs = worth(1, bits.len()).chain([Output::Weighted(-1 << bits.len())]).collect();
                bits.push(sign);
                (bits, outputs)
            }
            Self::WithTable { mut bits, table } => {
                let outputs = worth(1, bits.len()).chain(worth(-1, table.len())).collect();
                bits.extend(table);
                (bits, outputs)
            }
        }
    }
}

/// The curve of a signed number.
fn curved(b: &mut Builder, curve: &Curve, q: &[Wire]) -> Curved {
    let (sign, magnitude) = q.split_last().expect("a signed number has a sign");
    let keep = b.not(*sign);
    match curve {
        Curve::Clamp { top } if *top < 1 << magnitude.len() => {
            let over = at_least(b, magnitude, *top, keep);
            // `over` implies `keep`.
            let inside = b.xor(keep, over);
            let length = (u64::BITS - top.leading_zeros()) as usize;
            let bits = magnitude[..length]
                .iter()
                .enumerate()
                .map(|(i, bit)| {
                    let own = b.and(*bit, inside);
                    if top >> i & 1 == 1 { b.xor(own, over) } else { own }
                })
                .collect();
            Curved::Positive { bits }
        }
        Curve::Relu | Curve::Clamp { .. } => {
            Curved::Positive { bits: magnitude.iter().map(|bit| b.and(*bit, keep)).collect() }
        }
        Curve::Mirrored { bits, table } => Curved::Positive { bits: mirrored(b, *bits, table, q) },
        Curve::Centred { bits, table } => Curved::Signed { bits: mirrored(b, *bits, table, q), sign: *sign },
        Curve::Dented(table) => {
            let bits = magnitude.iter().map(|bit| b.and(*bit, keep)).collect();
            Curved::WithTable { bits, table: look_up(b, table, q) }
        }
    }
}

/// A sum's bits and the carry into its top bit.
struct Sum {
    bits: Vec<Wire>,
    top_carry: Wire,
}

/// `u + v + 1 mod 2^n`; `n - 1` ANDs, `n >= 2`.
fn sum_and_one(b: &mut Builder, u: &[Wire], v: &[Wire]) -> Sum {
    let n = u.len();
    assert!(n >= 2 && v.len() == n, "inputs have one width, of at least a sign and a bit");
    let parity = b.xor(u[0], v[0]);
    let mut bits = vec![b.not(parity)];
    // With a carry of 1 the first carry out is `u | v`.
    let mut carry = b.or(u[0], v[0]);
    for i in 1..n {
        let (bit, next) = full_adder(b, u[i], v[i], carry, i + 1 < n);
        bits.push(bit);
        carry = next;
    }
    Sum { bits, top_carry: carry }
}

/// `x - y mod 2^k` of unsigned numbers of at most `k` bits; at most one AND a bit but the last. Bits above those returned
/// are zero.
fn difference(b: &mut Builder, x: &[Wire], y: &[Wire], k: usize) -> Vec<Wire> {
    let mut bits = Vec::with_capacity(k);
    // x + !y + 1. `None` stands for the first carry, which is one; bits that are missing are zero.
    let mut carry: Option<Wire> = None;
    for i in 0..k {
        let carries = i + 1 < k;
        let not_y = y.get(i).map(|y| b.not(*y));
        let (bit, next) = match (x.get(i).copied(), not_y, carry) {
            (Some(x), Some(not_y), None) => {
                let parity = b.xor(x, not_y);
                (b.not(parity), Some(b.or(x, not_y)))
            }
            (None, Some(not_y), None) => (b.not(not_y), Some(not_y)),
            (Some(x), None, None) => (x, None),
            // 0 + 1 + carry: the carry stays and its complement is the sign, for all bits to come.
            (None, None, Some(carry)) => (b.not(carry), Some(carry)),
            // Nothing was subtracted and nothing is left: the bits above are zero.
            (None, None, None) => break,
            (Some(x), Some(not_y), Some(carry)) => {
                let (bit, next) = full_adder(b, x, not_y, carry, carries);
                (bit, Some(next))
            }
            (None, Some(not_y), Some(carry)) => {
                (b.xor(not_y, carry), Some(if carries { b.and(not_y, carry) } else { carry }))
            }
            (Some(x), None, Some(carry)) => {
                let parity = b.xor(x, carry);
                (b.not(parity), Some(if carries { b.or(x, carry) } else { carry }))
            }
        };
        bits.push(bit);
        carry = next;
    }
    bits
}

/// Sum and carry of three bits; the carry is only made where it is wanted, for one AND, and is the old one elsewhere.
fn full_adder(b: &mut Builder, x: Wire, y: Wire, carry: Wire, carries: bool) -> (Wire, Wire) {
    let bit = b.xor3(x, y, carry);
    (bit, if carries { b.majority(x, y, carry) } else { carry })
}

/// `all && x >= constant`, for `1 <= constant < 2^bits`.
fn at_least(b: &mut Builder, x: &[Wire], constant: u64, all: Wire) -> Wire {
    // From the lowest bit: equal so far counts as at least. `None` stands for true.
    let mut so_far: Option<Wire> = None;
    for (i, bit) in x.iter().enumerate() {
        so_far = match (constant >> i & 1 == 1, so_far) {
            (true, None) => Some(*bit),
            (true, Some(below)) => Some(b.and(*bit, below)),
            (false, None) => None,
            (false, Some(below)) => Some(b.or(*bit, below)),
        };
    }
    let at_least = so_far.expect("a positive constant has a bit that is set");
    b.and(at_least, all)
}

/// A number of `bits` bits: the table's entry for a signed number below zero, and that number's complement above.
fn mirrored(b: &mut Builder, bits: u32, table: &Table, q: &[Wire]) -> Vec<Wire> {
    let sign = *q.last().expect("a signed number has a sign");
    let above = b.not(sign);
    let entry = look_up(b, table, q);
    let bit = |i: usize| entry.get(i).map_or(above, |bit| b.xor(*bit, above));
    (0..bits as usize).map(bit).collect()
}

/// The table's entry for a signed number: lines over blocks of equal entries, of which one is set, xored where a block's entry
/// has a bit.
fn look_up(b: &mut Builder, table: &Table, q: &[Wire]) -> Vec<Wire> {
    let (sign, magnitude) = q.split_last().expect("a signed number has a sign");
    let magnitude: Vec<Wire> = magnitude.iter().map(|bit| b.xor(*bit, *sign)).collect();
    let reach = magnitude.len().min(table.reach_bits() as usize);
    let (index, beyond) = magnitude.split_at(reach);
    let index = &index[(table.dropped_bits as usize).min(reach)..];
    // The root line: inside the table. `None` stands for always.
    let outside = beyond.iter().copied().reduce(|a, bit| b.or(a, bit));
    let root = outside.map(|outside| b.not(outside));
    let mut blocks = Vec::new();
    split(b, root, &table.entries[..1 << index.len()], index, &mut blocks);
    // Wires of known value are rare (widths below the table's first bin) and cost nothing: a wire xored with itself.
    let zero = b.xor(*sign, *sign);
    let one = b.not(zero);
    let bits = blocks.iter().fold(0, |all, (_, entry)| all | entry).checked_ilog2().map_or(0, |top| top + 1);
    (0..bits)
        .map(|i| {
            let set = blocks.iter().filter(|(_, entry)| *entry >> i & 1 == 1);
            set.map(|(line, _)| line.unwrap_or(one)).reduce(|a, line| b.xor(a, line)).unwrap_or(zero)
        })
        .collect()
}

/// The lines of the blocks that `entries` consist of, below `line`, with the entry of each: by halves, from the index's top bit
/// down, until all entries are one. `None` stands for always.
fn split(
    b: &mut Builder,
    line: Option<Wire>,
    entries: &[u32],
    index: &[Wire],
    blocks: &mut Vec<(Option<Wire>, u32)>,
) {
    let (false, Some((bit, below))) = (entries.windows(2).all(|pair| pair[0] == pair[1]), index.split_last())
    else {
        return blocks.push((line, entries[0]));
    };
    let (low, high) = match line {
        None => (b.not(*bit), *bit),
        Some(line) => {
            let high = b.and(line, *bit);
            (b.xor(line, high), high)
        }
    };
    let (near, far) = entries.split_at(entries.len() / 2);
    split(b, Some(low), near, below, blocks);
    split(b, Some(high), far, below, blocks);
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::graph::Activation;

    fn bits(value: u64, n: usize) -> Vec<bool> {
        (0..n).map(|i| value >> i & 1 == 1).collect()
    }

    fn number(bits: &[bool]) -> u64 {
        bits.iter().rev().fold(0, |value, bit| value << 1 | u64::from(*bit))
    }

    fn signed(x: u64, n: usize) -> i64 {
        ((x << (64 - n)) as i64) >> (64 - n)
    }

    /// Curves whose features lie inside small widths.
    fn curves() -> Vec<Curve> {
        vec![
            Curve::Relu,
            Curve::Clamp { top: 1 },
            Curve::Clamp { top: 6 },
            Curve::Clamp { top: 11 },
            Curve::Clamp { top: 24 },
            Curve::Clamp { top: 1 << 20 },
            Curve::tabulated(Activation::Silu, 1, 0.05),
            Curve::tabulated(Activation::Silu, 1, 0.5),
            Curve::tabulated(Activation::Silu, 2, 0.05),
            Curve::tabulated(Activation::Silu, 6, 0.05),
            Curve::tabulated(Activation::HardSwish, 2, 0.3),
            Curve::tabulated(Activation::HardSwish, 3, 0.01),
            Curve::tabulated(Activation::Sigmoid, 2, 0.1),
            Curve::tabulated(Activation::Sigmoid, 4, 0.01),
            Curve::tabulated(Activation::Tanh, 3, 0.2),
        ]
    }

    #[test]
    fn relus_cost_what_the_paper_says() {
        for n in 2..=48 {
            assert_eq!(narrow(&Curve::Relu, n).circuit.ands(), 2 * n - 2);
            assert_eq!(sign(&Curve::Relu, n).circuit.ands(), n);
            for f in 1..n.saturating_sub(2) {
                assert_eq!(delphi(&Curve::Relu, n, f).circuit.ands(), 3 * n - 3 - f);
            }
        }
    }

    #[test]
    fn narrow_is_the_curve_of_the_rounded_sum() {
        for curve in curves() {
            for n in 2..=6 {
                let program = narrow(&curve, n);
                for (u, v) in (0..1u64 << n).flat_map(|u| (0..1u64 << n).map(move |v| (u, v))) {
                    let x = signed(u + v + 1, n);
                    let outputs = program.circuit.evaluate(&bits(u, n), &bits(v, n));
                    let worth: i64 = outputs
                        .iter()
                        .zip(&program.outputs)
                        .map(|(bit, output)| match output {
                            Output::Weighted(weight) => i64::from(*bit) * weight,
                            other => panic!("{other:?} in a narrow circuit"),
                        })
                        .sum();
                    assert_eq!(worth, curve.apply(x), "{curve:?}, {n} bits, {u} + {v} + 1");
                }
            }
        }
    }

    #[test]
    fn sign_and_its_products_are_the_curve_of_the_rounded_sum() {
        for curve in curves() {
            for n in 2..=6 {
                let program = sign(&curve, n);
                for (u, v) in (0..1u64 << n).flat_map(|u| (0..1u64 << n).map(move |v| (u, v))) {
                    let outputs = program.circuit.evaluate(&bits(u, n), &bits(v, n));
                    let (served, top) = (signed(u, n) + 1, (u >> (n - 1)) as i64);
                    let worth: i64 = outputs
                        .iter()
                        .zip(&program.outputs)
                        .map(|(bit, output)| {
                            i64::from(*bit)
                                * match output {
                                    Output::Weighted(weight) => *weight,
                                    Output::Joint => served + signed(v, n),
                                    Output::Served { shift } => top << shift,
                                    Output::Coloured => panic!("a colour in a sign circuit"),
                                }
                        })
                        .sum();
                    assert_eq!(
                        worth,
                        curve.apply(signed(u + v + 1, n)),
                        "{curve:?}, {n} bits, {u} + {v} + 1"
                    );
                }
            }
        }
    }

    #[test]
    fn delphi_is_the_curve_of_the_quotient_minus_the_mask() {
        for curve in curves() {
            for (k, f) in [(5, 1), (5, 2), (6, 2)] {
                let program = delphi(&curve, k, f);
                let ring = (1u64 << k) - 1;
                for (u, v) in (0..=ring).flat_map(|u| (0..=ring).map(move |v| (u, v))) {
                    for r in (0..=ring).step_by(7) {
                        let inputs = [bits(v, k), bits(r, k)].concat();
                        let found = number(&program.circuit.evaluate(&bits(u, k), &inputs));
                        let expected = curve.apply(signed(u + v + 1, k) >> f) - r as i64;
                        assert_eq!(found, expected as u64 & ring, "{curve:?}, {u} + {v}, {r}");
                    }
                }
            }
        }
    }
}
