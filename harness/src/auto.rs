//! A choice among the ways in which a part of the protocol works: one of them, or whichever is cheapest.

use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use serde::{Deserialize, Serialize};

/// Ways of doing one thing, by name.
pub(crate) trait Way: Copy + PartialEq + Default + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// What [`Choice::Auto`] does, for help texts.
    const AUTO: &'static str;

    /// As in rows and on the command line.
    fn name(self) -> &'static str;

    /// What it does, for help texts.
    fn summary(self) -> &'static str;
}

impl Way for ReluVariant {
    const ALL: &'static [Self] = &Self::ALL;
    const AUTO: &'static str =
        "For each layer the one that makes the whole cheapest, by --objective on the slowest link";

    fn name(self) -> &'static str {
        self.name()
    }

    fn summary(self) -> &'static str {
        self.summary()
    }
}

impl Way for OtVariant {
    const ALL: &'static [Self] = &Self::ALL;
    const AUTO: &'static str = "The one that makes the whole cheapest, by --objective on the slowest link";

    fn name(self) -> &'static str {
        self.name()
    }

    fn summary(self) -> &'static str {
        self.summary()
    }
}

/// What is done in one of several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "W: Way")]
pub(crate) enum Choice<W> {
    /// By what makes the whole cheapest.
    Auto,
    /// Always alike.
    Always(W),
}

impl<W: Way> Choice<W> {
    /// What stands for [`Self::Auto`].
    const AUTO: &'static str = "auto";

    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        W::ALL.iter().copied().map(Self::Always).chain([Self::Auto])
    }

    /// As in rows and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => Self::AUTO,
            Self::Always(way) => way.name(),
        }
    }

    /// What it does, for help texts.
    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::Auto => W::AUTO,
            Self::Always(way) => way.summary(),
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|choice| choice.name() == name)
    }

    /// What it may come to.
    pub(crate) fn ways(&self) -> &[W] {
        match self {
            Self::Auto => W::ALL,
            Self::Always(way) => std::slice::from_ref(way),
        }
    }
}

impl<W: Way> Default for Choice<W> {
    fn default() -> Self {
        Self::Always(W::default())
    }
}

impl<W: Way> TryFrom<String> for Choice<W> {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let names = || Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
        Self::named(&name).ok_or_else(|| format!("expected one of {}, found `{name}`", names()))
    }
}

impl<W: Way> From<Choice<W>> for String {
    fn from(choice: Choice<W>) -> Self {
        choice.name().to_owned()
    }
}
