//! `linnet sweep`: where the experiment comes from, and whether it begins or goes on.

use crate::cli::SweepArgs;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::measure::{self, Selection};
use crate::study;

/// `false` where something that it measured failed.
pub(crate) fn run(mut args: SweepArgs) -> Result<bool, Error> {
    let selection = Selection::parse(std::mem::take(&mut args.only), args.shard.as_deref())?;
    let out = args.settings.out.clone().unwrap_or_else(|| "runs".into());
    let begun = args.resume.take().map(|run| measure::find(&run, &out));
    let asked = match args.file.take() {
        Some(file) => Some(study::make(&file, args, begun.is_none())?),
        None if args.models.is_empty() => None,
        None => Some(Experiment::sweep(args)?),
    };
    match (begun, asked) {
        (Some(folder), asked) => measure::resume(&folder, asked.as_ref(), &selection),
        (None, Some(experiment)) => measure::run(&experiment, &selection),
        (None, None) => unreachable!("one of file, models and resume is required"),
    }
}
