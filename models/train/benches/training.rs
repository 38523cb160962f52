//! Images a second of training, of linearization and of the coalitions of Shapley values, one thread, on CIFAR's shapes.

use criterion::{Criterion, Throughput, criterion_group};
use models::data::{Dataset, Normalisation};
use models::graph::{Graph, Shape};
use models::mask::Masks;
use models::nets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::time::Duration;
use tch::Device;
use train::Shelf;
use train::fit::Job;
use train::masking::Masking;
use train::masking::shrinking::{Pace, Rank, Shrinking, Target};
use train::network::Network;
use train::optimizer::Rule;
use train::stage::{Augmentation, Distillation, Schedule, Stage};
use train::watch::Silent;

const IMAGES: usize = 1024;

fn dataset(images: usize) -> Dataset {
    let shape = Shape::new(3, 32, 32);
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let pixels = (0..images * shape.size()).map(|_| rng.random()).collect();
    let labels = (0..images).map(|_| rng.random_range(0..10)).collect();
    Dataset::new("noise", shape, 10, pixels, labels).expect("a label an image")
}

fn stage(distil: bool, masking: Masking) -> Stage {
    Stage {
        name: "bench".into(),
        epochs: 1,
        batch: 256,
        augment: if distil { Augmentation::Variants(1) } else { Augmentation::Fresh },
        rule: match distil {
            true => Rule::Adam,
            false => Rule::Sgd { momentum: 0.9, weight_decay: 5e-4, decays_all: true },
        },
        rate: 1e-3,
        schedule: Schedule::Cosine,
        warmup: 0.0,
        distil: distil.then(Distillation::default),
        masking,
    }
}

/// Teachers' answers are there from the second time on, as in all networks of a study but the first.
fn epoch(graph: &Graph, train: &Dataset, held_out: &Dataset, shelf: &Shelf, stage: Stage) {
    let normalisation = Normalisation { mean: vec![0.5; 3], std: vec![0.25; 3] };
    let folder = tempfile::tempdir().expect("a folder");
    let teacher = Network::initialised(graph, 2, Device::Cpu);
    let job = Job {
        train,
        held_out,
        normalisation: &normalisation,
        stages: &[stage],
        teacher: Some(&teacher),
        shelf: Some(shelf),
        seed: 1,
        settings: &serde_json::Value::Null,
        name: "bench",
        dir: folder.path(),
    };
    let network = Network::initialised(graph, 1, Device::Cpu);
    job.run(network, Masks::all_kept(graph), &mut Silent).expect("an epoch");
}

/// As `linnet-train` begins.
fn main() {
    train::environment::settle().expect("it starts anew");
    benches();
    Criterion::default().configure_from_args().final_summary();
}

fn training(c: &mut Criterion) {
    tch::set_num_threads(1);
    let (train, held_out) = (dataset(IMAGES), dataset(1));
    let mut group = c.benchmark_group("training");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(IMAGES as u64));
    for net in ["resnet20", "resnet18"] {
        let graph = nets::build(net, Shape::new(3, 32, 32), 10).expect("a network");
        let from: Vec<usize> = graph.activations().map(|layer| layer.shape.size()).collect();
        let target = Target::Layers(from.iter().map(|size| size / 8).collect());
        let shrinking = Masking::Shrinking(Shrinking {
            rank: Rank::Gradient,
            target,
            from,
            weights: None,
            epochs: 1,
            pace: Pace::default(),
        });
        let answers = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::new(answers.path(), net);
        for (name, distil, masking) in [
            ("all activations", false, Masking::Frozen),
            ("budget that shrinks", true, shrinking),
            ("budget that is reached", true, Masking::Frozen),
        ] {
            group.bench_function(format!("{net}, {name}"), |b| {
                b.iter(|| epoch(&graph, &train, &held_out, &shelf, stage(distil, masking.clone())));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, training);
