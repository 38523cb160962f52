//! Max pools as differences, ReLUs and sums: `max(a, b) = b + max(a - b, 0)`.
//!
//! Every comparison is an activation unit of its own, so masks, training, prices and protocols know it already: a unit
//! without its nonlinearity passes `a` on. A window's columns come first, then its rows; in each direction ever longer runs of
//! neighbours are compared, shared between windows that overlap where that takes fewer comparisons.

use super::activation::Activation;
use super::average::greatest_common_divisor;
use super::node::{NodeId, Op};
use super::shape::{Padding, Picks, Shape, Window};

/// A max pool of a node of a graph.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool {
    /// What it reads.
    pub input: NodeId,
    /// The shape of that.
    pub shape: Shape,
    /// Kernel, stride and padding; whatever is beyond the input's edges is smaller than anything in it.
    pub window: Window,
    /// Rows and columns of places of the window, of which each must reach the input.
    pub places: (usize, usize),
}

impl MaxPool {
    /// Appends its nodes: `push` appends one under a name like the given one. Returns the node that makes the maxima.
    ///
    /// # Errors
    /// What `push` says, or `refuse`, given what was expected and found, of a window that does not reach the input somewhere.
    pub fn append<E>(
        &self,
        name: &str,
        push: &mut impl FnMut(String, Op, Vec<NodeId>) -> Result<NodeId, E>,
        refuse: impl Fn(String, String) -> E,
    ) -> Result<NodeId, E> {
        let Self { input, shape, window, places: (rows, columns) } = *self;
        let Padding { top, left, .. } = window.padding;
        let down = Picks { start: -(top as isize), step: window.stride.0, count: rows, times: 1 };
        let across = Picks { start: -(left as isize), step: window.stride.1, count: columns, times: 1 };
        for (picks, kernel, size) in [(down, window.kernel.0, shape.h), (across, window.kernel.1, shape.w)] {
            let reach = (picks.count as isize - 1).saturating_mul(picks.step as isize);
            let last = reach.saturating_add(picks.start);
            if kernel == 0 || picks.start.unsigned_abs() >= kernel || last >= size as isize {
                let expected = "max pool windows that all reach their input".to_owned();
                return Err(refuse(expected, format!("{window:?} at {rows}x{columns} places of {shape}")));
            }
        }
        let columns = Runs { name: format!("{name}.columns"), input, along: Along::Columns(shape.h) };
        let narrow = columns.longest(window.kernel.1, across, push)?;
        let rows = Runs { name: format!("{name}.rows"), input: narrow, along: Along::Rows(across.count) };
        rows.longest(window.kernel.0, down, push)
    }
}

/// Maxima of runs of neighbours in one direction.
struct Runs {
    name: String,
    input: NodeId,
    along: Along,
}

/// A direction, with how many rows or columns there are in the other.
#[derive(Clone, Copy)]
enum Along {
    Rows(usize),
    Columns(usize),
}

/// How the maximum of a run is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// It is a value itself.
    Alone,
    /// By two maxima of so many neighbours each.
    Two(usize),
    /// By that of all neighbours but the last, and the last.
    AndLast,
}

impl Runs {
    /// The node of the maxima of `length` neighbours from each of `picks` on.
    fn longest<E>(
        &self,
        length: usize,
        picks: Picks,
        push: &mut impl FnMut(String, Op, Vec<NodeId>) -> Result<NodeId, E>,
    ) -> Result<NodeId, E> {
        let name = format!("{}{length}", self.name);
        let (first, second) = match cheapest(length, picks).1 {
            Way::Alone => return self.picked(name, self.input, picks, push),
            Way::Two(part) => {
                let shorter = starts(picks, length - part);
                let made = self.longest(part, shorter, push)?;
                // Of what was made, by its own indices.
                let step = picks.step / shorter.step.min(picks.step);
                let at = Picks { start: 0, step: if picks.count == 1 { 1 } else { step }, ..picks };
                let behind = Picks { start: ((length - part) / shorter.step) as isize, ..at };
                let one = self.picked(format!("{name}.first"), made, at, push)?;
                (one, self.picked(format!("{name}.second"), made, behind, push)?)
            }
            Way::AndLast => {
                let made = self.longest(length - 1, picks, push)?;
                let last = Picks { start: picks.start + length as isize - 1, ..picks };
                (made, self.picked(format!("{name}.last"), self.input, last, push)?)
            }
        };
        let negative = push(format!("{name}.negative"), Op::Scale { by: -1.0 }, vec![second])?;
        let difference = push(format!("{name}.difference"), Op::Add, vec![first, negative])?;
        let excess = push(name.clone(), Op::Act { activation: Activation::Relu }, vec![difference])?;
        push(format!("{name}.max"), Op::Add, vec![second, excess])
    }

    fn picked<E>(
        &self,
        name: String,
        of: NodeId,
        picks: Picks,
        push: &mut impl FnMut(String, Op, Vec<NodeId>) -> Result<NodeId, E>,
    ) -> Result<NodeId, E> {
        let all = |count: usize| Picks::repeated(count, 1);
        let op = match self.along {
            Along::Rows(columns) => Op::Slice { rows: picks, columns: all(columns) },
            Along::Columns(rows) => Op::Slice { rows: all(rows), columns: picks },
        };
        push(format!("{name}.picked"), op, vec![of])
    }
}

/// Where runs must start so that two of them, `shift` apart, make up those at `picks`.
fn starts(picks: Picks, shift: usize) -> Picks {
    let step = if picks.count == 1 { shift } else { greatest_common_divisor(picks.step, shift) };
    Picks { step, count: ((picks.count - 1) * picks.step + shift) / step + 1, ..picks }
}

/// The way of the fewest layers, and of those the fewest comparisons: both, and the way.
fn cheapest(length: usize, picks: Picks) -> ((usize, usize), Way) {
    if length == 1 {
        return ((0, 0), Way::Alone);
    }
    let half = length.div_ceil(2);
    let mut parts = vec![half, length.next_power_of_two() / 2];
    parts.dedup();
    let after = |(layers, comparisons): (usize, usize)| (layers + 1, comparisons + picks.count);
    let two = |part: usize| (after(cheapest(part, starts(picks, length - part)).0), Way::Two(part));
    // More neighbours one by one are never the fewest layers.
    let last = (length <= 5).then(|| (after(cheapest(length - 1, picks).0), Way::AndLast));
    parts.into_iter().map(two).chain(last).min().expect("there is a way")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Node, Parameters};
    use crate::mask::Masks;
    use crate::real::logits;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha12Rng;

    fn pooled(shape: Shape, window: &Window, outputs: (usize, usize)) -> Result<Graph, (String, String)> {
        let mut nodes = vec![Node { name: "x".into(), op: Op::Input, inputs: vec![] }];
        let mut push = |name: String, op: Op, inputs: Vec<NodeId>| {
            nodes.push(Node { name, op, inputs });
            Ok(nodes.len() - 1)
        };
        let pool = MaxPool { input: 0, shape, window: *window, places: outputs };
        pool.append("pool", &mut push, |expected, found| (expected, found))?;
        Ok(Graph::new(shape, nodes).unwrap())
    }

    fn units(graph: &Graph) -> Vec<usize> {
        graph.activations().map(|layer| layer.shape.size()).collect()
    }

    /// Every window's largest value, by looking at all of them.
    fn reference(x: &[f32], shape: Shape, window: &Window, (rows, columns): (usize, usize)) -> Vec<f32> {
        let mut out = Vec::new();
        for plane in x.chunks(shape.area()) {
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let mut largest = f32::NEG_INFINITY;
                for (dy, dx) in
                    (0..window.kernel.0).flat_map(|dy| (0..window.kernel.1).map(move |dx| (dy, dx)))
                {
                    let y = (row * window.stride.0 + dy).wrapping_sub(window.padding.top);
                    let x = (column * window.stride.1 + dx).wrapping_sub(window.padding.left);
                    if y < shape.h && x < shape.w {
                        largest = largest.max(plane[y * shape.w + x]);
                    }
                }
                out.push(largest);
            }
        }
        out
    }

    #[test]
    fn the_largest_of_every_window() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        for kernel in [(1, 2), (2, 2), (3, 3), (4, 3), (5, 2), (6, 6), (7, 7)] {
            for stride in [1, 2, 3] {
                for before in 0..kernel.0.min(kernel.1).min(3) {
                    let shape = Shape::new(2, 9, 11);
                    let padding = Padding { top: before, bottom: 0, left: before, right: before };
                    let window = Window { kernel, stride: (stride, stride), padding };
                    let (rows, columns) = window.output(shape).unwrap();
                    // One more row than fits whole windows, as where positions are rounded up.
                    for rows in [rows, rows + 1] {
                        let last = ((rows - 1) * stride).saturating_sub(before);
                        if last >= shape.h {
                            continue;
                        }
                        let graph = pooled(shape, &window, (rows, columns)).unwrap();
                        // Whole numbers, whose differences are exact.
                        let x: Vec<f32> =
                            (0..shape.size()).map(|_| rng.random_range(-99..=99) as f32).collect();
                        let found = logits(&graph, &Parameters::new(), &Masks::all_kept(&graph), &x);
                        assert_eq!(
                            found,
                            reference(&x, shape, &window, (rows, columns)),
                            "{window:?} {rows}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn comparisons_by_hand() {
        // 3x3 by 2 on 112x112: two of 112 x 56 and two of 56 x 56 a channel, six a maximum in place of eight.
        let window = Window { stride: (2, 2), ..Window::square(3, 2, 1) };
        let graph = pooled(Shape::new(1, 112, 112), &window, (56, 56)).unwrap();
        assert_eq!(units(&graph), [112 * 56, 112 * 56, 56 * 56, 56 * 56]);
        // 2x2 by 2: three a maximum.
        let graph = pooled(Shape::new(3, 8, 8), &Window::square(2, 2, 0), (4, 4)).unwrap();
        assert_eq!(units(&graph), [3 * 8 * 4, 3 * 4 * 4]);
        // 5x5 by 1: runs of 2 and 4 are shared, and the fifth comes by itself or with another run of 4.
        let graph = pooled(Shape::new(1, 13, 13), &Window::square(5, 1, 2), (13, 13)).unwrap();
        assert_eq!(units(&graph).len(), 6);
        assert_eq!(cheapest(8, Picks::repeated(1, 1)), ((3, 7), Way::Two(4)));
        // The largest window of a file is looked through at once.
        assert_eq!(cheapest(4096, Picks { start: 0, step: 3, count: 2, times: 1 }).0.0, 12);
    }

    #[test]
    fn windows_beyond_the_input_are_refused() {
        let shape = Shape::new(1, 4, 4);
        let outside = [
            (Window { padding: Padding::same(2), ..Window::square(2, 1, 0) }, (4, 4)),
            (Window::square(2, 2, 0), (3, 2)),
            (Window::square(0, 1, 0), (4, 4)),
        ];
        for (window, outputs) in outside {
            let (expected, _) = pooled(shape, &window, outputs).unwrap_err();
            assert!(expected.contains("reach their input"));
        }
    }
}
