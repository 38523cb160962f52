//! What every share runs, and what joins the shares, for a POSIX shell.

use super::job::Job;

/// Writes a word so that a shell, and whatever reads the script before it, gives it on as it is.
pub(super) type Quote = fn(&str) -> String;

/// Runs the share whose number (from 1) `share` expands to, or goes on with it where its run is there. The shell is to stop
/// at the first error, and at a variable that is not set.
pub(super) fn share(job: &Job, share: &str, quote: Quote) -> String {
    let (id, runs, program) = (job.id("${share}"), quote(&job.runs), quote(&job.program));
    let words: Vec<String> = job.sweep.iter().map(|word| quote(word)).collect();
    let (words, shards) = (words.join(" "), job.shards);
    format!(
        r#"share={share}
run={runs}/{id}
# The run of a share that was stopped is there: it goes on with what is not done.
if [ -e "$run" ]; then
    set -- --resume "$run"
else
    set -- --shard "$share/{shards}" --id "{id}"
fi
exec {program} sweep {words} "$@"
"#
    )
}

/// Joins the shares' runs, unless it was done before. The shell is to stop at the first error.
pub(super) fn merge(job: &Job, quote: Quote) -> String {
    let (merged, program) = (quote(&job.merged()), quote(&job.program));
    let line = |share: usize| format!("    {} \\\n", quote(&job.run(&share.to_string())));
    let runs: String = (1..=job.shards).map(line).collect();
    format!(
        r#"merged={merged}
if [ -e "$merged/summary.csv" ]; then
    echo "$merged is there already"
    exit
fi
exec {program} merge \
{runs}    --out "$merged"
"#
    )
}

/// The word, in quotes where it needs them.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,%@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_gives_quoted_words_on_as_they_are() {
        for word in [
            "",
            "a/b.toml",
            "two words",
            "it's",
            "$HOME `x` $(x)",
            "a\nb\\",
            "*?~!;&|<>",
            "rate=1MB/s,rtt=10ms",
        ] {
            let script = format!("printf %s {}", quoted(word));
            let said = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word, "{script}");
        }
        assert_eq!(quoted("studies/a-b_1.toml"), "studies/a-b_1.toml");
    }
}
