//! Packings against the convolution itself, by schoolbook products.

use super::*;
use crate::he::params::HeBackend;
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

fn check(
    degree: usize,
    input: Shape,
    window: Window,
    (channels, groups): (usize, usize),
) -> Result<(), TestCaseError> {
    let Some((h, w)) = window.output(input) else { return Ok(()) };
    let out = Shape::new(channels, h, w);
    let he = HeParameters { backend: HeBackend::Linnet, degree, modulus_bits: vec![50, 50], plain_bits: 20 };
    let convolution = Convolution { input, window, out, groups };
    let Some(packing) = Packing::choose(&he, &convolution, DEFAULT_RATE) else { return Ok(()) };
    check_packing(degree, &convolution, &packing)
}

fn check_packing(degree: usize, convolution: &Convolution, packing: &Packing) -> Result<(), TestCaseError> {
    let Convolution { input, window, out, groups } = *convolution;
    let channels = out.c;
    prop_assert!(packing.is_sound(degree, convolution));
    let x: Vec<i64> = (0..input.size()).map(|i| (i as i64 * 7) % 11 - 5).collect();
    let kernel_size = channels * input.c / groups * window.kernel.0 * window.kernel.1;
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
        let (tile, of) = (answer / packing.output_groups(), packing.output_group_of(answer));
        for (group, request) in packing.requests_of(tile, of).enumerate() {
            let a = poly(&packing.inputs(request), &x);
            let b = poly(&packing.weights(group, of), &kernel);
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
        check(1 << log_degree, input, window, (out, 1))?;
    }

    /// Of grouped ones every number of groups that may share polynomials, not only the cheapest.
    #[test]
    fn groups_that_share_polynomials_stay_apart(
        (groups, ins, outs) in (2usize..20, 1usize..3, 1usize..3),
        (h, w) in (1usize..6, 1usize..6),
        window in (1usize..4, 1usize..3, 0usize..2)
            .prop_map(|(kernel, stride, padding)| Window::square(kernel, stride, padding)),
        log_degree in 7u32..11,
    ) {
        let input = Shape::new(groups * ins, h, w);
        check(1 << log_degree, input, window, (groups * outs, groups))?;
        let Some((rows, columns)) = window.output(input) else { return Ok(()) };
        let out = Shape::new(groups * outs, rows, columns);
        let convolution = Convolution { input, window, out, groups };
        let alone =
            Packing { input, window, out, groups, shared: 1, tile: (rows, columns), cw: 1, mw: outs };
        let alone = Packing { cw: alone.phase_channels(), ..alone };
        for shared in 1..=groups.min(MOVES.len()) {
            let packing = Packing { shared, ..alone.clone() };
            if packing.is_sound(1 << log_degree, &convolution) {
                check_packing(1 << log_degree, &convolution, &packing)?;
            }
        }
    }
}

#[test]
fn no_three_moves_are_in_progression() {
    for (count, moves) in (1..).zip(MOVES) {
        assert!(moves.len() == count && moves.windows(2).all(|pair| pair[0] < pair[1]));
        for (i, j) in (0..count).flat_map(|i| (0..i).map(move |j| (i, j))) {
            let sum = moves[i] + moves[j];
            assert!(moves.iter().all(|middle| 2 * middle != sum), "{moves:?}");
        }
    }
    // Extents, OEIS A065825: 1, 2, 4, 5, 9, 11, 13, 14, 20, 24, 26, 30, 32, 36, 40, 41.
    assert_eq!([8, 12, 16].map(units), [27, 59, 81]);
}

/// A slow link is given fewer bytes, a fast one fewer answers, which take the longest.
#[test]
fn the_link_decides() {
    let he = HeParameters::candidates(HeBackend::Linnet, 22).next().unwrap();
    let (shape, window) = (Shape::new(64, 32, 32), Window::square(3, 1, 1));
    let [slow, fast] = [1e6, 1e12].map(|rate| {
        let convolution = Convolution { input: shape, window, out: shape, groups: 1 };
        let packing = Packing::choose(&he, &convolution, rate).unwrap();
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
    let convolution = Convolution { input: shape, window, out: shape, groups: 1 };
    let sound = Packing::choose(&he, &convolution, DEFAULT_RATE).unwrap();
    let changes: [fn(&mut Packing); 11] = [
        |p| p.shared = 0,
        |p| p.shared = 2,
        |p| p.groups = 8,
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
        assert!(!packing.is_sound(he.degree, &convolution), "change {index}");
    }
    assert!(Packing { mw: 1, ..sound }.is_sound(he.degree, &convolution));
}

#[test]
fn a_plane_larger_than_a_polynomial_is_tiled() {
    check(64, Shape::new(2, 12, 12), Window::square(3, 1, 1), (2, 1)).unwrap();
}
