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
//!
//! Groups of a grouped convolution are convolutions of their own. Small ones share polynomials: cut into n units of mw*cw*A
//! coefficients, group i has its inputs s_i units further on and its weights too, so that its outputs are 2 s_i units further on,
//! and what group i's inputs make of group j's weights falls on unit s_i + s_j. That is no group's output where no s is halfway
//! between two others: where they have no arithmetic progression of three. The most of which there are 12 below 30, so
//! that one product does a dozen channels of a depthwise convolution on small planes (this project's own).

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
    /// Parts that input and output channels are cut into.
    groups: usize,
    /// Groups that share polynomials; of several, each is in one polynomial whole.
    pub shared: usize,
    /// Output rows and columns of one tile.
    pub tile: (usize, usize),
    /// Phase channels of one input polynomial, of a group.
    pub cw: usize,
    /// Output channels of one weight polynomial, of a group.
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

/// By how many units the groups of a polynomial are moved, for every number of them: the smallest sets without an arithmetic
/// progression of three (their extents are OEIS A065825), found by trying all.
const MOVES: [&[usize]; 16] = [
    &[0],
    &[0, 1],
    &[0, 1, 3],
    &[0, 1, 3, 4],
    &[0, 1, 3, 7, 8],
    &[0, 1, 3, 4, 9, 10],
    &[0, 1, 3, 4, 9, 10, 12],
    &[0, 1, 3, 4, 9, 10, 12, 13],
    &[0, 1, 5, 6, 8, 13, 14, 17, 19],
    &[0, 1, 4, 6, 10, 15, 17, 18, 22, 23],
    &[0, 1, 4, 6, 10, 15, 17, 18, 22, 23, 25],
    &[0, 2, 3, 7, 8, 10, 19, 21, 22, 26, 27, 29],
    &[0, 1, 3, 7, 8, 10, 18, 21, 22, 25, 27, 30, 31],
    &[0, 1, 3, 7, 8, 12, 20, 22, 25, 26, 29, 31, 34, 35],
    &[0, 1, 3, 4, 9, 10, 12, 13, 27, 28, 30, 31, 36, 37, 39],
    &[0, 1, 3, 4, 9, 10, 12, 13, 27, 28, 30, 31, 36, 37, 39, 40],
];

/// Units that `shared` groups take.
fn units(shared: usize) -> usize {
    2 * MOVES[shared - 1].last().expect("none is empty") + 1
}

/// A convolution, as packings are chosen for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Shape of its input.
    pub input: Shape,
    /// Kernel, stride, padding.
    pub window: Window,
    /// Shape of its output.
    pub out: Shape,
    /// Parts that input and output channels are cut into.
    pub groups: usize,
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
    pub fn choose(he: &HeParameters, convolution: &Convolution, rate: f64) -> Option<Self> {
        let Convolution { input, window, out, groups } = *convolution;
        let mut best: Option<(f64, Self)> = None;
        let mut consider = |packing: Self| {
            let cost = packing.cost(he, rate);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, packing));
            }
        };
        for tile_h in tile_sizes(out.h) {
            for tile_w in tile_sizes(out.w) {
                let tile = (tile_h, tile_w);
                let base = Self { input, window, out, groups, shared: 1, tile, cw: 1, mw: 1 };
                let room = he.degree / base.tile_area();
                for cw in 1..=room.min(base.phase_channels()) {
                    consider(Self { cw, mw: (room / cw).min(base.outs()), ..base.clone() });
                }
                let whole = Self { cw: base.phase_channels(), mw: base.outs(), ..base };
                let fitting =
                    (2..=MOVES.len().min(groups)).take_while(|n| units(*n) * whole.unit() <= he.degree);
                fitting.for_each(|shared| consider(Self { shared, ..whole.clone() }));
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
        let polynomials = self.weight_polynomials();
        let kept = polynomials * he.polynomial_memory() <= WEIGHT_CACHE_BYTES;
        self.product_count() as f64 * product
            + self.request_count() as f64 * request
            + answers as f64 * answer
            + if kept { 0.0 } else { polynomials as f64 * weight }
            + bytes as f64 * 1e6 / rate
    }

    /// Whether this is a packing of the convolution that leaves every output clear of wrapped and mixed products.
    pub fn is_sound(&self, degree: usize, convolution: &Convolution) -> bool {
        let Convolution { input, window, out, groups } = *convolution;
        let within = |extent: usize, most: usize| (1..=most).contains(&extent);
        (self.input, self.window, self.out, self.groups) == (input, window, out, groups)
            && within(groups, input.c.min(out.c))
            && input.c.is_multiple_of(groups)
            && out.c.is_multiple_of(groups)
            && within(self.tile.0, out.h)
            && within(self.tile.1, out.w)
            && within(self.cw, self.phase_channels())
            && within(self.mw, self.outs())
            && within(self.shared, MOVES.len().min(groups))
            && (self.shared == 1 || (self.cw, self.mw) == (self.phase_channels(), self.outs()))
            && self.cw.saturating_mul(self.mw).saturating_mul(self.tile_area()) <= degree / units(self.shared)
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

    /// Input channels of a group.
    fn ins(&self) -> usize {
        self.input.c / self.groups
    }

    /// Output channels of a group.
    fn outs(&self) -> usize {
        self.out.c / self.groups
    }

    /// Phase channels of a group.
    fn phase_channels(&self) -> usize {
        let (sy, sx) = self.phase_extent();
        self.ins() * sy * sx
    }

    /// Coefficients of a unit.
    fn unit(&self) -> usize {
        self.mw * self.cw * self.tile_area()
    }

    /// Sets of groups that share polynomials.
    fn sets(&self) -> usize {
        self.groups.div_ceil(self.shared)
    }

    /// The groups of a set, with how many units each is moved by.
    fn groups_of(&self, set: usize) -> impl Iterator<Item = (usize, usize)> {
        let first = set * self.shared;
        let own = self.shared.min(self.groups - first);
        (first..first + own).zip(MOVES[self.shared - 1].iter().copied())
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

    /// Polynomials that an answer of one tile sums over: the input channels that its outputs read.
    pub fn input_groups(&self) -> usize {
        self.phase_channels().div_ceil(self.cw)
    }

    /// Answers of one set.
    fn answers_of_set(&self) -> usize {
        self.outs().div_ceil(self.mw)
    }

    /// Groups of output channels: answers of one tile.
    pub fn output_groups(&self) -> usize {
        self.sets() * self.answers_of_set()
    }

    /// Requests of one tile.
    pub fn requests_a_tile(&self) -> usize {
        self.sets() * self.input_groups()
    }

    /// Ciphertexts from the client, tile-major.
    pub fn request_count(&self) -> usize {
        self.tile_count() * self.requests_a_tile()
    }

    /// Ciphertexts from the server, tile-major.
    pub fn answer_count(&self) -> usize {
        self.tile_count() * self.output_groups()
    }

    /// Polynomials of weights.
    pub fn weight_polynomials(&self) -> usize {
        self.output_groups() * self.input_groups()
    }

    /// Ciphertext-by-plaintext products.
    pub fn product_count(&self) -> usize {
        self.tile_count() * self.weight_polynomials()
    }

    /// Output coefficients over all answers.
    pub fn sent_coefficients(&self) -> usize {
        self.out.size()
    }

    /// The requests of a tile.
    pub fn requests_of_tile(&self, tile: usize) -> Range<usize> {
        tile * self.requests_a_tile()..(tile + 1) * self.requests_a_tile()
    }

    /// The requests of a tile that its answer of output group `group` sums over.
    pub fn requests_of(&self, tile: usize, group: usize) -> Range<usize> {
        let first = tile * self.requests_a_tile() + group / self.answers_of_set() * self.input_groups();
        first..first + self.input_groups()
    }

    /// The kernel values that output group `group` reads, all of them once.
    pub fn kernel_of(&self, group: usize) -> Range<usize> {
        let channel = self.ins() * self.window.kernel.0 * self.window.kernel.1;
        let outs = self.outputs_of(group);
        outs.start * channel..outs.end * channel
    }

    /// The output channels of output group `group`.
    fn outputs_of(&self, group: usize) -> Range<usize> {
        let (set, part) = (group / self.answers_of_set(), group % self.answers_of_set());
        let first = set * self.shared * self.outs();
        let behind = self.groups.min((set + 1) * self.shared) * self.outs();
        match self.shared {
            1 => first + part * self.mw..behind.min(first + (part + 1) * self.mw),
            _ => first..behind,
        }
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
        let (tile, rest) = (request / self.requests_a_tile(), request % self.requests_a_tile());
        let (set, part) = (rest / self.input_groups(), rest % self.input_groups());
        let (first_row, first_column) = self.tile_start(tile);
        let (ht, wt) = self.tile_extent();
        let slots = 0..self.cw.min(self.phase_channels() - part * self.cw);
        let carried = self.groups_of(set).flat_map(|group| slots.clone().map(move |slot| (group, slot)));
        let mut places = Vec::new();
        for ((group, moved), slot) in carried {
            let (c, py, px) = self.phase_channel(part * self.cw + slot);
            let (c, from) = (group * self.ins() + c, moved * self.unit() + slot * self.tile_area());
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
                            coefficient: from + y * wt + x,
                            index: (c * self.input.h + row) * self.input.w + column,
                        });
                    }
                }
            }
        }
        places
    }

    /// What the weight polynomial of an output group and one of its inputs carries: places of kernel values.
    pub fn weights(&self, input_group: usize, output_group: usize) -> Vec<Place> {
        let ((kh, kw), (full_h, full_w)) = (self.kernel(), self.window.kernel);
        let (_, wt) = self.tile_extent();
        let mut places = Vec::new();
        for (channel, moved, m) in self.carried(output_group) {
            for slot in 0..self.cw.min(self.phase_channels() - input_group * self.cw) {
                let (c, py, px) = self.phase_channel(input_group * self.cw + slot);
                let from = moved * self.unit() + m * self.cw * self.tile_area() + self.origin()
                    - slot * self.tile_area();
                for dy in 0..kh {
                    for dx in 0..kw {
                        let (y, x) = (dy * self.window.stride.0 + py, dx * self.window.stride.1 + px);
                        if y < full_h && x < full_w {
                            places.push(Place {
                                coefficient: from - dy * wt - dx,
                                index: ((channel * self.ins() + c) * full_h + y) * full_w + x,
                            });
                        }
                    }
                }
            }
        }
        places
    }

    /// The output channels of an output group, each with how many units its group is moved by and its place in the group's part.
    fn carried(&self, output_group: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let (outs, part) = (self.outs(), output_group % self.answers_of_set());
        let groups = self.groups_of(output_group / self.answers_of_set());
        let own = self.mw.min(outs - part * self.mw);
        let first = part * self.mw;
        groups.flat_map(move |(group, moved)| (0..own).map(move |m| (group * outs + first + m, moved, m)))
    }

    /// What answer `answer` carries: places of output values, by ascending coefficient.
    pub fn outputs(&self, answer: usize) -> Vec<Place> {
        let (tile, group) = (answer / self.output_groups(), self.output_group_of(answer));
        let (first_row, first_column) = self.tile_start(tile);
        let (_, wt) = self.tile_extent();
        let mut places = Vec::new();
        for (channel, moved, m) in self.carried(group) {
            let from = 2 * moved * self.unit() + m * self.cw * self.tile_area() + self.origin();
            for y in 0..self.tile.0.min(self.out.h - first_row) {
                for x in 0..self.tile.1.min(self.out.w - first_column) {
                    places.push(Place {
                        coefficient: from + y * wt + x,
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
        self.outputs_of(group).len()
            * self.tile.0.min(self.out.h - first_row)
            * self.tile.1.min(self.out.w - first_column)
    }

    /// First output row and column of a tile.
    fn tile_start(&self, tile: usize) -> (usize, usize) {
        (tile / self.tiles().1 * self.tile.0, tile % self.tiles().1 * self.tile.1)
    }
}

#[cfg(test)]
mod tests;
