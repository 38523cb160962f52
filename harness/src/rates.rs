//! What work takes on a machine, as a file.

use crate::error::Error;
use protocols::timing::Rates;
use std::path::Path;

/// Where `linnet calibrate` writes it unless told otherwise.
pub(crate) const FILE: &str = "runs/rates.json";

/// Reads what was written.
pub(crate) fn read(file: &Path) -> Result<Rates, Error> {
    let text = std::fs::read(file).map_err(Error::io(format!("reading {}", file.display())))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::File { path: file.to_owned(), what: error.to_string() })
}
