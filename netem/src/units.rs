//! Sizes, rates and delays as types, as text, and back. kB = 1000 B throughout.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

use crate::Error;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A rate in bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BytesPerSec(pub f64);

const SIZES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];
const RATES: &[(&str, f64)] = &[
    ("B/s", 1.0),
    ("kB/s", 1e3),
    ("MB/s", 1e6),
    ("GB/s", 1e9),
    ("kbit/s", 125.0),
    ("Mbit/s", 125e3),
    ("Gbit/s", 125e6),
];
const TIMES: &[(&str, f64)] = &[("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

impl Bytes {
    /// Reads `64KiB`, `1.5MB`, `10 B`.
    ///
    /// # Errors
    /// [`Error::Link`] where it is not a number with one of the units.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // `as` saturates, and no size above 2^53 is meaningful here.
        quantity(text, "a size such as 64KiB", SIZES).map(|bytes| Self(bytes.round() as u64))
    }
}

impl BytesPerSec {
    /// Reads `384MB/s`, `1 Gbit/s`.
    ///
    /// # Errors
    /// [`Error::Link`] where it is not a number with one of the units.
    pub fn parse(text: &str) -> Result<Self, Error> {
        quantity(text, "a rate such as 100MB/s", RATES).map(Self)
    }
}

/// Reads `40ms`, `300us`, `0.5 s`.
///
/// # Errors
/// [`Error::Link`] where it is not a number with one of the units.
pub fn parse_delay(text: &str) -> Result<Duration, Error> {
    quantity(text, "a delay such as 10ms", TIMES).map(|ns| Duration::from_nanos(ns.round() as u64))
}

/// A finite number that is not negative, then one of the units.
fn quantity(text: &str, what: &str, units: &[(&str, f64)]) -> Result<f64, Error> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number = text[..split].trim_end().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let unit = units.iter().find(|(name, _)| *name == &text[split..]);
    match (number, unit) {
        (Some(number), Some((_, scale))) => Ok(number * scale),
        _ => {
            let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            Err(Error::Link {
                expected: format!("{what}, in {}", names.join(", ")),
                found: format!("`{text}`"),
            })
        }
    }
}

/// Writes `value` in the largest unit that keeps it at one or more, with three digits at most after the point
/// and no trailing zeros.
fn humanly(f: &mut fmt::Formatter<'_>, value: f64, units: &[(&str, f64)]) -> fmt::Result {
    let (name, scale) = units.iter().rev().find(|(_, scale)| value >= *scale).unwrap_or(&units[0]);
    let digits = format!("{:.3}", value / scale);
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    write!(f, "{digits} {name}")
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humanly(f, self.0 as f64, &SIZES[..4])
    }
}

impl fmt::Display for BytesPerSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humanly(f, self.0, &RATES[..4])
    }
}

/// A delay in ms, or in s from one second on, written as the papers do.
pub(crate) struct Delay(pub(crate) Duration);

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.as_nanos() as f64;
        if ns >= 1e9 { write!(f, "{} s", ns / 1e9) } else { write!(f, "{} ms", ns / 1e6) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, expect) in [("1B", 1), ("2 kB", 2_000), ("1.5MB", 1_500_000), ("64KiB", 65_536)] {
            assert_eq!(Bytes::parse(text).unwrap(), Bytes(expect), "{text}");
        }
        for (text, expect) in [
            ("384MB/s", 384e6),
            ("1GB/s", 1e9),
            ("5kB/s", 5e3),
            ("100Mbit/s", 12.5e6),
            ("1 Gbit/s", 125e6),
            ("8kbit/s", 1e3),
        ] {
            assert_eq!(BytesPerSec::parse(text).unwrap(), BytesPerSec(expect), "{text}");
        }
        for (text, expect) in
            [("300us", 300_000), ("0.3ms", 300_000), ("40 ms", 40_000_000), ("2s", 2_000_000_000)]
        {
            assert_eq!(parse_delay(text).unwrap(), Duration::from_nanos(expect), "{text}");
        }
    }

    #[test]
    fn refuses_and_names_what_it_wanted() {
        for text in ["", "ms", "10", "-1ms", "1e999ms", "10 minutes", "NaNms"] {
            let said = parse_delay(text).unwrap_err().to_string();
            assert!(said.contains("ns, us, ms, s") && said.contains(&format!("`{text}`")), "{said}");
        }
        assert!(BytesPerSec::parse("10MB").is_err() && BytesPerSec::parse("10mb/s").is_err());
    }

    #[test]
    fn writes_thousands() {
        for (bytes, expect) in [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.235 MB")] {
            assert_eq!(Bytes(bytes).to_string(), expect);
        }
        assert_eq!(BytesPerSec(384e6).to_string(), "384 MB/s");
        assert_eq!(Delay(Duration::from_micros(300)).to_string(), "0.3 ms");
    }
}
