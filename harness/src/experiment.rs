//! What was typed, checked: the whole of what a run does.

use crate::choice::{Merge, Objective, OtChoice, Protocol, ReluChoice, Rescale, SignBits, StoreKind, Verify};
use crate::cli::{CompileArgs, RunArgs, Settings, SweepArgs};
use crate::error::Error;
use crate::rates;
use crate::run_id::RunId;
use crate::scenario::Scenario;
use models::checkpoint::REST;
use models::fixed::Ring;
use models::fixed::ring::MAX_RING_BITS;
use netem::{BytesPerSec, Link};
use protocols::he::HeBackend;
use protocols::he::packing::DEFAULT_RATE;
use protocols::ot::OtVariant;
use protocols::timing::Rates;
use results::compare::Dimension;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Share of calibration images whose class the scales keep, unless another is asked for.
pub(crate) const DEFAULT_AGREEMENT: f64 = 0.995;

/// Images that scales are calibrated on unless another number is asked for, and of large networks at least.
const CALIBRATION_IMAGES: RangeInclusive<u64> = 32..=500;

/// Multiply-accumulates that they take over the reals, at most: a network at 224 x 224 is to be compiled within a minute.
const CALIBRATION_PRODUCTS: u64 = 400_000_000_000;

/// Images that scales are calibrated on where no number is asked for, of a network that takes so many multiply-accumulates an
/// image.
pub(crate) fn usual_images(products: u64) -> usize {
    let (least, most) = (*CALIBRATION_IMAGES.start(), *CALIBRATION_IMAGES.end());
    (CALIBRATION_PRODUCTS / products.max(1)).clamp(least, most) as usize
}

/// Most threads of a party.
const MOST_THREADS: usize = 1024;

/// What the protocol does in one of several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Variant {
    pub(crate) relu: ReluChoice,
    pub(crate) he: HeBackend,
    #[serde(default = "before_the_choice")]
    pub(crate) ot: OtChoice,
    /// Threads of each party.
    pub(crate) threads: usize,
    /// Where the client keeps what it has preprocessed.
    pub(crate) store: StoreKind,
}

/// What runs had before there was a choice.
fn before_the_choice() -> OtChoice {
    OtChoice::Always(OtVariant::Iknp)
}

impl Variant {
    /// What its plan is compiled for.
    pub(crate) fn protocol(self) -> Protocol {
        let Self { relu, he, ot, threads: _, store: _ } = self;
        Protocol { relu, he, ot }
    }
}

/// How a model is compiled, whatever the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compile {
    pub(crate) data_dir: Option<PathBuf>,
    /// Of the slowest link: packings are chosen for it, the same on all links, so that links alone make a difference.
    pub(crate) bytes_per_second: Option<f64>,
    /// Of the link with the longest.
    pub(crate) delay_s: f64,
    pub(crate) objective: Objective,
    /// What work takes on the machine, where that was measured.
    #[serde(default)]
    pub(crate) rates: Option<PathBuf>,
    pub(crate) rescale: Rescale,
    #[serde(default)]
    pub(crate) merge: Merge,
    pub(crate) fa: Option<u32>,
    pub(crate) fw: Option<u32>,
    pub(crate) ring: Option<u32>,
    pub(crate) agreement: f64,
    #[serde(default)]
    pub(crate) sign_bits: SignBits,
    /// `None`: [`usual_images`] of the network.
    pub(crate) calibration_images: Option<usize>,
}

/// Cells (every model in every variant over every link) and how each is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Experiment {
    /// What it is to find out; for readers.
    pub(crate) question: String,
    pub(crate) models: Vec<PathBuf>,
    pub(crate) variants: Vec<Variant>,
    pub(crate) links: Vec<Link>,
    pub(crate) images: usize,
    pub(crate) warmups: usize,
    pub(crate) accuracy_images: usize,
    pub(crate) verify: Verify,
    pub(crate) deadline: Duration,
    /// Folder of the client's store, where that is a file.
    pub(crate) store_dir: PathBuf,
    /// Cores of client and server.
    pub(crate) pin: Option<(usize, usize)>,
    pub(crate) compile: Compile,
    /// Repeats of cells that differ only in these alternate.
    pub(crate) interleave: Vec<Dimension>,
    /// How queries come.
    #[serde(default)]
    pub(crate) scenario: Scenario,
    /// Measured repeats of each cell whose transcripts are kept.
    #[serde(default)]
    pub(crate) transcripts: usize,
    /// Determines the order of the cells.
    pub(crate) seed: u64,
    pub(crate) out: PathBuf,
    pub(crate) id: Option<RunId>,
}

impl Experiment {
    /// `linnet run`.
    pub(crate) fn single(args: RunArgs) -> Result<Self, Error> {
        Self::planned(&[args.link], args.settings, &args.compile)?.over(&[args.model])
    }

    /// `linnet sweep` of checkpoints.
    pub(crate) fn sweep(args: SweepArgs) -> Result<Self, Error> {
        Self::planned(&args.links, args.settings, &args.compile)?.over(&args.models)
    }

    /// The same over every checkpoint in `models`.
    pub(crate) fn over(mut self, models: &[PathBuf]) -> Result<Self, Error> {
        for folder in models {
            self.models.extend(expand(folder)?);
        }
        Ok(self)
    }

    /// Of no model yet, over each of `links`; without links, `lan` and `wan`.
    pub(crate) fn planned(
        links: &[String],
        settings: Settings,
        compile: &CompileArgs,
    ) -> Result<Self, Error> {
        let links = parse_links(links)?;
        let images = settings.images.unwrap_or(20);
        if images == 0 {
            return Err(refused("--images", "at least 1", "0"));
        }
        let variants = variants(&settings, compile)?;
        let scenario = Scenario::new(&settings)?;
        let pooled = scenario.pool(images).is_some();
        for (option, given) in
            [("--pin", settings.pin.is_some()), ("--interleave", !settings.interleave.is_empty())]
        {
            if pooled && given {
                return Err(refused(option, "--scenario single-stream", scenario.name()));
            }
        }
        let on_disk = pooled || variants.iter().any(|variant| variant.store == StoreKind::File);
        if let Some(folder) = settings.store_dir.as_ref().filter(|_| !on_disk) {
            let expected = "--store file or a --scenario with a pool beside it";
            return Err(refused("--store-dir", expected, folder.display()));
        }
        let out = settings.out.unwrap_or_else(|| "runs".into());
        let deadline = settings.deadline.unwrap_or(60.0);
        let deadline = Duration::try_from_secs_f64(deadline)
            .ok()
            .filter(|d| !d.is_zero())
            .ok_or_else(|| refused("--deadline", "a positive number of seconds", deadline))?;
        let threads = variants.iter().map(|variant| variant.threads).max().unwrap_or(1);
        if threads > 1 && settings.pin.is_some() {
            return Err(refused("--pin", "one thread a party", format!("{threads} threads")));
        }
        let interleave = settings.interleave;
        if interleave.contains(&Dimension::Run) {
            return Err(refused("--interleave", "what cells of one run differ in", "run"));
        }
        let pin = match settings.pin.as_deref() {
            None => None,
            Some([client, server]) => {
                let cores: Vec<usize> = core_affinity::get_core_ids()
                    .unwrap_or_default()
                    .into_iter()
                    .map(|core| core.id)
                    .collect();
                if let Some(bad) = [client, server].into_iter().find(|core| !cores.contains(core)) {
                    return Err(refused("--pin", format!("two of the cores {cores:?}"), bad));
                }
                Some((*client, *server))
            }
            Some(other) => return Err(refused("--pin", "two cores", format!("{} values", other.len()))),
        };
        Ok(Self {
            question: String::new(),
            models: Vec::new(),
            images,
            warmups: settings.warmups.unwrap_or(1),
            accuracy_images: settings.accuracy_images.unwrap_or(1000),
            verify: settings.verify.unwrap_or(Verify::Logits),
            deadline,
            store_dir: settings.store_dir.unwrap_or_else(|| out.clone()),
            pin,
            compile: Compile::new(compile, &links)?,
            variants,
            links,
            interleave,
            seed: settings.seed.unwrap_or(1),
            scenario,
            transcripts: settings.transcripts.unwrap_or(3),
            out,
            id: settings.id,
        })
    }
}

impl Compile {
    /// For runs over `links`.
    pub(crate) fn new(args: &CompileArgs, links: &[Link]) -> Result<Self, Error> {
        let agreement = args.agreement.unwrap_or(DEFAULT_AGREEMENT);
        if !(0.0..=1.0).contains(&agreement) {
            return Err(refused("--agreement", "a share between 0 and 1", agreement));
        }
        let calibration_images = args.calibration_images;
        if calibration_images == Some(0) {
            return Err(refused("--calibration-images", "at least 1", "0"));
        }
        for (option, value) in [("--fa", args.fa), ("--fw", args.fw)] {
            if let Some(bits) = value.filter(|bits| !(1..=24).contains(bits)) {
                return Err(refused(option, "1 to 24 bits", bits));
            }
        }
        if let Some(bits) = args.ring.filter(|bits| Ring::new(*bits).is_none()) {
            return Err(refused("--ring", format!("1 to {MAX_RING_BITS} bits"), bits));
        }
        Ok(Self {
            data_dir: args.data_dir.clone(),
            bytes_per_second: links
                .iter()
                .filter_map(|link| Some(link.effective_rate()?.0))
                .min_by(f64::total_cmp),
            delay_s: links.iter().map(|link| link.rtt).max().unwrap_or_default().as_secs_f64() / 2.0,
            objective: args.objective.unwrap_or_default(),
            rates: args.rates.clone(),
            rescale: args.rescale.unwrap_or_default(),
            merge: args.merge.unwrap_or_default(),
            fa: args.fa,
            fw: args.fw,
            ring: args.ring,
            agreement,
            sign_bits: args.sign_bits.unwrap_or_default(),
            calibration_images,
        })
    }

    /// The link that plans are compared on: the least rate and the longest delay of those that are run.
    pub(crate) fn link(&self) -> Link {
        Link {
            name: "slowest".to_owned(),
            rate: Some(BytesPerSec(self.bytes_per_second.unwrap_or(DEFAULT_RATE))),
            rtt: Duration::from_secs_f64(2.0 * self.delay_s),
            tcp_window: None,
        }
    }

    /// What work takes on the machine: as measured, or on that of this project.
    pub(crate) fn rates(&self) -> Result<Rates, Error> {
        self.rates.as_deref().map_or_else(|| Ok(Rates::reference()), rates::read)
    }
}

/// Every combination of the protocol's choices; the default where nothing is chosen.
fn variants(settings: &Settings, compile: &CompileArgs) -> Result<Vec<Variant>, Error> {
    let threads = chosen("--threads", &settings.threads, 1)?;
    let stores = chosen("--store", &settings.store, StoreKind::Memory)?;
    if let Some(bad) = threads.iter().find(|threads| !(1..=MOST_THREADS).contains(*threads)) {
        return Err(refused("--threads", format!("1 to {MOST_THREADS}"), bad));
    }
    let mut variants = Vec::new();
    for Protocol { relu, he, ot } in protocols(compile)? {
        for threads in &threads {
            let of_store = |store: &StoreKind| Variant { relu, he, ot, threads: *threads, store: *store };
            variants.extend(stores.iter().map(of_store));
        }
    }
    Ok(variants)
}

/// Every combination of the choices that shape a plan.
fn protocols(compile: &CompileArgs) -> Result<Vec<Protocol>, Error> {
    let mut all = Vec::new();
    let usual = Protocol::default();
    let backends = chosen("--he", &compile.he, usual.he)?;
    let extensions = chosen("--ot", &compile.ot, usual.ot)?;
    for relu in chosen("--relu", &compile.relu, usual.relu)? {
        for he in &backends {
            he.check_built()?;
            all.extend(extensions.iter().map(|ot| Protocol { relu, he: *he, ot: *ot }));
        }
    }
    Ok(all)
}

/// The choices that shape a plan, of a command that compiles one.
pub(crate) fn one_protocol(compile: &CompileArgs) -> Result<Protocol, Error> {
    match protocols(compile)?[..] {
        [one] => Ok(one),
        _ => Err(refused("--relu, --he, --ot", "one value each", "several")),
    }
}

/// What was chosen, each once; `default` if nothing was.
fn chosen<T: Copy + PartialEq>(option: &'static str, values: &[T], default: T) -> Result<Vec<T>, Error> {
    match (1..values.len()).find(|i| values[..*i].contains(&values[*i])) {
        Some(again) => Err(refused(option, "every value once", format!("number {} again", again + 1))),
        None if values.is_empty() => Ok(vec![default]),
        None => Ok(values.to_vec()),
    }
}

/// Links by name or description, each once; `lan` and `wan` where none is given.
pub(crate) fn parse_links(links: &[String]) -> Result<Vec<Link>, Error> {
    let texts = if links.is_empty() { &["lan".to_owned(), "wan".to_owned()] } else { links };
    let links: Vec<Link> = texts.iter().map(|link| Link::parse(link)).collect::<Result<_, _>>()?;
    let again =
        links.iter().enumerate().find(|(i, link)| links[..*i].iter().any(|other| other.name == link.name));
    match again {
        Some((i, link)) => {
            Err(refused("--link", "every link once", format!("{} again, as number {}", link.name, i + 1)))
        }
        None => Ok(links),
    }
}

/// A checkpoint folder itself, or the checkpoints directly inside, largest budget first by name length and name.
fn expand(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if folder.join(REST).exists() {
        return Ok(vec![folder.to_owned()]);
    }
    let expected = format!("a checkpoint ({REST}) or a folder of checkpoints");
    if !folder.exists() {
        return Err(refused("--models", expected, format!("nothing at {}", folder.display())));
    }
    let entries = std::fs::read_dir(folder).map_err(Error::io(format!("reading {}", folder.display())))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(REST).exists())
        .collect();
    if found.is_empty() {
        return Err(refused("--models", expected, format!("{} without any", folder.display())));
    }
    found.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_owned();
        std::cmp::Reverse((name.len(), name))
    });
    Ok(found)
}

/// An option that is not what it may be.
pub(crate) fn refused(option: &'static str, expected: impl Into<String>, found: impl ToString) -> Error {
    Error::Option { option, expected: expected.into(), found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIFAR's ResNets are calibrated on 500 images, VGG16 at 224 x 224 on the fewest, others between.
    #[test]
    fn large_networks_are_calibrated_on_fewer_images() {
        let million = 1_000_000;
        let images = [0, 41, 556, 800, 4_100, 7_600, 15_500, 1_000_000]
            .map(|millions| usual_images(millions * million));
        assert_eq!(images, [500, 500, 500, 500, 97, 52, 32, 32]);
    }
}
