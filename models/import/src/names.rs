//! What a file of weights calls a network's arrays: the network's own names, and what was put around it.

use crate::fault::Fault;
use models::graph::Graph;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Parts of names that say that a network was wrapped: by `torch.nn.DataParallel`, by `torch.compile`, and by training code.
const WRAPPERS: [&str; 3] = ["module", "_orig_mod", "model"];

/// Parts of a name that a file has where a network has others, such as `fc=linear`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    from: String,
    to: String,
}

impl FromStr for Rename {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => {
                Ok(Self { from: from.to_owned(), to: to.to_owned() })
            }
            _ => Err(format!("expected FILES=NETWORKS, such as fc=linear, found {text}")),
        }
    }
}

impl Rename {
    /// The name with the first run of whole parts that is meant exchanged, if it has one.
    fn of(&self, name: &str) -> Option<String> {
        let end = |at: usize| at + self.from.len();
        let whole = |at: &usize| {
            let before = *at == 0 || name.as_bytes()[at - 1] == b'.';
            before && (end(*at) == name.len() || name.as_bytes()[end(*at)] == b'.')
        };
        let at = name.match_indices(&self.from).map(|(at, _)| at).find(whole)?;
        Some(format!("{}{}{}", &name[..at], self.to, &name[end(at)..]))
    }
}

/// How a file's names become a network's.
pub(crate) struct Names<'a> {
    wrappers: Vec<&'static str>,
    renames: &'a [Rename],
    /// In front of everything that is the network's, with its dot.
    within: String,
}

impl<'a> Names<'a> {
    /// Looks at the names of a file for `graph`.
    ///
    /// # Errors
    /// Two names that become one, with both.
    pub(crate) fn of(file: &[&str], graph: &Graph, renames: &'a [Rename]) -> Result<Self, Fault> {
        let wanted: BTreeSet<String> = graph.parameter_shapes().into_keys().collect();
        let own = |wrapper: &&str| wanted.iter().any(|name| name.split('.').any(|part| part == *wrapper));
        let wrappers = WRAPPERS.into_iter().filter(|wrapper| !own(wrapper)).collect();
        let mut names = Self { wrappers, renames, within: String::new() };
        let mut seen = BTreeMap::new();
        for name in file {
            if let Some(other) = seen.insert(names.unwrapped(name), *name) {
                return Err(Fault::new(
                    "names that differ without `module.`, `_orig_mod.` and `model.`",
                    format!("`{other}` and `{name}`"),
                ));
            }
        }
        // The network may be a part of what was saved, such as `1.` behind a layer that normalises.
        if let Some(first) = wanted.first() {
            let prefixes = seen.keys().filter_map(|name| name.strip_suffix(first.as_str()));
            let whole = |prefix: &&str| {
                (prefix.is_empty() || prefix.ends_with('.'))
                    && wanted.iter().all(|name| seen.contains_key(&format!("{prefix}{name}")))
            };
            names.within = prefixes
                .min_by_key(|prefix| (!whole(prefix), prefix.len()))
                .filter(whole)
                .unwrap_or_default()
                .to_owned();
        }
        Ok(names)
    }

    /// The network's name for what the file calls `name`; `None` for what is beside the network.
    pub(crate) fn own(&self, name: &str) -> Option<String> {
        self.unwrapped(name).strip_prefix(&self.within).map(str::to_owned)
    }

    fn unwrapped(&self, name: &str) -> String {
        let parts: Vec<&str> = name.split('.').filter(|part| !self.wrappers.contains(part)).collect();
        self.renames.iter().fold(parts.join("."), |name, rename| rename.of(&name).unwrap_or(name))
    }
}
