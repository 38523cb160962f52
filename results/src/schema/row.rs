//! What a row type has beside its columns: a file, and rules that types alone do not express.

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

/// A value that breaks its column's rule.
pub(crate) struct Wrong {
    pub(crate) column: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// A row type and its file.
pub(crate) trait Row: Serialize + DeserializeOwned + Default {
    /// File name in the run's folder.
    const FILE: &'static str;

    /// Columns that older runs lack; they are empty in each row of theirs.
    const LATER: &[&str] = &[];

    /// Errors with the first value that breaks a rule which the types alone do not express.
    fn check(&self) -> Result<(), Wrong>;
}

/// The columns of one row type, in order, as the encoder itself writes them.
pub(crate) fn columns<R: Serialize + Default>() -> Vec<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(R::default()).expect("a default row encodes");
    let bytes = writer.into_inner().expect("memory takes every byte");
    let text = String::from_utf8(bytes).expect("names of columns are text");
    text.lines().next().unwrap_or_default().split(',').map(str::to_owned).collect()
}

/// Seconds to the nanosecond, never with an exponent.
#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(crate) fn decimal_seconds<S: Serializer>(seconds: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => to.serialize_str(&format!("{seconds:.9}")),
        None => to.serialize_none(),
    }
}

/// Errors where a name is missing.
pub(super) fn named(column: &'static str, text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        return Err(Wrong { column, expected: "a name", found: String::new() });
    }
    Ok(())
}

/// Errors where the value is no fraction.
pub(super) fn fraction(column: &'static str, value: Option<f64>) -> Result<(), Wrong> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(Wrong { column, expected: "a fraction from 0 to 1", found: value.to_string() })
        }
        _ => Ok(()),
    }
}

/// Errors where the value is no duration.
pub(super) fn seconds(column: &'static str, value: Option<f64>) -> Result<(), Wrong> {
    match value {
        Some(value) if !(value.is_finite() && value >= 0.0) => {
            Err(Wrong { column, expected: "seconds, zero or more", found: value.to_string() })
        }
        _ => Ok(()),
    }
}
