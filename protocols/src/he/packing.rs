//! Where every value of a convolution sits in polynomials: the packing as data.
//!
//! Source: Cheetah (Huang et al. 2022), section 3, with strides taken apart into phases first: a convolution with
//! stride (sy, sx) is one with stride 1 over C*sy*sx channels that each hold every sy-th row and sx-th column, and
//! phases that no kernel entry reads do not exist.
//!
//! The output is cut into tiles of `tile` rows and columns. With A = (tile rows + kernel rows - 1) * Wt the area under
//! a tile and Wt its width, an input polynomial carries `cw` channels, a weight polynomial `cw x mw` channels:
//!
//!   input  (c, y, x)         at  c*A + y*Wt + x
//!   weight (m, c, dy, dx)    at  m*cw*A + O - c*A - dy*Wt - dx,   O = (cw-1)*A + (kernel rows - 1)*Wt + kernel columns - 1
//!   output (m, y, x)         at  m*cw*A + O + y*Wt + x
//!
//! and mw*cw*A <= N keeps every output clear of wrapped and mixed products.

use super::ciphertext::AnswerWidths;
use super::params::{HeParameters, Rates};
use models::graph::{Shape, Window};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How one convolution is laid out in polynomials. Public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packing {
    input: Shape,
    window: Window,
    out: Shape,
    /// Output rows and columns of one tile.
    pub tile: (usize, usize),
    /// Phase channels of one input polynomial.
    pub cw: usize,
    /// Output channels of one weight polynomial.
    pub mw: usize,
}

/// One value's place: coefficient and index in the tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Coefficient of the polynomial.
    pub coefficient: usize,
    /// Index in the tensor, row-major.
    pub index: usize,
}

/// The extents that cut `whole` into 1, 2, 3, ... (up to 8) nearly equal parts.
fn tile_sizes(whole: usize) -> impl Iterator<Item = usize> {
    (1..=whole.min(8)).map(move |parts| whole.div_ceil(parts))
}

/// Transformed weights that a model keeps, bytes. Those beyond are laid out and transformed anew for every inference.
pub const WEIGHT_CACHE_BYTES: usize = 512 << 20;

/// Bytes a second where no link is named.
pub const DEFAULT_RATE: f64 = 1e8;

impl Packing {
    /// The packing of a convolution in polynomials of `he` that is quickest by the backend's rates and a link of `rate`
    /// bytes a second; `None` where not even one window fits.
    pub fn choose(he: &HeParameters, input: Shape, window: Window, out: Shape, rate: f64) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for tile_h in tile_sizes(out.h) {
            for tile_w in tile_sizes(out.w) {
                let base = Self { input, window, out, tile: (tile_h, tile_w), cw: 1, mw: 1 };
                let room = he.degree / base.tile_area();
                for cw in 1..=room.min(base.phase_channels()) {
                    let packing = Self { cw, mw: (room / cw).min(out.c), ..base.clone() };
                    let cost = packing.cost(he, rate);
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, packing));
                    }
                }
            }
        }
        best.map(|(_, packing)| packing)
    }

    /// Microseconds that the exchange takes, one thread a party, nothing at the same time. Weights count where they are so
    /// many that a server cannot keep them from one inference to the next.
    fn cost(&self, he: &HeParameters, rate: f64) -> f64 {
        let Rates { product, request, answer, weight } = he.rates();
        let answers = self.answer_count();
        let widths = AnswerWidths::usual(he.plain_bits);
        let bytes = self.request_count() * he.request_bytes()
            + answers * he.answer_bytes(widths, self.out.size() / answers);
        let polynomials = self.input_groups() * self.output_groups();
        let kept = polynomials * he.polynomial_memory() <= WEIGHT_CACHE_BYTES;
        self.product_count() as f64 * product
            + self.request_count() as f64 * request
            + answers as f64 * answer
            + if kept { 0.0 } else { polynomials as f64 * weight }
            + bytes as f64 * 1e6 / rate
    }

    /// Whether this is a packing of the convolution that leaves every output clear of wrapped and mixed products.
    pub fn is_sound(&self, degree: usize, input: Shape, window: Window, out: Shape) -> bool {
        let within = |extent: usize, most: usize| (1..=most).contains(&extent);
        (self.input, self.window, self.out) == (input, window, out)
            && within(self.tile.0, out.h)
            && within(self.tile.1, out.w)
            && within(self.cw, self.phase_channels())
            && within(self.mw, out.c)
            && self.cw.saturating_mul(self.mw).saturating_mul(self.tile_area()) <= degree
    }

    /// Kernel rows and columns of one phase.
    fn kernel(&self) -> (usize, usize) {
        let ((kh, kw), (sy, sx)) = (self.window.kernel, self.window.stride);
        (kh.div_ceil(sy), kw.div_ceil(sx))
    }

    /// Rows and columns of phases that the kernel reads.
    fn phase_extent(&self) -> (usize, usize) {
        let ((kh, kw), (sy, sx)) = (self.window.kernel, self.window.stride);
        (sy.min(kh), sx.min(kw))
    }

    fn phase_channels(&self) -> usize {
        let (sy, sx) = self.phase_extent();
        self.input.c * sy * sx
    }

    /// Rows and columns of the input under one tile.
    fn tile_extent(&self) -> (usize, usize) {
        let (kh, kw) = self.kernel();
        (self.tile.0 + kh - 1, self.tile.1 + kw - 1)
    }

    fn tile_area(&self) -> usize {
        let (h, w) = self.tile_extent();
        h * w
    }

    fn origin(&self) -> usize {
        let ((kh, kw), (_, wt)) = (self.kernel(), self.tile_extent());
        (self.cw - 1) * self.tile_area() + (kh - 1) * wt + kw - 1
    }

    fn tiles(&self) -> (usize, usize) {
        (self.out.h.div_ceil(self.tile.0), self.out.w.div_ceil(self.tile.1))
    }

    /// Tiles of the output.
    pub fn tile_count(&self) -> usize {
        self.tiles().0 * self.tiles().1
    }

    /// Groups of input channels: polynomials of one tile.
    pub fn input_groups(&self) -> usize {
        self.phase_channels().div_ceil(self.cw)
    }

    /// Groups of output channels.
    pub fn output_groups(&self) -> usize {
        self.out.c.div_ceil(self.mw)
    }

    /// Ciphertexts from the client, tile-major.
    pub fn request_count(&self) -> usize {
        self.tile_count() * self.input_groups()
    }

    /// Ciphertexts from the server, tile-major.
    pub fn answer_count(&self) -> usize {
        self.tile_count() * self.output_groups()
    }

    /// Ciphertext-by-plaintext products.
    pub fn product_count(&self) -> usize {
        self.request_count() * self.output_groups()
    }

    /// Output coefficients over all answers.
    pub fn sent_coefficients(&self) -> usize {
        self.out.size()
    }

    /// The requests of a tile, which each of its answers sums over.
    pub fn requests_of_tile(&self, tile: usize) -> Range<usize> {
        tile * self.input_groups()..(tile + 1) * self.input_groups()
    }

    /// The kernel values that output group `group` reads, all of them once.
    pub fn kernel_of(&self, group: usize) -> Range<usize> {
        let channel = self.input.c * self.window.kernel.0 * self.window.kernel.1;
        group * self.mw * channel..self.out.c.min((group + 1) * self.mw) * channel
    }

    /// The output group of an answer: with an input group it names the weight polynomial.
    pub fn output_group_of(&self, answer: usize) -> usize {
        answer % self.output_groups()
    }

    /// Channel, row and column phase of a phase channel.
    fn phase_channel(&self, channel: usize) -> (usize, usize, usize) {
        let (sy, sx) = self.phase_extent();
        let phase = channel % (sy * sx);
        (channel / (sy * sx), phase / sx, phase % sx)
    }

    /// What request `request` carries: places of input values. Padding and channels beyond the last are zero.
    pub fn inputs(&self, request: usize) -> Vec<Place> {
        let (tile, group) = (request / self.input_groups(), request % self.input_groups());
        let (first_row, first_column) = self.tile_start(tile);
        let (ht, wt) = self.tile_extent();
        let mut places = Vec::new();
        for slot in 0..self.cw {
            let channel = group * self.cw + slot;
            if channel >= self.phase_channels() {
                break;
            }
            let (c, py, px) = self.phase_channel(channel);
            for y in 0..ht {
                for x in 0..wt {
                    let row =
                        ((first_row + y) * self.window.stride.0 + py).checked_sub(self.window.padding.top);
                    let column = ((first_column + x) * self.window.stride.1 + px)
                        .checked_sub(self.window.padding.left);
                    if let (Some(row), Some(column)) = (row, column)
                        && row < self.input.h
                        && column < self.input.w
                    {
                        places.push(Place {
                            coefficient: slot * self.tile_area() + y * wt + x,
                            index: (c * self.input.h + row) * self.input.w + column,
                        });
                    }
                }
            }
        }
        places
    }

    /// What the weight polynomial of an input and an output group carries: places of kernel values.
    pub fn weights(&self, input_group: usize, output_group: usize) -> Vec<Place> {
        let ((kh, kw), (full_h, full_w)) = (self.kernel(), self.window.kernel);
        let (_, wt) = self.tile_extent();
        let mut places = Vec::new();
        for m in 0..self.mw.min(self.out.c - output_group * self.mw) {
            for slot in 0..self.cw.min(self.phase_channels() - input_group * self.cw) {
                let (c, py, px) = self.phase_channel(input_group * self.cw + slot);
                for dy in 0..kh {
                    for dx in 0..kw {
                        let (y, x) = (dy * self.window.stride.0 + py, dx * self.window.stride.1 + px);
                        if y < full_h && x < full_w {
                            places.push(Place {
                                coefficient: m * self.cw * self.tile_area() + self.origin()
                                    - slot * self.tile_area()
                                    - dy * wt
                                    - dx,
                                index: (((output_group * self.mw + m) * self.input.c + c) * full_h + y)
                                    * full_w
                                    + x,
                            });
                        }
                    }
                }
            }
        }
        places
    }

    /// What answer `answer` carries: places of output values, by ascending coefficient.
    pub fn outputs(&self, answer: usize) -> Vec<Place> {
        let (tile, group) = (answer / self.output_groups(), self.output_group_of(answer));
        let (first_row, first_column) = self.tile_start(tile);
        let (_, wt) = self.tile_extent();
        let mut places = Vec::new();
        for m in 0..self.mw.min(self.out.c - group * self.mw) {
            for y in 0..self.tile.0.min(self.out.h - first_row) {
                for x in 0..self.tile.1.min(self.out.w - first_column) {
                    let channel = group * self.mw + m;
                    places.push(Place {
                        coefficient: m * self.cw * self.tile_area() + self.origin() + y * wt + x,
                        index: (channel * self.out.h + first_row + y) * self.out.w + first_column + x,
                    });
                }
            }
        }
        places
    }

    /// How many places [`Packing::outputs`] has.
    pub fn output_count(&self, answer: usize) -> usize {
        let (tile, group) = (answer / self.output_groups(), self.output_group_of(answer));
        let (first_row, first_column) = self.tile_start(tile);
        self.mw.min(self.out.c - group * self.mw)
            * self.tile.0.min(self.out.h - first_row)
            * self.tile.1.min(self.out.w - first_column)
    }

    /// First output row and column of a tile.
    fn tile_start(&self, tile: usize) -> (usize, usize) {
        (tile / self.tiles().1 * self.tile.0, tile % self.tiles().1 * self.tile.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::HeBackend;
    use super::*;
    use proptest::prelude::*;

    fn negacyclic(a: &[i64], b: &[i64]) -> Vec<i64> {
        let n = a.len();
        let mut c = vec![0i64; n];
        for (i, x) in a.iter().enumerate().filter(|(_, x)| **x != 0) {
            for (j, y) in b.iter().enumerate().filter(|(_, y)| **y != 0) {
                let sign = if i + j < n { 1 } else { -1 };
                c[(i + j) % n] += sign * x * y;
            }
        }
        c
    }

    fn check(degree: usize, input: Shape, window: Window, channels: usize) -> Result<(), TestCaseError> {
        let Some((h, w)) = window.output(input) else { return Ok(()) };
        let out = Shape::new(channels, h, w);
        let he =
            HeParameters { backend: HeBackend::Linnet, degree, modulus_bits: vec![50, 50], plain_bits: 20 };
        let Some(packing) = Packing::choose(&he, input, window, out, DEFAULT_RATE) else { return Ok(()) };
        prop_assert!(packing.is_sound(degree, input, window, out));
        let x: Vec<i64> = (0..input.size()).map(|i| (i as i64 * 7) % 11 - 5).collect();
        let kernel_size = channels * input.c * window.kernel.0 * window.kernel.1;
        let kernel: Vec<i64> = (0..kernel_size).map(|i| (i as i64 * 5) % 13 - 6).collect();
        let poly = |places: &[Place], values: &[i64]| {
            let mut p = vec![0i64; degree];
            for place in places {
                p[place.coefficient] = values[place.index];
            }
            p
        };
        let mut result = vec![None; out.size()];
        for answer in 0..packing.answer_count() {
            let mut sum = vec![0i64; degree];
            let tile = answer / packing.output_groups();
            for (group, request) in packing.requests_of_tile(tile).enumerate() {
                let a = poly(&packing.inputs(request), &x);
                let b = poly(&packing.weights(group, packing.output_group_of(answer)), &kernel);
                sum.iter_mut().zip(negacyclic(&a, &b)).for_each(|(s, p)| *s += p);
            }
            let places = packing.outputs(answer);
            prop_assert_eq!(places.len(), packing.output_count(answer));
            prop_assert!(places.windows(2).all(|w| w[0].coefficient < w[1].coefficient));
            for place in places {
                prop_assert!(result[place.index].replace(sum[place.coefficient]).is_none(), "covered twice");
            }
        }
        let expected = models::convolve::convolve(&x, input, &window, channels, &kernel);
        let result: Option<Vec<i64>> = result.into_iter().collect();
        prop_assert_eq!(result, Some(expected));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn packed_product_is_the_convolution(
            input in (1usize..4, 1usize..8, 1usize..8).prop_map(|(c, h, w)| Shape::new(c, h, w)),
            window in (1usize..4, 1usize..4, 0usize..2)
                .prop_map(|(kernel, stride, padding)| Window::square(kernel, stride, padding)),
            out in 1usize..5,
            log_degree in 4u32..9,
        ) {
            check(1 << log_degree, input, window, out)?;
        }
    }

    /// A slow link is given fewer bytes, a fast one fewer answers, which take the longest.
    #[test]
    fn the_link_decides() {
        let he = HeParameters::candidates(HeBackend::Linnet, 22).next().unwrap();
        let (shape, window) = (Shape::new(64, 32, 32), Window::square(3, 1, 1));
        let [slow, fast] = [1e6, 1e12].map(|rate| {
            let packing = Packing::choose(&he, shape, window, shape, rate).unwrap();
            let widths = AnswerWidths::usual(22);
            let answer = |answer| he.answer_bytes(widths, packing.output_count(answer));
            let bytes: usize = (0..packing.answer_count()).map(answer).sum();
            (packing.request_count() * he.request_bytes() + bytes, packing.answer_count())
        });
        assert!(slow.0 < fast.0 && slow.1 > fast.1, "{slow:?} and {fast:?}: bytes, answers");
    }

    /// What a party would come to grief on: places beyond the polynomial, outputs that products run into.
    #[test]
    fn unsound_packings_are_told() {
        let he = HeParameters::candidates(HeBackend::Linnet, 22).next().unwrap();
        let (shape, window) = (Shape::new(8, 16, 16), Window::square(3, 1, 1));
        let sound = Packing::choose(&he, shape, window, shape, DEFAULT_RATE).unwrap();
        let changes: [fn(&mut Packing); 8] = [
            |p| p.mw = 0,
            |p| p.mw = 9,
            |p| p.cw = 0,
            |p| (p.cw, p.mw) = (8, 8),
            |p| p.tile = (0, 4),
            |p| p.tile = (17, 4),
            |p| p.input.c = 7,
            |p| p.window.stride = (2, 1),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut packing = sound.clone();
            change(&mut packing);
            assert!(!packing.is_sound(he.degree, shape, window, shape), "change {index}");
        }
        assert!(Packing { mw: 1, ..sound }.is_sound(he.degree, shape, window, shape));
    }

    #[test]
    fn a_plane_larger_than_a_polynomial_is_tiled() {
        check(64, Shape::new(2, 12, 12), Window::square(3, 1, 1), 2).unwrap();
    }
}
