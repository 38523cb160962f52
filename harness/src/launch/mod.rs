//! `linnet launch`: what a scheduler needs to run an experiment's shares and to join them. Writes it and submits nothing.

mod job;
mod kubernetes;
mod shell;
mod slurm;

use crate::cli::{Cli, Command, LaunchArgs, SweepArgs};
use crate::error::Error;
use crate::experiment::refused;
use crate::print::print;
use crate::study;
use clap::Parser;
use job::{Job, Script, text};
use netem::Bytes;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Slurm's largest index of a task, unless its administrator allows more (`MaxArraySize`).
const MOST_SHARDS: usize = 1000;

/// The unit that memory is asked for in.
const MEBIBYTE: u64 = 1 << 20;

/// Writes the scripts; refuses a folder that has them.
pub(crate) fn launch(args: &LaunchArgs) -> Result<(), Error> {
    let job = asked(args)?;
    let scripts = match args.slurm.slurm {
        true => slurm::scripts(&job, &args.slurm)?,
        false => kubernetes::scripts(&job, &args.kubernetes)?,
    };
    write(&args.out, &scripts)?;
    let out = args.out.display();
    let names = scripts.map(|script| script.name).join(", ");
    print(&format!(
        "written to {out}: {names}\nsubmit with {out}/submit.sh; the whole will be {}",
        job.merged()
    ))
}

/// What the options ask for.
fn asked(args: &LaunchArgs) -> Result<Job, Error> {
    let shards = shards(args.shards)?;
    let sweep = words(args)?;
    let (experiment, name) = study::planned(&args.file, parsed(&sweep, &args.options)?)?;
    let threads = experiment.variants.iter().map(|variant| variant.threads).max().unwrap_or(1);
    let program = match (&args.program, args.slurm.slurm) {
        (Some(program), _) => text("--program", program)?,
        (None, true) => {
            text("--program", &std::env::current_exe().map_err(Error::io("finding this program"))?)?
        }
        (None, false) => "linnet".to_owned(),
    };
    Ok(Job {
        name: named(args.name.clone().unwrap_or(name))?,
        shards,
        program,
        runs: text("folder of runs", &experiment.out)?,
        sweep,
        cpus: cpus(args.cpus, threads)?,
        mebibytes: mebibytes(&args.memory)?,
        time: args.time.as_deref().map(limit).transpose()?,
    })
}

/// The file, and the options of `linnet sweep`.
fn words(args: &LaunchArgs) -> Result<Vec<String>, Error> {
    let mut words = vec![text("FILE", &args.file)?];
    words.extend(args.quick.then(|| "--quick".to_owned()));
    words.extend(args.options.iter().cloned());
    Ok(words)
}

/// What `linnet sweep` would understand; `options` are those among the words that are passed on.
fn parsed(words: &[String], options: &[String]) -> Result<SweepArgs, Error> {
    let found = || options.join(" ");
    let whole = ["linnet", "sweep"].into_iter().chain(words.iter().map(String::as_str));
    let cli = Cli::try_parse_from(whole).map_err(|error| {
        let found = format!("{}\n{}", found(), error.to_string().trim_end());
        refused("after --", "options of `linnet sweep`", found)
    })?;
    let Command::Sweep(args) = cli.command else { unreachable!("the command is sweep") };
    let taken = [
        ("--id", args.settings.id.is_some()),
        ("--shard", args.shard.is_some()),
        ("--resume", args.resume.is_some()),
        ("--only", !args.only.is_empty()),
    ];
    match taken.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => {
            let expected =
                format!("no {option}, for shares of all cells are named and continued by the script");
            Err(refused("after --", expected, found()))
        }
        None => Ok(args),
    }
}

fn shards(count: usize) -> Result<usize, Error> {
    match (2..=MOST_SHARDS).contains(&count) {
        true => Ok(count),
        false => Err(refused("--shards", format!("2 to {MOST_SHARDS}"), count)),
    }
}

/// A name that needs no quotes in a shell and is no option.
fn named(name: String) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 100
    {
        true => Ok(name),
        false => {
            let expected = "at most 100 letters, digits, `.`, `_` and `-`, first a letter or a digit";
            Err(refused("--name", expected, name))
        }
    }
}

/// A core for each thread of both parties, or more.
fn cpus(asked: Option<usize>, threads: usize) -> Result<usize, Error> {
    let least = 2 * threads;
    match asked.unwrap_or(least) {
        few if few < least => {
            Err(refused("--cpus", format!("at least {least}, for two parties of {threads} threads"), few))
        }
        enough => Ok(enough),
    }
}

fn mebibytes(text: &str) -> Result<u64, Error> {
    match Bytes::parse(text) {
        Ok(Bytes(bytes)) if bytes >= MEBIBYTE => Ok(bytes.div_ceil(MEBIBYTE)),
        Ok(_) | Err(_) => Err(refused("--memory", "a size of at least 1MiB, such as 8GiB", text)),
    }
}

/// A time limit as Slurm writes it: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S.
fn limit(text: &str) -> Result<Duration, Error> {
    let wrong = || refused("--time", "MINUTES, H:MM:SS or DAYS-HH:MM:SS, more than nothing", text);
    let (days, clock) = text.split_once('-').map_or((None, text), |(days, clock)| (Some(days), clock));
    let number = |text: &str| text.parse::<u32>().map(u64::from).map_err(|_| wrong());
    let clock: Vec<u64> = clock.split(':').map(number).collect::<Result<_, _>>()?;
    let (hours, minutes, seconds) = match (days.is_some(), &clock[..]) {
        (true, [hours]) => (*hours, 0, 0),
        (true, [hours, minutes]) => (*hours, *minutes, 0),
        (false, [minutes]) => (0, *minutes, 0),
        (false, [minutes, seconds]) => (0, *minutes, *seconds),
        (_, [hours, minutes, seconds]) => (*hours, *minutes, *seconds),
        (_, _) => return Err(wrong()),
    };
    let days = days.map_or(Ok(0), number)?;
    match ((24 * days + hours) * 60 + minutes) * 60 + seconds {
        0 => Err(wrong()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

fn write(folder: &Path, scripts: &[Script]) -> Result<(), Error> {
    if let Some(there) = scripts.iter().map(|script| folder.join(script.name)).find(|path| path.exists()) {
        let names: Vec<&str> = scripts.iter().map(|script| script.name).collect();
        return Err(refused("--out", format!("a folder without {}", names.join(", ")), there.display()));
    }
    std::fs::create_dir_all(folder).map_err(Error::io(format!("making {}", folder.display())))?;
    for Script { name, text, executable } in scripts {
        let path = folder.join(name);
        let mode = if *executable { 0o777 } else { 0o666 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(Error::io(format!("writing {}", path.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_are_slurms() {
        for (text, seconds) in [
            ("90", 5400),
            ("1:30", 90),
            ("2:00:05", 7205),
            ("1-1", 90_000),
            ("1-1:30", 91_800),
            ("1-01:30:01", 91_801),
        ] {
            assert_eq!(limit(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "0", "0:00", "x", "1:2:3:4", "-5", "1-", "1-2:3:4:5", "1.5"] {
            let error = limit(text).unwrap_err().to_string();
            assert!(error.starts_with("--time: expected MINUTES") && error.ends_with(text), "{error}");
        }
    }

    #[test]
    fn memory_is_whole_mebibytes() {
        assert_eq!((mebibytes("8GiB").unwrap(), mebibytes("1GB").unwrap()), (8192, 954));
        for text in ["8", "many", "1kB", "-1GiB"] {
            assert!(mebibytes(text).unwrap_err().to_string().contains("--memory"), "{text}");
        }
    }

    #[test]
    fn every_thread_has_a_core() {
        assert_eq!((cpus(None, 1).unwrap(), cpus(None, 4).unwrap(), cpus(Some(12), 4).unwrap()), (2, 8, 12));
        let few = cpus(Some(2), 4).unwrap_err().to_string();
        assert_eq!(few, "--cpus: expected at least 8, for two parties of 4 threads, found 2");
    }
}
