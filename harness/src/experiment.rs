//! What was typed, checked: the whole of what a run does.

use crate::cli::{CompileArgs, He, Relu, RunArgs, Settings, StoreArg, SweepArgs, Verify};
use crate::error::Error;
use models::checkpoint::REST;
use models::fixed::Ring;
use models::fixed::ring::MAX_RING_BITS;
use netem::Link;
use protocols::he::HeBackend;
use protocols::plan::ReluVariant;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most threads of a party.
const MOST_THREADS: usize = 1024;

/// How a model is compiled.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Compile {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) relu: ReluVariant,
    pub(crate) he: HeBackend,
    /// Of the slowest link: packings are chosen for it, the same on all links, so that links alone make a difference.
    pub(crate) bytes_per_second: Option<f64>,
    pub(crate) fa: Option<u32>,
    pub(crate) fw: Option<u32>,
    pub(crate) ring: Option<u32>,
    pub(crate) agreement: f64,
    pub(crate) calibration_images: usize,
}

/// Cells (every model over every link) and how each is measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Experiment {
    pub(crate) models: Vec<PathBuf>,
    pub(crate) links: Vec<Link>,
    pub(crate) images: usize,
    pub(crate) warmups: usize,
    pub(crate) accuracy_images: usize,
    pub(crate) verify: Verify,
    pub(crate) deadline: Duration,
    /// Threads of each party.
    pub(crate) threads: usize,
    /// Folder of the client's store; memory if absent.
    pub(crate) store: Option<PathBuf>,
    /// Cores of client and server.
    pub(crate) pin: Option<(usize, usize)>,
    pub(crate) compile: Compile,
    pub(crate) out: PathBuf,
    pub(crate) id: Option<String>,
}

impl Experiment {
    /// `linnet run`.
    pub(crate) fn single(args: RunArgs) -> Result<Self, Error> {
        Self::new(&[args.model], &[args.link], args.settings)
    }

    /// `linnet sweep`.
    pub(crate) fn sweep(args: SweepArgs) -> Result<Self, Error> {
        Self::new(&args.models, &args.links, args.settings)
    }

    fn new(models: &[PathBuf], links: &[String], settings: Settings) -> Result<Self, Error> {
        let mut checkpoints = Vec::new();
        for folder in models {
            checkpoints.extend(expand(folder)?);
        }
        let links: Vec<Link> = links.iter().map(|link| Link::parse(link)).collect::<Result<_, _>>()?;
        if let Some((i, link)) =
            links.iter().enumerate().find(|(i, link)| links[..*i].iter().any(|l| l.name == link.name))
        {
            return Err(refused(
                "--link",
                "every link once",
                format!("{} again, as number {}", link.name, i + 1),
            ));
        }
        if settings.images == 0 {
            return Err(refused("--images", "at least 1", "0"));
        }
        let deadline = Duration::try_from_secs_f64(settings.deadline)
            .ok()
            .filter(|d| !d.is_zero())
            .ok_or_else(|| refused("--deadline", "a positive number of seconds", settings.deadline))?;
        if !(1..=MOST_THREADS).contains(&settings.threads) {
            return Err(refused("--threads", format!("1 to {MOST_THREADS}"), settings.threads));
        }
        let store = match (settings.store, settings.store_dir) {
            (StoreArg::Memory, None) => None,
            (StoreArg::Memory, Some(folder)) => {
                return Err(refused("--store-dir", "--store file beside it", folder.display()));
            }
            (StoreArg::File, folder) => Some(folder.unwrap_or_else(|| settings.out.clone())),
        };
        if settings.threads > 1 && settings.pin.is_some() {
            return Err(refused("--pin", "one thread a party", format!("{} threads", settings.threads)));
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
            models: checkpoints,
            images: settings.images,
            warmups: settings.warmups,
            accuracy_images: settings.accuracy_images,
            verify: settings.verify,
            deadline,
            threads: settings.threads,
            store,
            pin,
            compile: Compile::new(&settings.compile, &links)?,
            links,
            out: settings.out,
            id: settings.id,
        })
    }
}

impl Compile {
    /// For runs over `links`.
    pub(crate) fn new(args: &CompileArgs, links: &[Link]) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&args.agreement) {
            return Err(refused("--agreement", "a share between 0 and 1", args.agreement));
        }
        if args.calibration_images == 0 {
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
            relu: match args.relu {
                Relu::Narrow => ReluVariant::Narrow,
                Relu::Sign => ReluVariant::Sign,
                Relu::Delphi => ReluVariant::Delphi,
            },
            he: match args.he {
                He::Narrow => HeBackend::Narrow,
                He::Fhe => HeBackend::Fhe,
            },
            bytes_per_second: links
                .iter()
                .filter_map(|link| Some(link.effective_rate()?.0))
                .min_by(f64::total_cmp),
            fa: args.fa,
            fw: args.fw,
            ring: args.ring,
            agreement: args.agreement,
            calibration_images: args.calibration_images,
        })
    }
}

/// A checkpoint folder itself, or the checkpoints directly inside, largest budget first by name length and name.
fn expand(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if folder.join(REST).exists() {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = std::fs::read_dir(folder).map_err(Error::io(format!("reading {}", folder.display())))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(REST).exists())
        .collect();
    if found.is_empty() {
        let expected = format!("a checkpoint ({REST}) or a folder of checkpoints");
        return Err(refused("--models", expected, format!("{} without any", folder.display())));
    }
    found.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_owned();
        std::cmp::Reverse((name.len(), name))
    });
    Ok(found)
}

fn refused(option: &'static str, expected: impl Into<String>, found: impl ToString) -> Error {
    Error::Option { option, expected: expected.into(), found: found.to_string() }
}
