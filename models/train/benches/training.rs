//! What an image costs in training, linearization and Shapley values, on CIFAR's shapes and one thread. `training NETWORK`
//! measures one network, `--quick` once; a line of JSON a figure, as `cargo xtask bench` reads them.

use models::checkpoint::{Checkpoint, Meta};
use models::data::{Dataset, Normalisation};
use models::graph::{Graph, Shape};
use models::mask::Masks;
use models::nets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::json;
use std::time::Instant;
use tch::Device;
use train::Shelf;
use train::fit::Job;
use train::masking::Masking;
use train::masking::shrinking::{Pace, Rank, Shrinking, Target};
use train::network::Network;
use train::optimizer::Rule;
use train::privshap::{ShapleySettings, shapley_values};
use train::stage::{Augmentation, Distillation, Schedule, Stage};
use train::watch::Silent;

/// Passes over the images of an epoch, half of which are for the budget to shrink.
const EPOCHS: usize = 2;
/// Images a coalition is measured on.
const MEASURED: usize = 200;

/// A network and what it is shown.
struct Setting {
    graph: Graph,
    train: Dataset,
    held_out: Dataset,
    normalisation: Normalisation,
    /// Where the teacher's answers are from the first run on, as in all networks of a study but the first.
    shelf: Shelf,
}

fn dataset(images: usize) -> Dataset {
    let shape = Shape::new(3, 32, 32);
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let pixels = (0..images * shape.size()).map(|_| rng.random()).collect::<Vec<u8>>();
    let labels = (0..images).map(|_| rng.random_range(0..10)).collect();
    Dataset::new("noise", shape, 10, pixels, labels).expect("a label an image")
}

impl Setting {
    /// Trains with all units kept.
    fn train(&self) {
        let rule = Rule::Sgd { momentum: 0.9, weight_decay: 5e-4, decays_all: true };
        self.run(Stage {
            name: "train".into(),
            epochs: EPOCHS,
            batch: 256,
            augment: Augmentation::Fresh,
            rule,
            rate: 1e-3,
            schedule: Schedule::Steps,
            warmup: 0.0,
            distil: None,
            masking: Masking::Frozen,
        });
    }

    /// Linearizes to an eighth of the units.
    fn linearize(&self) {
        let from: Vec<usize> = self.graph.activations().map(|layer| layer.shape.size()).collect();
        let target = Target::Layers(from.iter().map(|size| size / 8).collect());
        let (rank, pace) = (Rank::Gradient, Pace::default());
        self.run(Stage {
            name: "shrink".into(),
            epochs: EPOCHS,
            batch: 256,
            augment: Augmentation::Variants(1),
            rule: Rule::Adam,
            rate: 1e-3,
            schedule: Schedule::Cosine,
            warmup: 0.0,
            distil: Some(Distillation::default()),
            masking: Masking::Shrinking(Shrinking {
                rank,
                target,
                from,
                weights: None,
                epochs: EPOCHS / 2,
                pace,
            }),
        });
    }

    fn run(&self, stage: Stage) {
        let folder = tempfile::tempdir().expect("a folder");
        let teacher = Network::initialised(&self.graph, 2, Device::Cpu);
        let job = Job {
            train: &self.train,
            held_out: &self.held_out,
            normalisation: &self.normalisation,
            stages: &[stage],
            teacher: Some(&teacher),
            shelf: Some(&self.shelf),
            seed: 1,
            before: 0,
            settings: &serde_json::Value::Null,
            name: "bench",
            dir: folder.path(),
        };
        let network = Network::initialised(&self.graph, 1, Device::Cpu);
        job.run(network, Masks::all_kept(&self.graph), &mut Silent).expect("an epoch");
    }

    /// Measures every coalition that lacks a layer; how many.
    fn coalitions(&self) -> usize {
        let folder = tempfile::tempdir().expect("a folder");
        let network = Network::initialised(&self.graph, 1, Device::Cpu);
        let checkpoint = Checkpoint {
            graph: self.graph.clone(),
            parameters: network.parameters(),
            masks: Masks::all_kept(&self.graph),
            normalisation: self.normalisation.clone(),
            meta: Meta::default(),
        };
        // A network that guesses has no coalition to look into but the first ones.
        let settings = ShapleySettings { depth: 1, threshold: 0.0, images: MEASURED, ..Default::default() };
        let record = shapley_values(&settings, &checkpoint, &self.train, folder.path(), &mut Silent);
        record.expect("coalitions").result.evaluations
    }
}

fn main() {
    train::environment::settle().expect("it starts anew");
    tch::set_num_threads(1);
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runs = if words.iter().any(|word| word == "--quick") { 1 } else { 5 };
    for (net, named, images) in [("resnet20", "ResNet20", 1024), ("resnet18", "ResNet18", 256)] {
        if !words.iter().all(|word| word.starts_with("--") || word == net) {
            continue;
        }
        let answers = tempfile::tempdir().expect("a folder");
        let setting = Setting {
            graph: nets::build(net, Shape::new(3, 32, 32), 10).expect("a network"),
            train: dataset(images),
            held_out: dataset(1),
            normalisation: Normalisation { mean: vec![0.5; 3], std: vec![0.25; 3] },
            shelf: Shelf::new(answers.path(), net),
        };
        setting.linearize();
        let shown = (EPOCHS * images) as f64;
        let two = || {
            std::thread::scope(|scope| {
                (0..2).for_each(|_| {
                    scope.spawn(|| {
                        tch::set_num_threads(1);
                        setting.linearize();
                    });
                });
            });
        };
        tell(&format!("{named}, training, an image"), runs, shown, || setting.train());
        tell(&format!("{named}, linearizing, an image"), runs, shown, || setting.linearize());
        tell(&format!("{named}, linearizing two side by side, an image"), runs, 2.0 * shown, two);
        let coalitions = setting.coalitions();
        let measured = (coalitions * MEASURED) as f64;
        tell(&format!("{named}, a coalition's image"), runs, measured, || {
            setting.coalitions();
        });
    }
}

/// The median of the milliseconds that each of `items` takes.
fn tell(figure: &str, runs: usize, items: f64, work: impl Fn()) {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            work();
            1e3 * began.elapsed().as_secs_f64() / items
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (value, low, high) = (times[runs / 2], times[0], times[runs - 1]);
    println!(
        "{}",
        json!({ "figure": figure, "value": value, "unit": "ms", "runs": runs, "low": low, "high": high })
    );
}
