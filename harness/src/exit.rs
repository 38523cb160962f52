//! How a command ends, as its caller sees it. `linnet-train` ends alike: what is typed wrongly is 2, by the parser of both.

use std::process::ExitCode;

/// The exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all was done.
    Done,
    /// 1: an error was told, or something that was measured failed and has a row that says so.
    Failed,
    /// 3: `linnet compare --fail-if` found a cell that meets the condition.
    LimitMet,
    /// What `linnet-train` ended with.
    Trainer(u8),
}

impl Exit {
    /// Whether all that was measured went well.
    pub(crate) fn of(well: bool) -> Self {
        if well { Self::Done } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::LimitMet => Self::from(3),
            Exit::Trainer(code) => Self::from(code),
        }
    }
}
