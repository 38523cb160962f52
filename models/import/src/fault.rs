//! What is wrong with the part of a file at hand, before it is known which part that is.

use models::Error;
use models::text::{MOST_LINE, printable};
use std::path::Path;

/// Most names that an error lists.
const LISTED: usize = 8;

#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Fault {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }

    /// The same fault, with the name of the tensor that has it.
    pub(crate) fn in_tensor(self, name: &str) -> Self {
        Self { expected: format!("in `{name}`, {}", self.expected), ..self }
    }

    /// The fault of a node or a constant.
    pub(crate) fn at(self, node: impl Into<String>) -> Error {
        Error::model(node, self.expected, self.found)
    }

    /// The fault of a whole file.
    pub(crate) fn of(self, path: &Path) -> Error {
        Error::format(path, self.expected, self.found)
    }
}

/// The first of some names, fit to be printed, and how many more there are.
pub(crate) fn listed(names: &[&str]) -> String {
    let first = names.iter().take(LISTED).map(|name| printable(name).chars().take(MOST_LINE).collect());
    let first = first.collect::<Vec<String>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
