//! Circuits as programs: written once over [`Gates`], read by the garbler, the evaluator, the clear evaluation and the counter.
//!
//! XOR and NOT are free under every reader; an AND costs two ciphertexts. Bits of a number are least significant first.

/// A reader of circuits. A wire stands for as many identical instances as the reader runs in lock step.
pub trait Gates {
    /// The value of a wire, as this reader sees it.
    type Wire: Clone;

    /// `a ^ b`, free.
    fn xor(&mut self, a: &Self::Wire, b: &Self::Wire) -> Self::Wire;

    /// `a & b`.
    fn and(&mut self, a: &Self::Wire, b: &Self::Wire) -> Self::Wire;

    /// `!a`, free.
    fn not(&mut self, a: &Self::Wire) -> Self::Wire;
}

/// ANDs of [`narrow_relu`] on `bits`-bit inputs.
pub const fn narrow_relu_ands(bits: usize) -> usize {
    2 * bits - 2
}

/// `max(X, 0)` in `n - 1` bits, where `X = u + v + 1 mod 2^n` is read as signed. `n >= 2` bits each; `2n - 2` ANDs.
///
/// The carry-in of 1 makes `X` the stochastically rounded value of the shares whose dropped low bits it stands for; it costs nothing.
pub fn narrow_relu<G: Gates>(gates: &mut G, u: &[G::Wire], v: &[G::Wire]) -> Vec<G::Wire> {
    let n = u.len();
    assert!(n >= 2 && v.len() == n, "inputs have one width, of at least a sign and a bit");
    let mut sum = Vec::with_capacity(n);
    let parity = gates.xor(&u[0], &v[0]);
    sum.push(gates.not(&parity));
    // With a carry of 1 the first carry out is `u | v`.
    let (no_u, no_v) = (gates.not(&u[0]), gates.not(&v[0]));
    let neither = gates.and(&no_u, &no_v);
    let mut carry = gates.not(&neither);
    for i in 1..n {
        let with_u = gates.xor(&u[i], &carry);
        sum.push(gates.xor(&with_u, &v[i]));
        if i + 1 < n {
            let with_v = gates.xor(&v[i], &carry);
            let flips = gates.and(&with_u, &with_v);
            carry = gates.xor(&carry, &flips);
        }
    }
    let keep = gates.not(&sum[n - 1]);
    sum[..n - 1].iter().map(|bit| gates.and(bit, &keep)).collect()
}

/// The meaning of a circuit: wires are bits, one instance.
pub struct Clear;

impl Gates for Clear {
    type Wire = bool;

    fn xor(&mut self, a: &bool, b: &bool) -> bool {
        a ^ b
    }

    fn and(&mut self, a: &bool, b: &bool) -> bool {
        a & b
    }

    fn not(&mut self, a: &bool) -> bool {
        !a
    }
}

/// The cost of a circuit: counts gates, one instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// ANDs so far.
    pub ands: usize,
}

impl Gates for Counter {
    type Wire = ();

    fn xor(&mut self, _: &(), _: &()) {}

    fn and(&mut self, _: &(), _: &()) {
        self.ands += 1;
    }

    fn not(&mut self, _: &()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(value: u64, n: usize) -> Vec<bool> {
        (0..n).map(|i| value >> i & 1 == 1).collect()
    }

    #[test]
    fn narrow_relu_costs_what_it_declares() {
        for n in 2..=48 {
            let mut counter = Counter::default();
            let outputs = narrow_relu(&mut counter, &vec![(); n], &vec![(); n]);
            assert_eq!((outputs.len(), counter.ands), (n - 1, narrow_relu_ands(n)), "{n} bits");
        }
    }

    #[test]
    fn narrow_relu_is_the_positive_part_of_the_sum() {
        for n in 2..=6 {
            for (u, v) in (0..1u64 << n).flat_map(|u| (0..1u64 << n).map(move |v| (u, v))) {
                let x = (u + v + 1) % (1 << n);
                let expected = if x >> (n - 1) == 0 { x } else { 0 };
                let outputs = narrow_relu(&mut Clear, &bits(u, n), &bits(v, n));
                assert_eq!(outputs, bits(expected, n - 1), "{n} bits, {u} + {v} + 1");
            }
        }
    }
}
