//! `cargo xtask bench`: every figure that matters, beside its target, its floor and the best peer, in one table.

mod cheetah;
mod engines;
mod figure;
mod figures;
mod machine;
mod measured;
mod networks;
mod run;
mod table;

use crate::run::{Error, at};
use figure::{Figure, Floor, Group, Source};
use figures::list;
use measured::Results;
use std::path::{Path, PathBuf};
use table::Row;

/// What may follow `cargo xtask bench`.
pub(crate) const USAGE: &str = "[--json FILE] [--quick] [--only WORD]";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// Where the rows are written as JSON.
    json: Option<PathBuf>,
    /// Fewer runs.
    quick: bool,
    /// Only figures whose name contains this.
    only: Option<String>,
}

/// Measures, prints and writes. Rows with errors are printed too, and make the whole an error at the end.
pub(crate) fn bench(root: &Path, arguments: &[String]) -> Result<(), Error> {
    let options = Options::parse(arguments)?;
    let list = list();
    let wanted = select(&list, options.only.as_deref())?;
    let measured = measure(root, &groups(&list, &wanted), options.quick)?;
    let rows: Vec<Row> = wanted.iter().map(|figure| row(figure, &measured)).collect();
    print!("{}\n{}", machine::describe(options.quick), table::render(&wanted, &rows));
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&rows).expect("rows are plain data");
        at(file, std::fs::write(file, json + "\n"))?;
    }
    match rows.iter().filter(|row| row.error.is_some()).count() {
        0 => Ok(()),
        failed => Err(Error::Figures(format!("{failed} of {} figures could not be measured", rows.len()))),
    }
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .cloned()
                    .ok_or_else(|| Error::Usage(format!("`{word}` wants a value: bench {USAGE}")))
            };
            match word.as_str() {
                "--json" => options.json = Some(value()?.into()),
                "--quick" => options.quick = true,
                "--only" => options.only = Some(value()?),
                other => return Err(Error::Usage(format!("unknown argument `{other}`: bench {USAGE}"))),
            }
        }
        Ok(options)
    }
}

/// The figures whose name contains `word`; all without one.
fn select<'a>(list: &'a [Figure], word: Option<&str>) -> Result<Vec<&'a Figure>, Error> {
    let word = word.unwrap_or_default();
    let found: Vec<&Figure> = list.iter().filter(|figure| figure.name.contains(word)).collect();
    if found.is_empty() {
        let known: Vec<&str> = list.iter().map(|figure| figure.name.as_str()).collect();
        return Err(Error::Usage(format!(
            "no figure's name contains `{word}`, known are:\n  {}",
            known.join("\n  ")
        )));
    }
    Ok(found)
}

/// The groups to measure, in the list's order: those of the wanted figures and of the figures that their floors are
/// derived from.
fn groups(list: &[Figure], wanted: &[&Figure]) -> Vec<Group> {
    let sources: Vec<&str> = wanted.iter().filter_map(|figure| figure.floor.source()).collect();
    let needed = |figure: &Figure| {
        sources.contains(&figure.name.as_str()) || wanted.iter().any(|wanted| wanted.group == figure.group)
    };
    let mut groups: Vec<Group> =
        list.iter().filter(|figure| needed(figure)).map(|figure| figure.group).collect();
    groups.dedup();
    groups
}

/// Measures every figure of the groups.
fn measure(root: &Path, groups: &[Group], quick: bool) -> Result<Results, Error> {
    let (mut program, mut trainer) = (None, None);
    let mut results = Results::new();
    for group in groups {
        eprintln!("measuring {}", group.title());
        let told = match group.source() {
            Source::Linnet(network) => networks::measure(root, network, quick),
            Source::Predictions => networks::predictions(root, quick),
            Source::Training(network) => {
                let program = match &trainer {
                    Some(built) => built,
                    None => trainer.insert(run::build_training(root)?),
                };
                run::figures(program, network, quick)
            }
            Source::Figures(name) => {
                let program = match &program {
                    Some(built) => built,
                    None => program.insert(run::build_figures(root)?),
                };
                run::figures(program, name, quick)
            }
        };
        let listed = list().into_iter().filter(|figure| figure.group == *group);
        run::settle(&mut results, told, listed)?;
    }
    Ok(results)
}

/// A figure beside what is known about it.
fn row(figure: &Figure, results: &Results) -> Row {
    let value =
        |name: &str| results.get(name).and_then(|result| result.as_ref().ok()).map(|found| found.value);
    let floor = match &figure.floor {
        Floor::None => None,
        Floor::Derived { source, count, .. } => value(source).map(|unit| unit * count),
    };
    let result = results.get(&figure.name);
    let found = result.and_then(|result| result.as_ref().ok());
    Row {
        figure: figure.name.clone(),
        value: found.map(|found| found.value),
        unit: figure.unit.to_owned(),
        floor,
        peer: figure.peer.map(|peer| peer.value),
        target: figure.target,
        peer_name: figure.peer.map(|peer| peer.name.to_owned()),
        runs: found.map(|found| found.runs),
        spread: found.map(|found| [found.low, found.high]),
        error: match result {
            None => Some("not measured".to_owned()),
            Some(result) => result.as_ref().err().cloned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::measured::Measured;
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_parsed_and_others_refused() {
        let options = Options::parse(&words("--quick --json out.json --only ReLU")).unwrap();
        let expected = Options { json: Some("out.json".into()), quick: true, only: Some("ReLU".into()) };
        assert_eq!(options, expected);
        for (line, said) in [("--fast", "unknown argument `--fast`"), ("--json", "`--json` wants a value")] {
            let message = Options::parse(&words(line)).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_names() {
        let list = list();
        let message = select(&list, Some("warp speed")).err().unwrap().to_string();
        assert!(message.contains("`warp speed`"), "{message}");
        assert!(list.iter().all(|figure| message.contains(&figure.name)), "{message}");
        assert_eq!(select(&list, None).unwrap().len(), list.len());
    }

    #[test]
    fn what_a_floor_is_derived_from_is_measured_too() {
        let list = list();
        let wanted = select(&list, Some("garble an AND")).unwrap();
        assert_eq!(groups(&list, &wanted), [Group::Ciphers, Group::Gates]);
    }

    #[test]
    fn a_floor_is_its_count_of_what_was_measured_in_the_same_run() {
        let list = list();
        let figure = list.iter().find(|figure| figure.name == "garble an AND, fastest engine").unwrap();
        let measured = |figure: &str, value| Measured {
            figure: figure.to_owned(),
            value,
            unit: "ns".to_owned(),
            runs: 3,
            low: value - 0.25,
            high: value + 0.25,
        };
        let mut results = Results::new();
        for (name, value) in [("AES-128 block, fastest engine", 0.75), ("garble an AND, fastest engine", 5.0)]
        {
            results.insert(name.to_owned(), Ok(measured(name, value)));
        }
        let whole = row(figure, &results);
        assert_eq!((whole.value, whole.floor, whole.spread), (Some(5.0), Some(3.0), Some([4.75, 5.25])));
        // Missing is empty, never zero, and said.
        let missing = row(figure, &Results::new());
        assert_eq!((missing.value, missing.floor, missing.runs), (None, None, None));
        assert_eq!(missing.error.as_deref(), Some("not measured"));
    }
}
