//! An experiment's file: TOML, every key known, every mistake with its line.

use crate::cli::{CompileArgs, Settings};
use crate::error::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a file asks for.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    /// What the experiment is to find out; for readers.
    #[serde(default)]
    pub(super) question: String,
    /// Networks with all their units.
    pub(super) models: Vec<Model>,
    /// What they are linearized by; without, they are run as they are.
    #[serde(default)]
    pub(super) linearize: Option<Linearize>,
    /// Links that everything runs over, by name or description.
    #[serde(default)]
    pub(super) links: Vec<String>,
    /// How it is measured: the options of `linnet run`.
    #[serde(default)]
    pub(super) measure: Settings,
    /// How it is compiled.
    #[serde(default)]
    pub(super) compile: CompileArgs,
    /// What `--quick` changes, by the same keys; tables are merged, all else is replaced.
    #[serde(default)]
    quick: toml::Table,
    /// The file itself, to tell where in it something is.
    #[serde(skip)]
    text: String,
    /// Whether it was read with its table `quick`.
    #[serde(skip)]
    is_quick: bool,
}

/// A network: imported, or trained here, or a checkpoint that is there.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Model {
    /// A finished checkpoint's folder.
    pub(super) checkpoint: Option<PathBuf>,
    /// A file that `linnet import` reads.
    pub(super) import: Option<PathBuf>,
    /// A built-in network's name.
    pub(super) net: Option<String>,
    /// The images that it is for.
    pub(super) data: Option<String>,
    /// Folder of their files.
    pub(super) data_dir: Option<PathBuf>,
    /// Of an imported network: subtracted from every channel of an image in 0 to 1.
    pub(super) mean: Option<Vec<f32>>,
    /// Divides every channel afterwards.
    pub(super) std: Option<Vec<f32>>,
    /// Of training: see `linnet train --help`.
    pub(super) epochs: Option<usize>,
    /// Images a step.
    pub(super) batch: Option<usize>,
    /// Learning rate at the start.
    pub(super) lr: Option<f64>,
    /// How it goes down, as `linnet train --schedule`.
    pub(super) schedule: Option<String>,
    /// Share of the steps over which it first rises.
    pub(super) warmup: Option<f64>,
    /// Determines everything random.
    pub(super) seed: Option<u64>,
    /// Training images used, the first ones.
    pub(super) limit: Option<usize>,
    /// Held-out and test images that accuracies are measured on, the first ones.
    pub(super) eval_limit: Option<usize>,
    /// Threads of libtorch.
    pub(super) threads: Option<usize>,
    /// Budgets of networks with random weights and masks, made in place of a trained one: see `linnet init`.
    pub(super) init: Option<Vec<Budget>>,
}

/// Methods and budgets, each with each; and how long is trained: see `linnet linearize --help`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Linearize {
    pub(super) methods: Vec<String>,
    pub(super) budgets: Vec<Budget>,
    /// Each method linearizes with each of these; with the trained network's if absent.
    pub(super) seeds: Option<Vec<u64>>,
    pub(super) schedule: Option<String>,
    pub(super) chain: Option<bool>,
    pub(super) chain_epochs: Option<usize>,
    pub(super) pr_epochs: Option<usize>,
    pub(super) ft_epochs: Option<usize>,
    pub(super) rate: Option<f64>,
    pub(super) ft_rate: Option<f64>,
    pub(super) warmup: Option<f64>,
    pub(super) kd_weight: Option<f64>,
    pub(super) kd_temperature: Option<f64>,
    pub(super) variants: Option<usize>,
    pub(super) batch: Option<usize>,
    pub(super) limit: Option<usize>,
    pub(super) eval_limit: Option<usize>,
    pub(super) threshold: Option<f64>,
    pub(super) depth: Option<usize>,
    pub(super) exact: Option<bool>,
    pub(super) shapley_images: Option<usize>,
    /// Threads of each command; 1 if absent.
    pub(super) threads: Option<usize>,
    /// Commands side by side; as many as the cores have threads for if absent.
    pub(super) jobs: Option<usize>,
    /// Budgets of time or bytes, beside those of units, at the same effort.
    #[serde(default)]
    pub(super) objectives: Vec<Objective>,
}

/// Budgets of something else than units, or of units with seeds of their own.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Objective {
    /// As `linnet linearize --objective`.
    pub(super) objective: String,
    /// What is linearized by; the table's methods if absent.
    pub(super) methods: Option<Vec<String>>,
    /// Such as "300ms" or "20MB"; "25000" of `relus`.
    pub(super) budgets: Vec<String>,
    /// Each budget is linearized to with each of these seeds; with the trained network's if absent.
    pub(super) seeds: Option<Vec<u64>>,
}

/// Units to keep: a number, or a percentage as a string.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of units, or a percentage such as \"10%\"")]
pub(super) enum Budget {
    Units(u64),
    Share(String),
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Units(units) => write!(f, "{units}"),
            Self::Share(share) => f.write_str(share),
        }
    }
}

impl File {
    /// Reads the file, with the changes of its table `quick` if `quick`. Paths in it are relative to its folder.
    pub(super) fn read(path: &Path, quick: bool) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io(format!("reading {}", path.display())))?;
        let wrong = |error: toml::de::Error| Error::File { path: path.to_owned(), what: error.to_string() };
        let mut file: Self = toml::from_str(&text).map_err(wrong)?;
        if quick {
            let mut whole: toml::Table = toml::from_str(&text).map_err(wrong)?;
            whole.remove("quick");
            merge(&mut whole, std::mem::take(&mut file.quick));
            file = whole.try_into().map_err(|error: toml::de::Error| Error::File {
                path: path.to_owned(),
                what: format!("with the changes of its table `quick`: {error}"),
            })?;
        }
        if file.models.is_empty() {
            return Err(Error::File {
                path: path.to_owned(),
                what: "models: expected at least one, found none".into(),
            });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for model in &mut file.models {
            for path in [&mut model.checkpoint, &mut model.import, &mut model.data_dir].into_iter().flatten()
            {
                *path = folder.join(&*path);
            }
        }
        (file.text, file.is_quick) = (text, quick);
        Ok(file)
    }

    /// The error with its place in the file, where it is about a value that the file gives.
    pub(super) fn placed(&self, path: &Path, error: Error) -> Error {
        let (key, expected, found) = match &error {
            Error::Option { option: "--link", expected, found }
            | Error::Channel(netem::Error::Link { expected, found }) => ("links", expected, found),
            Error::Option { option, expected, found } => (option.trim_start_matches("--"), expected, found),
            _ => return error,
        };
        let gives = |line: &str| {
            let line = line.trim_start();
            let named = line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
            named || line.starts_with(&format!("[[{key}]]"))
        };
        let mut places = (1..).zip(self.text.lines()).filter(|(_, line)| gives(line)).map(|(at, _)| at);
        // The table `quick` comes after what it changes.
        match if self.is_quick { places.last() } else { places.next() } {
            Some(line) => Error::File {
                path: path.to_owned(),
                what: format!("line {line}, {key}: expected {expected}, found {found}"),
            },
            None => error,
        }
    }
}

/// Puts `changes` into `whole`: tables key by key, anything else as a whole.
fn merge(whole: &mut toml::Table, changes: toml::Table) {
    for (key, change) in changes {
        match (whole.get_mut(&key), change) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, change) => {
                whole.insert(key, change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
question = "does it work?"
links = ["lan"]
[[models]]
net = "mini"
[linearize]
methods = ["privshap"]
budgets = [1000, "10%"]
[measure]
images = 20
accuracy-images = 100
[quick]
links = ["wan"]
[quick.measure]
images = 2
"#;

    fn read(text: &str, quick: bool) -> Result<File, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        std::fs::write(&path, text).unwrap();
        File::read(&path, quick).map_err(|error| error.to_string())
    }

    #[test]
    fn every_study_is_read_whole_and_quick() {
        let studies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../studies");
        let mut read = 0;
        for entry in std::fs::read_dir(studies).unwrap() {
            let path = entry.unwrap().path();
            for quick in [false, true] {
                let file = File::read(&path, quick).unwrap_or_else(|error| panic!("{error}"));
                let masked = file.linearize.is_some() || file.models.iter().all(|model| model.init.is_some());
                assert!(!file.question.is_empty() && masked, "{}", path.display());
                read += 1;
            }
        }
        assert!(read >= 4, "{read}");
    }

    #[test]
    fn quick_changes_what_it_names() {
        let (whole, quick) = (read(GOOD, false).unwrap(), read(GOOD, true).unwrap());
        assert_eq!((whole.measure.images, quick.measure.images), (Some(20), Some(2)));
        assert_eq!((whole.links, quick.links), (vec!["lan".to_owned()], vec!["wan".to_owned()]));
        assert_eq!(quick.measure.accuracy_images, Some(100));
        let budgets: Vec<String> = quick.linearize.unwrap().budgets.iter().map(ToString::to_string).collect();
        assert_eq!(budgets, ["1000", "10%"]);
    }

    #[test]
    fn mistakes_name_their_line_and_what_was_expected() {
        let wrong = |from: &str, to: &str, quick| read(&GOOD.replace(from, to), quick).err().unwrap();
        let unknown = wrong("images = 20", "imges = 20", false);
        assert!(
            unknown.contains("line 10") && unknown.contains("`imges`") && unknown.contains("`images`"),
            "{unknown}"
        );
        let kind = wrong("images = 20", "images = \"many\"", false);
        assert!(kind.contains("line 10") && kind.contains("expected usize"), "{kind}");
        let budget = wrong("\"10%\"", "1.5", false);
        assert!(budget.contains("line 8") && budget.contains("a number of units"), "{budget}");
        let quick = wrong("images = 2\n", "imges = 2\n", true);
        assert!(quick.contains("quick") && quick.contains("imges"), "{quick}");
        let none = read("models = []", false).err().unwrap();
        assert!(none.contains("expected at least one"), "{none}");
    }
}
