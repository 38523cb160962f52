//! What a budget is a budget of: `relus`, `online@LINK`, `total@LINK` or `bytes`.

use crate::Error;
use netem::{Bytes, Link, parse_delay};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What linearized networks are to have little of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Objective {
    /// Kept units.
    #[default]
    Relus,
    /// Seconds over a link.
    Time {
        /// From image to logits alone, or preprocessing too.
        phases: Phases,
        /// The link.
        link: Link,
    },
    /// Bytes, offline and online, both directions.
    Bytes,
}

/// Which phases' time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phases {
    /// From image to logits.
    Online,
    /// Preprocessing too.
    Total,
}

impl Objective {
    /// Understands a budget: seconds, or bytes.
    ///
    /// # Errors
    /// Where it is not one, or where the objective is kept units.
    pub fn budget(&self, text: &str) -> Result<f64, Error> {
        let (found, expected) = match self {
            Self::Relus => (None, "a number of units"),
            Self::Time { .. } => {
                (parse_delay(text).ok().map(|time| time.as_secs_f64()), "a time such as 300ms")
            }
            Self::Bytes => (Bytes::parse(text).ok().map(|bytes| bytes.0 as f64), "bytes, such as 20MB"),
        };
        found.filter(|budget| *budget > 0.0).ok_or_else(|| Error::config("--budget", expected, text))
    }

    /// Whether it is kept units.
    pub fn is_relus(&self) -> bool {
        *self == Self::Relus
    }

    /// An amount of it, for people.
    pub fn told(&self, amount: f64) -> String {
        match self {
            Self::Relus => format!("{amount:.0} units"),
            Self::Time { .. } => format!("{:.1} ms", 1e3 * amount),
            Self::Bytes => Bytes(amount as u64).to_string(),
        }
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("expected relus, online@LINK, total@LINK or bytes, found `{text}`");
        let (phases, link) = match text {
            "relus" => return Ok(Self::Relus),
            "bytes" => return Ok(Self::Bytes),
            _ => text.split_once('@').ok_or_else(unknown)?,
        };
        let phases = match phases {
            "online" => Phases::Online,
            "total" => Phases::Total,
            _ => return Err(unknown()),
        };
        let link = Link::parse(link).map_err(|error| error.to_string())?;
        match link.is_shaped() {
            true => Ok(Self::Time { phases, link }),
            false => Err(format!("expected a link with a rate or a round-trip time, found `{link}`")),
        }
    }
}

impl TryFrom<String> for Objective {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        match objective {
            Objective::Relus => "relus".to_owned(),
            Objective::Bytes => "bytes".to_owned(),
            Objective::Time { phases: Phases::Online, link } => format!("online@{}", link.name),
            Objective::Time { phases: Phases::Total, link } => format!("total@{}", link.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_and_their_budgets_are_read_as_written() {
        for text in ["relus", "bytes", "online@wan", "total@rate=12.5MB/s,rtt=60ms"] {
            let objective: Objective = text.parse().unwrap();
            assert_eq!(String::from(objective.clone()).parse::<Objective>(), Ok(objective));
        }
        for (objective, text, budget) in
            [("online@wan", "300ms", 0.3), ("total@lan", "1.5s", 1.5), ("bytes", "20MB", 20e6)]
        {
            let objective: Objective = objective.parse().unwrap();
            assert!((objective.budget(text).unwrap() - budget).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_none_is_told_with_what_may_be() {
        for (text, told) in [
            ("time@wan", "online@LINK"),
            ("online", "online@LINK"),
            ("online@moon", "one of loopback"),
            ("online@loopback", "a rate or a round-trip time"),
        ] {
            let error = text.parse::<Objective>().unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        for (objective, budget) in
            [("online@wan", "300"), ("online@wan", "-1s"), ("bytes", "3 m"), ("relus", "9")]
        {
            let objective: Objective = objective.parse().unwrap();
            assert!(objective.budget(budget).is_err(), "{budget}");
        }
    }
}
