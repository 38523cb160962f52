//! Whole networks through the `linnet` program, as a user would run them, and what its run folders say.
//!
//! Weights are random: they cost what trained ones cost. Scales are given instead of searched for, so that a run is the
//! same everywhere.

mod folder;
pub(crate) mod prediction;
mod program;

use super::measured::{Measured, Told};
use crate::run::Run;
use folder::Folder;
use program::linnet;
use std::path::Path;

/// A network and how it is run.
pub(crate) struct Network {
    /// As `linnet init --net` knows it.
    net: &'static str,
    /// ReLUs kept.
    budget: u32,
    /// Further arguments of `linnet run`: scales, threads, stores.
    options: &'static str,
    links: &'static [&'static str],
    /// From the folders of the runs, one a link.
    figures: fn(&[Folder]) -> Result<Vec<Measured>, String>,
}

/// Scales of 8 bits each keep ResNet20's classes on real images. Few images calibrate, since only bounds come of it.
macro_rules! scales {
    () => {
        "--fa 8 --fw 8 --calibration-images 8 --accuracy-images 1"
    };
}

/// No ReLU kept, and scales that a linear network can have: five bits each.
pub(crate) static RESNET20: Network = Network {
    net: "resnet20",
    budget: 0,
    options: "--fa 5 --fw 5 --calibration-images 8 --accuracy-images 1 --objective online",
    links: &["wan"],
    figures: resnet20,
};

/// Every ReLU kept.
pub(crate) static RESNET32: Network =
    Network { net: "resnet32", budget: 303_104, options: scales!(), links: &["loopback"], figures: resnet32 };

/// A tenth of 491,520 kept.
pub(crate) static RESNET18: Network = Network {
    net: "resnet18",
    budget: 50_000,
    options: concat!(scales!(), " --threads 2"),
    links: &["loopback", "lan", "wan"],
    figures: resnet18,
};

/// Every ReLU kept, and garbled material on disk.
pub(crate) static RESNET18_WHOLE: Network = Network {
    net: "resnet18",
    budget: 491_520,
    options: concat!(scales!(), " --threads 2 --store file"),
    links: &["loopback"],
    figures: resnet18_whole,
};

/// Measures a network.
pub(crate) fn measure(root: &Path, network: &Network, quick: bool) -> Told {
    match run(root, network, quick) {
        Ok(measured) => Told { measured, failure: None },
        Err(failure) => Told { measured: Vec::new(), failure: Some(format!("not available: {failure}")) },
    }
}

/// Measures how far predictions are off.
pub(crate) fn predictions(root: &Path, quick: bool) -> Told {
    match build(root).and_then(|()| prediction::measure(root, quick)) {
        Ok(measured) => Told { measured, failure: None },
        Err(failure) => Told { measured: Vec::new(), failure: Some(format!("not available: {failure}")) },
    }
}

fn build(root: &Path) -> Result<(), String> {
    let build = Run::new("cargo", "build --release --package harness").within(root);
    build.go().map_err(|error| error.to_string())
}

fn run(root: &Path, network: &Network, quick: bool) -> Result<Vec<Measured>, String> {
    build(root)?;
    // Made anew each time: what an older version wrote must not be measured.
    let scratch = root.join(format!("target/bench/{}-{}", network.net, network.budget));
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    }
    let (model, runs) = (scratch.join("model"), scratch.join("runs"));
    let Network { net, budget, options, links, figures } = network;
    let init = format!("init --net {net} --data shapes --budget {budget} --seed 1 --out");
    linnet(root, &init, &[&model])?;
    let (images, warmups) = if quick { (1, 0) } else { (5, 1) };
    let mut folders = Vec::with_capacity(links.len());
    for link in *links {
        let words =
            format!("run --link {link} --images {images} --warmups {warmups} {options} --id {link} --out");
        linnet(root, &words, &[&runs, Path::new("--model"), &model])?;
        folders.push(Folder::read(&runs.join(link))?);
    }
    figures(&folders)
}

fn resnet20(folders: &[Folder]) -> Result<Vec<Measured>, String> {
    let [wan] = folders else { return Err("one run expected".to_owned()) };
    Ok(vec![Measured::of("ResNet20 without ReLUs, online on wan", "s", wan.online_seconds()?)])
}

fn resnet32(folders: &[Folder]) -> Result<Vec<Measured>, String> {
    let [loopback] = folders else { return Err("one run expected".to_owned()) };
    Ok(vec![
        Measured::of("ResNet32, HE offline", "s", loopback.linear_offline_seconds()?),
        Measured::of("ResNet32, HE offline bytes", "MiB", loopback.linear_offline_mebibytes()?),
    ])
}

fn resnet18(folders: &[Folder]) -> Result<Vec<Measured>, String> {
    let [loopback, lan, wan] = folders else { return Err("three runs expected".to_owned()) };
    Ok(vec![
        Measured::of("ResNet18 at 50,000, offline", "s", loopback.offline_seconds()?),
        Measured::of("ResNet18 at 50,000, online on loopback", "s", loopback.online_seconds()?),
        Measured::of("ResNet18 at 50,000, online on lan against its parts", "x", lan.online_against_parts()?),
        Measured::of("ResNet18 at 50,000, online on wan", "s", wan.online_seconds()?),
        Measured::of("ResNet18 at 50,000, bytes in all", "MB", wan.megabytes()?),
        Measured::of("ResNet18 at 50,000, peak memory of the larger party", "GB", loopback.peak_gigabytes()?),
    ])
}

fn resnet18_whole(folders: &[Folder]) -> Result<Vec<Measured>, String> {
    let [loopback] = folders else { return Err("one run expected".to_owned()) };
    Ok(vec![
        Measured::of("ResNet18 at 491,520, offline", "s", loopback.offline_seconds()?),
        Measured::of("ResNet18 at 491,520, online on loopback", "s", loopback.online_seconds()?),
        Measured::of(
            "ResNet18 at 491,520, peak memory of the larger party",
            "GB",
            loopback.peak_gigabytes()?,
        ),
    ])
}
