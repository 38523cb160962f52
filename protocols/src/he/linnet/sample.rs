//! Secrets, errors and uniform polynomials from streams of AES-128 in counter mode.

use super::ring::Ring;
use crate::block::Block;
use crate::prg::Prg;
use crate::wire::low;

/// Coins of one sign in a centred binomial error. Its variance is half of that: a standard deviation of 3.24, where the
/// security line asks for 3.19.
pub(super) const ERROR_COINS: u32 = 21;

/// Words that make up for rejected ones, drawn at a time.
const SPARE: usize = 128;

/// `count` uniform words.
fn words(prg: &mut Prg, count: usize) -> Vec<u64> {
    let mut blocks = vec![Block::ZERO; count.div_ceil(2)];
    prg.fill(&mut blocks);
    let mut words = Vec::with_capacity(2 * blocks.len());
    words.extend(blocks.iter().flat_map(|block| [block.0 as u64, (block.0 >> 64) as u64]));
    words.truncate(count);
    words
}

/// Ternary coefficients, uniform up to 2^-63: three goes into 2^64 with a rest of one.
pub(super) fn ternary(prg: &mut Prg, degree: usize) -> Vec<i64> {
    words(prg, degree).iter().map(|word| ((u128::from(*word) * 3) >> 64) as i64 - 1).collect()
}

/// Centred binomial coefficients: heads of `ERROR_COINS` coins less heads of as many others.
pub(super) fn errors(prg: &mut Prg, degree: usize) -> Vec<i64> {
    let coins = low(ERROR_COINS);
    let error = |word: &u64| {
        i64::from((word & coins).count_ones()) - i64::from((word >> ERROR_COINS & coins).count_ones())
    };
    words(prg, degree).iter().map(error).collect()
}

/// A uniform polynomial in NTT form, which both parties expand from the seed.
///
/// A word keeps as many bits as the prime has, and is rejected if it is then not below the prime, so every residue is
/// equally likely. The prime being close to its power of two, that is rare. It depends on the public seed alone.
pub(super) fn uniform(ring: &Ring, seed: Block) -> Vec<u64> {
    let mut prg = Prg::new(seed);
    let mut polynomial = Vec::with_capacity(ring.rows.len() * ring.degree);
    for (index, row) in ring.rows.iter().enumerate() {
        let (q, end) = (row.modulus.value(), (index + 1) * ring.degree);
        let mask = u64::MAX >> q.leading_zeros();
        let mut draw = ring.degree;
        while polynomial.len() < end {
            let accepted = words(&mut prg, draw).into_iter().map(|word| word & mask).filter(|x| *x < q);
            let missing = end - polynomial.len();
            polynomial.extend(accepted.take(missing));
            draw = SPARE;
        }
    }
    polynomial
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each moment within five of its standard deviations over 2^16 draws.
    #[test]
    fn distributions_have_their_moments() {
        let n = 1 << 16;
        let moments = |values: &[i64]| {
            let mean = values.iter().sum::<i64>() as f64 / n as f64;
            (mean, values.iter().map(|x| (x * x) as f64).sum::<f64>() / n as f64)
        };
        let mut prg = Prg::new(Block(1));
        let (mean, square) = moments(&ternary(&mut prg, n));
        // The square is one with probability 2/3: variances 2/3 and 2/9.
        assert!(mean.abs() < 5.0 * (2.0f64 / 3.0).sqrt() / 256.0, "{mean}");
        assert!((square - 2.0 / 3.0).abs() < 5.0 * (2.0f64 / 9.0).sqrt() / 256.0, "{square}");
        let values = errors(&mut prg, n);
        let (mean, square) = moments(&values);
        // The fourth moment of a centred binomial is below the normal's 3 v^2, so the square's variance is below 2 v^2.
        let variance = f64::from(ERROR_COINS) / 2.0;
        assert!(mean.abs() < 5.0 * variance.sqrt() / 256.0, "{mean}");
        assert!((square - variance).abs() < 5.0 * 2.0f64.sqrt() * variance / 256.0, "{square}");
        assert!(values.iter().all(|x| x.abs() <= i64::from(ERROR_COINS)));
    }

    /// A prime at three quarters of a power of two rejects a quarter of the words; what is left is uniform.
    #[test]
    fn rejection_leaves_residues_uniform() {
        let ring = Ring::new(2048, &[14]).unwrap();
        assert_eq!(ring.primes(), [12_289]);
        let mut thirds = [0u32; 3];
        for seed in 0..32 {
            for x in uniform(&ring, Block(seed)) {
                assert!(x < 12_289);
                thirds[(x * 3 / 12_289) as usize] += 1;
            }
        }
        // 2^16 draws, standard deviation sqrt(2^16 * 2/9) = 121.
        assert!(thirds.iter().all(|count| count.abs_diff(21_845) < 600), "{thirds:?}");
    }

    #[test]
    fn a_seed_always_means_the_same_polynomial() {
        let ring = Ring::new(4096, &[50, 50]).unwrap();
        let polynomial = uniform(&ring, Block(7));
        assert!(polynomial == uniform(&ring, Block(7)));
        assert!(polynomial != uniform(&ring, Block(8)));
        // Rows go on in the stream: they are not the same.
        assert!(polynomial[..4096] != polynomial[4096..]);
    }
}
