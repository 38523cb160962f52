//! Circuits as data: written once with a [`Builder`], read by the garbler, the evaluator, the clear evaluation and the counter.
//!
//! XOR and NOT are free under every reader; an AND and the majority of three, which is an AND between free XORs, cost two
//! ciphertexts. A full adder is an XOR and a majority of three wires: readers then fetch and keep each wire once. A reader keeps
//! its wires in a file of slots: the garbler's inputs, then the evaluator's, then whatever the operations write; a slot is used
//! again once its wire is spent, so that the file of a whole chunk stays in the first-level cache. The programs themselves are in
//! `programs.rs`.

/// Index into a reader's file of wires.
pub(crate) type Slot = u16;

/// One operation on slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `out = a ^ b`, or `a ^ b ^ c`.
    Xor {
        /// First operand.
        a: Slot,
        /// Second operand.
        b: Slot,
        /// Third operand, where there is one.
        c: Option<Slot>,
        /// Result.
        out: Slot,
    },
    /// `out = !a`.
    Not {
        /// Operand.
        a: Slot,
        /// Result.
        out: Slot,
    },
    /// An AND, or a majority.
    And(And),
}

/// `out = a & b`, or `c ^ ((a ^ c) & (b ^ c))`, which is what two of three are; the `n`-th of a circuit is its gate `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct And {
    /// First operand.
    pub(crate) a: Slot,
    /// Second operand.
    pub(crate) b: Slot,
    /// Third operand, of a majority.
    pub(crate) c: Option<Slot>,
    /// Result.
    pub(crate) out: Slot,
}

/// A checked circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circuit {
    garbler: usize,
    evaluator: usize,
    ops: Vec<Op>,
    outputs: Vec<Slot>,
    slots: usize,
    ands: usize,
}

impl Circuit {
    /// Input wires of the garbler.
    pub const fn garbler_inputs(&self) -> usize {
        self.garbler
    }

    /// Input wires of the evaluator.
    pub const fn evaluator_inputs(&self) -> usize {
        self.evaluator
    }

    /// Output wires.
    pub const fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// AND gates, majorities among them.
    pub const fn ands(&self) -> usize {
        self.ands
    }

    /// Slots that a reader needs.
    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    /// The operations in order.
    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Where the outputs are once the operations are done.
    pub(crate) fn output_slots(&self) -> &[Slot] {
        &self.outputs
    }

    /// The circuit's meaning: bits in, bits out.
    pub fn evaluate(&self, garbler: &[bool], evaluator: &[bool]) -> Vec<bool> {
        assert_eq!((garbler.len(), evaluator.len()), (self.garbler, self.evaluator), "one bit an input wire");
        let mut wires = vec![false; self.slots];
        wires[..self.garbler].copy_from_slice(garbler);
        wires[self.garbler..self.garbler + self.evaluator].copy_from_slice(evaluator);
        for op in &self.ops {
            let wire = |slot: Slot| wires[slot as usize];
            let (out, bit) = match *op {
                Op::Xor { a, b, c, out } => (out, wire(a) ^ wire(b) ^ c.is_some_and(wire)),
                Op::Not { a, out } => (out, !wire(a)),
                Op::And(And { a, b, c: None, out }) => (out, wire(a) & wire(b)),
                Op::And(And { a, b, c: Some(c), out }) => {
                    (out, [a, b, c].into_iter().filter(|slot| wire(*slot)).count() >= 2)
                }
            };
            wires[out as usize] = bit;
        }
        self.outputs.iter().map(|slot| wires[*slot as usize]).collect()
    }
}

/// A wire of a circuit that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire(u32);

/// Writes a circuit gate by gate.
pub struct Builder {
    garbler: u32,
    evaluator: u32,
    gates: Vec<Gate>,
}

#[derive(Clone, Copy)]
enum Gate {
    Xor(Wire, Wire),
    Xor3(Wire, Wire, Wire),
    And(Wire, Wire),
    Majority(Wire, Wire, Wire),
    Not(Wire),
}

impl Gate {
    fn operands(self) -> Vec<usize> {
        let operands = match self {
            Self::Xor3(a, b, c) | Self::Majority(a, b, c) => vec![a, b, c],
            Self::Xor(a, b) | Self::And(a, b) => vec![a, b],
            Self::Not(a) => vec![a],
        };
        operands.into_iter().map(|wire| wire.0 as usize).collect()
    }
}

impl Builder {
    /// A circuit of so many input wires of either party, and those wires.
    pub fn new(garbler: usize, evaluator: usize) -> (Self, Vec<Wire>, Vec<Wire>) {
        let (g, e) = (garbler as u32, evaluator as u32);
        let builder = Self { garbler: g, evaluator: e, gates: Vec::new() };
        (builder, (0..g).map(Wire).collect(), (g..g + e).map(Wire).collect())
    }

    /// `a ^ b`, free.
    pub fn xor(&mut self, a: Wire, b: Wire) -> Wire {
        self.push(Gate::Xor(a, b))
    }

    /// `a ^ b ^ c`, free.
    pub fn xor3(&mut self, a: Wire, b: Wire, c: Wire) -> Wire {
        self.push(Gate::Xor3(a, b, c))
    }

    /// `a & b`.
    pub fn and(&mut self, a: Wire, b: Wire) -> Wire {
        self.push(Gate::And(a, b))
    }

    /// What two of three are, one AND: a full adder's carry.
    pub fn majority(&mut self, a: Wire, b: Wire, c: Wire) -> Wire {
        self.push(Gate::Majority(a, b, c))
    }

    /// `!a`, free.
    pub fn not(&mut self, a: Wire) -> Wire {
        self.push(Gate::Not(a))
    }

    /// `a | b`, one AND.
    pub fn or(&mut self, a: Wire, b: Wire) -> Wire {
        let both = self.and(a, b);
        let either = self.xor(a, b);
        self.xor(either, both)
    }

    fn push(&mut self, gate: Gate) -> Wire {
        self.gates.push(gate);
        Wire(self.garbler + self.evaluator + self.gates.len() as u32 - 1)
    }

    /// The circuit of these outputs. Gates that none of them needs are left out.
    pub fn finish(self, outputs: &[Wire]) -> Circuit {
        let inputs = (self.garbler + self.evaluator) as usize;
        let total = inputs + self.gates.len();
        // The last gate that reads a wire: `usize::MAX` for outputs, `None` for what is never read.
        let mut last: Vec<Option<usize>> = vec![None; total];
        outputs.iter().for_each(|wire| last[wire.0 as usize] = Some(usize::MAX));
        for (index, gate) in self.gates.iter().enumerate().rev() {
            if last[inputs + index].is_some() {
                for wire in gate.operands() {
                    last[wire].get_or_insert(index);
                }
            }
        }
        let mut slot_of: Vec<Slot> = vec![0; total];
        (0..inputs).for_each(|input| slot_of[input] = input as Slot);
        let mut slots = inputs;
        let mut free: Vec<Slot> = (0..inputs).filter(|i| last[*i].is_none()).map(|i| i as Slot).collect();
        let mut ops = Vec::with_capacity(self.gates.len());
        for (index, gate) in self.gates.iter().enumerate().filter(|(i, _)| last[inputs + i].is_some()) {
            let mut spent = gate.operands();
            spent.sort_unstable();
            spent.dedup();
            free.extend(spent.iter().filter(|wire| last[**wire] == Some(index)).map(|wire| slot_of[*wire]));
            let out = free.pop().unwrap_or_else(|| {
                slots += 1;
                Slot::try_from(slots - 1).expect("circuits have fewer than 2^16 wires at a time")
            });
            slot_of[inputs + index] = out;
            let slot = |wire: Wire| slot_of[wire.0 as usize];
            ops.push(match *gate {
                Gate::Xor(a, b) => Op::Xor { a: slot(a), b: slot(b), c: None, out },
                Gate::Xor3(a, b, c) => Op::Xor { a: slot(a), b: slot(b), c: Some(slot(c)), out },
                Gate::And(a, b) => Op::And(And { a: slot(a), b: slot(b), c: None, out }),
                Gate::Majority(a, b, c) => Op::And(And { a: slot(a), b: slot(b), c: Some(slot(c)), out }),
                Gate::Not(a) => Op::Not { a: slot(a), out },
            });
        }
        Circuit {
            garbler: self.garbler as usize,
            evaluator: self.evaluator as usize,
            ands: ops.iter().filter(|op| matches!(op, Op::And(_))).count(),
            ops,
            outputs: outputs.iter().map(|wire| slot_of[wire.0 as usize]).collect(),
            slots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_dead_gates_left_out() {
        let (mut b, x, y) = Builder::new(2, 2);
        let dead = b.and(x[0], x[1]);
        let _ = b.not(dead);
        let mut acc = b.xor(x[0], y[0]);
        for _ in 0..50 {
            let next = b.and(acc, y[1]);
            acc = b.xor(next, x[1]);
        }
        let same = b.and(acc, acc);
        let circuit = b.finish(&[same, y[1]]);
        assert_eq!(circuit.ands(), 51);
        assert!(circuit.slots() <= 6, "{} slots", circuit.slots());
        for bits in 0..16u8 {
            let bit = |i: u8| bits >> i & 1 == 1;
            let mut expected = bit(0) ^ bit(2);
            (0..50).for_each(|_| expected = (expected & bit(3)) ^ bit(1));
            let found = circuit.evaluate(&[bit(0), bit(1)], &[bit(2), bit(3)]);
            assert_eq!(found, [expected, bit(3)]);
        }
    }

    #[test]
    fn an_or_costs_one_and() {
        let (mut b, x, y) = Builder::new(1, 1);
        let or = b.or(x[0], y[0]);
        let circuit = b.finish(&[or]);
        assert_eq!(circuit.ands(), 1);
        for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(circuit.evaluate(&[x], &[y]), [x | y]);
        }
    }

    #[test]
    fn a_full_adder_is_an_xor_and_a_majority() {
        let (mut b, x, y) = Builder::new(2, 1);
        let (sum, carry) = (b.xor3(x[0], x[1], y[0]), b.majority(x[0], x[1], y[0]));
        // An operand that comes twice, apart, is spent once.
        let (same, other) = (b.majority(sum, carry, sum), b.xor3(carry, sum, carry));
        let circuit = b.finish(&[sum, carry, same, other]);
        assert_eq!(circuit.ands(), 2);
        for bits in 0..8u8 {
            let bit = |i: u8| bits >> i & 1 == 1;
            let (sum, carry) = (bits.count_ones() % 2 == 1, bits.count_ones() >= 2);
            assert_eq!(circuit.evaluate(&[bit(0), bit(1)], &[bit(2)]), [sum, carry, sum, sum]);
        }
    }
}
