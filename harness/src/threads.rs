//! The threads that a program computes with. A machine that gives none is an error, not a panic.

use crate::error::Error;
use indicatif::ProgressBar;
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::Duration;

/// Makes the threads on which what is outside a party, such as compiling, computes.
pub(crate) fn prepare() -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new().build_global();
    let io = |error: rayon::ThreadPoolBuildError| std::io::Error::other(error);
    pool.map_err(io).map_err(Error::io("starting a thread for each core"))
}

/// A thread of a scope.
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Error> {
    Builder::new().spawn_scoped(scope, work).map_err(Error::io("starting a thread"))
}

/// Lets a line on a terminal move by itself, where there is a terminal and a thread to be had for that.
pub(crate) fn moving(bar: &ProgressBar) {
    let to_be_had = || Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok());
    if !bar.is_hidden() && to_be_had() {
        bar.enable_steady_tick(Duration::from_secs(1));
    }
}

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
