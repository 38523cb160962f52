//! What tells a cell from others. Everything that compares, groups or names cells derives from [`Identity`], so that one more
//! thing to compare is added here: a field, and the [`Dimension`] that selects it.

use super::row::{Wrong, named};
use crate::layout::or_missing;
use serde::{Deserialize, Serialize};

/// Between a method's name and the seed that its training was given, in the column `method`.
pub const SEED_SUFFIX: &str = "-seed";

/// What a cell is a combination of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Identity<'a> {
    /// Model.
    pub(crate) model: &'a str,
    /// How the kept ReLUs were chosen.
    pub(crate) method: &'a str,
    /// ReLUs asked for; `None`: every one kept.
    pub(crate) budget: Option<u64>,
    /// ReLUs kept, which follow from the three above.
    pub(crate) relus: u64,
    /// Variant of the ReLU protocol.
    pub(crate) relu: &'a str,
    /// Who computed on ciphertexts.
    pub(crate) he: Option<&'a str>,
    /// How base OTs were extended.
    pub(crate) ot: Option<&'a str>,
    /// Threads of each party.
    pub(crate) threads: Option<u32>,
    /// Where the client kept what it had preprocessed.
    pub(crate) store: Option<&'a str>,
    /// Link.
    pub(crate) link: &'a str,
    /// How queries come.
    pub(crate) scenario: Option<&'a str>,
    /// Queries that are due in a second, on average.
    pub(crate) rate_per_s: Option<f64>,
}

impl Identity<'_> {
    /// Errors with the first name that is missing.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        named("model", self.model)?;
        named("method", self.method)?;
        named("relu", self.relu)?;
        named("link", self.link)
    }
}

/// One of the things that cells differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// The run.
    Run,
    /// The model.
    Model,
    /// How units were chosen.
    Method,
    /// The ReLU budget.
    Budget,
    /// The variant of the ReLU protocol.
    Relu,
    /// Who computed on ciphertexts.
    He,
    /// How base OTs were extended.
    Ot,
    /// Threads of each party.
    Threads,
    /// Where preprocessed material was kept.
    Store,
    /// The link.
    Link,
    /// How queries came.
    Scenario,
    /// Queries that were due in a second.
    Rate,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Run,
        Self::Model,
        Self::Method,
        Self::Budget,
        Self::Relu,
        Self::He,
        Self::Ot,
        Self::Threads,
        Self::Store,
        Self::Link,
        Self::Scenario,
        Self::Rate,
    ];

    /// As on the command line, and the column's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Model => "model",
            Self::Method => "method",
            Self::Budget => "budget",
            Self::Relu => "relu",
            Self::He => "he",
            Self::Ot => "ot",
            Self::Threads => "threads",
            Self::Store => "store",
            Self::Link => "link",
            Self::Scenario => "scenario",
            Self::Rate => "rate",
        }
    }

    /// The value of a cell of the run named `run`. No field is passed over: one that is not used below does not compile.
    pub(crate) fn value(self, run: &str, cell: &Identity<'_>) -> String {
        let Identity {
            model,
            method,
            budget,
            relus: _,
            relu,
            he,
            ot,
            threads,
            store,
            link,
            scenario,
            rate_per_s,
        } = *cell;
        let known = |value: Option<&str>| or_missing(value, str::to_owned);
        match self {
            Self::Run => run.to_owned(),
            Self::Model => model.to_owned(),
            Self::Method => method.to_owned(),
            Self::Budget => budget.map_or_else(|| "all".to_owned(), |budget| budget.to_string()),
            Self::Relu => relu.to_owned(),
            Self::He => known(he),
            Self::Ot => known(ot),
            Self::Threads => or_missing(threads, |threads| threads.to_string()),
            Self::Store => known(store),
            Self::Link => link.to_owned(),
            Self::Scenario => known(scenario),
            Self::Rate => or_missing(rate_per_s, |rate| rate.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_dimensions_are_in_the_list() {
        // The decoder, which is derived from the type, names every variant.
        let error = serde_json::from_str::<Dimension>("\"\"").unwrap_err().to_string();
        let (_, expected) = error.split_once("expected one of ").unwrap();
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        assert_eq!(Dimension::ALL.map(Dimension::name).to_vec(), known, "{error}");
    }

    #[test]
    fn every_dimension_selects_a_field_of_its_own() {
        let one = Identity::default();
        let other = Identity {
            model: "model",
            method: "method",
            budget: Some(1),
            relus: 2,
            relu: "relu",
            he: Some("he"),
            ot: Some("ot"),
            threads: Some(3),
            store: Some("store"),
            link: "link",
            scenario: Some("scenario"),
            rate_per_s: Some(4.5),
        };
        let values = Dimension::ALL.map(|dimension| dimension.value("run", &other));
        let expected =
            ["run", "model", "method", "1", "relu", "he", "ot", "3", "store", "link", "scenario", "4.5"];
        assert_eq!(values, expected);
        let missing = Dimension::ALL.map(|dimension| dimension.value("", &one));
        assert_eq!(missing, ["", "", "", "all", "", "-", "-", "-", "-", "", "-", "-"]);
    }
}
