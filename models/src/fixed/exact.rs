//! Convolution of ring elements, exactly, on the floating-point unit.
//!
//! A sum of products of integers is exact in `f64`, in any order, while no partial sum can pass 2^53. Partial sums
//! are bounded by the largest sum of magnitudes of a kernel row times the largest magnitude of an input; an input
//! that is too wide for that is split into balanced digits, which mostly is not needed. The bound kept is 2^51: within
//! it an integer becomes an `f64` and comes back by one addition (below), which vectorises on every processor.

use super::ring::Ring;
use crate::graph::{Padding, Shape, Window};
use crate::matmul::{TiledConvolution, threads};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::slice::ParallelSlice;

/// log2 of what no partial sum may reach.
const SUM_BITS: u32 = 51;

/// A convolution with integer weights, ready to be applied any number of times.
#[derive(Clone, Debug)]
pub struct Convolution<'a> {
    ring: Ring,
    shape: Shape,
    window: Window,
    out: usize,
    /// The weights `(out, in / groups, rows, columns)`.
    kernel: Kernel<'a>,
    groups: usize,
    /// Digits d of the input satisfy -2^(digit_bits - 1) <= d < 2^(digit_bits - 1).
    digit_bits: u32,
}

/// The weights as what multiplies them wants them.
#[derive(Clone, Debug)]
enum Kernel<'a> {
    /// Used at every position: as numbers of the floating-point unit.
    Spread(Vec<f64>),
    /// Used once, as by a fully connected layer, whose weights are most of many a network: as they are, since reading them takes
    /// longer than anything that is done with them.
    Once(&'a [i32]),
}

impl<'a> Convolution<'a> {
    /// Prepares `kernel` `(out, in / groups, rows, columns)` for inputs of `shape` in `ring`; how many groups there are shows in
    /// its size.
    pub fn new(ring: Ring, shape: Shape, window: Window, out: usize, kernel: &'a [i32]) -> Self {
        let terms = kernel.len() / out;
        let groups = shape.c * window.kernel.0 * window.kernel.1 / terms;
        let norm = |row: &[i32]| row.iter().map(|w| u64::from(w.unsigned_abs())).sum::<u64>();
        let norm_bits = u64::BITS - kernel.chunks(terms).map(norm).max().unwrap_or(0).leading_zeros();
        assert!(norm_bits + 1 < SUM_BITS, "a row of weights of at most 2^24 has fewer than 2^25 terms");
        let digit_bits = (SUM_BITS + 1 - norm_bits).min(ring.bits());
        let once = groups == 1 && terms == shape.size() && window.output(shape) == Some((1, 1));
        let kernel = match once && window.padding == Padding::default() {
            true => Kernel::Once(kernel),
            false => Kernel::Spread(kernel.iter().map(|w| f64::from(*w)).collect()),
        };
        Self { ring, shape, window, out, kernel, groups, digit_bits }
    }

    /// Adds the convolution of `input`, whose values are signed and in the ring's range, to `sum`, modulo 2^k;
    /// what stands above bit k is undefined.
    pub fn add_to(&self, input: &[i64], sum: &mut [u64]) {
        self.add_digits_to(input, self.ring.bits(), sum);
    }

    /// [`Self::add_to`] for an input that is no secret: with no more digits than its largest value has, which shows in how long
    /// it takes.
    pub fn add_clear_to(&self, input: &[i64], sum: &mut [u64]) {
        let magnitudes = input.iter().fold(0, |all, x| all | (x ^ (x >> 63)));
        let bits = i64::BITS - magnitudes.leading_zeros() + 1;
        // Digits below the last one may carry into it.
        let carry = u32::from(bits > self.digit_bits);
        self.add_digits_to(input, (bits + carry).min(self.ring.bits()), sum);
    }

    /// The sum over digits of `bits` bits in all.
    fn add_digits_to(&self, input: &[i64], bits: u32, sum: &mut [u64]) {
        let mut rest = Vec::new();
        let mut digits: Vec<f64> = Vec::with_capacity(input.len());
        for shift in (0..bits).step_by(self.digit_bits as usize) {
            digits.clear();
            if self.digit_bits >= bits {
                digits.extend(input.iter().map(|x| float(*x)));
            } else {
                if shift == 0 {
                    rest.extend_from_slice(input);
                }
                digits.extend(rest.iter_mut().map(|x| float(take_digit(x, self.digit_bits))));
            }
            match &self.kernel {
                Kernel::Spread(kernel) => self.add_spread(&digits, kernel, shift, sum),
                Kernel::Once(kernel) => add_once(&digits, kernel, shift, sum),
            }
        }
    }

    /// Adds 2^`shift` times the convolution of `digits`.
    fn add_spread(&self, digits: &[f64], kernel: &[f64], shift: u32, sum: &mut [u64]) {
        let of_group = Shape { c: self.shape.c / self.groups, ..self.shape };
        let outs = self.out / self.groups;
        let convolution = TiledConvolution::new(of_group, &self.window, outs);
        let area = convolution.area();
        assert_eq!(sum.len(), self.out * area, "a sum has its segment's shape");
        let inputs = digits.chunks_exact(of_group.size());
        let kernels = kernel.chunks_exact(kernel.len() / self.groups);
        for ((input, kernel), sum) in inputs.zip(kernels).zip(sum.chunks_exact_mut(outs * area)) {
            convolution.run(input, kernel, |tile, values| {
                for (channel, line) in tile.channels.clone().zip(values.chunks_exact(tile.positions.len())) {
                    let start = channel * area + tile.positions.start;
                    let sum = &mut sum[start..start + line.len()];
                    sum.iter_mut().zip(line).for_each(|(s, p)| *s = s.wrapping_add(integer(*p) << shift));
                }
            });
        }
    }
}

/// Adds 2^`shift` times the product of `kernel`, a row for every sum, with `digits`.
fn add_once(digits: &[f64], kernel: &[i32], shift: u32, sum: &mut [u64]) {
    assert_eq!(sum.len() * digits.len(), kernel.len(), "a sum has its segment's shape");
    let add = |(sum, row): (&mut u64, &[i32])| {
        *sum = sum.wrapping_add(integer(product(digits, row)) << shift);
    };
    match threads() {
        1 => sum.iter_mut().zip(kernel.chunks_exact(digits.len())).for_each(add),
        _ => sum.par_iter_mut().zip(kernel.par_chunks_exact(digits.len())).for_each(add),
    }
}

/// In eight sums, which are added up many at a time.
fn product(digits: &[f64], row: &[i32]) -> f64 {
    let mut sums = [0f64; 8];
    let ((digits, last_digits), (row, last)) = (digits.as_chunks::<8>(), row.as_chunks::<8>());
    for (digits, weights) in digits.iter().zip(row) {
        sums.iter_mut().zip(digits.iter().zip(weights)).for_each(|(sum, (x, w))| *sum += x * f64::from(*w));
    }
    let rest = last_digits.iter().zip(last).map(|(x, w)| x * f64::from(*w));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// Takes the lowest balanced digit of `bits` bits off `x`.
fn take_digit(x: &mut i64, bits: u32) -> i64 {
    let unused = i64::BITS - bits;
    let digit = (*x << unused) >> unused;
    *x = (*x - digit) >> bits;
    digit
}

/// 1.5 * 2^52: adding it to an integer of magnitude below 2^51 leaves that integer in the low bits of the sum's
/// representation, whose unit in the last place is 1.
const SHIFTER: f64 = 6_755_399_441_055_744.0;

/// `x` of magnitude below 2^51.
fn float(x: i64) -> f64 {
    f64::from_bits((x as u64).wrapping_add(SHIFTER.to_bits())) - SHIFTER
}

/// The integer `x` of magnitude below 2^51, modulo 2^64.
fn integer(x: f64) -> u64 {
    (x + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolve::convolve;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha12Rng;
    use std::num::Wrapping;

    #[test]
    fn integers_pass_through_floats() {
        let edge = (1i64 << 51) - 1;
        for x in [0, 1, -1, 12_345, -98_765, edge, -edge] {
            assert_eq!(float(x), x as f64);
            assert_eq!(integer(x as f64), x as u64);
        }
    }

    #[test]
    fn balanced_digits_add_up() {
        for bits in 2..20 {
            for x in [0, 1, -1, 77, -78, (1 << 47) - 1, -(1 << 47)] {
                let (mut rest, mut sum) = (x, 0);
                for shift in (0..60).step_by(bits as usize) {
                    let digit = take_digit(&mut rest, bits);
                    assert!((-(1 << (bits - 1))..1 << (bits - 1)).contains(&digit));
                    sum += digit << shift;
                }
                assert_eq!((rest, sum), (0, x), "{bits} bits");
            }
        }
    }

    /// Compares with plain sums of wrapping integers and returns the number of digits.
    fn check(rng: &mut ChaCha12Rng, bits: u32, weight: i32, shape: Shape, window: Window, out: usize) -> u32 {
        let ring = Ring::new(bits).unwrap();
        // Extreme values are as likely as others.
        let (low, high) = (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1);
        let input: Vec<i64> = (0..shape.size())
            .map(|_| match rng.random_range(0..3) {
                0 => low,
                1 => high,
                _ => rng.random_range(low..=high),
            })
            .collect();
        let kernel: Vec<i32> = (0..out * shape.c * window.kernel.0 * window.kernel.1)
            .map(|_| if rng.random() { weight } else { rng.random_range(-weight..=weight) })
            .collect();
        let convolution = Convolution::new(ring, shape, window, out, &kernel);
        let wide: Vec<Wrapping<i64>> = input.iter().map(|x| Wrapping(*x)).collect();
        let wide_kernel: Vec<Wrapping<i64>> = kernel.iter().map(|w| Wrapping(i64::from(*w))).collect();
        let expected = convolve(&wide, shape, &window, out, &wide_kernel);
        let mut exact = vec![3; expected.len()];
        convolution.add_to(&input, &mut exact);
        for (exact, expected) in exact.iter().zip(&expected) {
            assert_eq!(ring.reduce(*exact), ring.from_signed(expected.0 + 3), "{bits} {shape} {window:?}");
        }
        // The same by as few digits as values have, where they have few.
        for few in [1, bits.div_ceil(2), bits] {
            let narrow: Vec<i64> = input.iter().map(|x| x >> (bits - few)).collect();
            let (mut all, mut fewest) = (vec![5; exact.len()], vec![5; exact.len()]);
            convolution.add_to(&narrow, &mut all);
            convolution.add_clear_to(&narrow, &mut fewest);
            let reduced = |sum: Vec<u64>| sum.into_iter().map(|x| ring.reduce(x)).collect::<Vec<_>>();
            assert_eq!(reduced(fewest), reduced(all), "{few} of {bits} bits, {shape} {window:?}");
        }
        bits.div_ceil(convolution.digit_bits)
    }

    fn windows() -> Vec<(Shape, Window)> {
        let uneven = Padding { top: 2, bottom: 0, left: 1, right: 3 };
        vec![
            (Shape::new(5, 6, 4), Window::square(3, 1, 1)),
            (Shape::new(5, 7, 9), Window::square(3, 2, 1)),
            (Shape::new(6, 8, 5), Window::square(1, 1, 0)),
            (Shape::new(6, 8, 5), Window::square(1, 2, 0)),
            (Shape::new(7, 4, 3), Window { kernel: (4, 3), stride: (1, 1), padding: Padding::default() }),
            (Shape::new(2, 9, 6), Window { kernel: (2, 4), stride: (3, 2), padding: uneven }),
            (Shape::new(1, 2, 2), Window::square(5, 1, 4)),
            (Shape::new(300, 1, 1), Window::square(1, 1, 0)),
            (Shape::new(5, 3, 7), Window { kernel: (3, 7), stride: (1, 1), padding: Padding::default() }),
            (Shape::new(3, 40, 40), Window::square(3, 1, 1)),
            (Shape::new(90, 14, 14), Window::square(3, 1, 1)),
        ]
    }

    #[test]
    fn limbs_equal_integer_convolution() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut digits = Vec::new();
        for (shape, window) in windows() {
            for (bits, weight_bits) in [(1, 1), (8, 4), (28, 10), (48, 20), (48, 30)] {
                digits.push(check(&mut rng, bits, 1 << weight_bits, shape, window, 3));
            }
        }
        assert!(digits.contains(&1) && digits.contains(&2) && digits.iter().any(|d| *d > 3), "{digits:?}");
    }

    #[test]
    fn threads_change_nothing() {
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut rng = ChaCha12Rng::seed_from_u64(2);
                for (shape, window) in windows() {
                    check(&mut rng, 30, 1 << 12, shape, window, 5);
                }
            });
        }
    }

    /// A kernel that is zero, and one at the very edge of what a single digit may hold.
    #[test]
    fn extreme_kernels() {
        let (shape, window) = (Shape::new(2, 1, 1), Window::square(1, 1, 0));
        let ring = Ring::new(40).unwrap();
        let low = -(1i64 << 39);
        for (kernel, expected) in [([0, 0], 0), ([2048, 2047], 4095 * low), ([4096, -1], 4095 * low)] {
            let mut sum = [0];
            Convolution::new(ring, shape, window, 1, &kernel).add_to(&[low, low], &mut sum);
            assert_eq!(ring.signed(sum[0]), ring.signed(expected as u64), "{kernel:?}");
        }
    }
}
