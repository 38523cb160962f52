//! An array of Slurm's with a task a share, and a job that joins the shares once all have succeeded.

use super::job::{Job, Script, text, token};
use super::shell::{self, quoted};
use crate::cli::SlurmArgs;
use crate::error::Error;
use std::time::Duration;

/// An option of sbatch and its value, if it is given; an empty value is none.
type Setting = (&'static str, Option<String>);

/// The array, the joining job, and what submits both.
pub(super) fn scripts(job: &Job, args: &SlurmArgs) -> Result<[Script; 3], Error> {
    let folder = std::env::current_dir().map_err(Error::io("finding the current folder"))?;
    let home = format!("set -eu\ncd {}\n", quoted(&text("current folder", &folder)?));
    let Job { name, shards, .. } = job;
    let both = [
        ("partition", token("--partition", &args.partition)?),
        ("account", token("--account", &args.account)?),
        ("nodes", Some("1".into())),
        ("ntasks", Some("1".into())),
        ("mem", Some(format!("{}M", job.mebibytes))),
    ];
    let of_shards = [
        ("array", Some(format!("1-{shards}"))),
        ("cpus-per-task", Some(job.cpus.to_string())),
        ("time", job.time.map(clock)),
        ("constraint", token("--constraint", &args.constraint)?),
        // Nobody else computes on the node while latencies are measured.
        ("exclusive", Some(String::new())),
        // A task whose node fails or is taken away begins again, and goes on.
        ("requeue", Some(String::new())),
        ("open-mode", Some("append".into())),
    ];
    let script = |job_name: String, settings: &[Setting], body: String| {
        let named = [("job-name", Some(job_name))];
        let settings = directives(named.iter().chain(&both).chain(settings));
        format!("#!/bin/bash\n{settings}\n{home}{body}")
    };
    let shares = script(name.clone(), &of_shards, shell::share(job, "$SLURM_ARRAY_TASK_ID", quoted));
    let merge = script(format!("{name}-merge"), &[], shell::merge(job, quoted));
    Ok([
        Script { name: "shards.sbatch", text: shares, executable: false },
        Script { name: "merge.sbatch", text: merge, executable: false },
        Script { name: "submit.sh", text: SUBMIT.into(), executable: true },
    ])
}

const SUBMIT: &str = r#"#!/bin/sh
# Submits the shares, and what joins them once all have succeeded. Submitted again, shares that are done stay as they are
# and those that were stopped go on.
set -eu
cd -- "$(dirname -- "$0")"
shares=$(sbatch --parsable shards.sbatch)
sbatch --dependency="afterok:${shares%%;*}" --kill-on-invalid-dep=yes merge.sbatch
"#;

/// What sbatch reads on top of a script.
fn directives<'a>(settings: impl Iterator<Item = &'a Setting>) -> String {
    let line = |(option, value): &Setting| match value.as_deref()? {
        "" => Some(format!("#SBATCH --{option}\n")),
        value => Some(format!("#SBATCH --{option}={value}\n")),
    };
    settings.filter_map(line).collect()
}

/// As days, hours, minutes and seconds.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    format!("{days}-{:02}:{:02}:{:02}", hours % 24, minutes % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_days() {
        assert_eq!(clock(Duration::from_secs(91_801)), "1-01:30:01");
        assert_eq!(clock(Duration::from_secs(60)), "0-00:01:00");
    }
}
