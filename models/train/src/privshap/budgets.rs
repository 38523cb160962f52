//! From Shapley values and a total budget to one budget per layer.

use crate::Error;

/// Shares `total` units among layers: proportional to `max(phi, 0)`, no layer above its size, what a full layer
/// cannot take shared out again among the others, exact in sum. Should all layers of positive value be full, the rest
/// goes to the others in proportion to their free units.
pub fn budgets(phi: &[f64], sizes: &[usize], total: usize) -> Result<Vec<usize>, Error> {
    let available: usize = sizes.iter().sum();
    if total > available {
        return Err(Error::config(
            "budget",
            format!("at most the network's {available} units"),
            total.to_string(),
        ));
    }
    let mut given = vec![0; sizes.len()];
    let positive: Vec<f64> = phi.iter().map(|p| p.max(0.0)).collect();
    share(&positive, sizes, total, &mut given);
    let left = total - given.iter().sum::<usize>();
    let free: Vec<usize> = sizes.iter().zip(&given).map(|(size, got)| size - got).collect();
    let mut rest = vec![0; sizes.len()];
    share(&free.iter().map(|n| *n as f64).collect::<Vec<_>>(), &free, left, &mut rest);
    Ok(given.iter().zip(rest).map(|(a, b)| a + b).collect())
}

/// Fills `given` with `total` units by weight, as far as the sizes of layers with positive weight allow.
fn share(weights: &[f64], sizes: &[usize], total: usize, given: &mut [usize]) {
    let mut open: Vec<usize> = (0..sizes.len()).filter(|i| weights[*i] > 0.0).collect();
    let mut left = total;
    loop {
        let sum: f64 = open.iter().map(|i| weights[*i]).sum();
        let full = |i: &usize| weights[*i] / sum * left as f64 >= sizes[*i] as f64;
        let (filled, others): (Vec<usize>, Vec<usize>) = open.iter().partition(|i| full(i));
        if filled.is_empty() {
            break round(weights, &others, left, given);
        }
        for i in filled {
            given[i] = sizes[i];
            left -= sizes[i].min(left);
        }
        open = others;
    }
}

/// Rounds the open layers' shares of `left` down and gives the units lost to the largest fractions (every share is
/// below its layer's size here, so one more always fits).
fn round(weights: &[f64], open: &[usize], left: usize, given: &mut [usize]) {
    let sum: f64 = open.iter().map(|i| weights[*i]).sum();
    let share = |i: usize| weights[i] / sum * left as f64;
    for i in open {
        given[*i] = share(*i) as usize;
    }
    let lost = left.saturating_sub(open.iter().map(|i| given[*i]).sum());
    let mut order = open.to_vec();
    order.sort_by(|a, b| share(*b).fract().total_cmp(&share(*a).fract()).then(a.cmp(b)));
    for i in order.iter().take(lost) {
        given[*i] += 1;
    }
}

/// The budgets of the authors' published code: each share rounded down and capped at its layer's size, what is lost
/// stays lost, negative values count in the sum (and give nothing).
pub fn published_budgets(phi: &[f64], sizes: &[usize], total: usize) -> Vec<usize> {
    let sum: f64 = phi.iter().sum();
    let share = |p: f64| (p / sum * total as f64).floor().max(0.0) as usize;
    phi.iter().zip(sizes).map(|(p, size)| share(*p).min(*size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ResNet18 on CIFAR-100, from the log of the authors' code.
    const PHI: [f64; 16] =
        [1.77, 1.17, 4.39, 3.67, 4.81, 4.84, 4.94, 2.00, 4.94, 4.88, 4.93, 1.55, 4.40, 4.88, 1.57, 0.01];

    fn resnet18() -> Vec<usize> {
        [65_536, 32_768, 16_384, 8_192].iter().flat_map(|size| [*size; 4]).collect()
    }

    #[test]
    fn published_numbers() {
        let given = published_budgets(&PHI, &resnet18(), 49_900);
        let log =
            [1613, 1066, 4001, 3344, 4383, 4411, 4502, 1822, 4502, 4447, 4493, 1412, 4010, 4447, 1430, 9];
        assert_eq!(given, log);
        assert_eq!(given.iter().sum::<usize>(), 49_892);
    }

    #[test]
    fn published_totals() {
        for (total, realised) in [(150_000, 140_953), (400_000, 278_403)] {
            assert_eq!(published_budgets(&PHI, &resnet18(), total).iter().sum::<usize>(), realised);
        }
    }

    #[test]
    fn ours_is_exact_in_sum_and_never_above_a_layer() {
        let sizes = resnet18();
        for total in [0, 1, 17, 49_900, 150_000, 400_000, 491_519, 491_520] {
            let given = budgets(&PHI, &sizes, total).unwrap();
            assert_eq!(given.iter().sum::<usize>(), total);
            assert!(given.iter().zip(&sizes).all(|(got, size)| got <= size), "{given:?}");
        }
        assert!(budgets(&PHI, &sizes, 491_521).is_err());
    }

    #[test]
    fn excess_is_shared_again_by_value() {
        assert_eq!(budgets(&[8.0, 1.0, 1.0], &[10, 100, 100], 50).unwrap(), [10, 20, 20]);
        assert_eq!(budgets(&[3.0, 2.0, -4.0], &[10, 100, 100], 10).unwrap(), [6, 4, 0]);
        assert_eq!(budgets(&[1.0, 1.0, 1.0], &[9, 9, 9], 8).unwrap(), [3, 3, 2]);
        assert_eq!(budgets(&[0.0, 1.0, -1.0], &[10, 5, 30], 13).unwrap(), [2, 5, 6]);
        assert_eq!(budgets(&[0.0, 0.0], &[10, 30], 8).unwrap(), [2, 6]);
    }
}
