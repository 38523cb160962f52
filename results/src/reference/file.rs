//! Files of published figures, read and checked. An entry that lacks its source, or has a field that is not known, is an error.

use super::entry::{Cost, Per, Phase, Reference, Source, System, Unit, What};
use crate::Error;
use serde::Deserialize;
use std::collections::HashSet;

/// The files that are part of the program, by name.
const FILES: [(&str, &str); 12] = [
    ("autorep.toml", include_str!("../../reference/autorep.toml")),
    ("cheetah.toml", include_str!("../../reference/cheetah.toml")),
    ("circa.toml", include_str!("../../reference/circa.toml")),
    ("cryptflow2.toml", include_str!("../../reference/cryptflow2.toml")),
    ("delphi.toml", include_str!("../../reference/delphi.toml")),
    ("garimella.toml", include_str!("../../reference/garimella.toml")),
    ("privalean.toml", include_str!("../../reference/privalean.toml")),
    ("privshap.toml", include_str!("../../reference/privshap.toml")),
    ("relupruner.toml", include_str!("../../reference/relupruner.toml")),
    ("seconnds.toml", include_str!("../../reference/seconnds.toml")),
    ("senet.toml", include_str!("../../reference/senet.toml")),
    ("snl.toml", include_str!("../../reference/snl.toml")),
];

/// The systems whose figures are part of the program.
pub fn built_in() -> Vec<System> {
    FILES
        .iter()
        .map(|(file, text)| parse(file, text).expect("tests read every file of results/reference"))
        .collect()
}

/// A system from a file's text.
///
/// # Errors
/// [`Error::ReferenceFile`] if it is not such a file, [`Error::Reference`] if an entry breaks a rule; both name `file`.
pub fn parse(file: &str, text: &str) -> Result<System, Error> {
    let read: File = toml::from_str(text).map_err(|source| {
        let before = source.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Error::ReferenceFile { file: file.to_owned(), line, what: source.message().to_owned() }
    })?;
    let File { system, work, remarks, accuracy, cost } = read;
    let wrong = Entry { file, id: "head" };
    wrong.texts(&[("system", Some(&system)), ("work", Some(&work)), ("remarks", Some(&remarks))])?;
    let costs = cost.into_iter().map(|entry| entry.of(&system));
    let references: Vec<Reference> =
        accuracy.into_iter().map(|entry| entry.of(&system)).chain(costs).collect();
    let mut seen = HashSet::new();
    for reference in &references {
        let entry = Entry { file, id: &reference.id };
        entry.check(reference)?;
        if !seen.insert(&reference.id) {
            return Err(entry.wrong("id", "a name that no other entry has", &reference.id));
        }
    }
    Ok(System { name: system, work, remarks, references })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    system: String,
    work: String,
    remarks: String,
    #[serde(default)]
    accuracy: Vec<AccuracyEntry>,
    #[serde(default)]
    cost: Vec<CostEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccuracyEntry {
    id: String,
    network: Option<String>,
    data: Option<String>,
    relus: Option<u64>,
    figure: f64,
    unit: Unit,
    all_relu: Option<f64>,
    source: Source,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CostEntry {
    id: String,
    network: Option<String>,
    data: Option<String>,
    relus: Option<u64>,
    phase: Phase,
    of: String,
    #[serde(default)]
    per: Per,
    figure: f64,
    unit: Unit,
    hardware: Option<String>,
    threads: Option<u32>,
    link: Option<String>,
    source: Source,
    note: Option<String>,
}

impl AccuracyEntry {
    fn of(self, system: &str) -> Reference {
        let Self { id, network, data, relus, figure, unit, all_relu, source, note } = self;
        let (system, what) = (system.to_owned(), What::Accuracy { all_relu });
        Reference { id, system, network, data, relus, figure, unit, what, source, note }
    }
}

impl CostEntry {
    fn of(self, system: &str) -> Reference {
        let Self {
            id,
            network,
            data,
            relus,
            phase,
            of,
            per,
            figure,
            unit,
            hardware,
            threads,
            link,
            source,
            note,
        } = self;
        let what = What::Cost(Cost { phase, of, per, hardware, threads, link });
        Reference { id, system: system.to_owned(), network, data, relus, figure, unit, what, source, note }
    }
}

/// What is being checked, for errors to name.
struct Entry<'a> {
    file: &'a str,
    id: &'a str,
}

impl Entry<'_> {
    fn wrong(&self, field: &'static str, expected: &'static str, found: impl ToString) -> Error {
        let (file, entry) = (self.file.to_owned(), self.id.to_owned());
        Error::Reference { file, entry, field, expected, found: found.to_string() }
    }

    /// Every text that is there says something.
    fn texts(&self, texts: &[(&'static str, Option<&String>)]) -> Result<(), Error> {
        match texts.iter().find(|(_, text)| text.is_some_and(|text| text.trim().is_empty())) {
            Some((field, _)) => Err(self.wrong(field, "a text", "an empty one")),
            None => Ok(()),
        }
    }

    fn check(&self, reference: &Reference) -> Result<(), Error> {
        let Reference { id, system: _, network, data, relus, figure, unit, what, source, note } = reference;
        if id.is_empty() || !id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-') {
            return Err(self.wrong("id", "lower-case letters, digits and dashes", format!("{id:?}")));
        }
        self.texts(&[("network", network.as_ref()), ("data", data.as_ref()), ("note", note.as_ref())])?;
        self.texts(&[("source.work", Some(&source.work)), ("source.place", Some(&source.place))])?;
        if *relus == Some(0) {
            return Err(self.wrong("relus", "at least one, or no such field", 0));
        }
        self.figure(*figure, *unit)?;
        match what {
            What::Accuracy { all_relu } => {
                if *unit != Unit::Fraction {
                    return Err(self.wrong("unit", "fraction, as every accuracy has", name(*unit)));
                }
                all_relu.map_or(Ok(()), |figure| self.fraction("all_relu", figure))
            }
            What::Cost(Cost { phase: _, of, per: _, hardware, threads, link }) => {
                if *unit == Unit::Fraction {
                    return Err(self.wrong("unit", "s, bytes or count, as every cost has", name(*unit)));
                }
                if *threads == Some(0) {
                    return Err(self.wrong("threads", "at least one, or no such field", 0));
                }
                self.texts(&[("of", Some(of)), ("hardware", hardware.as_ref()), ("link", link.as_ref())])
            }
        }
    }

    fn figure(&self, figure: f64, unit: Unit) -> Result<(), Error> {
        let whole = matches!(unit, Unit::Bytes | Unit::Count);
        if unit == Unit::Fraction {
            return self.fraction("figure", figure);
        }
        if !figure.is_finite() || figure < 0.0 {
            return Err(self.wrong("figure", "a finite number, at least 0", figure));
        }
        if whole && (figure.fract() != 0.0 || figure > (1_u64 << 53) as f64) {
            return Err(self.wrong("figure", "a whole number, as its unit asks for", figure));
        }
        Ok(())
    }

    fn fraction(&self, field: &'static str, figure: f64) -> Result<(), Error> {
        if (0.0..=1.0).contains(&figure) {
            Ok(())
        } else {
            Err(self.wrong(field, "a number from 0 to 1", figure))
        }
    }
}

/// As files have it.
fn name(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "s",
        Unit::Bytes => "bytes",
        Unit::Fraction => "fraction",
        Unit::Count => "count",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folder_is_built_in_and_loads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
        let found: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(found, FILES.iter().map(|(file, _)| (*file).to_owned()).collect());
        for (file, text) in FILES {
            if let Err(error) = parse(file, text) {
                panic!("{error}");
            }
        }
    }

    #[test]
    fn every_entry_says_where_it_stands_and_no_two_have_one_name() {
        let systems = built_in();
        let all: Vec<&Reference> = systems.iter().flat_map(|system| &system.references).collect();
        assert!(all.len() > 90, "{}", all.len());
        let ids: BTreeSet<&str> = all.iter().map(|reference| reference.id.as_str()).collect();
        assert_eq!(ids.len(), all.len());
        for reference in all {
            let place = &reference.source.place;
            let places = ["table", "abstract", "github.com/", "README.md", "section"];
            assert!(places.iter().any(|word| place.contains(word)), "{}: {place}", reference.id);
        }
    }

    const RIGHT: &str = r#"
system = "X"
work = "A paper"
remarks = "All by hand."

[[accuracy]]
id = "x-accuracy"
network = "ResNet18"
data = "CIFAR-10"
relus = 50000
figure = 0.9
unit = "fraction"
source = { kind = "paper", work = "A paper", place = "table 1" }

[[cost]]
id = "x-cost"
phase = "online"
of = "everything"
figure = 1200
unit = "bytes"
threads = 2
source = { kind = "abstract", work = "A paper", place = "abstract" }
"#;

    #[test]
    fn an_entry_is_what_its_file_says() {
        let system = parse("x.toml", RIGHT).unwrap();
        let [accuracy, cost] = &system.references[..] else { panic!("two entries") };
        assert_eq!((accuracy.value().as_str(), accuracy.relus), ("90.00 %", Some(50_000)));
        assert_eq!(accuracy.source.to_string(), "paper: A paper, table 1");
        let What::Cost(what) = &cost.what else { panic!("a cost") };
        assert_eq!((cost.value().as_str(), what.per), ("1.20 kB", Per::Inference));
        assert_eq!(what.part(), "online: everything");
        assert_eq!(what.ran().as_deref(), Some("2 threads"));
    }

    /// What `RIGHT` with `old` in place of `new` is refused with.
    fn refused(old: &str, new: &str) -> String {
        assert!(RIGHT.contains(old), "{old}");
        parse("x.toml", &RIGHT.replacen(old, new, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_broken_file_is_refused_by_file_and_field() {
        for (old, new, told) in [
            ("relus", "reluss", "x.toml, line 10: unknown field `reluss`"),
            ("remarks", "remark", "x.toml, line 4: unknown field `remark`"),
            (", place = \"table 1\"", "", "x.toml, line 13: missing field `place`"),
            ("source = { kind = \"paper\"", "origin = { kind = \"paper\"", "unknown field `origin`"),
            (
                "source = { kind = \"paper\", work = \"A paper\", place = \"table 1\" }",
                "",
                "missing field `source`",
            ),
            ("kind = \"paper\"", "kind = \"memory\"", "unknown variant `memory`"),
            ("unit = \"bytes\"", "unit = \"kB\"", "line 20: unknown variant `kB`"),
            (
                "place = \"table 1\"",
                "place = \" \"",
                "x.toml, x-accuracy, field source.place: expected a text",
            ),
            ("0.9", "nan", "x.toml, x-accuracy, field figure: expected a number from 0 to 1, found NaN"),
            ("0.9", "90.0", "field figure: expected a number from 0 to 1, found 90"),
            ("1200", "inf", "x.toml, x-cost, field figure: expected a finite number, at least 0, found inf"),
            ("1200", "1200.5", "field figure: expected a whole number, as its unit asks for, found 1200.5"),
            ("\"fraction\"", "\"s\"", "x.toml, x-accuracy, field unit: expected fraction"),
            (
                "\"bytes\"",
                "\"fraction\"",
                "x.toml, x-cost, field figure: expected a number from 0 to 1, found 1200",
            ),
            ("x-cost", "x-accuracy", "x.toml, x-accuracy, field id: expected a name that no other entry has"),
            (
                "x-cost",
                "X cost",
                "field id: expected lower-case letters, digits and dashes, found \"X cost\"",
            ),
            ("threads = 2", "threads = 0", "field threads: expected at least one"),
            ("relus = 50000", "relus = 0", "field relus: expected at least one"),
            ("\"A paper\"", "\"\"", "x.toml, head, field work: expected a text, found an empty one"),
            ("system = \"X\"", "system = ", "x.toml, line 2: "),
        ] {
            let found = refused(old, new);
            assert!(found.contains(told), "{new}: {found}");
        }
    }
}
