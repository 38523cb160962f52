//! What a command is at before anything runs: compiling a large network takes seconds, and its accuracy minutes.

use crate::threads;
use crate::to_go::about;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Elsewhere than on a terminal, what takes less is not told.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Does `work`; says so on the terminal while it takes, elsewhere what it took.
pub(crate) fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let bar =
        ProgressBar::new_spinner().with_style(style("  {msg}: {elapsed}")).with_message(what.to_owned());
    Doing { bar, line: Box::new(|took| format!("{what}: {took}")) }.do_it(work)
}

/// The same of `work` that goes through so many images and tells of each that is done, from whatever thread: `values of`
/// 500 `calibration images`.
pub(crate) fn during_images<T>(images: (&str, usize, &str), work: impl FnOnce(&(dyn Fn() + Sync)) -> T) -> T {
    let doing = Doing::images(images);
    let bar = doing.bar.clone();
    doing.do_it(|| work(&|| bar.inc(1)))
}

/// The same of a search, of which only how many networks were `made` so far is known.
pub(crate) fn during_search<T>(what: &str, made: &Arc<AtomicUsize>, work: impl FnOnce() -> T) -> T {
    Doing::search(what, made).do_it(work)
}

/// A line on a terminal, and what is said elsewhere of what took so long.
struct Doing<'a> {
    bar: ProgressBar,
    line: Box<dyn Fn(&str) -> String + 'a>,
}

impl<'a> Doing<'a> {
    /// Images done of all, and the time to go.
    fn images((before, images, after): (&'a str, usize, &'a str)) -> Self {
        let tell = |state: &ProgressState, to: &mut dyn Write| {
            if let Some(seconds) = rest(state.pos(), state.len().unwrap_or(0), state.elapsed()) {
                write!(to, ", {}", about(seconds)).expect("a string takes every text");
            }
        };
        let style = style("  {prefix} {bar:20} {pos}/{len} {msg}, {elapsed}{rest}").with_key("rest", tell);
        let bar = ProgressBar::new(images as u64).with_style(style);
        let bar = bar.with_prefix(before.to_owned()).with_message(after.to_owned());
        Self { bar, line: Box::new(move |took| format!("{before} {images} {after}: {took}")) }
    }

    /// Networks since now.
    fn search(what: &'a str, made: &'a Arc<AtomicUsize>) -> Self {
        let before = made.load(Ordering::Relaxed);
        let networks = move |made: &AtomicUsize| match made.load(Ordering::Relaxed) - before {
            1 => "1 network looked at".to_owned(),
            more => format!("{more} networks looked at"),
        };
        let of_bar = Arc::clone(made);
        let tell = move |_: &ProgressState, to: &mut dyn Write| {
            to.write_str(&networks(&of_bar)).expect("a string takes every text");
        };
        let style = style("  {msg}: {networks}, {elapsed}").with_key("networks", tell);
        let bar = ProgressBar::new_spinner().with_style(style).with_message(what.to_owned());
        Self { bar, line: Box::new(move |took| format!("{what}: {took}, {}", networks(made))) }
    }

    fn do_it<T>(&self, work: impl FnOnce() -> T) -> T {
        threads::moving(&self.bar);
        let began = Instant::now();
        let done = work();
        self.bar.finish_and_clear();
        match self.told(began.elapsed()) {
            Some(line) if !std::io::stderr().is_terminal() => eprintln!("  {line}"),
            _ => {}
        }
        done
    }

    /// What is said elsewhere than on a terminal.
    fn told(&self, took: Duration) -> Option<String> {
        (took >= WORTH_TELLING).then(|| (self.line)(&format!("{:.1} s", took.as_secs_f64())))
    }
}

/// Seconds that what is left takes, if it takes as long as what is done; not known before anything is.
fn rest(done: u64, of: u64, elapsed: Duration) -> Option<f64> {
    (done > 0).then(|| elapsed.as_secs_f64() * of.saturating_sub(done) as f64 / done as f64)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are fixed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{ProgressDrawTarget, TermLike};
    use rayon::iter::{IntoParallelIterator, ParallelIterator};
    use std::sync::Mutex;

    /// A terminal of 100 columns, and all that was written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> std::io::Result<()> {
            self.write_str(line)
        }
        fn write_str(&self, text: &str) -> std::io::Result<()> {
            self.0.lock().expect("nobody panics").push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> std::io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_tells_images_and_the_time_to_go() {
        let (screen, doing) = (Screen::default(), Doing::images(("values of", 4, "calibration images")));
        doing.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        doing.bar.tick();
        doing.bar.set_position(3);
        doing.bar.force_draw();
        let written = screen.0.lock().expect("nobody panics").clone();
        let (before, after) = written.split_once("0/4 calibration images, 0s").expect(&written);
        assert!(before.starts_with("  values of ") && !after.starts_with(", about"), "{written}");
        assert!(after.contains(" 3/4 calibration images, 0s, about 0 s to go"), "{written}");
    }

    #[test]
    fn a_search_tells_how_many_networks_it_looked_at() {
        let (screen, made) = (Screen::default(), Arc::new(AtomicUsize::new(5)));
        let doing = Doing::search("the cheapest scales", &made);
        doing.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        for networks in ["1 network looked at", "2 networks looked at"] {
            made.fetch_add(1, Ordering::Relaxed);
            doing.bar.force_draw();
            let written = screen.0.lock().expect("nobody panics").clone();
            assert!(written.contains(&format!("  the cheapest scales: {networks}, 0s")), "{written}");
        }
        let told = doing.told(Duration::from_millis(12_340));
        assert_eq!(told.as_deref(), Some("the cheapest scales: 12.3 s, 2 networks looked at"));
    }

    #[test]
    fn lines_elsewhere_are_of_what_took_long() {
        let doing = Doing::images(("accuracy in the clear on", 50, "test images"));
        assert_eq!(doing.told(Duration::from_millis(990)), None);
        let told = doing.told(Duration::from_millis(1540));
        assert_eq!(told.as_deref(), Some("accuracy in the clear on 50 test images: 1.5 s"));
    }

    #[test]
    fn images_that_are_told_of_reach_their_end() {
        let doing = Doing::images(("values of", 40, "calibration images"));
        let bar = doing.bar.clone();
        let seen = || bar.inc(1);
        let done = doing.do_it(|| (0..40).into_par_iter().map(|i| (seen(), i).1).sum::<u32>());
        assert_eq!((done, bar.position(), bar.length()), (780, 40, Some(40)));
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done() {
        assert_eq!(rest(0, 10, Duration::from_secs(5)), None);
        assert_eq!(rest(2, 10, Duration::from_secs(5)), Some(20.0));
        assert_eq!(rest(10, 10, Duration::from_secs(5)), Some(0.0));
    }
}
