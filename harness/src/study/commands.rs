//! Commands of linnet-train that an experiment needs, one after another or side by side.

use crate::error::Error;
use crate::exit::Exit;
use crate::{threads, trainer};
use models::text::printable;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A command line of linnet-train.
pub(super) struct Words {
    command: &'static str,
    /// Of what it makes, before its lines where several run side by side.
    name: String,
    words: Vec<String>,
}

impl Words {
    pub(super) fn of(command: &'static str, name: String) -> Self {
        Self { command, name, words: Vec::new() }
    }

    pub(super) fn value(&mut self, option: &str, value: Option<impl ToString>) -> &mut Self {
        self.words.extend(value.into_iter().flat_map(|value| [option.to_owned(), value.to_string()]));
        self
    }

    pub(super) fn path(&mut self, option: &str, path: Option<&PathBuf>) -> &mut Self {
        self.value(option, path.map(|path| path.display()))
    }

    pub(super) fn flag(&mut self, option: &str, set: Option<bool>) -> &mut Self {
        self.words.extend(set.filter(|set| *set).map(|_| option.to_owned()));
        self
    }

    pub(super) fn run(&self) -> Result<(), Error> {
        self.tell();
        self.result(trainer::hand_over(self.command, &self.words)? == Exit::Done)
    }

    fn tell(&self) {
        eprintln!("$ linnet {}", self.line());
    }

    fn line(&self) -> String {
        format!("{} {}", self.command, self.words.join(" "))
    }

    fn result(&self, succeeded: bool) -> Result<(), Error> {
        if succeeded { Ok(()) } else { Err(Error::Trainer(self.line())) }
    }

    /// As [`Words::run`], with the name before every line that is told.
    fn run_beside(&self) -> Result<(), Error> {
        self.tell();
        let told = |line: &str| eprintln!("{}: {}", self.name, printable(line));
        self.result(trainer::hand_over_told(self.command, &self.words, told)?)
    }
}

/// Runs all, `jobs` at a time. After a failure those that have begun go on to their end, and no other begins.
pub(super) fn run_all(commands: &[Words], jobs: usize) -> Result<(), Error> {
    if jobs == 1 {
        return commands.iter().try_for_each(Words::run);
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while !failed.load(Ordering::Relaxed)
            && let Some(command) = commands.get(next.fetch_add(1, Ordering::Relaxed))
        {
            command.run_beside().inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..jobs.min(commands.len())).map(|_| threads::spawn(scope, work)).collect::<Result<_, _>>()?;
        let ends = workers.into_iter().map(|worker| worker.join().expect("no worker panics"));
        ends.fold(Ok(()), Result::and)
    })
}
