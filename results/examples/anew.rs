//! Makes anew what derives from runs, without the rest of the project: `cargo run -p results --example anew --` with
//! `page FILE RUN...` (the report), `page --reference FILE RUN...` (the same, beside what others published), `pictures RUN...`
//! (those of a run, in its folder) or `schema` (that of comparisons). Of a run whose rows are not kept the summary is enough.

use results::reference::{Reference, System, built_in, fitting};
use results::{Error, Loaded, Tables, compare, load, load_manifest, load_summary, pictures, report};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["page", "--reference", file, ref runs @ ..] if !runs.is_empty() => page(file, runs, &built_in())?,
        ["page", file, ref runs @ ..] if !runs.is_empty() => page(file, runs, &[])?,
        ["pictures", ref runs @ ..] => {
            for folder in runs.iter().map(Path::new) {
                let run = kept(folder)?;
                for (name, svg) in pictures::all(&run.summary, &compare::unbeaten(&run)) {
                    std::fs::write(folder.join(name), svg)?;
                }
            }
        }
        ["schema"] => print!("{}", compare::schema()),
        _ => return Err("page [--reference] FILE RUN..., pictures RUN..., or schema".into()),
    }
    Ok(())
}

/// The page of these runs, beside what of `known` is of their networks and data sets.
fn page(file: &str, runs: &[&str], known: &[System]) -> Result<(), Box<dyn std::error::Error>> {
    let runs: Vec<Loaded> = runs.iter().map(|run| kept(Path::new(run))).collect::<Result<_, _>>()?;
    let models = runs.iter().flat_map(|run| &run.manifest.models);
    let pairs: Vec<(&str, &str)> = models.map(|model| (model.name.as_str(), model.data.as_str())).collect();
    let references: Vec<&Reference> =
        known.iter().flat_map(|system| fitting(&system.references, &pairs)).collect();
    Ok(std::fs::write(file, report::html_beside(&runs, &references))?)
}

/// The run, or what is kept of it.
fn kept(folder: &Path) -> Result<Loaded, Error> {
    load(folder).or_else(|whole| match load_summary(folder) {
        Ok(summary) if !folder.join("raw.csv").exists() => {
            let (manifest, tables) = (load_manifest(folder)?, Tables::default());
            Ok(Loaded { manifest, tables, summary, scenarios: Vec::new() })
        }
        _ => Err(whole),
    })
}
