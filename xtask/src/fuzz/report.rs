//! What one run of a target did, from what libFuzzer printed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The table's head.
pub(super) const HEAD: &str = "target                            seconds  executions    a second  edges  inputs  held of allowed  found";

/// A row of the table.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) target: String,
    pub(super) seconds: f64,
    pub(super) executions: u64,
    /// Edges of the program that were taken.
    pub(super) edges: u64,
    /// Inputs in the corpus at the end.
    pub(super) inputs: u64,
    /// The most bytes that were held, by their share of what might have been; and how many might.
    pub(super) held: Option<(u64, u64)>,
    /// Inputs that failed.
    pub(super) findings: Vec<PathBuf>,
}

impl Report {
    /// `said` is libFuzzer's output, `peak` what the target wrote of what it held.
    pub(super) fn read(target: &str, said: &str, peak: &str, took: Duration) -> Self {
        // `#4821  DONE   cov: 420 ft: 1033 corp: 127/4053b lim: 104 exec/s: 2410 rss: 62Mb`
        let lines = || said.lines().filter(|line| line.starts_with('#'));
        let after = |label: &str| {
            let found = lines().rev().find_map(|line| line.split_once(label));
            let digits = found?.1.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        let counted = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let begun = lines().next_back().and_then(|line| line[1..].split_whitespace().next()?.parse().ok());
        let executions = counted.and_then(|count| count.trim().parse().ok()).or(begun).unwrap_or(0);
        let held = peak
            .split_once(' ')
            .and_then(|(held, allowed)| Some((held.trim().parse().ok()?, allowed.trim().parse().ok()?)));
        Self {
            target: target.into(),
            seconds: took.as_secs_f64(),
            executions,
            edges: after("cov:").unwrap_or(0),
            inputs: after("corp:").unwrap_or(0),
            held,
            findings: Vec::new(),
        }
    }

    /// Executions a second.
    pub(super) fn rate(&self) -> f64 {
        self.executions as f64 / self.seconds.max(1e-9)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.map_or(String::new(), |(held, allowed)| {
            format!("{:.1} of {:.1} MB", held as f64 / 1e6, allowed as f64 / 1e6)
        });
        write!(
            f,
            "{:32} {:8.0} {:11} {:11.0} {:6} {:7} {held:>16} {:6}",
            self.target,
            self.seconds,
            self.executions,
            self.rate(),
            self.edges,
            self.inputs,
            self.findings.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_from_what_the_fuzzer_prints() {
        let said = "INFO: Seed: 1\n#2\tINITED cov: 5 ft: 5 corp: 1/1b exec/s: 0 rss: 40Mb\n\
            #4821\tDONE   cov: 420 ft: 1033 corp: 127/4053b lim: 104 exec/s: 2410 rss: 62Mb\n\
            stat::number_of_executed_units: 4821\n";
        let report = Report::read("a::b", said, "12 1000\n", Duration::from_secs(2));
        assert_eq!((report.executions, report.edges, report.inputs), (4821, 420, 127));
        assert_eq!((report.held, report.rate()), (Some((12, 1000)), 2410.5));
        let columns = report.to_string().len();
        assert!(columns <= HEAD.len(), "{columns} columns");
        // It was ended by an input: there are no statistics, and the last line counts.
        let report = Report::read("a::b", said.rsplit_once("stat").unwrap().0, "", Duration::ZERO);
        assert_eq!((report.executions, report.held), (4821, None));
    }
}
