//! Sums of products of rows modulo one prime, reduced once at the end.

use super::super::modular::Modulus;
use super::term::Term;
#[cfg(target_arch = "x86_64")]
use crate::simd::{DoubleSums, WideSums};

/// `sums[i][j] = sum over terms of weight[j] * ciphertext[i][j]`, reduced. All rows are as long as the sums, and reduced.
pub(in crate::he) fn accumulate(modulus: &Modulus, terms: &[Term<'_>], sums: &mut [Vec<u64>; 2]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = WideSums::new(modulus.value()) {
        return wide.accumulate(terms, sums);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(doubles) = DoubleSums::new(modulus.value()) {
        return doubles.accumulate(terms, sums);
    }
    portable(modulus, terms, sums);
}

/// The same on any machine. Products are below 2^104, so 2^24 of them fit a sum of 128 bits.
fn portable(modulus: &Modulus, terms: &[Term<'_>], sums: &mut [Vec<u64>; 2]) {
    for (half, sums) in sums.iter_mut().enumerate() {
        for (j, sum) in sums.iter_mut().enumerate() {
            let product = |term: &Term<'_>| u128::from(term.weight[j]) * u128::from(term.ciphertext[half][j]);
            *sum = modulus.reduce_wide(terms.iter().map(product).sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    /// The vector kernels and their portable twin agree, over counts of terms on both sides of its groups and of the point
    /// where it must reduce in between; some terms are the largest that there are.
    #[test]
    fn kernels_agree() {
        let mut rng = rand::rng();
        for q in [68_719_403_009, (1 << 50) - 16_383, (1 << 51) - 131_071] {
            let modulus = Modulus::new(q);
            for count in [0, 1, 3, 4, 5, 9, 4095, 4096, 8193] {
                let length = 64;
                let largest = vec![q - 1; length];
                let mut row = || (0..length).map(|_| rng.random_range(0..q)).collect::<Vec<_>>();
                let rows: Vec<_> = (0..count.min(9)).map(|_| [row(), row(), row()]).collect();
                let terms: Vec<Term<'_>> = (0..count)
                    .map(|i| match rows.get(i) {
                        Some([a, b, c]) => Term { weight: a, ciphertext: [b, c] },
                        None => Term { weight: &largest, ciphertext: [&largest, &largest] },
                    })
                    .collect();
                let sums = || [vec![1; length], vec![2; length]];
                let mut expected = sums();
                portable(&modulus, &terms, &mut expected);
                let mut found = sums();
                accumulate(&modulus, &terms, &mut found);
                assert!(found == expected, "{count} terms modulo {q}");
                #[cfg(target_arch = "x86_64")]
                if let Some(doubles) = DoubleSums::new(q) {
                    doubles.accumulate(&terms, &mut found);
                    assert!(found == expected, "{count} terms modulo {q}, in doubles");
                }
            }
        }
    }

    /// The portable twin against one division a product.
    #[test]
    fn the_portable_sum_is_right() {
        let modulus = Modulus::new(97);
        let (a, b, c) = (vec![96, 5], vec![96, 40], vec![3, 2]);
        let mut sums = [vec![0; 2], vec![0; 2]];
        let term = Term { weight: &a, ciphertext: [&b, &c] };
        portable(&modulus, &[term, term, term], &mut sums);
        assert_eq!(sums, [vec![3, 600 % 97], vec![(3 * 96 * 3) % 97, 30]]);
    }
}
