//! The bits of two shares that matter to a comparison. Source: this project's own.
//!
//! n = m + 1 - f bits for values |x| < 2^m - 2^f. Both shares are reduced mod 2^(m+1) and lose their low f bits: U, V.
//! U + V + 1 mod 2^n is x / 2^f rounded down or up (up with the probability of the dropped bits), so its sign is right and
//! a curve of it is off by at most one unit.

use crate::plan::ActivationPlan;

/// Which bits of a share are compared.
#[derive(Clone, Copy)]
pub(super) struct Compared {
    /// f, the bits dropped below.
    dropped: u32,
    /// n.
    pub(super) bits: u32,
}

impl Compared {
    /// Those of `step`.
    pub(super) const fn of(step: &ActivationPlan) -> Self {
        Self { dropped: step.step.truncate, bits: step.compared_bits }
    }

    /// One bit more, for sums that leave the bound by less than it is.
    pub(super) const fn wider(self) -> Self {
        Self { dropped: self.dropped, bits: self.bits + 1 }
    }

    /// U or V: the n bits of a share.
    pub(super) const fn cut(self, share: u64) -> u64 {
        (share >> self.dropped) & ((1 << self.bits) - 1)
    }

    /// The n bits of every share.
    pub(super) fn cut_all(self, shares: &[u64]) -> Vec<u64> {
        shares.iter().map(|share| self.cut(*share)).collect()
    }

    /// The low n bits, read as signed.
    pub(super) const fn signed(self, x: u64) -> i64 {
        let above = 64 - self.bits;
        ((x << above) as i64) >> above
    }

    /// The rounded quotient that the shares make.
    pub(super) const fn quotient(self, u: u64, v: u64) -> i64 {
        self.signed(self.cut(u).wrapping_add(self.cut(v)).wrapping_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::fixed::Ring;

    /// Every x inside the bound, every share: the quotient within one unit, and so ReLU of it.
    #[test]
    fn exhaustive_at_small_width() {
        let (k, m, f) = (9, 6, 3);
        let ring = Ring::new(k).unwrap();
        let compared = Compared { dropped: f, bits: m + 1 - f };
        for x in (-(1i64 << m) + (1 << f) + 1)..((1 << m) - (1 << f)) {
            for v in 0..1u64 << k {
                let u = ring.sub(ring.from_signed(x), v);
                let y = compared.quotient(u, v);
                assert!(y == x >> f || y == (x >> f) + 1, "{x} >> {f} gave {y}");
            }
        }
    }
}
