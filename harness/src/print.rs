//! What a command prints.

use crate::error::Error;
use models::text::printable;
use std::io::{IsTerminal, Write};

/// Prints, with escapes for what would move the cursor; a reader who has seen enough and closed the pipe is no failure.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", printable(text)).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("printing")(error)),
        _ => Ok(()),
    }
}

/// Writes bytes as they are, such as those of a file that is to go to standard output.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("printing")(error)),
        _ => Ok(()),
    }
}

/// Characters that a line has room for: by the variable `COLUMNS`, or by the terminal; elsewhere any number.
pub(crate) fn room() -> Option<usize> {
    let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    asked.filter(|columns| *columns > 0).or_else(|| {
        let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        terminal.map(|(width, _)| usize::from(width.0))
    })
}
