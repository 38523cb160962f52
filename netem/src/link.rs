//! The emulated link: a rate and a one-way delay per direction.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

use crate::Error;
use crate::units::{Bytes, BytesPerSec, Delay, parse_delay};

/// A link, the same in both directions. `rate` none, `rtt` zero and `tcp_window` none is loopback: unshaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its name in the table, or for a custom link the specification; [`Link::parse`] reads both.
    pub name: String,
    /// Bytes a second in each direction; none is unshaped.
    pub rate: Option<BytesPerSec>,
    /// Round-trip time; half of it is each direction's delay.
    #[serde(rename = "rtt_ns", with = "rtt_ns")]
    pub rtt: Duration,
    /// Caps the rate at window/RTT, as one TCP connection with this window would.
    pub tcp_window: Option<Bytes>,
}

/// The unshaped loopback: the limit of what can be emulated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loopback {
    /// Bytes a second, one way: the best burst.
    pub rate: BytesPerSec,
    /// Round trip of an empty frame: the median.
    pub rtt: Duration,
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, RTT {:.3} ms", self.rate, self.rtt.as_secs_f64() * 1e3)
    }
}

/// A row of the table of links.
struct Named {
    name: &'static str,
    rate: f64,
    rtt_us: u64,
    source: &'static str,
}

/// Published settings. Papers give MB/s or GB/s; a delay is the RTT. PrivShap does not say whether its delay
/// is one way or RTT (taken as RTT), and its two labels look swapped: the names here follow the paper.
const TABLE: [Named; 7] = [
    Named { name: "lan", rate: 384e6, rtt_us: 300, source: "Cheetah" },
    Named { name: "wan", rate: 44e6, rtt_us: 40_000, source: "Cheetah" },
    Named { name: "cryptflow2-lan", rate: 377e6, rtt_us: 300, source: "CrypTFlow2" },
    Named { name: "cryptflow2-wan", rate: 40e6, rtt_us: 80_000, source: "CrypTFlow2" },
    Named { name: "privshap-lan", rate: 300e6, rtt_us: 5_000, source: "PrivShap" },
    Named { name: "privshap-wan", rate: 1e9, rtt_us: 1_000, source: "PrivShap" },
    Named { name: "mobile", rate: 12.5e6, rtt_us: 60_000, source: "this project: 100 Mbit/s, a phone on 4G" },
];

impl Link {
    /// The unshaped link.
    pub fn loopback() -> Self {
        Self { name: "loopback".into(), rate: None, rtt: Duration::ZERO, tcp_window: None }
    }

    /// Every named link, loopback first.
    pub fn named() -> impl Iterator<Item = Self> {
        let shaped = TABLE.iter().map(|row| Self {
            name: row.name.into(),
            rate: Some(BytesPerSec(row.rate)),
            rtt: Duration::from_micros(row.rtt_us),
            tcp_window: None,
        });
        std::iter::once(Self::loopback()).chain(shaped)
    }

    /// The paper a named link's numbers are from.
    pub fn source(&self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.name == self.name).map(|row| row.source)
    }

    /// Reads a name of the table or `rate=100MB/s,rtt=10ms,window=64KiB`, any of the three left out (a window
    /// needs an RTT).
    ///
    /// # Errors
    /// [`Error::Link`] saying what was expected.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Some(link) = Self::named().find(|link| link.name == text) {
            return Ok(link);
        }
        let names = || Self::named().map(|link| link.name).collect::<Vec<_>>().join(", ");
        let expected = || format!("one of {} or `rate=100MB/s,rtt=10ms[,window=64KiB]`", names());
        let mut link = Self { name: String::new(), ..Self::loopback() };
        let mut seen = Vec::new();
        for part in text.split(',') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(Error::Link { expected: expected(), found: format!("`{text}`") });
            };
            let key = key.trim();
            match key {
                "rate" => link.rate = Some(BytesPerSec::parse(value)?),
                "rtt" => link.rtt = parse_delay(value)?,
                "window" => link.tcp_window = Some(Bytes::parse(value)?),
                _ => return Err(Error::Link { expected: expected(), found: format!("`{key}`") }),
            }
            if seen.contains(&key) {
                return Err(Error::Link { expected: format!("{key} once"), found: format!("`{text}`") });
            }
            seen.push(key);
        }
        link.name = link.specification();
        link.validate()?;
        Ok(link)
    }

    /// Whether anything is emulated.
    pub fn is_shaped(&self) -> bool {
        self.effective_rate().is_some() || !self.rtt.is_zero()
    }

    /// The rate, or window/RTT where that is less. A window without a delay caps nothing.
    pub fn effective_rate(&self) -> Option<BytesPerSec> {
        let window = self
            .tcp_window
            .filter(|_| !self.rtt.is_zero())
            .map(|window| BytesPerSec(window.0 as f64 / self.rtt.as_secs_f64()));
        match (self.rate, window) {
            (Some(rate), Some(window)) => Some(if window < rate { window } else { rate }),
            (rate, window) => rate.or(window),
        }
    }

    /// Refuses a link that this machine is too slow to emulate. Each part that is unshaped asks for nothing.
    ///
    /// # Errors
    /// [`Error::Link`] with both numbers.
    pub fn check(&self, loopback: &Loopback) -> Result<(), Error> {
        if let Some(rate) = self.effective_rate().filter(|rate| *rate > loopback.rate) {
            return Err(Error::Link {
                expected: format!("a rate of at most the {} that loopback measures", loopback.rate),
                found: format!("{rate} on {self}"),
            });
        }
        if self.is_shaped() && self.rtt.is_zero() {
            let least = Delay(loopback.rtt);
            return Err(Error::Link {
                expected: format!(
                    "an RTT beside the rate, such as `rate=100MB/s,rtt=10ms` (loopback itself takes {least})"
                ),
                found: format!("none on {self}"),
            });
        }
        if self.is_shaped() && self.rtt < loopback.rtt {
            return Err(Error::Link {
                expected: format!("an RTT of at least the {} that loopback measures", Delay(loopback.rtt)),
                found: format!("{} on {self}", Delay(self.rtt)),
            });
        }
        Ok(())
    }

    /// Refuses numbers outside the range that the emulation can compute with.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let refuse = |expected: &str| Err(Error::Link { expected: expected.into(), found: self.to_string() });
        if self.rate.is_some_and(|rate| !(1.0..=1e15).contains(&rate.0)) {
            return refuse("a rate of 1 B/s to 1000 TB/s");
        }
        if self.rtt > Duration::from_secs(3600) {
            return refuse("an RTT of at most an hour");
        }
        if self.tcp_window.is_some() && (self.rtt.is_zero() || self.tcp_window == Some(Bytes(0))) {
            return refuse("a window above zero, with an RTT");
        }
        Ok(())
    }

    /// What [`Link::parse`] reads as these numbers.
    fn specification(&self) -> String {
        let mut parts = Vec::new();
        if let Some(rate) = self.rate {
            let (unit, size) = largest(rate.0, &[("GB/s", 1e9), ("MB/s", 1e6), ("kB/s", 1e3), ("B/s", 1.0)]);
            parts.push(format!("rate={}{unit}", rate.0 / size));
        }
        if !self.rtt.is_zero() {
            let ns = self.rtt.as_nanos() as f64;
            let (unit, size) = largest(ns, &[("s", 1e9), ("ms", 1e6), ("us", 1e3)]);
            parts.push(format!("rtt={}{unit}", ns / size));
        }
        if let Some(window) = self.tcp_window {
            let whole = window.0 > 0 && window.0.is_multiple_of(1024);
            let (unit, size) = if whole { ("KiB", 1024) } else { ("B", 1) };
            parts.push(format!("window={}{unit}", window.0 / size));
        }
        if parts.is_empty() { "loopback".into() } else { parts.join(",") }
    }
}

/// The largest of the units in which the value is at least one and says what it is; the last if there is none.
fn largest<'a>(value: f64, units: &[(&'a str, f64)]) -> (&'a str, f64) {
    let says = |size: f64| value / size >= 1.0 && value / size * size == value;
    let found = units.iter().find(|(_, size)| says(*size)).or(units.last());
    *found.expect("there are units")
}

/// The name, then the numbers that count.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.rate.map(|rate| rate.to_string()));
        if !self.rtt.is_zero() {
            parts.push(format!("RTT {}", Delay(self.rtt)));
        }
        parts.extend(self.tcp_window.map(|window| format!("window {window}")));
        if parts.is_empty() {
            parts.push("unshaped".into());
        }
        write!(f, "{} ({})", self.name, parts.join(", "))
    }
}

/// A delay as a whole number of nanoseconds.
mod rtt_ns {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(rtt: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(crate::clock::nanoseconds(*rtt))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_published_one() {
        let printed: Vec<String> = Link::named().map(|link| link.to_string()).collect();
        assert_eq!(
            printed,
            [
                "loopback (unshaped)",
                "lan (384 MB/s, RTT 0.3 ms)",
                "wan (44 MB/s, RTT 40 ms)",
                "cryptflow2-lan (377 MB/s, RTT 0.3 ms)",
                "cryptflow2-wan (40 MB/s, RTT 80 ms)",
                "privshap-lan (300 MB/s, RTT 5 ms)",
                "privshap-wan (1 GB/s, RTT 1 ms)",
                "mobile (12.5 MB/s, RTT 60 ms)",
            ]
        );
        for link in Link::named() {
            assert_eq!(Link::parse(&link.name).unwrap(), link);
            assert_eq!(link.source().is_some(), link.is_shaped());
        }
    }

    #[test]
    fn a_specification_reads_and_reads_again() {
        let link = Link::parse("rtt=10ms, rate=100MB/s,window=64KiB").unwrap();
        assert_eq!(link.name, "rate=100MB/s,rtt=10ms,window=64KiB");
        assert_eq!(link.rate, Some(BytesPerSec(100e6)));
        assert_eq!((link.rtt, link.tcp_window), (Duration::from_millis(10), Some(Bytes(65_536))));
        assert_eq!(link.effective_rate(), Some(BytesPerSec(6_553_600.0)));
        assert_eq!(Link::parse(&link.name).unwrap(), link);
        let json = serde_json::to_string(&link).unwrap();
        assert!(json.contains(r#""rtt_ns":10000000"#), "{json}");
        assert_eq!(serde_json::from_str::<Link>(&json).unwrap(), link);
    }

    #[test]
    fn a_name_is_what_was_typed() {
        for text in [
            "rate=100MB/s,rtt=10ms",
            "rate=1.5GB/s,rtt=300us",
            "rate=20kB/s,rtt=1s",
            "rate=7B/s,rtt=1.25ms,window=5B",
            "rate=12.5MB/s,rtt=0.001us",
        ] {
            assert_eq!(Link::parse(text).unwrap().name, text);
        }
        assert_eq!(Link::parse("rtt=0.3ms,rate=1000MB/s").unwrap().name, "rate=1GB/s,rtt=300us");
        assert_eq!(Link::parse("rate=100Mbit/s").unwrap().name, "rate=12.5MB/s");
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (text, said) in [
            ("lann", "one of loopback, lan, wan, cryptflow2-lan"),
            ("", "one of loopback"),
            ("speed=1MB/s", "found `speed`"),
            ("rate=fast", "a rate such as 100MB/s"),
            ("rate=1MB/s,rate=2MB/s", "rate once"),
            ("rate=0MB/s", "1 B/s to 1000 TB/s"),
            ("rtt=2000000s", "at most an hour"),
            ("window=64KiB", "with an RTT"),
            ("rtt=1ms,window=0B", "above zero"),
        ] {
            let error = Link::parse(text).unwrap_err();
            assert_eq!(error.fault(), crate::Fault::Config);
            assert!(error.to_string().contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_link_faster_than_loopback_is_refused_with_both_numbers() {
        let loopback = Loopback { rate: BytesPerSec(500e6), rtt: Duration::from_micros(400) };
        let said = |name: &str| Link::parse(name).unwrap().check(&loopback).map_err(|e| e.to_string());
        assert_eq!(said("loopback"), Ok(()));
        assert_eq!(said("wan"), Ok(()));
        assert_eq!(said("rate=500MB/s,rtt=400us"), Ok(()));
        assert_eq!(
            said("lan").unwrap_err(),
            "config: link: expected an RTT of at least the 0.4 ms that loopback measures, \
             found 0.3 ms on lan (384 MB/s, RTT 0.3 ms)"
        );
        let error = said("privshap-wan").unwrap_err();
        assert!(error.contains("at most the 500 MB/s") && error.contains("found 1 GB/s"), "{error}");
        // The window makes it slow enough.
        assert_eq!(said("rate=1GB/s,rtt=1ms,window=64KiB"), Ok(()));
    }
}
