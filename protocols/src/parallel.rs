//! Work in pieces over the threads of the current pool, with the results taken in order.

use crate::Error;
use rayon::prelude::*;

/// Threads of the pool that this runs in; one outside of any.
pub(crate) fn threads() -> usize {
    if rayon::current_thread_index().is_some() { rayon::current_num_threads() } else { 1 }
}

/// Does `work` on every item and hands the results to `take` in order. Outside a pool, and in a pool of one thread, each
/// is taken before the next is begun; with more threads so many are worked on at a time, so that memory stays bounded.
pub(crate) fn in_order<T: Send, R: Send>(
    mut items: impl Iterator<Item = T>,
    work: impl Fn(T) -> Result<R, Error> + Sync,
    mut take: impl FnMut(R) -> Result<(), Error>,
) -> Result<(), Error> {
    let threads = threads();
    if threads == 1 {
        return items.try_for_each(|item| take(work(item)?));
    }
    loop {
        let batch: Vec<T> = items.by_ref().take(threads).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let done: Vec<Result<R, Error>> = batch.into_par_iter().map(&work).collect();
        done.into_iter().try_for_each(|result| take(result?))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut taken = Vec::new();
            pool.install(|| {
                let square = |i: u32| Ok(i * i);
                in_order(0..20, square, |result| {
                    taken.push(result);
                    Ok(())
                })
                .unwrap();
            });
            assert_eq!(taken, (0..20).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_failure_ends_it() {
        let refuse = |i: u32| if i == 5 { Err(Error::peer("item", "others", i.to_string())) } else { Ok(i) };
        let mut taken = 0;
        let result = in_order(0..20, refuse, |_| {
            taken += 1;
            Ok(())
        });
        assert!(result.is_err());
        assert_eq!(taken, 5);
    }
}
