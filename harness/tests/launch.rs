//! `linnet launch`: what it writes is what the schedulers read, and what they would run gives the whole experiment.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod common;

use common::{lines, text, timeless};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Container;
use results::Loaded;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Two networks in two variants over two links: eight cells.
const STUDY: &str = r#"
question = "Are shares together the whole?"
links = ["loopback", "lan"]
[[models]]
checkpoint = "../models/a"
[[models]]
checkpoint = "../models/b"
[measure]
images = 20
accuracy-images = 5
[compile]
relu = ["narrow", "sign"]
calibration-images = 5
[quick.measure]
images = 2
"#;

const SHARDS: usize = 4;

/// A folder whose name needs quotes, with two small networks and an experiment in a folder that needs them too.
struct Cluster(TempDir);

impl Cluster {
    const FILE: &str = "it's $(here) $HOME/study.toml";

    fn new() -> Self {
        let cluster = Self(tempfile::Builder::new().prefix("a \"shared\" folder").tempdir().unwrap());
        for (name, budget) in [("a", "300"), ("b", "100")] {
            let out = format!("models/{name}");
            let done = cluster.linnet(&["init", "--net", "mini", "--budget", budget, "--out", &out]);
            assert!(done.status.success(), "{}", text(&done));
        }
        cluster.write(Self::FILE, STUDY);
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A program in this folder, and in `bin` first of all.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.current_dir(self.0.path()).env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn linnet(&self, words: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_linnet")).args(words).output().unwrap()
    }

    /// `linnet launch` of the experiment's small edition into the folder `jobs`.
    fn launch(&self, words: &[&str]) -> Output {
        let shards = SHARDS.to_string();
        let launch = ["launch", Self::FILE, "--quick", "--shards", &shards, "--out", "jobs"];
        self.linnet(&[&launch, words].concat())
    }

    /// The same without shares; `words` are options of `linnet sweep`.
    fn whole(&self, words: &[&str]) -> Loaded {
        let done = self.linnet(&[&["sweep", Self::FILE, "--quick", "--id", "whole"], words].concat());
        assert!(done.status.success(), "{}", text(&done));
        self.loaded("runs/whole")
    }

    fn loaded(&self, run: &str) -> Loaded {
        results::load(&self.path(run)).unwrap()
    }

    /// Puts a program into `bin`, which stands for one that talks to a cluster.
    fn install(&self, name: &str, script: &str) {
        let name = format!("bin/{name}");
        self.write(&name, script);
        std::fs::set_permissions(self.path(&name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Whether the shell understands the script, which it does not run.
fn check_syntax(path: &Path) {
    let checked = Command::new("bash").arg("-n").arg(path).output().unwrap();
    assert!(checked.status.success(), "{}: {}", path.display(), text(&checked));
}

fn same_rows(merged: &Loaded, whole: &Loaded) {
    assert_eq!(whole.tables.cells.len(), 8);
    assert_eq!(timeless(merged), timeless(whole));
    let order = |run: &Loaded| run.summary.iter().map(|row| row.cell.clone()).collect::<Vec<_>>();
    assert_eq!(order(merged), order(whole));
}

/// What sbatch reads on top of a script.
fn directives(script: &str) -> Vec<&str> {
    script.lines().filter_map(|line| line.strip_prefix("#SBATCH ")).collect()
}

#[test]
fn an_array_of_slurm_is_together_the_whole() {
    let cluster = Cluster::new();
    let slurm = ["--slurm", "--partition", "cpu", "--time", "4:00:00", "--memory", "2GiB"];
    let options = ["--", "--images", "3", "--link", "rate=20MB/s,rtt=1ms", "--link", "loopback"];
    let done = cluster.launch(&[&slurm[..], &options].concat());
    assert!(done.status.success(), "{}", text(&done));
    assert!(text(&done).contains("the whole will be runs/study-quick-merged"), "{}", text(&done));
    let array = cluster.read("jobs/shards.sbatch");
    let asked = [
        "--job-name=study-quick",
        "--partition=cpu",
        "--nodes=1",
        "--ntasks=1",
        "--mem=2048M",
        "--array=1-4",
        "--cpus-per-task=2",
        "--time=0-04:00:00",
        "--exclusive",
        "--requeue",
        "--open-mode=append",
    ];
    assert_eq!(directives(&array), asked);
    for script in ["shards.sbatch", "merge.sbatch", "submit.sh"] {
        check_syntax(&cluster.path("jobs").join(script));
    }

    // A task is killed when it has saved some rows, and begins again.
    let mut task = cluster.command("bash");
    task.arg("jobs/shards.sbatch").env("SLURM_ARRAY_TASK_ID", "2");
    task.stdout(Stdio::null()).stderr(File::create(cluster.path("said")).unwrap());
    let (mut stopped, start) = (task.spawn().unwrap(), Instant::now());
    while lines(&cluster.path("runs/study-quick-2of4/inferences.csv")) <= 2 {
        let goes_on = stopped.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(120);
        assert!(goes_on, "the share did not get to two rows: {}", cluster.read("said"));
        std::thread::sleep(Duration::from_millis(1));
    }
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    for share in 1..=SHARDS {
        // Slurm runs a copy of the script, from another folder.
        let mut task = cluster.command("bash");
        task.arg(cluster.path("jobs/shards.sbatch"))
            .current_dir("/")
            .env("SLURM_ARRAY_TASK_ID", share.to_string());
        let done = task.output().unwrap();
        assert!(done.status.success(), "{}", text(&done));
    }
    assert_eq!(cluster.loaded("runs/study-quick-2of4").manifest.resumed.len(), 1);
    for said in ["written to", "is there already"] {
        let merged = cluster.command("bash").arg("jobs/merge.sbatch").output().unwrap();
        assert!(merged.status.success() && text(&merged).contains(said), "{}", text(&merged));
    }
    same_rows(&cluster.loaded("runs/study-quick-merged"), &cluster.whole(&options[1..]));
}

#[test]
fn both_jobs_of_slurm_are_submitted_one_behind_the_other() {
    let cluster = Cluster::new();
    assert!(cluster.launch(&["--slurm"]).status.success());
    cluster.install("sbatch", "#!/bin/sh\necho \"$@\" >> said\necho '17;cluster'\n");
    let done = cluster.command("jobs/submit.sh").output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let said = cluster.read("jobs/said");
    let merge = "--dependency=afterok:17 --kill-on-invalid-dep=yes merge.sbatch";
    assert_eq!(said.lines().collect::<Vec<_>>(), ["--parsable shards.sbatch", merge]);
}

#[test]
fn slurm_takes_the_scripts() {
    if Command::new("sbatch").arg("--version").output().is_err() {
        println!("skipped: there is no sbatch here");
        return;
    }
    let cluster = Cluster::new();
    assert!(cluster.launch(&["--slurm"]).status.success());
    for script in ["jobs/shards.sbatch", "jobs/merge.sbatch"] {
        let checked = cluster.command("sbatch").args(["--test-only", script]).output().unwrap();
        assert!(checked.status.success(), "{}", text(&checked));
    }
}

/// The Job in a manifest, all of whose fields are ones that the Job of Kubernetes has.
fn job(manifest: &str) -> Job {
    let job: Job = serde_saphyr::from_str(manifest).unwrap();
    let written: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
    // A field that is not known, or stands in a wrong place, is not read and would be missing here.
    assert_eq!(serde_json::to_value(&job).unwrap(), written);
    job
}

fn container(spec: &JobSpec) -> &Container {
    match &spec.template.spec.as_ref().unwrap().containers[..] {
        [container] => container,
        others => panic!("{} containers", others.len()),
    }
}

/// What Kubernetes makes of a container's word: `$$` is `$`, and `$(NAME)` stays where the container has no such variable.
fn expanded(word: &str) -> String {
    assert!(!word.contains("$(JOB_COMPLETION_INDEX)"), "it would be replaced before the shell sees it");
    word.replace("$$", "$")
}

/// The container's command, with the index of its pod if it has one. The volume is the cluster's folder.
fn pod(cluster: &Cluster, container: &Container, index: Option<usize>) -> Output {
    let words: Vec<String> = container.command.iter().flatten().map(|word| expanded(word)).collect();
    let mut pod = cluster.command(&words[0]);
    pod.args(&words[1..]).envs(index.map(|index| ("JOB_COMPLETION_INDEX", index.to_string())));
    pod.output().unwrap()
}

#[test]
fn an_indexed_job_of_kubernetes_is_together_the_whole() {
    let cluster = Cluster::new();
    let options =
        ["--kubernetes", "--image", "registry/linnet:1", "--claim", "experiments", "--namespace", "lab"];
    let more =
        ["--name", "study", "--program", env!("CARGO_BIN_EXE_linnet"), "--time", "90", "--memory", "1GB"];
    let nodes = ["--node-selector", "kind=skylake"];
    let done = cluster.launch(&[&options[..], &more, &nodes].concat());
    assert!(done.status.success(), "{}", text(&done));

    let shares = job(&cluster.read("jobs/shards.yaml"));
    assert_eq!(
        (shares.metadata.name.as_deref(), shares.metadata.namespace.as_deref()),
        (Some("study"), Some("lab"))
    );
    let spec = shares.spec.unwrap();
    assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
    assert_eq!(
        (spec.completions, spec.parallelism, spec.backoff_limit_per_index),
        (Some(4), Some(4), Some(3))
    );
    let template = spec.template.spec.as_ref().unwrap();
    assert_eq!(template.restart_policy.as_deref(), Some("Never"));
    assert_eq!(template.active_deadline_seconds, Some(5400));
    assert_eq!(template.node_selector.as_ref().unwrap()["kind"], "skylake");
    let claim = template.volumes.as_ref().unwrap()[0].persistent_volume_claim.as_ref().unwrap();
    assert_eq!(claim.claim_name, "experiments");
    let apart = template.affinity.as_ref().unwrap().pod_anti_affinity.as_ref().unwrap();
    let apart = &apart.required_during_scheduling_ignored_during_execution.as_ref().unwrap()[0];
    assert_eq!(apart.topology_key, "kubernetes.io/hostname");
    let labels = spec.template.metadata.as_ref().unwrap().labels.as_ref();
    assert_eq!(apart.label_selector.as_ref().unwrap().match_labels.as_ref(), labels);
    let of_share = container(&spec);
    assert_eq!(of_share.image.as_deref(), Some("registry/linnet:1"));
    let mount = &of_share.volume_mounts.as_ref().unwrap()[0];
    assert_eq!((mount.mount_path.as_str(), of_share.working_dir.as_deref()), ("/work", Some("/work")));
    let resources = of_share.resources.as_ref().unwrap();
    assert_eq!(resources.requests, resources.limits, "the pod's class is Guaranteed");
    let amount = |name: &str| resources.limits.as_ref().unwrap()[name].0.clone();
    assert_eq!((amount("cpu"), amount("memory")), ("2".into(), "954Mi".into()));

    for index in [1, 0, 1, 2, 3] {
        let done = pod(&cluster, of_share, Some(index));
        assert!(done.status.success(), "{}", text(&done));
    }
    assert_eq!(cluster.loaded("runs/study-2of4").manifest.resumed.len(), 1, "its pod was there twice");
    let merge = job(&cluster.read("jobs/merge.yaml"));
    assert_eq!(merge.metadata.name.as_deref(), Some("study-merge"));
    let merged = pod(&cluster, container(&merge.spec.unwrap()), None);
    assert!(merged.status.success(), "{}", text(&merged));
    same_rows(&cluster.loaded("runs/study-merged"), &cluster.whole(&[]));
}

#[test]
fn shares_of_kubernetes_are_joined_only_where_all_have_succeeded() {
    let cluster = Cluster::new();
    let options = ["--kubernetes", "--image", "linnet", "--claim", "c", "--namespace", "lab"];
    assert!(cluster.launch(&options).status.success());
    check_syntax(&cluster.path("jobs/submit.sh"));
    for (conditions, ends) in [("SuccessCriteriaMet Complete", true), ("FailureTarget Failed", false)] {
        let kubectl =
            format!("#!/bin/sh\necho \"$3 $4 $5\" >> said\n[ \"$3\" != get ] || echo '{conditions}'\n");
        cluster.install("kubectl", &kubectl);
        let done = cluster.command("jobs/submit.sh").output().unwrap();
        assert_eq!(done.status.success(), ends, "{}", text(&done));
        let all = ["apply -f shards.yaml", "get job study-quick", "apply -f merge.yaml"];
        let said = cluster.read("jobs/said");
        assert_eq!(said.lines().collect::<Vec<_>>(), all[..if ends { 3 } else { 2 }]);
        std::fs::remove_file(cluster.path("jobs/said")).unwrap();
    }
}

#[test]
fn more_shares_than_cells_are_the_whole_too() {
    let cluster = Cluster::new();
    let sweep = ["sweep", Cluster::FILE, "--quick", "--link", "loopback", "--relu", "narrow"];
    let mut runs = Vec::new();
    for share in 1..=3 {
        let id = format!("share{share}");
        let done = cluster.linnet(&[&sweep[..], &["--shard", &format!("{share}/3"), "--id", &id]].concat());
        assert!(done.status.success(), "{}", text(&done));
        runs.push(format!("runs/{id}"));
    }
    let merged = cluster.linnet(&["merge", &runs[0], &runs[1], &runs[2], "--out", "runs/merged"]);
    assert!(merged.status.success(), "{}", text(&merged));
    assert_eq!(cluster.loaded("runs/merged").tables.cells.len(), 2);
}

#[test]
fn one_share_makes_the_networks_and_the_others_wait() {
    let cluster = Cluster::new();
    let import = "import = \"models/a/model.safetensors\"\nnet = \"mini\"\ndata = \"shapes\"";
    let study = STUDY.replace("../", "").replace("checkpoint = \"models/a\"", import);
    cluster.write("study.toml", &study);
    cluster.write("runs/study-quick/models/lock", "");
    let lock = File::open(cluster.path("runs/study-quick/models/lock")).unwrap();
    lock.lock().unwrap();
    let mut share = cluster.command(env!("CARGO_BIN_EXE_linnet"));
    share.args(["sweep", "study.toml", "--quick", "--shard", "1/8", "--id", "share"]);
    let mut share = share.spawn().unwrap();
    let said = BufReader::new(share.stderr.as_mut().unwrap()).lines().map(Result::unwrap);
    assert!(said.into_iter().any(|line| line.contains("waiting for another program that makes networks")));
    assert!(!cluster.path("runs/study-quick/models/mini").exists());
    drop(lock);
    assert!(share.wait().unwrap().success());
    assert!(cluster.path("runs/study-quick/models/mini/ar").exists());
    assert_eq!(cluster.loaded("runs/share").tables.cells.len(), 1);
}

#[test]
fn mistakes_are_refused_with_what_was_expected() {
    let cluster = Cluster::new();
    let kubernetes = ["--kubernetes", "--image", "linnet", "--claim", "c"];
    let check = |scheduler: &[&str], words: &[&str], said: &str| {
        let refused = cluster.launch(&[scheduler, words].concat());
        assert!(!refused.status.success() && text(&refused).contains(said), "{words:?}: {}", text(&refused));
        assert!(!cluster.path("jobs").exists(), "what is refused leaves nothing behind");
    };
    check(&[], &[], "<--slurm|--kubernetes>");
    check(&["--slurm"], &["--kubernetes"], "cannot be used with");
    check(&["--slurm"], &["--claim", "c"], "cannot be used with");
    check(&["--kubernetes"], &["--claim", "c"], "--image <IMAGE>");
    check(&kubernetes, &["--partition", "cpu"], "cannot be used with");
    check(&["--slurm"], &["--partition", "a b"], "--partition: expected a word without spaces");
    check(&["--slurm"], &["--time", "soon"], "--time: expected MINUTES");
    check(
        &["--slurm"],
        &["--memory", "8"],
        "--memory: expected a size of at least 1MiB, such as 8GiB, found 8",
    );
    check(&["--slurm"], &["--name", "my study"], "--name: expected at most 100 letters");
    check(
        &["--slurm"],
        &["--cpus", "2", "--", "--threads", "1,4"],
        "--cpus: expected at least 8, for two parties of 4",
    );
    check(&["--slurm"], &["--", "--id", "x"], "after --: expected no --id");
    check(&["--slurm"], &["--", "--only", "snl"], "after --: expected no --only");
    check(&["--slurm"], &["--", "--imges", "3"], "unexpected argument '--imges'");
    check(&["--slurm"], &["--", "--images", "0"], "--images: expected at least 1, found 0");
    check(&kubernetes, &["--name", "My_Study"], "--name: expected at most 57 lower-case letters");
    check(&kubernetes, &["--claim", "c", "--mount", "work"], "cannot be used multiple times");
    check(&kubernetes, &["--mount", "work"], "--mount: expected an absolute path");
    check(&kubernetes, &["--namespace", "Lab"], "--namespace: expected at most 63 lower-case letters");
    check(&kubernetes, &["--node-selector", "skylake"], "--node-selector: expected KEY=VALUE");
    check(&kubernetes, &["--", "--out", "../runs"], "folder of runs: expected a path in the claim's volume");
    let one = cluster.linnet(&["launch", Cluster::FILE, "--shards", "1", "--slurm", "--out", "jobs"]);
    assert!(text(&one).contains("--shards: expected 2 to 1000, found 1"), "{}", text(&one));
    let none = cluster.linnet(&["launch", "none.toml", "--shards", "2", "--slurm", "--out", "jobs"]);
    assert!(text(&none).contains("none.toml"), "{}", text(&none));

    assert!(cluster.launch(&["--slurm"]).status.success());
    let again = cluster.launch(&["--slurm"]);
    assert!(text(&again).contains("--out: expected a folder without shards.sbatch"), "{}", text(&again));
}
