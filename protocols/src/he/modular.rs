//! Arithmetic modulo one prime without division or branch: what secrets pass through.

/// A prime below 2^62.
#[derive(Clone, Copy)]
pub(crate) struct Modulus {
    q: u64,
    one: Factor,
    /// 2^64.
    word: Factor,
}

/// A residue that is multiplied with often, and `floor(2^64 * residue / q)` beside it (Shoup's trick).
#[derive(Clone, Copy)]
pub(crate) struct Factor {
    value: u64,
    quotient: u64,
}

impl Modulus {
    /// Arithmetic modulo the prime `q`.
    pub(crate) fn new(q: u64) -> Self {
        assert!(q > 2 && q < 1 << 62, "primes of Q have at most 61 bits");
        let factor = |value: u64| Factor { value, quotient: shoup(value, q) };
        let word = (u128::from(u64::MAX) + 1) % u128::from(q);
        Self { q, one: factor(1), word: factor(word as u64) }
    }

    /// The prime.
    pub(crate) const fn value(&self) -> u64 {
        self.q
    }

    /// Prepares `value`, which is reduced, as a factor.
    pub(crate) fn factor(&self, value: u64) -> Factor {
        Factor { value, quotient: shoup(value, self.q) }
    }

    /// `x * factor`, reduced, for any `x`.
    #[inline(always)]
    pub(crate) const fn mul(&self, x: u64, factor: Factor) -> u64 {
        let quotient = ((x as u128 * factor.quotient as u128) >> 64) as u64;
        self.fold(x.wrapping_mul(factor.value).wrapping_sub(quotient.wrapping_mul(self.q)))
    }

    /// A number below 2q, reduced.
    #[inline(always)]
    const fn fold(&self, x: u64) -> u64 {
        let less = x.wrapping_sub(self.q);
        // Below q the difference has wrapped to a number beyond 2^63; its sign becomes a mask.
        less.wrapping_add(self.q & ((less as i64) >> 63) as u64)
    }

    /// Any number, reduced.
    #[inline(always)]
    pub(crate) const fn reduce(&self, x: u64) -> u64 {
        self.mul(x, self.one)
    }

    /// Any number of two words, reduced.
    #[inline(always)]
    pub(crate) const fn reduce_wide(&self, x: u128) -> u64 {
        self.add(self.mul((x >> 64) as u64, self.word), self.reduce(x as u64))
    }

    /// The sum of reduced numbers.
    #[inline(always)]
    pub(crate) const fn add(&self, a: u64, b: u64) -> u64 {
        self.fold(a + b)
    }

    /// The difference of reduced numbers.
    #[inline(always)]
    pub(crate) const fn sub(&self, a: u64, b: u64) -> u64 {
        self.fold(a + self.q - b)
    }

    /// A signed number of magnitude below q.
    #[inline(always)]
    pub(crate) const fn signed(&self, x: i64) -> u64 {
        (x as u64).wrapping_add(self.q & (x >> 63) as u64)
    }

    /// The inverse of a public number that is not a multiple of the prime, by Fermat.
    pub(crate) fn inverse(&self, x: u64) -> u64 {
        let (mut power, mut square, mut exponent) = (1, self.reduce(x), self.q - 2);
        while exponent > 0 {
            let factor = self.factor(square);
            if exponent & 1 == 1 {
                power = self.mul(power, factor);
            }
            square = self.mul(square, factor);
            exponent >>= 1;
        }
        power
    }
}

fn shoup(value: u64, q: u64) -> u64 {
    ((u128::from(value) << 64) / u128::from(q)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_division(
            q in prop::sample::select(vec![17u64, 68_719_403_009, 1_125_899_906_826_241, 2_251_799_813_554_177]),
            x in any::<u128>(), y in any::<u64>(), z in any::<i32>(),
        ) {
            let modulus = Modulus::new(q);
            let wide = u128::from(q);
            let (a, b) = (modulus.reduce_wide(x), modulus.reduce(y));
            prop_assert_eq!((a, b), ((x % wide) as u64, y % q));
            prop_assert_eq!(modulus.mul(y, modulus.factor(a)), (u128::from(y) * u128::from(a) % wide) as u64);
            prop_assert_eq!(modulus.add(a, b), ((u128::from(a) + u128::from(b)) % wide) as u64);
            prop_assert_eq!(modulus.sub(a, b), ((u128::from(a) + wide - u128::from(b)) % wide) as u64);
            let small = i64::from(z) % q as i64;
            prop_assert_eq!(modulus.signed(small), small.rem_euclid(q as i64) as u64);
        }
    }

    #[test]
    fn inverses_multiply_to_one() {
        let modulus = Modulus::new(1_125_899_906_826_241);
        for x in [1, 2, 12_345, 1 << 49] {
            assert_eq!(modulus.mul(x, modulus.factor(modulus.inverse(x))), 1);
        }
    }
}
