//! A checkpoint made ready to run: data, calibration, scales, plan, secrets, accuracy in the clear.

use crate::choice::{Merge, OtChoice, Protocol, ReluChoice};
use crate::during::{during, during_images, during_search};
use crate::error::Error;
use crate::experiment::{Compile, DEFAULT_AGREEMENT, usual_images};
use crate::images::check_fit;
use crate::init;
use models::checkpoint::{Checkpoint, IMPORTED_FROM, TEACHER};
use models::data::{DataSource, Dataset};
use models::fixed::QuantModel;
use models::fixed::agreement::Agreement;
use models::fixed::calibrate::Calibration;
use models::fixed::equalise::equalise;
use models::fixed::evaluate::Evaluator;
use models::fixed::fit::Passing;
use models::fixed::level::level;
use models::fixed::lower::lower;
use models::fixed::merge::cheapest_as_usual;
use models::fixed::scales::Scales;
use models::fixed::search::{Family, Found, Pinned, Search};
use models::real;
use netem::Link;
use protocols::compile::{Choices, Packings, compile_again, mix, otherwise};
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use protocols::timing::Rates;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use results::{AccuracyRow, CalibrationRecord, CellRow};
use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The scales of a network that was never trained and has no classes to keep.
const UNTRAINED: Scales = Scales::USUAL;

/// A compiled model.
pub(crate) struct Compiled {
    pub(crate) checkpoint: Arc<Checkpoint>,
    pub(crate) model: QuantModel,
    pub(crate) plan: PreparedPlan,
    /// What its kept units' variants were chosen by.
    pub(crate) relu: ReluChoice,
    /// What its correlated OTs were chosen by.
    pub(crate) ot: OtChoice,
    pub(crate) secrets: ServerSecrets,
    /// How many calibration images keep their class.
    pub(crate) agreement: Agreement,
    /// Share of ReLUs whose sign is expected to be mistaken.
    pub(crate) mistaken: f64,
    pub(crate) source: DataSource,
}

/// Accuracy on test images, in the clear.
#[derive(Clone)]
pub(crate) struct ClearAccuracy {
    pub(crate) images: usize,
    pub(crate) float: f64,
    pub(crate) fixed: f64,
    /// Activation inputs that left their calibrated bound, over all images.
    pub(crate) out_of_bounds: u64,
    /// The images in order.
    pub(crate) classes: Arc<[Classes]>,
}

impl ClearAccuracy {
    /// The row with what is known of its network's accuracy.
    pub(crate) fn fill(&self, row: CellRow) -> CellRow {
        CellRow {
            acc_float: Some(self.float),
            acc_fixed: Some(self.fixed),
            acc_images: Some(self.images as u64),
            out_of_bounds: Some(self.out_of_bounds),
            ..row
        }
    }

    /// A row an image, of this cell.
    pub(crate) fn rows(&self, cell: &str) -> Vec<AccuracyRow> {
        let row = |(image, classes): (u64, &Classes)| AccuracyRow {
            cell: cell.to_owned(),
            image,
            label: classes.label,
            class_float: classes.float,
            class_fixed: classes.fixed,
        };
        (0..).zip(&*self.classes).map(row).collect()
    }
}

/// Test images that a thread classifies over the reals before it does in the ring, at most.
const TOGETHER: usize = 8;

/// An image's true class, and its classes by clear evaluation.
pub(crate) struct Classes {
    pub(crate) label: u32,
    pub(crate) float: u32,
    pub(crate) fixed: u32,
}

/// Bits by which an imported network's error is smaller than what the search finds, as if its scales were so much finer. Its
/// maker may have trained it on the images of the search, so that it is surer of their classes than of others'; what the
/// search finds then changes some classes in a hundred of images new to it (`tests/across/real_data.rs`).
const SPARE_BITS: u32 = 2;

/// The same of a network that was linearized here from an imported one: trained further, on other images than those of the
/// search, it is less sure of these.
const SPARE_BITS_LINEARIZED: u32 = 1;

/// What is asked for where a network's classes are too close to keep as many as is usual: those of few units, whose
/// accuracy is low. The most that can be had is taken, and said.
const SETTLED_FOR: [f64; 3] = [0.99, 0.98, 0.95];

/// Scales to choose among, or why there are none.
type Frontier = Result<Vec<Family>, String>;

/// A checkpoint with what all variants of its protocol start from.
pub(crate) struct Calibrated {
    checkpoint: Arc<Checkpoint>,
    source: DataSource,
    /// What work takes where plans are compared.
    rates: Rates,
    /// Which scales keep a share of the classes: what was looked at for one variant is known for the others.
    scales: RefCell<Scaling>,
}

/// The search for scales, and what it began with for the shares that were asked for.
struct Scaling {
    search: Search,
    frontiers: Vec<(f64, Frontier)>,
    /// Bits by which the logits' error is smaller than what the search finds.
    spare: u32,
    /// The options that it cannot always meet.
    asked: &'static str,
}

impl Calibrated {
    /// Of a checkpoint and the images that it names. Calibration uses held-out ones, never test images.
    pub(crate) fn new(checkpoint: Arc<Checkpoint>, choices: &Compile) -> Result<Self, Error> {
        let source = DataSource::parse(&checkpoint.meta.data, choices.data_dir.as_deref())?;
        Self::of(checkpoint, source, choices)
    }

    /// Of a checkpoint for images of `source`.
    pub(crate) fn of(
        checkpoint: Arc<Checkpoint>,
        source: DataSource,
        choices: &Compile,
    ) -> Result<Self, Error> {
        let Checkpoint { graph, parameters, masks, normalisation, .. } = &*checkpoint;
        let mut lowered = lower(graph, parameters, masks)?;
        let products = lowered.products();
        let images = choices.calibration_images.unwrap_or_else(|| usual_images(products));
        let held_out = source.held_out(checkpoint.meta.seed, images)?;
        check_fit(graph, &held_out)?;
        if choices.calibration_images.is_none() && held_out.len() == images && images < usual_images(0) {
            eprintln!(
                "  {images} calibration images, as each takes {:.1} billion multiply-accumulates (--calibration-images)",
                products as f64 / 1e9
            );
        }
        let values = ("values of", held_out.len(), "calibration images");
        let mut calibration = during_images(values, |seen| {
            let image = |i| normalisation.apply(held_out.image(i), held_out.shape());
            let images = (0..held_out.len()).map(image).collect();
            Calibration::watched(graph, parameters, masks, images, seen)
        });
        level(&mut lowered, &mut calibration);
        equalise(&mut lowered, &calibration);
        let untrained = (checkpoint.meta.method == init::METHOD).then_some(UNTRAINED);
        let pinned = Pinned {
            fa: choices.fa.or(untrained.map(|scales| scales.fa)),
            fw: choices.fw.or(untrained.map(|scales| scales.fw)),
            ring_bits: choices.ring,
        };
        let rates = choices.rates()?;
        let has = |key: &str| checkpoint.meta.settings.get(key).is_some();
        let spare = match (has(IMPORTED_FROM), has(TEACHER)) {
            (true, false) => SPARE_BITS,
            (true, true) => SPARE_BITS_LINEARIZED,
            (false, _) => 0,
        };
        let lowered = match choices.merge {
            Merge::Never => lowered,
            // By the usual variant, so that all variants compute the same.
            Merge::Auto => {
                let compiling = Compiling::new(&checkpoint, choices, Protocol::default(), &rates);
                during("what can be merged", || {
                    cheapest_as_usual(lowered, &calibration, pinned, choices.rescale.passing(), |model| {
                        compiling.price(model)
                    })
                })
            }
        };
        let search = Search::new(lowered, calibration, pinned);
        let asked = if choices.ring.is_some() { "--ring, --agreement" } else { "--agreement" };
        let scales = RefCell::new(Scaling { search, frontiers: Vec::new(), spare, asked });
        Ok(Self { checkpoint, source, rates, scales })
    }

    /// Compiles it for a variant.
    pub(crate) fn compile(&self, choices: &Compile, protocol: Protocol) -> Result<Compiled, Error> {
        let Protocol { relu, he: _, ot } = protocol;
        let compiling = Compiling::new(&self.checkpoint, choices, protocol, &self.rates);
        let price = |model: &QuantModel| compiling.price(model);
        let mut scales = self.scales.borrow_mut();
        let made = scales.search.made();
        let settled = during_search("the cheapest scales", &made, || scales.settle(choices, price));
        let exact = settled?;
        let (mut found, mut mistaken) = scales.decided(exact.clone(), choices);
        let (_, mut plan, mut secrets) = compiling.uniform(&found.model)?;
        if !plan.mistakes_as_told() {
            // What compares all bits all the same mistakes nothing.
            (found, mistaken) = (exact, 0.0);
            (_, plan, secrets) = compiling.uniform(&found.model)?;
        }
        if mistaken > 0.0 {
            eprintln!(
                "  at most {} bits decide a sign; {:.2} % of the ReLUs are expected to be mistaken, all near zero",
                found.model.most_deciding_bits(),
                100.0 * mistaken
            );
        }
        let Found { model, agreement } = found;
        let plan = match relu {
            ReluChoice::Auto => during("every layer's protocol", || mix(plan, |plan| compiling.cost(plan)))?,
            ReluChoice::Always(_) => plan,
        };
        let (checkpoint, source) = (Arc::clone(&self.checkpoint), self.source.clone());
        Ok(Compiled { model, agreement, mistaken, plan, relu, ot, secrets, checkpoint, source })
    }
}

/// How a network's fixed-point models are compiled, and which plan is the cheaper of two.
struct Compiling<'a> {
    name: &'a str,
    choices: &'a Compile,
    protocol: Protocol,
    rates: &'a Rates,
    link: Link,
    packings: Packings,
}

impl<'a> Compiling<'a> {
    fn new(checkpoint: &'a Checkpoint, choices: &'a Compile, protocol: Protocol, rates: &'a Rates) -> Self {
        let (link, packings) = (choices.link(), Packings::default());
        Self { name: &checkpoint.meta.net, choices, protocol, rates, link, packings }
    }

    /// What is to be small. Where variants are chosen none is that would compute something else than the others.
    fn cost(&self, plan: &PreparedPlan) -> f64 {
        let chosen = self.protocol.relu == ReluChoice::Auto;
        match chosen && !plan.mistakes_as_told() {
            true => f64::INFINITY,
            false => self.choices.objective.of(plan, self.rates, &self.link),
        }
    }

    /// Of the plans with one variant in all layers, and OTs of one kind, the cheapest, and its cost.
    fn uniform(&self, model: &QuantModel) -> Result<(f64, PreparedPlan, ServerSecrets), Error> {
        let Protocol { relu, he, ot } = self.protocol;
        let mut ways = relu.ways().iter().flat_map(|relu| ot.ways().iter().map(move |ot| (*relu, *ot)));
        let (relu, ot) = ways.next().expect("there is a way");
        let bytes_per_second = self.choices.bytes_per_second;
        let options = Choices { relu, backend: he, he: None, ot, bytes_per_second };
        let (mut plan, secrets) = compile_again(self.name, model, &options, &self.packings)?;
        let mut cost = self.cost(&plan);
        for (relu, ot) in ways {
            let other = otherwise(&plan, relu, ot)?;
            let price = self.cost(&other);
            if price < cost {
                (plan, cost) = (other, price);
            }
        }
        Ok((cost, plan, secrets))
    }

    /// The cost of a model; `None` where it cannot be compiled.
    fn price(&self, model: &QuantModel) -> Option<f64> {
        self.uniform(model).ok().map(|(cost, ..)| cost)
    }
}

impl Scaling {
    /// The cheapest scales that keep the share of the classes that is asked for or, where that is what is usual and none do,
    /// the next smaller one that some keep.
    fn settle(
        &mut self,
        choices: &Compile,
        cost: impl Fn(&QuantModel) -> Option<f64>,
    ) -> Result<Found, Error> {
        let wanted = choices.agreement;
        let passing = choices.rescale.passing();
        let first = self.cheapest(wanted, passing, &cost);
        if first.is_err() && wanted == DEFAULT_AGREEMENT {
            for less in SETTLED_FOR {
                if let Ok(found) = self.cheapest(less, passing, &cost) {
                    let share = found.agreement.share;
                    if share < wanted {
                        eprintln!(
                            "  no scales keep the class of {:.1} % of the calibration images; these keep {:.1} % of {}",
                            100.0 * wanted,
                            100.0 * share,
                            found.agreement.images
                        );
                    }
                    return Ok(found);
                }
            }
        }
        first
    }

    /// The same with its signs decided by as few bits as was asked for, and the share that is expected to be mistaken.
    fn decided(&mut self, found: Found, choices: &Compile) -> (Found, f64) {
        let wanted = choices.agreement.min(found.agreement.share);
        let found = self.search.deciding(found, choices.sign_bits.0, wanted);
        let mistaken = self.search.mistaken(&found.model);
        (found, mistaken)
    }

    fn cheapest(
        &mut self,
        wanted: f64,
        passing: Passing,
        cost: impl Fn(&QuantModel) -> Option<f64>,
    ) -> Result<Found, Error> {
        if !self.frontiers.iter().any(|(share, _)| *share == wanted) {
            let found = self.search.frontier(wanted).map_err(|error| error.to_string());
            self.frontiers.push((wanted, found));
        }
        let (_, found) =
            self.frontiers.iter().find(|(share, _)| *share == wanted).expect("it was just found");
        let none = |found: &str| Error::Option {
            option: self.asked,
            expected: format!("scales that keep {:.1} % of the classes and can be run", 100.0 * wanted),
            found: found.to_owned(),
        };
        let found = found.as_ref().map_err(|error| none(error))?;
        let spared = self.search.cheapest(found, (wanted, self.spare), passing, &cost);
        // The finer scales may keep less by chance, or be too wide to run: the coarser ones are good enough then.
        let found = spared.or_else(|_| self.search.cheapest(found, (wanted, 0), passing, &cost));
        found.map_err(|error| none(&error.to_string()))
    }
}

impl Compiled {
    /// What its scales were looked for on, and what of it they keep.
    pub(crate) fn calibration(&self) -> CalibrationRecord {
        let Agreement { share, images, evaluated } = self.agreement;
        let mistaken = self.model.may_mistake().then_some(self.mistaken);
        CalibrationRecord { images: images as u64, evaluated: evaluated as u64, agreement: share, mistaken }
    }

    /// Loads and compiles the checkpoint in `folder`, for one variant.
    pub(crate) fn load(folder: &Path, choices: &Compile, protocol: Protocol) -> Result<Self, Error> {
        let checkpoint = Arc::new(Checkpoint::load(folder)?);
        Calibrated::new(checkpoint, choices)?.compile(choices, protocol)
    }

    /// Classifies the first `images` test images over the reals and in the ring; an error where a value is not finite.
    pub(crate) fn clear_accuracy(&self, test: &Dataset, images: usize) -> Result<ClearAccuracy, Error> {
        let data = test.take(images);
        let evaluator = Evaluator::new(&self.model);
        let accuracy = ("accuracy in the clear on", data.len(), "test images");
        // A few images at a time by each network, whose weights then stay near; so few that every thread has some.
        let few = (data.len() / (4 * rayon::current_num_threads())).clamp(1, TOGETHER);
        let starts: Vec<usize> = (0..data.len()).step_by(few).collect();
        let classified = during_images(accuracy, |seen| {
            let classify = |start: &usize| {
                let images = *start..data.len().min(start + few);
                self.classify(&evaluator, &data, images, seen)
            };
            starts.par_iter().map(classify).collect::<Result<Vec<_>, Error>>()
        })?;
        let classified: Vec<(Classes, u64)> = classified.into_iter().flatten().collect();
        let share = |class: fn(&Classes) -> u32| {
            let right = classified.iter().filter(|(classes, _)| class(classes) == classes.label).count();
            right as f64 / data.len().max(1) as f64
        };
        Ok(ClearAccuracy {
            images: data.len(),
            float: share(|classes| classes.float),
            fixed: share(|classes| classes.fixed),
            out_of_bounds: classified.iter().map(|(_, out_of_bounds)| out_of_bounds).sum(),
            classes: classified.into_iter().map(|(classes, _)| classes).collect(),
        })
    }

    /// One test image, normalised, and its classes over the reals and in the ring; an error where a value is not finite.
    pub(crate) fn clear_classes(
        &self,
        test: &Dataset,
        image: usize,
    ) -> Result<(Vec<f32>, usize, usize), Error> {
        let mut found = self.classify(&Evaluator::new(&self.model), test, image..image + 1, &|| ())?;
        let (classes, _) = found.pop().expect("an image was classified");
        Ok((self.normalised(test, image), classes.float as usize, classes.fixed as usize))
    }

    fn normalised(&self, test: &Dataset, image: usize) -> Vec<f32> {
        self.checkpoint.normalisation.apply(test.image(image), test.shape())
    }

    /// The classes of some test images, and how many activation inputs left their bound; tells `seen` of each image.
    fn classify(
        &self,
        evaluator: &Evaluator<'_>,
        test: &Dataset,
        images: Range<usize>,
        seen: &(dyn Fn() + Sync),
    ) -> Result<Vec<(Classes, u64)>, Error> {
        let Checkpoint { graph, parameters, masks, .. } = &*self.checkpoint;
        let normalised: Vec<Vec<f32>> = images.clone().map(|image| self.normalised(test, image)).collect();
        let float = normalised.iter().map(|image| real::class(graph, parameters, masks, image));
        let float = float.collect::<Result<Vec<usize>, _>>()?;
        let of = |(image, (normalised, float)): (usize, (&Vec<f32>, usize))| {
            let fixed = evaluator.evaluate_numbered(image, self.model.quantise_image(normalised));
            seen();
            let (label, fixed_class) = (test.label(image) as u32, real::argmax(&fixed.logits) as u32);
            (Classes { label, float: float as u32, fixed: fixed_class }, fixed.out_of_bounds)
        };
        Ok(images.zip(normalised.iter().zip(float)).map(of).collect())
    }
}
