//! The `linnet` program as its users run it, on a small network with random weights.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use models::checkpoint::{Checkpoint, Meta};
use models::data::DataSource;
use models::graph::{Graph, Parameters, Shape};
use models::mask::{Mask, Masks};
use models::nets;
use models::tensor::Tensor;
use protocols::memory::Memory;
use protocols::prepared::PreparedPlan;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use results::{AccuracyRow, CellStatus, InferenceStatus, Loaded};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a checkpoint in `model`, whose runs go to `runs`.
struct Workshop(TempDir);

impl Workshop {
    fn new(keep: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let mut rng = ChaCha12Rng::seed_from_u64(4);
        let mut masks = Masks::all_kept(&graph);
        for layer in graph.activations() {
            let kept = (0..layer.shape.size()).map(|_| rng.random_bool(keep)).collect();
            masks.set(layer.name, Mask::new(layer.shape, kept).unwrap());
        }
        let checkpoint = Checkpoint {
            parameters: parameters(&graph, &mut rng),
            masks: masks.clone(),
            normalisation: DataSource::Shapes.default_normalisation(3),
            meta: Meta {
                net: "mini".into(),
                data: "shapes".into(),
                method: "random".into(),
                budget: Some(masks.count()),
                ..Meta::default()
            },
            graph,
        };
        checkpoint.save(&folder.path().join("model")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `linnet WORDS --model model --out runs --id run`, with cheap settings.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.args(words).arg("--model").arg(self.path("model"));
        // Random weights have no clear classes to keep, so the scales are given.
        command.args(["--fa", "6", "--fw", "7", "--calibration-images", "20"]);
        command.current_dir(self.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = self.command(&["run"]);
        command.args(["--id", "run", "--accuracy-images", "20", "--warmups", "0"]).args(words);
        command.output().unwrap()
    }

    fn loaded(&self) -> Loaded {
        results::load(&self.path("runs/run")).unwrap()
    }
}

fn parameters(graph: &Graph, rng: &mut ChaCha12Rng) -> Parameters {
    graph
        .parameter_shapes()
        .into_iter()
        .map(|(name, shape)| {
            let fan_in: usize = shape[1..].iter().product();
            let (low, high) = match name.rsplit('.').next() {
                Some("weight") if shape.len() > 1 => {
                    (-(3.0 / fan_in as f32).sqrt(), (3.0 / fan_in as f32).sqrt())
                }
                Some("weight" | "running_var") => (0.5, 1.5),
                _ => (-0.3, 0.3),
            };
            let data = (0..shape.iter().product()).map(|_| rng.random_range(low..high)).collect();
            (name, Tensor::new(shape, data).unwrap())
        })
        .collect()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_run_over_wan_is_verified_predicted_and_never_faster_than_the_link() {
    let workshop = Workshop::new(0.3);
    let output = workshop.run(&["--link", "wan", "--images", "3", "--verify", "layers"]);
    assert!(output.status.success(), "{}", text(&output));
    let loaded = workshop.loaded();
    let row = &loaded.summary[0];
    assert_eq!((row.status, row.n, row.verified), (CellStatus::Ok, 3, 3));
    assert!(row.acc_secure.is_some() && row.acc_fixed.is_some() && row.acc_float.is_some());

    let cell = &loaded.tables.cells[0];
    assert_eq!(row.setup_up_bytes, cell.predicted_setup_up_bytes);
    assert_eq!(row.setup_down_bytes, cell.predicted_setup_down_bytes);
    assert_eq!(row.setup_rounds, cell.predicted_setup_rounds);
    assert_eq!(row.offline_up_bytes, cell.predicted_offline_up_bytes);
    assert_eq!(row.offline_down_bytes, cell.predicted_offline_down_bytes);
    assert_eq!(row.offline_rounds, cell.predicted_offline_rounds);
    assert_eq!(row.online_up_bytes, cell.predicted_online_up_bytes);
    assert_eq!(row.online_down_bytes, cell.predicted_online_down_bytes);
    assert_eq!(row.online_rounds, cell.predicted_online_rounds);

    let right = |class: fn(&AccuracyRow) -> u32| {
        let right = loaded.tables.accuracy.iter().filter(|row| class(row) == row.label).count();
        Some(right as f64 / loaded.tables.accuracy.len() as f64)
    };
    assert_eq!((loaded.tables.accuracy.len(), cell.acc_images), (20, Some(20)));
    assert_eq!(right(|row| row.class_float), cell.acc_float);
    assert_eq!(right(|row| row.class_fixed), cell.acc_fixed);
    let classes = |row: &AccuracyRow| (Some(row.class_float), Some(row.class_fixed));
    for row in &loaded.tables.inferences {
        assert_eq!((row.class_float, row.class_fixed), classes(&loaded.tables.accuracy[row.image as usize]));
    }

    // Directions have a rate each and may be busy at once, so the link alone takes the bytes of the busier one over the
    // rate, and a one-way delay a flight.
    let floor = |up: Option<u64>, down: Option<u64>, rounds: Option<u64>| {
        up.unwrap().max(down.unwrap()) as f64 / 44e6 + rounds.unwrap() as f64 * 0.020
    };
    // Percentiles keep three digits.
    let least = 0.999;
    let offline = floor(row.offline_up_bytes, row.offline_down_bytes, row.offline_rounds);
    let online = floor(row.online_up_bytes, row.online_down_bytes, row.online_rounds);
    assert!(row.offline_s_p50.unwrap() >= offline * least, "{:?} < {offline}", row.offline_s_p50);
    assert!(row.online_s_p50.unwrap() >= online * least, "{:?} < {online}", row.online_s_p50);

    let compared = Command::new(env!("CARGO_BIN_EXE_linnet"))
        .args(["compare", "runs/run", "--layers=3", "--layers-csv", "layers.csv"])
        .current_dir(workshop.0.path())
        .output()
        .unwrap();
    assert!(compared.status.success() && text(&compared).contains("wan"), "{}", text(&compared));
    assert!(text(&compared).contains("mini, wan, online by layer"), "{}", text(&compared));
    let layers = std::fs::read_to_string(workshop.path("layers.csv")).unwrap();
    assert_eq!(layers.lines().count(), 1 + results::layers(&loaded).len());
    let exported = Command::new(env!("CARGO_BIN_EXE_linnet"))
        .args([
            "compare",
            "runs/run",
            "--by",
            "run",
            "--csv",
            "c.csv",
            "--json",
            "c.json",
            "--parquet",
            "c.parquet",
        ])
        .current_dir(workshop.0.path())
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", text(&exported));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(workshop.path("c.json")).unwrap()).unwrap();
    assert_eq!(json["rows"][0]["online_s_p50"].as_f64(), row.online_s_p50);
    let csv = std::fs::read_to_string(workshop.path("c.csv")).unwrap();
    assert!(csv.lines().count() == 2 && csv.contains(&row.cell), "{csv}");
    assert!(std::fs::read(workshop.path("c.parquet")).unwrap().starts_with(b"PAR1"));
    for picture in ["accuracy_latency.svg", "time_by_budget.svg", "bytes_by_budget.svg"] {
        assert!(workshop.path("runs/run").join(picture).exists(), "{picture}");
    }
}

#[test]
fn a_plan_prints_its_proofs_and_its_predictions() {
    let workshop = Workshop::new(0.3);
    for (relu, counted) in [("millionaire", "comparisons"), ("sign", "AND gates")] {
        let output = workshop.command(&["plan", "show"]).args(["--relu", relu]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        for part in ["128-bit security", "flooding 40 bits", "margin", "rounds", counted] {
            assert!(text(&output).contains(part), "no `{part}` in {}", text(&output));
        }
    }
    let silent = workshop.command(&["plan", "show"]).args(["--ot", "silent"]).output().unwrap();
    let said = "regular LPN of ";
    assert!(text(&silent).contains(said), "no `{said}` in {}", text(&silent));
}

#[test]
fn a_model_that_would_wrap_is_refused_by_the_step_name() {
    let workshop = Workshop::new(0.3);
    let output = workshop.run(&["--ring", "14"]);
    assert!(!output.status.success());
    assert!(text(&output).contains("would wrap") && text(&output).contains("node `"), "{}", text(&output));
    assert!(!workshop.path("runs/run").exists(), "a refused run leaves nothing behind");
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_runs() {
    let workshop = Workshop::new(0.3);
    for (words, said) in [
        (["--ring", "61"], "--ring: expected 1 to 60 bits, found 61"),
        (["--images", "0"], "--images: expected at least 1, found 0"),
        (["--deadline", "0"], "--deadline: expected a positive number of seconds, found 0"),
        (["--link", "lam"], "lan"),
        (["--link", "rtt=1000s"], "--deadline: expected more than the 1000 s that a frame"),
        (["--link", "rate=0.1B/s"], "a rate of 1 B/s to"),
    ] {
        let output = workshop.run(&words);
        assert!(!output.status.success() && text(&output).contains(said), "{words:?}: {}", text(&output));
    }
    let twice = Command::new(env!("CARGO_BIN_EXE_linnet"))
        .args(["sweep", "--models", "model,model", "--link", "loopback", "--fa", "6", "--fw", "7"])
        .args(["--accuracy-images", "5", "--calibration-images", "5"])
        .current_dir(workshop.0.path())
        .output()
        .unwrap();
    let astray = workshop.command(&["run", "--id", "../../evil"]).output().unwrap();
    assert!(
        !astray.status.success() && text(&astray).contains("the name of one folder"),
        "{}",
        text(&astray)
    );
    assert!(text(&twice).contains("every network, method and ReLU count once"), "{}", text(&twice));
    assert!(!workshop.path("runs").exists());
}

#[test]
fn the_machine_is_looked_at_and_the_program_documents_itself() {
    let folder = tempfile::tempdir().unwrap();
    let linnet = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_linnet")).args(words).current_dir(folder.path()).output().unwrap()
    };
    let doctor = text(&linnet(&["doctor"]));
    for looked_at in ["cores", "processor", "load", "memory", "disk", "libtorch", "loopback", "timer"] {
        let line = doctor.lines().find(|line| line.split_whitespace().nth(1) == Some(looked_at));
        assert!(line.is_some_and(|line| line.split_whitespace().count() > 2), "{looked_at}: {doctor}");
    }
    assert!(doctor.contains("this machine measures") || doctor.contains("to mend before"), "{doctor}");
    let bash = text(&linnet(&["completions", "bash"]));
    assert!(bash.contains("--interleave") && bash.contains("complete -F"), "{bash}");
    assert!(linnet(&["man", "--out", "man"]).status.success());
    let page = std::fs::read_to_string(folder.path().join("man/linnet-sweep.1")).unwrap();
    assert!(page.contains("\\-\\-resume"), "{page}");
}

/// A scale given alone is taken as it is, even outside the range that is searched; the other one is searched.
#[test]
fn one_scale_can_be_pinned() {
    let workshop = Workshop::new(0.3);
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.args([
        "plan",
        "show",
        "--fw",
        "14",
        "--agreement",
        "0.5",
        "--calibration-images",
        "10",
        "--model",
    ]);
    let output = command.arg(workshop.path("model")).output().unwrap();
    assert!(text(&output).contains("weights to 2^-14"), "{}", text(&output));
}

/// From nothing to a verified run, without training.
#[test]
fn an_untrained_network_is_written_once_shown_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let linnet = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_linnet")).args(words).current_dir(folder.path()).output().unwrap()
    };
    let init =
        ["init", "--net", "mini", "--data", "shapes", "--budget", "10%", "--seed", "3", "--out", "model"];
    let output = linnet(&init);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("random weights, 922 nonlinear units"), "{}", text(&output));
    let first = Checkpoint::load(&folder.path().join("model")).unwrap();
    assert_eq!((first.meta.method.as_str(), first.meta.budget), ("random-init", Some(922)));
    assert_eq!((first.masks.count(), first.meta.accuracy.test), (922, None));

    let again = linnet(&init);
    assert!(!again.status.success());
    assert!(text(&again).contains("--out: expected a folder without a checkpoint, found model/model.json"));
    assert_eq!(Checkpoint::load(&folder.path().join("model")).unwrap(), first);

    let shown = linnet(&["plan", "show", "--model", "model", "--calibration-images", "10"]);
    assert!(shown.status.success(), "{}", text(&shown));
    assert!(
        text(&shown).contains("weights to 2^-8") && text(&shown).contains("1844 comparisons by both parties"),
        "{}",
        text(&shown)
    );

    let run = ["run", "--model", "model", "--id", "run", "--images", "2", "--verify", "layers"];
    let run = linnet(&[&run[..], &["--accuracy-images", "10", "--calibration-images", "10"]].concat());
    assert!(run.status.success(), "{}", text(&run));
    let loaded = results::load(&folder.path().join("runs/run")).unwrap();
    let (row, cell) = (&loaded.summary[0], &loaded.tables.cells[0]);
    assert_eq!((row.status, row.n, row.verified), (CellStatus::Ok, 2, 2));
    assert_eq!((cell.method.as_str(), cell.relus, cell.fa, cell.fw), ("random-init", 922, Some(6), Some(8)));

    for (words, said) in [
        (["--net", "resnet21"], "network: expected one of mini, resnet20"),
        (["--budget", "9217"], "budget: expected at most the network's 9216 units, found 9217"),
        (["--budget", "x%"], "--budget: expected a number or a percentage"),
    ] {
        let refused = linnet(&[&["init", "--out", "other"], &words[..]].concat());
        assert!(!refused.status.success() && text(&refused).contains(said), "{}", text(&refused));
    }
    assert!(!folder.path().join("other").exists(), "a refused network leaves nothing behind");
}

/// MiniONN's last convolutions are 1x1: without ReLUs they are one with what is before them, unless that is switched off. A
/// network of 3x3 convolutions has the same plan either way.
#[test]
fn linear_layers_are_merged_where_that_is_cheaper() {
    let folder = tempfile::tempdir().unwrap();
    let linnet = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_linnet"))
            .args(words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    let shown = |net: &str, merge: &str| {
        let words = ["plan", "show", "--model", net, "--objective", "bytes", "--calibration-images", "4"];
        linnet(&[&words[..], &["--merge", merge]].concat())
    };
    for net in ["minionn", "mini"] {
        linnet(&["init", "--net", net, "--budget", "0", "--out", net]);
    }
    let (merged, apart) = (shown("minionn", "auto"), shown("minionn", "never"));
    assert!(merged.contains("conv6+conv7") && !merged.contains("relu6"), "{merged}");
    assert!(!apart.contains("conv6+") && apart.contains("relu6"), "{apart}");
    assert_eq!(shown("mini", "auto"), shown("mini", "never"));
}

/// The client's peak memory and stored bytes in a run of `model` with `--store store`, after a check that the plan's
/// estimates hold for both parties and are at most three times what is measured.
fn measured_memory(folder: &Path, model: &str, store: &str) -> (u64, u64) {
    const SETTINGS: [&str; 2] = ["--calibration-images", "2"];
    /// What the estimate allows any party: for the process, and for what it has yet to send.
    const ALLOWANCES: u64 = 128 << 20;
    let linnet = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        let output = command.args(words).args(SETTINGS).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        output.stdout
    };
    let shown: serde_json::Value =
        serde_json::from_slice(&linnet(&["plan", "show", "--json", "--model", model])).unwrap();
    let plan = PreparedPlan::from_json(&serde_json::to_vec(&shown["plan"]).unwrap()).unwrap();
    let estimate = Memory::of(&plan).peak(store == "file");
    let id = format!("{model}-{store}");
    let run = ["run", "--model", model, "--link", "loopback", "--store", store, "--id", &id];
    linnet(&[&run[..], &["--images", "1", "--warmups", "0", "--accuracy-images", "1"]].concat());
    let row = results::load(&folder.join("runs").join(&id)).unwrap().tables.inferences.pop().unwrap();
    let (client, server) = (row.peak_rss_client_bytes.unwrap(), row.peak_rss_server_bytes.unwrap());
    for (party, estimate, measured) in
        [("client", estimate.client, client), ("server", estimate.server, server)]
    {
        let said = format!("{id}, {party}: {estimate} bytes estimated, {measured} measured");
        println!("{said}");
        assert!(estimate >= measured, "{said}");
        assert!(measured < ALLOWANCES || estimate <= 3 * measured, "{said}");
    }
    (client, row.store_client_bytes.unwrap())
}

/// The client's memory grows with the units where they are kept in
/// memory, and not where they are kept in a file.
#[test]
fn a_client_with_a_file_needs_no_more_memory_for_more_units() {
    let folder = tempfile::tempdir().unwrap();
    for (name, budget) in [("few", "150000"), ("all", "100%")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.args(["init", "--net", "resnet56", "--data", "shapes", "--budget", budget, "--out", name]);
        let output = command.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    let (few, few_stored) = measured_memory(folder.path(), "few", "file");
    let (all, all_stored) = measured_memory(folder.path(), "all", "file");
    let (in_memory, _) = measured_memory(folder.path(), "all", "memory");
    // Either network has more units than a window, of which more or less is under way when memory is fullest: 115 MB at
    // most. All units are 327 MB more than the few.
    let half = (all_stored - few_stored) / 2;
    assert!(all < few + half, "from {few} to {all} bytes with a file");
    assert!(in_memory > few + half, "from {few} to {in_memory} bytes in memory");
}

#[test]
fn a_link_beyond_the_loopback_is_refused() {
    let workshop = Workshop::new(0.3);
    let output = workshop.run(&["--link", "rate=900GB/s,rtt=1ms"]);
    assert!(!output.status.success());
    assert!(text(&output).contains("loopback"), "{}", text(&output));
}

/// Starts a long run and returns it with the server's process number once a measured inference is saved.
fn long_run(workshop: &Workshop) -> (Child, String) {
    let mut command = workshop.command(&["run"]);
    command.args([
        "--id",
        "run",
        "--accuracy-images",
        "20",
        "--link",
        "wan",
        "--images",
        "500",
        "--deadline",
        "3",
    ]);
    let run = command.spawn().unwrap();
    let saved = workshop.path("runs/run/inferences.csv");
    wait_for(|| std::fs::read_to_string(&saved).is_ok_and(|text| text.lines().count() > 2));
    let server = children(run.id())
        .into_iter()
        .find(|child| {
            std::fs::read_to_string(format!("/proc/{child}/cmdline"))
                .is_ok_and(|line| line.contains("server"))
        })
        .expect("the server is a child of the run");
    (run, server)
}

fn children(process: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "the run did not get going");
        std::thread::yield_now();
    }
}

fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args([name, process]).status().unwrap().success());
}

fn check_failed(workshop: &Workshop, run: Child, said: &[&str]) {
    let start = Instant::now();
    let output = run.wait_with_output().unwrap();
    // The client's deadline of 3 s and the pair's grace of 5 s more.
    assert!(start.elapsed() < Duration::from_secs(12), "took {:?}", start.elapsed());
    assert!(!output.status.success(), "{}", text(&output));
    let loaded = workshop.loaded();
    let last = loaded.tables.inferences.last().unwrap();
    assert_eq!(last.status, InferenceStatus::Failed);
    let error = last.error.as_deref().unwrap();
    assert!(error.starts_with("client: ") && said.iter().any(|s| error.contains(s)), "{error}");
    assert_eq!(loaded.summary[0].status, CellStatus::Partial);
}

#[test]
fn a_killed_server_is_a_typed_error_and_a_failed_row() {
    let workshop = Workshop::new(0.3);
    let (run, server) = long_run(&workshop);
    signal("-KILL", &server);
    check_failed(&workshop, run, &["closed", "ended"]);
}

#[test]
fn a_stalled_server_is_a_typed_error_within_the_deadline() {
    let workshop = Workshop::new(0.3);
    let (run, server) = long_run(&workshop);
    signal("-STOP", &server);
    check_failed(&workshop, run, &["no progress for 3s"]);
    wait_for(|| !Path::new(&format!("/proc/{server}")).exists());
}
