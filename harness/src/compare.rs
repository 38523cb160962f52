//! `linnet compare`: cells side by side, in the form that is asked for, and whether they keep the limits.

use crate::cli::{CompareArgs, Format};
use crate::error::Error;
use crate::exit::Exit;
use crate::opened;
use crate::print::{print, raw, room};
use results::compare::{self, Block, Field, Limit, Options, Page, Sorting};
use results::{LayerRow, Loaded};
use std::path::{Path, PathBuf};

/// Stands for standard output where a file is asked for.
const STANDARD_OUTPUT: &str = "-";

/// Prints the comparison, writes the files that are asked for, and tells which cells meet a condition that none may.
pub(crate) fn compare(args: &CompareArgs) -> Result<Exit, Error> {
    if args.schema {
        return print(compare::schema().trim_end()).map(|()| Exit::Done);
    }
    let options = options(args)?;
    let fields = args.columns.iter().map(|name| Field::named("--columns", name));
    let fields: Vec<Field> = fields.collect::<Result<_, _>>()?;
    let sorting = args.sort.as_deref().map(|text| Sorting::parse("--sort", text)).transpose()?;
    let limits = args.fail_if.iter().map(|text| Limit::parse("--fail-if", text));
    let limits: Vec<Limit> = limits.collect::<Result<_, _>>()?;
    let runs: Vec<Loaded> = args.runs.iter().map(|folder| opened::run(folder)).collect::<Result<_, _>>()?;
    let mut blocks = compare::compare(&runs, &options)?;
    if let Some(sorting) = sorting {
        sorting.sort(&mut blocks);
    }
    if !files(args, &blocks, &runs)? {
        shown(args, &blocks, &fields, &runs)?;
    }
    let met: Vec<String> = limits.iter().flat_map(|limit| limit.met(&blocks)).collect();
    met.iter().for_each(|told| eprintln!("{told}"));
    Ok(if met.is_empty() { Exit::Done } else { Exit::LimitMet })
}

fn options(args: &CompareArgs) -> Result<Options, Error> {
    let by = if args.by.is_empty() { Options::default().by } else { args.by.clone() };
    if let Some(wrong) = args.at_accuracy.iter().find(|percent| !(0.0..=100.0).contains(*percent)) {
        let expected = "percentages from 0 to 100".to_owned();
        return Err(Error::Option { option: "--at-accuracy", expected, found: wrong.to_string() });
    }
    let accuracies = args.at_accuracy.iter().map(|percent| percent / 100.0).collect();
    Ok(Options { by, baseline: args.baseline.clone(), accuracies })
}

/// Writes the files that are asked for; whether one of them is standard output, which then has nothing else.
fn files(args: &CompareArgs, blocks: &[Block], runs: &[Loaded]) -> Result<bool, Error> {
    type Written = fn(&[Block]) -> Vec<u8>;
    let formats: [(&Option<PathBuf>, Written); 3] =
        [(&args.csv, compare::csv), (&args.json, compare::json), (&args.parquet, compare::parquet)];
    let all = formats.iter().map(|(path, _)| *path).chain([&args.layers_csv]).flatten();
    if all.filter(|path| **path == Path::new(STANDARD_OUTPUT)).count() > 1 {
        let (expected, found) = ("one file that is standard output".to_owned(), "several".to_owned());
        return Err(Error::Option { option: "--csv, --json, --parquet, --layers-csv", expected, found });
    }
    let mut taken = false;
    for (path, format) in formats {
        taken |= save(path.as_deref(), || format(blocks))?;
    }
    taken |= save(args.layers_csv.as_deref(), || compare::layers_csv(&layers(runs)))?;
    Ok(taken)
}

/// Writes a file, if one is asked for; whether that is standard output.
fn save(path: Option<&Path>, content: impl FnOnce() -> Vec<u8>) -> Result<bool, Error> {
    match path {
        None => Ok(false),
        Some(path) if path == Path::new(STANDARD_OUTPUT) => raw(&content()).map(|()| true),
        Some(path) => {
            std::fs::write(path, content()).map_err(Error::io(format!("writing {}", path.display())))?;
            Ok(false)
        }
    }
}

/// Prints the comparison.
fn shown(args: &CompareArgs, blocks: &[Block], fields: &[Field], runs: &[Loaded]) -> Result<(), Error> {
    let chosen = || if fields.is_empty() { compare::usual(blocks) } else { fields.to_vec() };
    let text = match (args.format, fields) {
        (Format::Csv, []) => return raw(&compare::csv(blocks)),
        (Format::Csv, fields) => return raw(&compare::csv_of(blocks, fields)),
        (Format::Json, []) => return raw(&compare::json(blocks)),
        (Format::Json, fields) => return raw(&compare::json_of(blocks, fields)),
        (Format::Table, []) => {
            let layers = args.layers.map(|most| compare::layers_text(blocks, &layers(runs), most, room()));
            let below = layers.map_or_else(String::new, |layers| format!("\n{layers}"));
            compare::text(blocks, room()) + &below
        }
        (Format::Table, fields) => compare::grid(blocks, fields, Page::Terminal),
        (Format::Markdown, _) => compare::grid(blocks, &chosen(), Page::Markdown),
        (Format::Latex, _) => compare::grid(blocks, &chosen(), Page::Latex),
    };
    print(text.trim_end())
}

fn layers(runs: &[Loaded]) -> Vec<LayerRow> {
    runs.iter().flat_map(results::layers).collect()
}
