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
use train::fit::Job;
use train::masking::Masking;
use train::network::Network;
use train::optimizer::Rule;
use train::stage::{Schedule, Stage};
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
        augment: true,
        rule: if distil { Rule::Adam } else { Rule::Sgd { momentum: 0.9, weight_decay: 5e-4 } },
        rate: 1e-3,
        schedule: Schedule::Constant,
        distil,
        masking,
    }
}

fn epoch(graph: &Graph, train: &Dataset, held_out: &Dataset, stage: Stage) {
    let normalisation = Normalisation { mean: vec![0.5; 3], std: vec![0.25; 3] };
    let folder = tempfile::tempdir().expect("a folder");
    let teacher = Network::initialised(graph, 2, Device::Cpu);
    let job = Job {
        train,
        held_out,
        normalisation: &normalisation,
        stages: &[stage],
        teacher: Some(&teacher),
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
        let budgets = graph.activations().map(|layer| layer.shape.size() / 4).collect::<Vec<_>>();
        group.bench_function(format!("{net}, all activations"), |b| {
            b.iter(|| epoch(&graph, &train, &held_out, stage(false, Masking::Frozen)));
        });
        group.bench_function(format!("{net}, frozen, distilled"), |b| {
            b.iter(|| epoch(&graph, &train, &held_out, stage(true, Masking::Frozen)));
        });
        group.bench_function(format!("{net}, linearized"), |b| {
            b.iter(|| epoch(&graph, &train, &held_out, stage(true, Masking::Projected { budgets: budgets.clone() })));
        });
    }
    group.finish();
}

criterion_group!(benches, training);

