//! Linearization for a link: small runs of every method that can do it.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use models::checkpoint::{Checkpoint, Epoch};
use models::data::DataSource;
use protocols::timing::Rates;
use std::ops::ControlFlow;
use std::path::Path;
use train::Error;
use train::linearize::{Budget, LinearizeSettings, Method, Origin, linearize};
use train::pricing::objective::Objective;
use train::pricing::pricer::Pricer;
use train::pricing::worth;
use train::privshap::ShapleySettings;
use train::train::{TrainSettings, train};
use train::watch::{Silent, Watch};

/// Asks for an end after each epoch.
struct Impatient;

impl Watch for Impatient {
    fn epoch(&mut self, _: &Epoch, _: usize) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

fn trained(dir: &Path) -> Checkpoint {
    let recipe = TrainSettings::recipe("mini", &DataSource::Shapes);
    let settings = TrainSettings { epochs: 3, limit: Some(500), threads: 1, ..recipe };
    train(&settings, &DataSource::Shapes, dir, &mut Silent).unwrap()
}

fn settings(method: Method, objective: &str) -> LinearizeSettings {
    let shapley = ShapleySettings { depth: 1, images: 100, ..Default::default() };
    LinearizeSettings {
        method,
        objective: objective.parse().unwrap(),
        shapley,
        replace_epochs: 3,
        finetune_epochs: 1,
        limit: Some(300),
        threads: 1,
        ..LinearizeSettings::recipe(&DataSource::Shapes)
    }
}

fn amount(objective: &str, text: &str) -> Budget {
    let objective: Objective = objective.parse().unwrap();
    Budget::Amount { text: text.to_owned(), amount: objective.budget(text).unwrap() }
}

fn counts(checkpoint: &Checkpoint) -> Vec<usize> {
    checkpoint.graph.activations().map(|layer| checkpoint.masks.get(layer.name).count()).collect()
}

/// Of every method and objective: within the budget by the prediction for the masks that came of it, near it, with layers that
/// keep nothing where rounds are dear; and a run that is stopped after every epoch ends the same.
#[test]
fn networks_keep_to_the_time_they_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let held_out = DataSource::Shapes.load(teacher.meta.seed).unwrap().held_out;
    let rates = Rates::reference();
    for (method, objective, budget) in [
        (Method::Privshap, "online@wan", "200ms"),
        (Method::Snl, "online@wan", "200ms"),
        (Method::Relupruner, "online@wan", "200ms"),
        (Method::Privshap, "total@rate=12.5MB/s,rtt=60ms", "900ms"),
        (Method::Privshap, "bytes", "3MB"),
    ] {
        let (settings, budget) = (settings(method, objective), amount(objective, budget));
        let Budget::Amount { amount, .. } = budget.clone() else { unreachable!() };
        let run = |name: &str, watch: &mut dyn Watch| {
            let out = dir.path().join(method.name()).join(objective).join(name);
            linearize(
                &settings,
                Origin::of(&teacher),
                std::slice::from_ref(&budget),
                &DataSource::Shapes,
                &out,
                watch,
            )
        };
        let done = run("whole", &mut Silent).unwrap().remove(0);
        let counts = counts(&done);
        let pricer = Pricer::new(&teacher, &settings.objective, &rates, &held_out);
        let cost = pricer.cost(&counts).unwrap();
        let told = format!("{} for {objective}: {counts:?} cost {cost} of {amount}", method.name());
        assert!(cost <= 1.02 * amount && cost > 0.7 * amount, "{told}");
        let written = String::from(settings.objective.clone());
        assert_eq!(done.meta.method, format!("{}-{written}", method.name()));
        assert_eq!(done.meta.budget, Some(counts.iter().sum()), "{told}");
        if objective.contains("wan") {
            let left = counts.iter().filter(|count| **count == 0).count();
            assert!(left > 0 && left < counts.len(), "{told}");
        }
        let stopped = loop {
            match run("stopped", &mut Impatient) {
                Ok(mut done) => break done.remove(0),
                Err(Error::Stopped) => {}
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(stopped, done, "{told}");
    }
}

/// On a network of few layers nothing that is tried costs no more and is worth more.
#[test]
fn what_is_chosen_is_hardly_bettered_by_any_other_choice() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let held_out = DataSource::Shapes.load(teacher.meta.seed).unwrap().held_out;
    let (rates, objective) = (Rates::reference(), "online@wan".parse().unwrap());
    let pricer = Pricer::new(&teacher, &objective, &rates, &held_out);
    let sizes = pricer.sizes();
    let phi = [9.0, 1.0, 6.0, 2.0, 4.0, 0.5, 3.0];
    let of = |layer: usize, count: usize| worth(phi[layer], sizes[layer], count);
    let value = |counts: &[usize]| -> f64 { counts.iter().enumerate().map(|(l, c)| of(l, *c)).sum() };
    let budget = 0.22;
    let found = pricer.allocate(budget, of).unwrap();
    assert!(found.cost <= budget);
    // Every set of layers, all of them with the same share of their units, as much as fits.
    for set in 0..1u32 << sizes.len() {
        for share in [0.02, 0.1, 0.3, 1.0] {
            let kept =
                |layer: usize| if set >> layer & 1 == 1 { (share * sizes[layer] as f64) as usize } else { 0 };
            let counts: Vec<usize> = (0..sizes.len()).map(kept).collect();
            if value(&counts) > 1.02 * value(&found.counts) {
                let cost = pricer.cost(&counts).unwrap();
                assert!(cost > budget, "{counts:?} costs {cost}; chosen was {found:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let teacher = trained(&dir.path().join("ar"));
    let told = |settings: &LinearizeSettings, budget: Budget| {
        let out = dir.path().join("out");
        linearize(settings, Origin::of(&teacher), &[budget], &DataSource::Shapes, &out, &mut Silent)
            .unwrap_err()
            .to_string()
    };
    let short = told(&settings(Method::Privshap, "online@wan"), amount("online@wan", "30ms"));
    assert!(short.contains("without any kept unit") && short.contains("found 30.0 ms"), "{short}");
    let uniform = told(&settings(Method::Uniform, "online@wan"), amount("online@wan", "200ms"));
    assert!(uniform.contains("privshap, snl or relupruner") && uniform.contains("uniform"), "{uniform}");
    let units = told(&settings(Method::Privshap, "online@wan"), Budget::Units(100));
    assert!(units.contains("online@wan") && units.contains("b100"), "{units}");
}
