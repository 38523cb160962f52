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
    /// s, the bits without which a sign is decided.
    pub(super) skipped: u32,
}

impl Compared {
    /// Those of `step`.
    pub(super) const fn of(step: &ActivationPlan) -> Self {
        Self { dropped: step.step.truncate, bits: step.compared_bits, skipped: step.step.skipped }
    }

    /// One bit more, for sums that leave the bound by less than it is.
    pub(super) const fn wider(self) -> Self {
        Self { bits: self.bits + 1, ..self }
    }

    /// n - s, the bits that decide a sign.
    pub(super) const fn deciding(self) -> u32 {
        self.bits - self.skipped
    }

    /// 2^(s-1), by which what is compared without its lowest s bits is made smaller, so that chance is even at zero; 0 without any.
    pub(super) const fn centre(self) -> u64 {
        (1 << self.skipped) >> 1
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

    /// V where a sign is decided, less the centre.
    pub(super) const fn centred(self, v: u64) -> u64 {
        self.cut(v).wrapping_sub(self.centre()) & ((1 << self.bits) - 1)
    }

    /// The rounded quotient that the shares make where its sign, as it is decided, keeps it, and 0 where not. Beyond the bound, where
    /// the sum wraps before its sign does or after, it is what the parties compute.
    pub(super) const fn kept(self, u: u64, v: u64) -> i64 {
        let (u, v) = (self.cut(u), self.centred(v));
        let above = 64 - self.deciding();
        let sum = (u >> self.skipped).wrapping_add(v >> self.skipped).wrapping_add(1);
        if ((sum << above) as i64) < 0 {
            return 0;
        }
        let top = 1 << (self.bits - 1);
        let low = (u & (top - 1)) + (v & (top - 1)) + 1 + self.centre();
        low as i64 - ((u ^ v) & top) as i64
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
        let compared = Compared { dropped: f, bits: m + 1 - f, skipped: 0 };
        for x in (-(1i64 << m) + (1 << f) + 1)..((1 << m) - (1 << f)) {
            for v in 0..1u64 << k {
                let u = ring.sub(ring.from_signed(x), v);
                let y = compared.quotient(u, v);
                assert!(y == x >> f || y == (x >> f) + 1, "{x} >> {f} gave {y}");
                assert_eq!(compared.kept(u, v), y.max(0));
            }
        }
    }

    /// Every quotient inside the bound, every share: how often it is kept.
    #[test]
    fn chance_is_even_at_zero_and_none_beyond_the_centre() {
        let (n, ring) = (7, Ring::new(7).unwrap());
        for skipped in 1..=n - 3 {
            let compared = Compared { dropped: 0, bits: n, skipped };
            let reach = (1i64 << (n - 1)) - (1 << skipped);
            for x in -reach..=reach {
                let kept = (0..1u64 << n).filter(|v| {
                    let u = ring.sub(ring.from_signed(x - 1), *v);
                    assert_eq!(compared.quotient(u, *v), x);
                    compared.kept(u, *v) == x
                });
                // Of each of the skipped bits' values as many shares as of any other.
                let chance = (x + (1 << skipped >> 1)).clamp(0, 1 << skipped);
                let expected = if x == 0 { 1 << n } else { chance << (n - skipped) };
                assert_eq!(kept.count() as i64, expected, "{x} without {skipped} bits");
            }
        }
    }
}
