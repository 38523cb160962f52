//! Weights rounded to integers, and kept: a search tries a network at many scales, most of whose kernels are those of the scales
//! before, and large networks have a hundred million weights.

use crate::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest magnitude of an integer weight: it keeps products exact and noise small.
pub const MAX_WEIGHT: u32 = 1 << 24;

/// Roundings that are kept of a kernel: scales that are tried one after another differ by few bits.
const KEPT: usize = 3;

/// A kernel by the bits by which its segment's scale is finer than what it reads.
type Rounding = (u32, Arc<Vec<i32>>);

/// The last roundings of every kernel of one network.
#[derive(Default)]
pub(super) struct Rounded {
    /// By step and term, the last one used last.
    kernels: Mutex<HashMap<(usize, usize), Vec<Rounding>>>,
}

impl Rounded {
    /// The kernel of a term, of the step and the number of `place`, at `bits` bits more of scale: by `round` unless it is known.
    ///
    /// # Errors
    /// Those of `round`.
    pub(super) fn kernel(
        &self,
        place: (usize, usize),
        bits: u32,
        round: impl FnOnce() -> Result<Vec<i32>, Error>,
    ) -> Result<Arc<Vec<i32>>, Error> {
        // Nothing is ever half done in it.
        let lock = || self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        let known = {
            let mut kernels = lock();
            let kernels = kernels.entry(place).or_default();
            let known = kernels.iter().position(|(of, _)| *of == bits).map(|at| kernels.remove(at));
            // Room is made before there is one more.
            kernels.drain(..kernels.len().saturating_sub(KEPT - 1));
            known
        };
        let (_, kernel) = match known {
            Some(known) => known,
            None => (bits, Arc::new(round()?)),
        };
        lock().entry(place).or_default().push((bits, Arc::clone(&kernel)));
        Ok(kernel)
    }
}

/// The largest number below a half: what is added to round halves away from zero, where a half would lift what is just below.
const NEARLY_HALF: f64 = 0.5f64.next_down();

/// Multiples of a kernel's weights, rounded; `name` is that of the segment.
///
/// # Errors
/// [`Error::Model`] where a weight is none or, multiplied, larger than [`MAX_WEIGHT`].
pub(super) fn round_all(kernel: &[f32], factor: f64, name: &str) -> Result<Vec<i32>, Error> {
    // A search rounds all weights many times: one loop without calls or exits, which vectorises. Larger numbers saturate.
    let round = |w: &f32| {
        let scaled = f64::from(*w) * factor;
        (scaled + NEARLY_HALF.copysign(scaled)) as i32
    };
    let rounded: Vec<i32> = kernel.iter().map(round).collect();
    let largest = rounded.iter().fold(0, |largest, w| w.unsigned_abs().max(largest));
    if largest > MAX_WEIGHT || kernel.iter().any(|w| w.is_nan()) {
        let expected = format!("weights of magnitude at most {MAX_WEIGHT} after scaling");
        let is_refused = |w: &&f32| w.is_nan() || round(w).unsigned_abs() > MAX_WEIGHT;
        let refused = kernel.iter().find(is_refused).expect("one was seen");
        return Err(Error::model(name, expected, (f64::from(*refused) * factor).round().to_string()));
    }
    Ok(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel is rounded once as long as few others of its place came between, and is one and the same then.
    #[test]
    fn the_last_roundings_are_kept() {
        let rounded = Rounded::default();
        let at = |bits: u32| rounded.kernel((1, 0), bits, || Ok(vec![1 << bits])).unwrap();
        let known =
            |bits: u32| rounded.kernel((1, 0), bits, || Err(Error::argument("bits", "known", "new"))).ok();
        let first = at(3);
        assert_eq!(*first, [8]);
        assert!(rounded.kernel((1, 1), 3, || Ok(vec![5])).is_ok_and(|other| *other == [5]), "another term's");
        for bits in 4..3 + KEPT as u32 {
            at(bits);
        }
        assert!(known(3).is_some_and(|again| Arc::ptr_eq(&first, &again)));
        // Used last, it is not the first to go.
        at(20);
        assert!(known(3).is_some() && known(4).is_none());
    }
}
