//! One target: where its files are, and its run in libFuzzer.

use super::report::Report;
use crate::run::{Error, at};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One input may take this long, in seconds, with every check and coverage on.
const INPUT_SECONDS: u32 = 20;

/// Memory that a target may take, in MiB. What one input may is bounded by the target itself.
const MEMORY: u32 = 2048;

/// A fuzz target.
pub(super) struct Target {
    /// `CRATE::NAME`.
    pub(super) name: String,
    /// Its path in the program.
    test: String,
    program: PathBuf,
    /// The committed inputs.
    corpus: PathBuf,
}

impl Target {
    /// The test `fuzz::..` of a crate's test program.
    pub(super) fn new(package: &str, test: &str, program: &Path) -> Self {
        let folder = if package == "import" { "models/import" } else { package };
        let short = test.rsplit("::").next().unwrap_or(test);
        let corpus = Path::new(folder).join("corpora").join(short);
        Self { name: format!("{package}::{short}"), test: test.into(), program: program.into(), corpus }
    }

    /// Fuzzes for that long. Inputs that were found to take new branches stay in `target/fuzz/corpora`, for the next time;
    /// those that failed come to `target/fuzz/found`.
    pub(super) fn run(&self, root: &Path, time: Duration) -> Result<Report, Error> {
        let file = self.name.replace("::", "-");
        let folder = |kind: &str| format!("target/fuzz/{kind}/{file}");
        let (grown, seeds, found) = (folder("corpora"), folder("seeds"), folder("found"));
        for folder in [&grown, &seeds, &found] {
            let path = root.join(folder);
            at(&path, fs::create_dir_all(&path))?;
        }
        let before = files(&root.join(&found))?;
        let (output, peak) = (root.join(folder("logs")), root.join(folder("peaks")));
        for path in [&output, &peak] {
            let parent = path.parent().expect("both are in folders");
            at(parent, fs::create_dir_all(parent))?;
        }
        let _ = fs::remove_file(&peak);
        let mut words = vec![grown.clone(), seeds.clone()];
        words.extend(root.join(&self.corpus).is_dir().then(|| self.corpus.display().to_string()));
        words.push(format!(
            "-max_total_time={} -timeout={INPUT_SECONDS} -rss_limit_mb={MEMORY}",
            time.as_secs()
        ));
        words.push(format!("-artifact_prefix={found}/ -print_final_stats=1"));
        let log = at(&output, File::create(&output))?;
        let mut command = Command::new(&self.program);
        command.args([&self.test, "--exact", "--nocapture", "--test-threads=1"]).current_dir(root);
        command.env("BOLERO_LIBFUZZER_ARGS", words.join(" "));
        command.env("LINNET_FUZZ_SEEDS", root.join(&seeds)).env("LINNET_FUZZ_PEAK", &peak);
        command.stdin(Stdio::null()).stdout(at(&output, log.try_clone())?).stderr(log);
        let began = Instant::now();
        let status = command.status().map_err(|error| Error::Start(self.name.clone(), error))?;
        let took = began.elapsed();
        let said = at(&output, fs::read(&output))?;
        let peak = fs::read_to_string(&peak).unwrap_or_default();
        let mut report = Report::read(&self.name, &String::from_utf8_lossy(&said), &peak, took);
        let mut after = files(&root.join(&found))?;
        after.retain(|path| !before.contains(path));
        if !status.success() && after.is_empty() {
            // It ended before it began, such as by a seed that is refused.
            after.push(output);
        }
        report.findings = after;
        Ok(report)
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = at(folder, fs::read_dir(folder))?;
    entries.map(|entry| at(folder, entry).map(|entry| entry.path())).collect()
}
