//! How queries come.

use crate::choice::ScenarioKind;
use crate::cli::Settings;
use crate::error::Error;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Preprocessed inferences that a pool is filled up to, unless another number is asked for.
const DEFAULT_POOL: usize = 8;

/// How queries come, and from where their preprocessed inferences.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Each is preprocessed and then asked, the next after the last.
    #[default]
    SingleStream,
    /// All are preprocessed, into a pool on disk, and then all are asked.
    OfflineBatch {
        /// Connections that preprocess.
        refillers: usize,
    },
    /// They come at random times, whether or not those before are done, and use up a pool on disk that is filled meanwhile.
    Server {
        /// Queries that are due in a second, on average: a cell each.
        rates: Vec<f64>,
        /// Preprocessed inferences that the pool is filled up to.
        pool: usize,
        /// Connections that fill it.
        refillers: usize,
        /// What the 90th percentile of response times should not exceed, seconds.
        p90_bound_s: Option<f64>,
    },
}

impl Scenario {
    /// From what was asked for.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let refillers = settings.refillers.unwrap_or(1);
        if refillers == 0 {
            return Err(refused("--refillers", "at least 1", "0"));
        }
        let only_server: [(&'static str, bool); 3] = [
            ("--rate", !settings.rate.is_empty()),
            ("--pool", settings.pool.is_some()),
            ("--p90-bound", settings.p90_bound.is_some()),
        ];
        let scenario = settings.scenario.unwrap_or(ScenarioKind::SingleStream);
        if scenario != ScenarioKind::Server
            && let Some((option, _)) = only_server.into_iter().find(|(_, given)| *given)
        {
            return Err(refused(option, "--scenario server beside it", scenario.name()));
        }
        match scenario {
            ScenarioKind::SingleStream if settings.refillers.is_some() => {
                Err(refused("--refillers", "a --scenario with a pool beside it", scenario.name()))
            }
            ScenarioKind::SingleStream => Ok(Self::SingleStream),
            ScenarioKind::OfflineBatch => Ok(Self::OfflineBatch { refillers }),
            ScenarioKind::Server => Self::server(settings, refillers),
        }
    }

    fn server(settings: &Settings, refillers: usize) -> Result<Self, Error> {
        let rates = settings.rate.clone();
        if rates.is_empty() {
            return Err(refused("--rate", "queries a second, for --scenario server", "none"));
        }
        let sensible = |rate: f64| rate.is_finite() && rate > 0.0;
        if let Some(bad) = rates.iter().find(|rate| !sensible(**rate)) {
            return Err(refused("--rate", "positive numbers of queries a second", bad));
        }
        if let Some(at) = (1..rates.len()).find(|at| rates[..*at].contains(&rates[*at])) {
            return Err(refused("--rate", "every rate once", format!("{} again", rates[at])));
        }
        let pool = settings.pool.unwrap_or(DEFAULT_POOL);
        if pool == 0 {
            return Err(refused("--pool", "at least 1", "0"));
        }
        if let Some(bound) = settings.p90_bound.filter(|bound| !sensible(*bound)) {
            return Err(refused("--p90-bound", "a positive number of seconds", bound));
        }
        Ok(Self::Server { rates, pool, refillers, p90_bound_s: settings.p90_bound })
    }

    /// As in rows and on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SingleStream => ScenarioKind::SingleStream.name(),
            Self::OfflineBatch { .. } => ScenarioKind::OfflineBatch.name(),
            Self::Server { .. } => ScenarioKind::Server.name(),
        }
    }

    /// The rates of which each makes a cell.
    pub(crate) fn rates(&self) -> Vec<Option<f64>> {
        match self {
            Self::SingleStream | Self::OfflineBatch { .. } => vec![None],
            Self::Server { rates, .. } => rates.iter().copied().map(Some).collect(),
        }
    }

    /// Items that a pool is filled up to, and connections that fill it, for so many queries; `None` without a pool.
    pub(crate) fn pool(&self, queries: usize) -> Option<(usize, usize)> {
        match self {
            Self::SingleStream => None,
            Self::OfflineBatch { refillers } => Some((queries, *refillers)),
            Self::Server { pool, refillers, .. } => Some((*pool, *refillers)),
        }
    }

    /// What it adds to the name of a cell.
    pub(crate) fn suffix(&self, rate: Option<f64>) -> String {
        match (self, rate) {
            (Self::SingleStream, _) => String::new(),
            (Self::OfflineBatch { .. }, _) | (Self::Server { .. }, None) => format!("-{}", self.name()),
            (Self::Server { .. }, Some(rate)) => format!("-{}-{rate}ps", self.name()),
        }
    }
}

/// When each of `count` queries is due, nanoseconds: of a Poisson process with `rate` a second, which `seed` determines; all
/// at once without a rate.
pub(crate) fn arrivals(count: usize, rate: Option<f64>, seed: u64) -> Vec<u64> {
    let Some(rate) = rate else { return vec![0; count] };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut at = 0.0f64;
    (0..count)
        .map(|_| {
            // 1 - u is never 0.
            at -= (1.0 - rng.random::<f64>()).ln() / rate;
            (at * 1e9) as u64
        })
        .collect()
}

fn refused(option: &'static str, expected: impl Into<String>, found: impl ToString) -> Error {
    Error::Option { option, expected: expected.into(), found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_the_seeds_and_come_at_the_rate() {
        let at = arrivals(20_000, Some(4.0), 7);
        assert_eq!(at, arrivals(20_000, Some(4.0), 7));
        assert_ne!(at, arrivals(20_000, Some(4.0), 8));
        assert!(at.is_sorted());
        let gaps: Vec<f64> = at.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Exponential: the deviation is the mean.
        assert!((mean / 0.25 - 1.0).abs() < 0.03 && (variance.sqrt() / mean - 1.0).abs() < 0.03, "{mean}");
        assert_eq!(arrivals(3, None, 1), [0, 0, 0]);
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        let settings = |scenario, rate: &[f64], pool| Settings {
            scenario,
            rate: rate.to_vec(),
            pool,
            ..Settings::default()
        };
        for (settings, option) in [
            (settings(None, &[1.0], None), "--rate"),
            (settings(None, &[], Some(3)), "--pool"),
            (settings(Some(ScenarioKind::Server), &[], None), "--rate"),
            (settings(Some(ScenarioKind::Server), &[1.0, -2.0], None), "-2"),
            (settings(Some(ScenarioKind::Server), &[1.0, 1.0], None), "every rate once"),
            (settings(Some(ScenarioKind::Server), &[1.0], Some(0)), "--pool"),
            (Settings { refillers: Some(2), ..Settings::default() }, "--refillers"),
        ] {
            let error = Scenario::new(&settings).unwrap_err().to_string();
            assert!(error.contains(option), "{error}");
        }
        let server = Scenario::new(&settings(Some(ScenarioKind::Server), &[0.5, 2.0], None)).unwrap();
        assert_eq!(server.rates(), [Some(0.5), Some(2.0)]);
        assert_eq!((server.pool(100), server.suffix(Some(0.5))), (Some((8, 1)), "-server-0.5ps".to_owned()));
    }
}
