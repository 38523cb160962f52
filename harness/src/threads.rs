//! The threads that a party computes with.

use crate::error::Error;

/// Runs `work` of `party` on so many threads.
pub(crate) fn on_threads<T: Send>(
    threads: usize,
    party: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Error::Party { party, what: format!("threads: {error}") })?;
    pool.install(work)
}
