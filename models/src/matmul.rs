//! Convolution by matrix products on the floating-point unit: the kernel matrix times the input under every window
//! position, tile by tile.
//!
//! A tile is some output channels at some consecutive output positions. Only one tile's columns exist at a time, so
//! that they stay in cache. Tiles are shared out among the threads of the rayon pool that the call is made in;
//! outside of a pool nothing is spawned.

use crate::graph::{Shape, Window};
use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::ops::Range;

/// Most bytes of a tile's columns: half of a usual second-level cache.
const COLUMN_BYTES: usize = 1 << 19;
/// Positions below which the product would spend its time on loading the kernel.
const LEAST_POSITIONS: usize = 64;

/// Threads that work is shared out among: those of the pool that the call is made in.
pub(crate) fn threads() -> usize {
    rayon::current_thread_index().map_or(1, |_| rayon::current_num_threads())
}

/// `f32` or `f64`.
pub trait Float: ComplexField + Copy + Default {}

impl Float for f32 {}
impl Float for f64 {}

/// `kernel` `(out, in / groups, rows, columns)` applied to `input`; the result is `(out, row, column)`. How many groups there are
/// shows in the kernel's size.
pub fn convolve<T: Float>(input: &[T], shape: Shape, window: &Window, out: usize, kernel: &[T]) -> Vec<T> {
    let taps = window.kernel.0 * window.kernel.1;
    let of_group = Shape { c: kernel.len() / (out * taps), ..shape };
    let groups = shape.c / of_group.c;
    let convolution = TiledConvolution::new(of_group, window, out / groups);
    let area = convolution.area();
    let mut result = vec![T::default(); out * area];
    let inputs = input.chunks_exact(of_group.size()).zip(kernel.chunks_exact(kernel.len() / groups));
    for ((input, kernel), result) in inputs.zip(result.chunks_exact_mut(out / groups * area)) {
        convolution.run(input, kernel, |tile, values| {
            for (channel, line) in tile.channels.clone().zip(values.chunks_exact(tile.positions.len())) {
                let start = channel * area + tile.positions.start;
                result[start..start + line.len()].copy_from_slice(line);
            }
        });
    }
    result
}

/// A rectangle of the output: `channels` x `positions`.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    pub(crate) channels: Range<usize>,
    pub(crate) positions: Range<usize>,
}

/// One convolution, as matrix products of tiles.
pub(crate) struct TiledConvolution<'a> {
    shape: Shape,
    window: &'a Window,
    out: usize,
    /// Rows and columns of the output.
    output: (usize, usize),
}

/// What a tile needs, kept from tile to tile.
#[derive(Default)]
struct Scratch<T> {
    columns: Vec<T>,
    values: Vec<T>,
}

impl<'a> TiledConvolution<'a> {
    pub(crate) fn new(shape: Shape, window: &'a Window, out: usize) -> Self {
        let output = window.output(shape).expect("shapes are checked when the graph is made");
        Self { shape, window, out, output }
    }

    /// Output positions a channel.
    pub(crate) fn area(&self) -> usize {
        self.output.0 * self.output.1
    }

    /// Products that are summed up for one output.
    fn terms(&self) -> usize {
        self.shape.c * self.window.kernel.0 * self.window.kernel.1
    }

    /// Computes all tiles and hands each to `take`: `channels x positions` values, row-major.
    pub(crate) fn run<T: Float>(&self, input: &[T], kernel: &[T], mut take: impl FnMut(&Tile, &[T])) {
        assert_eq!(input.len(), self.shape.size(), "an input has its shape");
        assert_eq!(kernel.len(), self.out * self.terms(), "kernel sizes are checked with the model");
        let threads = threads();
        let tiles = self.tiles(size_of::<T>(), threads);
        if threads == 1 || tiles.len() == 1 {
            let mut scratch = Scratch::default();
            for tile in &tiles {
                self.compute(tile, input, kernel, &mut scratch);
                take(tile, &scratch.values);
            }
        } else {
            let compute = |scratch: &mut Scratch<T>, tile: &Tile| {
                self.compute(tile, input, kernel, scratch);
                std::mem::take(&mut scratch.values)
            };
            let values: Vec<Vec<T>> = tiles.par_iter().map_init(Scratch::default, compute).collect();
            tiles.iter().zip(&values).for_each(|(tile, values)| take(tile, values));
        }
    }

    /// Whole rows of the output as far as the cache holds their columns, and channels split where that leaves
    /// threads without work (each then gathers the columns for itself, at the same time as the others).
    fn tiles(&self, value_bytes: usize, threads: usize) -> Vec<Tile> {
        let (rows, width) = self.output;
        let positions = (COLUMN_BYTES / (self.terms() * value_bytes)).max(LEAST_POSITIONS);
        let bands = rows.div_ceil((positions / width).max(1));
        // As many bands as a multiple of the threads, where there are rows enough.
        let bands = if bands > 1 { bands.next_multiple_of(threads).min(rows) } else { 1 };
        let band = rows.div_ceil(bands);
        let group = self.out.div_ceil(threads.div_ceil(bands));
        let mut tiles = Vec::new();
        for row in (0..rows).step_by(band) {
            for channel in (0..self.out).step_by(group) {
                tiles.push(Tile {
                    channels: channel..(channel + group).min(self.out),
                    positions: row * width..(row + band).min(rows) * width,
                });
            }
        }
        tiles
    }

    fn compute<T: Float>(&self, tile: &Tile, input: &[T], kernel: &[T], scratch: &mut Scratch<T>) {
        let (terms, count) = (self.terms(), tile.positions.len());
        let columns = if self.is_its_own_columns() {
            MatRef::from_row_major_slice(input, terms, self.area()).subcols(tile.positions.start, count)
        } else {
            scratch.columns.resize(terms * count, T::default());
            self.gather(tile, input, &mut scratch.columns);
            MatRef::from_row_major_slice(&scratch.columns, terms, count)
        };
        let rows = &kernel[tile.channels.start * terms..tile.channels.end * terms];
        let rows = MatRef::from_row_major_slice(rows, tile.channels.len(), terms);
        scratch.values.resize(tile.channels.len() * count, T::default());
        let values = MatMut::from_row_major_slice_mut(&mut scratch.values, tile.channels.len(), count);
        matmul(values, Accum::Replace, rows, columns, T::one_impl(), Par::Seq);
    }

    /// Whether column p of the input, read as a matrix, is all that lies under position p. This holds for 1x1 kernels,
    /// and for the kernels of fully connected layers, which are as large as the input.
    fn is_its_own_columns(&self) -> bool {
        self.terms() * self.area() == self.shape.size()
            && self.window.padding == Default::default()
            && (self.window.kernel == (1, 1) || self.area() == 1)
    }

    /// Writes the input under the tile's positions, a line a term `(channel, row, column of the kernel)`.
    fn gather<T: Float>(&self, tile: &Tile, input: &[T], columns: &mut [T]) {
        let Window { kernel: (kh, kw), stride, padding } = *self.window;
        let (width, w) = (self.output.1, self.shape.w);
        let rows = tile.positions.start / width..tile.positions.end / width;
        // Per kernel column, the output columns whose input is not padding.
        let inside: Vec<Range<usize>> = (0..kw)
            .map(|dx| {
                let end = (w + padding.left).saturating_sub(dx).div_ceil(stride.1).min(width);
                padding.left.saturating_sub(dx).div_ceil(stride.1).min(end)..end
            })
            .collect();
        for (term, line) in columns.chunks_exact_mut(tile.positions.len()).enumerate() {
            let (c, dy, dx) = (term / (kh * kw), term / kw % kh, term % kw);
            let plane = &input[c * self.shape.area()..(c + 1) * self.shape.area()];
            let inside = inside[dx].clone();
            for (oy, out) in rows.clone().zip(line.chunks_exact_mut(width)) {
                let y = (oy * stride.0 + dy).wrapping_sub(padding.top);
                if y >= self.shape.h || inside.is_empty() {
                    out.fill(T::default());
                    continue;
                }
                out[..inside.start].fill(T::default());
                out[inside.end..].fill(T::default());
                let source = &plane[y * w + inside.start * stride.1 + dx - padding.left..(y + 1) * w];
                let out = &mut out[inside.clone()];
                if stride.1 == 1 {
                    out.copy_from_slice(&source[..out.len()]);
                } else {
                    out.iter_mut().zip(source.iter().step_by(stride.1)).for_each(|(o, x)| *o = *x);
                }
            }
        }
    }
}
