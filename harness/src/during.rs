//! What a command is at before anything runs: compiling a large network takes seconds.

use crate::threads;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Elsewhere than on a terminal, what takes less is not told.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Does `work`; says so on the terminal while it takes, elsewhere what it took.
pub(crate) fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("  {msg}: {elapsed}").expect("the template is fixed"));
    bar.set_message(what.to_owned());
    threads::moving(&bar);
    let began = Instant::now();
    let done = work();
    bar.finish_and_clear();
    if began.elapsed() >= WORTH_TELLING && !std::io::stderr().is_terminal() {
        eprintln!("  {what}: {:.1} s", began.elapsed().as_secs_f64());
    }
    done
}
