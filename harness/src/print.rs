//! What a command prints.

use crate::error::Error;
use models::text::printable;
use std::io::Write;

/// Prints, with escapes for what would move the cursor; a reader who has seen enough and closed the pipe is no failure.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", printable(text)).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("printing")(error)),
        _ => Ok(()),
    }
}
