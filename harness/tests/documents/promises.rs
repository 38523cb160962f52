//! What a document promises of a command: its status, and what is there when it is done.

use crate::typing::text;
use models::checkpoint::Checkpoint;
use results::InferenceStatus;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The folders of a place's runs.
pub(crate) struct Runs(BTreeSet<PathBuf>);

impl Runs {
    pub(crate) fn of(folder: &Path) -> Self {
        let runs = fs::read_dir(folder.join("runs")).into_iter().flatten().map(|run| run.unwrap().path());
        // A study leaves its networks beside its runs.
        Self(runs.filter(|run| run.join("manifest.json").exists()).collect())
    }
}

/// How the command may end in that folder.
pub(crate) fn statuses(words: &[String], folder: &Path) -> &'static [i32] {
    match &*words[1] {
        // On a machine that is busy, or slow, there is something to mend.
        "doctor" => &[0, 1],
        "compare" if words.iter().any(|word| word == "--fail-if") => {
            let bytes = |run: &str| {
                let run = results::load(&folder.join(run)).unwrap();
                let row = &run.summary[0];
                row.online_up_bytes.unwrap() + row.online_down_bytes.unwrap()
            };
            assert!(bytes(&words[3]) > bytes(&words[2]), "the later run sends more");
            &[3]
        }
        _ => &[0],
    }
}

/// Looks at what is there now.
pub(crate) fn look(words: &[String], folder: &Path, before: &Runs, done: &Output) {
    let (told, said) = (words.join(" "), text(done));
    let option = |name: &str| {
        let place = words.iter().position(|word| word == name);
        place.map(|place| words[place + 1].as_str())
    };
    let out = || folder.join(option("--out").unwrap());
    match &*words[1] {
        "import" | "init" | "train" => {
            Checkpoint::load(&out()).unwrap();
        }
        "linearize" => {
            let budgets = option("--budget").unwrap().split(',').count();
            let entries = fs::read_dir(out()).unwrap().map(|entry| entry.unwrap().path());
            let networks = entries.filter(|path| path.join("model.json").exists());
            let networks: Vec<Checkpoint> = networks.map(|path| Checkpoint::load(&path).unwrap()).collect();
            assert_eq!(networks.len(), budgets, "{told}: {said}");
            // With a seed of its own a network tells of it.
            let methods = networks.iter().all(|network| network.meta.method.starts_with("privshap"));
            assert!(methods, "{told}: {said}");
        }
        "shapley" => assert!(out().join("shapley.json").exists(), "{told}: {said}"),
        "run" | "sweep" | "query" => {
            let Runs(mut made) = Runs::of(folder);
            match option("--resume").or(option("--id")) {
                Some(id) => made = [folder.join("runs").join(id)].into(),
                None => made = made.difference(&before.0).cloned().collect(),
            }
            assert_eq!(made.len(), 1, "{told}: {said}");
            let run = results::load(made.first().unwrap()).unwrap();
            assert!(!run.summary.is_empty() && !run.tables.inferences.is_empty(), "{told}: {said}");
            // A client without the weights verifies nothing.
            let verified = (words[1] != "query").then_some(true);
            for row in &run.tables.inferences {
                assert_eq!((row.status, row.verified), (InferenceStatus::Ok, verified), "{told}: {said}");
            }
        }
        "compare" => {
            assert!(said.lines().count() > 3 && said.contains("online"), "{told}: {said}");
            if let Some(csv) = option("--csv") {
                let csv = fs::read_to_string(folder.join(csv)).unwrap();
                assert!(csv.starts_with("run,cell,") && csv.lines().count() > 2, "{told}: {csv}");
            }
            for limit in words.iter().filter(|word| word.starts_with("online_bytes >")) {
                assert!(said.contains(&format!("{limit}: found ")), "{told}: {said}");
            }
        }
        "report" => {
            let page = option("--out").map_or_else(|| format!("{}/report.html", words[2]), str::to_owned);
            let page = fs::read_to_string(folder.join(page)).unwrap();
            assert!(page.contains("The answer") && page.contains("</html>"), "{told}: {said}");
        }
        "publish" => assert!(!results::load(&out()).unwrap().summary.is_empty(), "{told}: {said}"),
        "launch" => {
            let shares =
                if words.iter().any(|word| word == "--slurm") { "shards.sbatch" } else { "shards.yaml" };
            assert!(["submit.sh", shares].iter().all(|file| out().join(file).exists()), "{told}: {said}");
        }
        "keys" => {
            let files = ["ca.pem", "server.pem", "server.key", "client.pem", "client.key"];
            assert!(files.iter().all(|file| out().join(file).exists()), "{told}: {said}");
        }
        "data" => assert!(said.contains("20 images 3x64x64") && said.contains("sha256"), "{told}: {said}"),
        "doctor" => assert!(said.contains("cores") && said.contains("loopback"), "{told}: {said}"),
        "predict" => assert!(said.contains(option("--link").unwrap()), "{told}: {said}"),
        other => panic!("{told}: what does `linnet {other}` promise?"),
    }
}
