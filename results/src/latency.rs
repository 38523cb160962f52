//! `latency.hlog`: the times of a run as histograms, in the log format of HdrHistogram's tools.

use crate::statistics::Sample;
use crate::summary::Timed;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::Duration;

/// Name of the file in a run's folder.
pub(crate) const FILE: &str = "latency.hlog";

/// Values are nanoseconds; the log's column of maxima is in milliseconds.
const NS_IN_MS: f64 = 1e6;

/// The log: an interval for each cell and phase that has times, tagged `CELL/offline` or `CELL/online`, values in
/// nanoseconds to three digits. Intervals begin at 0, since rows say nothing of when they were measured, and are as long as
/// their times together.
pub(crate) fn log(times: &[(String, Vec<Timed>)]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("times of inferences in nanoseconds; tags are cell/phase")
        .with_max_value_divisor(NS_IN_MS);
    let mut log = builder.begin_log_with(&mut text, &mut serializer).expect(INFALLIBLE);
    for (cell, repeats) in times {
        let offline: Vec<u64> = repeats.iter().filter_map(|repeat| repeat.offline_ns).collect();
        let online: Vec<u64> = repeats.iter().filter_map(|repeat| repeat.online_ns).collect();
        for (phase, measured) in [("offline", offline), ("online", online)] {
            let sample = Sample::of(measured.iter().copied());
            if sample.is_empty() {
                continue;
            }
            let length = Duration::from_nanos(measured.iter().sum());
            let tag = tag(cell, phase);
            let tag = Tag::new(&tag).expect("separators are replaced");
            log.write_histogram(&sample.histogram(), Duration::ZERO, length, Some(tag)).expect(INFALLIBLE);
        }
    }
    text
}

const INFALLIBLE: &str = "memory takes every byte, and a histogram of times can be written";

/// A tag may hold neither commas nor spaces, which a link that is described has.
fn tag(cell: &str, phase: &str) -> String {
    let cell: String = cell.chars().map(|c| if c == ',' || c.is_whitespace() { ';' } else { c }).collect();
    format!("{cell}/{phase}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_log_gives_the_times_back() {
        let repeat =
            |ms: u64| Timed { image: 0, offline_ns: Some(ms * 7_000_000), online_ns: Some(ms * 1_000_000) };
        let times = [
            ("mini-rate=1MB/s, rtt=2ms".to_owned(), (1..=100).map(repeat).collect()),
            ("failed".to_owned(), Vec::new()),
            ("one".to_owned(), vec![Timed { offline_ns: None, ..repeat(9) }]),
        ];
        let text = log(&times);
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&text) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            let median = histogram.value_at_quantile(0.5) as f64 / 1e6;
            found.push((
                interval.tag().unwrap().as_str().to_owned(),
                histogram.len(),
                median,
                interval.max(),
            ));
        }
        let tags: Vec<&str> = found.iter().map(|entry| entry.0.as_str()).collect();
        assert_eq!(
            tags,
            ["mini-rate=1MB/s;;rtt=2ms/offline", "mini-rate=1MB/s;;rtt=2ms/online", "one/online"]
        );
        for (entry, (n, median)) in found.iter().zip([(100, 350.0), (100, 50.0), (1, 9.0)]) {
            assert_eq!(entry.1, n);
            assert!((entry.2 - median).abs() <= median * 1e-3, "{entry:?}");
        }
        assert!((found[1].3 - 100.0).abs() < 0.1, "the largest, in milliseconds: {}", found[1].3);
    }
}
