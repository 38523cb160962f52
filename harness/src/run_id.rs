//! What a run is called: the name of its folder within the folder of runs.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use time::OffsetDateTime;
use time::macros::format_description;

/// A name that somebody gave. It is one folder's name: never a path, so that no run lies outside the folder of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct RunId(String);

impl RunId {
    /// The run's folder within `out`.
    pub(crate) fn within(&self, out: &Path) -> PathBuf {
        out.join(&self.0)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = Path::new(text).components();
        let alone =
            matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == text);
        if !alone || text.starts_with('.') || text.chars().any(char::is_control) {
            return Err(Error::Option {
                option: "id",
                expected: "the name of one folder, which does not begin with a dot".into(),
                found: format!("{text:?}"),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

/// What a run's folder is called.
pub(crate) fn of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The folder within `out` of a run of `what` that nobody named: called after the time, and counted where several begin in
/// one second.
pub(crate) fn unnamed(out: &Path, now: OffsetDateTime, what: &str) -> PathBuf {
    let format = format_description!("[year][month][day]-[hour][minute][second]");
    let name = format!("{}-{what}", now.format(&format).expect("the format is fixed"));
    let counted = (2u32..).map(|nth| out.join(format!("{name}-{nth}")));
    let free = std::iter::once(out.join(&name)).chain(counted).find(|folder| !folder.exists());
    free.expect("some number is free")
}

#[cfg(test)]
mod tests {
    use super::{RunId, unnamed};
    use std::path::Path;
    use time::macros::datetime;

    #[test]
    fn an_id_names_one_folder() {
        for id in ["lan", "2026-11-28 a", "résumé_1.2"] {
            assert_eq!(id.parse::<RunId>().unwrap().within(Path::new("runs")), Path::new("runs").join(id));
        }
        for id in ["", ".", "..", "../../evil", "/evil", "a/b", "a/", "./a", ".hidden", "a\nb"] {
            let told = id.parse::<RunId>().unwrap_err().to_string();
            assert!(told.contains("the name of one folder"), "{id:?}: {told}");
        }
    }

    #[test]
    fn runs_of_one_second_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let now = datetime!(2026-11-29 16:36:05 UTC);
        let names = (0..3).map(|_| {
            let made = unnamed(folder.path(), now, "mini");
            std::fs::create_dir(&made).unwrap();
            made.file_name().unwrap().to_string_lossy().into_owned()
        });
        let expected = ["20261129-163605-mini", "20261129-163605-mini-2", "20261129-163605-mini-3"];
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }
}
