//! Whole runs, small: the same twice, the same when stopped and continued, exact in their counts.

use models::checkpoint::{Checkpoint, Epoch};
use models::data::DataSource;
use std::ops::ControlFlow;
use std::path::Path;
use tch::Device;
use train::Error;
use train::gates::Gates;
use train::images::{accuracy, whole};
use train::linearize::{Across, Budget, LinearizeSettings, Method, Origin, Selection, linearize};
use train::masking::shrinking::Pace;
use train::network::Network;
use train::privshap::budgets::published_budgets;
use train::privshap::published::{PUBLISHED_FILE, PublishedRecord};
use train::privshap::{
    PICTURE_FILE, SHAPLEY_FILE, ShapleyRecord, ShapleySettings, report, shapley_values, table,
};
use train::stage::{Augmentation, Distillation};
use train::train::{TrainSettings, train};
use train::watch::{Silent, Watch};

/// Asks for an end after each epoch.
struct Impatient;

impl Watch for Impatient {
    fn epoch(&mut self, _: &Epoch, _: usize) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// One thread: tests run beside each other, and the number of threads is one per process.
fn small() -> TrainSettings {
    let recipe = TrainSettings::recipe("mini", &DataSource::Shapes);
    TrainSettings { epochs: 3, limit: Some(500), augment: Augmentation::Fresh, threads: 1, ..recipe }
}

fn small_linear() -> LinearizeSettings {
    let recipe = LinearizeSettings::recipe(&DataSource::Shapes);
    let shapley = ShapleySettings { depth: 1, images: 100, ..Default::default() };
    LinearizeSettings {
        shapley,
        pace: Some(Pace { every: 3, decay: 0.9 }),
        replace_epochs: 2,
        finetune_epochs: 1,
        limit: Some(300),
        threads: 1,
        ..recipe
    }
}

fn trained(dir: &Path) -> Checkpoint {
    train(&small(), &DataSource::Shapes, dir, &mut Silent).expect("a small run succeeds")
}

/// Repeats a run that always stops after an epoch until it is done; returns how often it stopped.
fn insist<T>(mut run: impl FnMut() -> Result<T, Error>) -> (T, usize) {
    for stops in 0.. {
        match run() {
            Ok(done) => return (done, stops),
            Err(Error::Stopped) => {}
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("a run has finitely many epochs")
}

#[test]
fn one_seed_one_result() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = trained(a.path());
    assert_eq!(trained(b.path()), first);
    assert_eq!(trained(a.path()), first, "a finished run is read, not repeated");
    assert_eq!(first.meta.history.len(), 3);
    let best = first.meta.history.iter().map(|e| e.held_out).fold(0.0, f64::max);
    assert_eq!(first.meta.accuracy.held_out, Some(best));
    let other = TrainSettings { seed: 2, ..small() };
    let message = train(&other, &DataSource::Shapes, a.path(), &mut Silent).unwrap_err().to_string();
    assert!(message.contains("expected `seed` = 2, found `seed` = 1"), "{message}");
}

#[test]
fn training_continues_exactly() {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = || train(&small(), &DataSource::Shapes, stopped.path(), &mut Impatient);
    let (continued, stops) = insist(run);
    assert_eq!(stops, 3);
    assert_eq!(continued, trained(whole.path()));
}

#[test]
fn linearization_continues_exactly_and_counts_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let totals = [2765, 100];
    let budgets = totals.map(Budget::Units);
    let run = |name: &str, watch: &mut dyn Watch| {
        linearize(
            &small_linear(),
            Origin::of(&teacher),
            &budgets,
            &DataSource::Shapes,
            &dir.path().join(name),
            watch,
        )
    };
    let whole = run("whole", &mut Silent).unwrap();
    let (continued, stops) = insist(|| run("stopped", &mut Impatient));
    assert_eq!(stops, 2 * 3);
    assert_eq!(continued, whole);
    for (checkpoint, total) in whole.iter().zip(totals) {
        assert_eq!((checkpoint.masks.count(), checkpoint.meta.budget), (total, Some(total)));
        let saved = Checkpoint::load(&dir.path().join(format!("whole/b{total}"))).unwrap();
        assert_eq!(saved, *checkpoint);
    }
    assert!(dir.path().join("whole").join(SHAPLEY_FILE).exists());
}

#[test]
fn every_method_counts_exactly_and_shares_out_in_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let linearized = |method: Method, name: &str| {
        let settings = LinearizeSettings { method, ..small_linear() };
        let out = dir.path().join(name);
        linearize(
            &settings,
            Origin::of(&teacher),
            &[Budget::Units(922)],
            &DataSource::Shapes,
            &out,
            &mut Silent,
        )
        .unwrap()
        .remove(0)
    };
    // Of small layers, rounding may take a unit more or less.
    for method in [Method::Uniform, Method::Random] {
        let done = linearized(method, method.name());
        assert_eq!((done.meta.method.as_str(), done.masks.count()), (method.name(), 922));
        assert_eq!(done.meta.history.len(), 3, "as long as every other method");
        for (name, mask) in done.masks.iter() {
            // A tenth of every layer, up to the unit that rounding gives or takes.
            let share = 922.0 * mask.shape().size() as f64 / 9_216.0;
            assert!((mask.count() as f64 - share).abs() < 1.0, "{name}: {} of {share}", mask.count());
        }
        assert!(!dir.path().join(method.name()).join(SHAPLEY_FILE).exists(), "nothing to measure");
    }
    let seeded = LinearizeSettings { method: Method::Random, seed: Some(9), ..small_linear() };
    let (out, all) = (dir.path().join("seeded"), [Budget::Units(922)]);
    let seeded = linearize(&seeded, Origin::of(&teacher), &all, &DataSource::Shapes, &out, &mut Silent)
        .unwrap()
        .remove(0);
    assert_eq!((seeded.meta.method.as_str(), seeded.meta.seed), ("random-seed9", teacher.meta.seed));
    let random = Checkpoint::load(&dir.path().join("random/b922")).unwrap();
    assert!(seeded.masks != random.masks && seeded.masks.count() == 922, "another seed draws other units");
    let dropped = linearized(Method::Drop, "drop");
    assert!(
        dropped.masks.count() <= 922 && dropped.meta.budget == Some(922),
        "what fits, beside what was asked for"
    );
    assert!(dropped.masks.iter().all(|(_, mask)| [0, mask.shape().size()].contains(&mask.count())));
    for method in [Method::Snl, Method::Relupruner] {
        let done = linearized(method, method.name());
        assert_eq!((done.meta.method.as_str(), done.masks.count()), (method.name(), 922));
        assert_eq!(done.meta.history.len(), 3, "as long as every other method");
        assert!(!dir.path().join(method.name()).join(SHAPLEY_FILE).exists(), "nothing to measure");
    }
    let published = linearized(Method::PrivshapPublished, "published");
    let record = std::fs::read(dir.path().join("published").join(PUBLISHED_FILE)).unwrap();
    let record: PublishedRecord = serde_json::from_slice(&record).unwrap();
    let sizes: Vec<usize> = teacher.graph.activations().map(|layer| layer.shape.size()).collect();
    let budgets = published_budgets(&record.result.phi, &sizes, 922);
    for (layer, budget) in teacher.graph.activations().zip(budgets) {
        let kept = published.masks.get(layer.name).count();
        assert!(kept <= budget.saturating_sub(1), "{}: {kept} kept of {budget}", layer.name);
    }
    assert_eq!(published.meta.history.len(), 3, "as long as every other method");
    assert!(dir.path().join("published").join(PUBLISHED_FILE).exists());
    let (uniform, random) = (linearized(Method::Uniform, "u"), linearized(Method::Random, "r"));
    assert_ne!(uniform.masks, random.masks);
    assert_eq!(random.masks, linearized(Method::Random, "again").masks, "drawn by the network's seed");
}

#[test]
fn methods_continue_exactly_by_either_schedule() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let gradual = [Method::Snl, Method::Relupruner, Method::Uniform, Method::Random];
    let published = [Method::Privshap, Method::Snl, Method::Relupruner, Method::PrivshapPublished];
    let pace = small_linear().pace;
    let gradual = gradual.map(|method| (method, pace, false)).into_iter();
    let published = published.map(|method| (method, None, false)).into_iter();
    for (method, pace, learn_alphas) in
        gradual.chain(published).chain([(Method::PrivshapPublished, None, true)])
    {
        // Variants that come back, since three epochs show two.
        let augment = Augmentation::Variants(2);
        let settings =
            LinearizeSettings { method, pace, augment, learn_alphas, warmup: 0.2, ..small_linear() };
        let named = format!("{}-{}-{learn_alphas}", method.name(), pace.is_some());
        let run = |name: &str, watch: &mut dyn Watch| {
            let out = dir.path().join(&named).join(name);
            let origin = Origin { answers: Some(&dir.path().join("answers")), ..Origin::of(&teacher) };
            linearize(&settings, origin, &[Budget::Units(500)], &DataSource::Shapes, &out, watch)
        };
        let whole = run("whole", &mut Silent).unwrap();
        let (continued, stops) = insist(|| run("stopped", &mut Impatient));
        assert_eq!((stops, &continued), (3, &whole), "{named}");
        let exact = method != Method::PrivshapPublished;
        assert!(!exact || whole[0].masks.count() == 500, "{named}: {}", whole[0].masks.count());
    }
    let answers = std::fs::read_dir(dir.path().join("answers")).unwrap();
    assert_eq!(answers.filter(|entry| entry.as_ref().unwrap().path().is_file()).count(), 3, "two and a lock");
}

#[test]
fn a_chain_of_budgets_is_what_its_links_are_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let totals = [3000, 1000, 200];
    for method in [Method::Privshap, Method::Snl, Method::Relupruner] {
        let settings = LinearizeSettings { method, ..small_linear() };
        let run = |origin: Origin<'_>, totals: &[usize], name: &str, watch: &mut dyn Watch| {
            let budgets: Vec<Budget> = totals.iter().copied().map(Budget::Units).collect();
            let out = dir.path().join(method.name()).join(name);
            linearize(&settings, origin, &budgets, &DataSource::Shapes, &out, watch)
        };
        let chained = Origin { chained: true, ..Origin::of(&teacher) };
        let chain = run(chained, &totals, "chain", &mut Silent).unwrap();
        let (stopped, _) = insist(|| run(chained, &totals, "stopped", &mut Impatient));
        assert_eq!(stopped, chain);
        let mut start: Option<Checkpoint> = None;
        for (index, (link, total)) in chain.iter().zip(totals).enumerate() {
            let origin = Origin { start: start.as_ref(), ..Origin::of(&teacher) };
            let alone = run(origin, &[total], "alone", &mut Silent).unwrap().remove(0);
            assert_eq!((&alone.masks, &alone.parameters), (&link.masks, &link.parameters), "{total}");
            assert_eq!(link.masks.count(), total);
            // Three epochs of 300 images each.
            assert_eq!(link.meta.images_seen, 900 * (index as u64 + 1));
            assert_eq!(alone.meta.images_seen, link.meta.images_seen);
            if method != Method::Privshap {
                for (name, mask) in start.iter().flat_map(|start| start.masks.iter()) {
                    let kept = link.masks.get(name).flags().iter().zip(mask.flags());
                    assert!(kept.into_iter().all(|(now, before)| *before || !now), "no unit comes back");
                }
            }
            start = Some(alone);
        }
    }
    let shorter = LinearizeSettings { chain_epochs: Some(2), ..small_linear() };
    let chained = Origin { chained: true, ..Origin::of(&teacher) };
    let all = [Budget::Units(3000), Budget::Units(100)];
    let out = dir.path().join("shorter");
    let done = linearize(&shorter, chained, &all, &DataSource::Shapes, &out, &mut Silent).unwrap();
    let of_link = |link: &Checkpoint| (link.meta.history.len(), link.meta.images_seen, link.masks.count());
    assert_eq!(done.iter().map(of_link).collect::<Vec<_>>(), [(3, 900, 3000), (2, 1500, 100)]);
    let published = LinearizeSettings { pace: None, ..small_linear() };
    let chained = Origin { chained: true, ..Origin::of(&teacher) };
    let all = [Budget::Units(9), Budget::Units(5)];
    let out = dir.path().join("published");
    let refused = linearize(&published, chained, &all, &DataSource::Shapes, &out, &mut Silent).unwrap_err();
    assert!(refused.to_string().contains("step by step"), "{refused}");
}

/// While budgets shrink, every choice has exactly the units of its step, and those at the end stay.
#[test]
fn counts_are_exact_at_every_step_of_a_shrinking_budget() {
    use train::masking::Goal;
    use train::masking::shrinking::{Rank, Shrinking, Target};
    let graph = models::nets::build("mini", models::graph::Shape::new(3, 32, 32), 10).unwrap();
    let from: Vec<usize> = graph.activations().map(|layer| layer.shape.size()).collect();
    let budgets: Vec<usize> = from.iter().map(|size| size / 13).collect();
    let end: usize = budgets.iter().sum();
    for (rank, target) in [
        (Rank::Gradient, Target::Layers(budgets.clone())),
        (Rank::Drawn { seed: 1 }, Target::Layers(budgets)),
        (Rank::Learnt, Target::Network(Goal::Units(end))),
        (Rank::Expansion, Target::Network(Goal::Units(end))),
    ] {
        let pace = Pace { every: 4, decay: 0.5 };
        let (named, once) = (format!("{rank:?}"), rank == Rank::Learnt);
        let plan = Shrinking { rank, target, from: from.clone(), weights: None, epochs: 3, pace };
        let counts = plan.counts(&graph, 10);
        let begin = from.iter().sum::<usize>();
        let due = |step: usize| step.is_multiple_of(4) && !once || step == 30;
        let steps: Vec<usize> = (1..=30).filter(|step| due(*step)).collect();
        assert_eq!(counts.iter().map(|(step, _)| *step).collect::<Vec<_>>(), steps);
        for (step, count) in counts {
            let ratio = (end + 1) as f64 / (begin + 1) as f64;
            let exact = (begin + 1) as f64 * ratio.powf(step as f64 / 30.0) - 1.0;
            assert_eq!(count, exact.round() as usize, "{named} after {step} steps");
        }
    }
}

#[test]
fn exact_values_of_a_trained_network_are_those_of_brute_force() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let held_out = DataSource::Shapes.load(teacher.meta.seed).unwrap().held_out;
    let settings = ShapleySettings { exact: true, images: 100, ..Default::default() };
    let record = shapley_values(&settings, &teacher, &held_out, dir.path(), &mut Silent).unwrap();

    let network = Network::new(&teacher.graph, &teacher.parameters, Device::Cpu);
    let images = whole(&held_out.take(100), &teacher.normalisation, Device::Cpu);
    let utility: Vec<f64> =
        (0..128).map(|s| 100.0 * accuracy(&network, &Gates::coalition(&teacher.graph, s), &images)).collect();
    // By the subset formula, |S|! (n - |S| - 1)! / n!.
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let phi: Vec<f64> = (0..7)
        .map(|i| {
            (0..128u32)
                .filter(|s| s >> i & 1 == 0)
                .map(|s| {
                    let size = s.count_ones();
                    let weight = factorial(size) * factorial(6 - size) / factorial(7);
                    weight * (utility[(s | 1 << i) as usize] - utility[s as usize])
                })
                .sum()
        })
        .collect();
    assert_eq!(record.result.evaluations, 128);
    for (walked, brute) in record.result.phi.iter().zip(&phi) {
        assert!((walked - brute).abs() < 1e-9, "{:?}, expected {phi:?}", record.result.phi);
    }
    let sum: f64 = record.result.phi.iter().sum();
    assert!((sum - (utility[127] - utility[0])).abs() < 1e-9);
    assert!(utility[127] > utility[0], "the network has learnt something that it needs its activations for");
}

/// Every element is closed, in order, and nothing is outside the first one.
fn well_formed(svg: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut pieces = svg.split('<');
    let mut sound = pieces.next() == Some("");
    for (index, piece) in pieces.enumerate() {
        let Some((tag, _)) = piece.split_once('>') else { return false };
        let name = tag.split(' ').next().unwrap_or_default();
        sound &= index == 0 || !open.is_empty();
        match tag.strip_prefix('/') {
            Some(closed) => sound &= open.pop() == Some(closed),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    sound && open.is_empty()
}

#[test]
fn exact_values_come_with_what_the_trimmed_walk_says() {
    let dir = tempfile::tempdir().unwrap();
    // Long enough to be above the threshold, below which a walk tells nothing.
    let longer = TrainSettings { epochs: 8, limit: Some(2_500), augment: Augmentation::None, ..small() };
    let teacher = train(&longer, &DataSource::Shapes, &dir.path().join("ar"), &mut Silent).unwrap();
    let run = |exact: bool, depth: usize, name: &str| {
        let settings = ShapleySettings { exact, depth, images: 100, ..Default::default() };
        report(&settings, 1, &teacher, &DataSource::Shapes, &dir.path().join(name), &mut Silent).unwrap()
    };
    for depth in [2, 7] {
        let (exact, name) = (run(true, depth, "exact"), format!("depth {depth}"));
        let trimmed = run(false, depth, "trimmed");
        let agreement = exact.agreement.as_ref().unwrap();
        assert_eq!((agreement.walk, &agreement.trimmed), (trimmed.walk, &trimmed.result), "{name}");
        assert_eq!((exact.result.evaluations, trimmed.agreement), (128, None), "{name}");
        assert!(
            agreement.share_difference.is_some_and(|d| (0.0..=1.0).contains(&d)),
            "{name}: {agreement:?}"
        );
        assert!(agreement.rank_correlation.is_some_and(|r| r > 0.0 && r <= 1.0), "{name}: {agreement:?}");
        assert_eq!(table(&exact).matches("Spearman").count(), 1);
        let svg = std::fs::read_to_string(dir.path().join("exact").join(PICTURE_FILE)).unwrap();
        assert!(well_formed(&svg), "{svg}");
        for (layer, phi) in exact.layers.iter().zip(&exact.result.phi) {
            assert!(svg.contains(&format!(">{layer}<")) && svg.contains(&format!(">{phi:.2}<")), "{layer}");
        }
    }
    assert_eq!(run(true, 7, "exact"), run(true, 7, "exact"), "read, time included");
}

#[test]
fn records_of_values_alone_are_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let settings = ShapleySettings { depth: 1, images: 20, ..Default::default() };
    let run = || report(&settings, 1, &teacher, &DataSource::Shapes, dir.path(), &mut Silent).unwrap();
    let new = run();
    let mut old = serde_json::to_value(&new).unwrap();
    assert!(old.as_object_mut().unwrap().remove("seconds").is_some_and(|seconds| seconds.is_f64()));
    std::fs::write(dir.path().join(SHAPLEY_FILE), old.to_string()).unwrap();
    assert_eq!(run(), ShapleyRecord { seconds: None, ..new }, "not measured again");
}

#[test]
fn questions_about_worth_that_cannot_be_answered_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let graph = models::nets::build("resnet18", teacher.graph.input(), 10).unwrap();
    let deep = Checkpoint { masks: models::mask::Masks::all_kept(&graph), graph, ..teacher.clone() };
    let usual = ShapleySettings { images: 100, ..Default::default() };
    let exact = ShapleySettings { exact: true, ..usual.clone() };
    for (settings, teacher, threads, expected) in [
        (&exact, &deep, 1, "--exact: expected at most 12 activation layers, found 16"),
        (&usual, &teacher, 0, "threads: expected at least 1, found 0"),
        (
            &ShapleySettings { threshold: 101.0, ..usual.clone() },
            &teacher,
            1,
            "threshold: expected 0 to 100 percent, found 101",
        ),
        (&ShapleySettings { depth: 0, ..usual.clone() }, &teacher, 1, "depth: expected at least 1, found 0"),
        (
            &ShapleySettings { images: 0, ..usual.clone() },
            &teacher,
            1,
            "Shapley images: expected at least 1, found 0",
        ),
    ] {
        let out = dir.path().join("out");
        let error = report(settings, threads, teacher, &DataSource::Shapes, &out, &mut Silent).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!out.exists(), "refused before anything is written");
    }
}

#[test]
fn a_damaged_state_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = || train(&small(), &DataSource::Shapes, dir.path(), &mut Impatient).unwrap_err();
    assert!(matches!(run(), Error::Stopped));
    let path = dir.path().join(train::state::FILE);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(run(), Error::Torch(_)));
    std::fs::write(&path, whole).unwrap();
    assert!(matches!(run(), Error::Stopped));
}

#[test]
fn impossible_requests_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let message = |settings: &LinearizeSettings, teacher: &Checkpoint, total| {
        let out = dir.path().join("out");
        linearize(
            settings,
            Origin::of(teacher),
            &[Budget::Units(total)],
            &DataSource::Shapes,
            &out,
            &mut Silent,
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        message(&small_linear(), &teacher, 9217),
        "budget: expected at most the network's 9216 units, found 9217"
    );
    let cold = LinearizeSettings { warmup: 1.0, ..small_linear() };
    assert!(message(&cold, &teacher, 10).starts_with("warmup: expected a share"));
    let frozen = Distillation { weight: 1.0, temperature: 0.0 };
    let frozen = LinearizeSettings { distillation: frozen, ..small_linear() };
    assert!(message(&frozen, &teacher, 10).ends_with("found 1 and 0"));
    let learnt = LinearizeSettings { learn_alphas: true, ..small_linear() };
    assert!(message(&learnt, &teacher, 10).contains("found privshap"));
    let unusual = Selection { across: Across::Network, ..Selection::default() };
    let unusual = LinearizeSettings { method: Method::Snl, selection: unusual, ..small_linear() };
    assert!(message(&unusual, &teacher, 10).contains("found snl"));
    let hasty = LinearizeSettings { method: Method::Snl, pace: None, finetune_epochs: 0, ..small_linear() };
    assert_eq!(
        message(&hasty, &teacher, 10),
        "finetune epochs of snl: expected at least 1, since no epoch before them has its budget, found 0"
    );
    let mut other = teacher.clone();
    other.meta.data = "cifar10".into();
    assert_eq!(message(&small_linear(), &other, 10), "data set: expected cifar10, found shapes");
    let mut linear = teacher.clone();
    linear.masks = models::mask::Masks::uniform(&teacher.graph, false);
    assert_eq!(
        message(&small_linear(), &linear, 10),
        "the trained network: expected all 9216 units kept, found 0 of them kept"
    );
}
