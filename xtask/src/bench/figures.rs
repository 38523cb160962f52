//! What is measured and what it is compared with.

use super::cheetah;
use super::engines::{FASTEST, engines};
use super::figure::{Figure, Group};
use super::networks;
use crate::setup::builds_seal;
use std::sync::LazyLock;

const DELPHI_HE: &str = "delphi-resnet18-cifar10-offline-he";
const DELPHI_GARBLE: &str = "delphi-resnet18-cifar10-offline-garble";
const DELPHI_EVALUATE: &str = "delphi-resnet18-cifar10-online-evaluate";
const DELPHI_OFFLINE_BYTES: [&str; 3] = [
    "delphi-resnet18-cifar10-offline-circuits-bytes",
    "delphi-resnet18-cifar10-offline-ot-up-bytes",
    "delphi-resnet18-cifar10-offline-ot-down-bytes",
];

const NTT: &str = "bare NTT of a row";
const ROW: &str = "bare multiply-accumulate of a row";
const GEMM: &str = "f64 matrix product, one multiply-add";

/// Every figure, group by group.
pub(crate) fn list() -> Vec<Figure> {
    let mut list = kernels();
    list.extend(silent());
    list.extend(libraries());
    list.extend(exact_convolution());
    for (variant, targets) in [
        ("narrow", Some([1.2, 1400.0, 300.0])),
        ("sign", Some([1.0, 900.0, 300.0])),
        ("millionaire", Some([1.0, 120.0, 15.0])),
        ("client_garbler", None),
        ("delphi", None),
    ] {
        list.extend(relu(variant, targets));
        let silent = (variant == "millionaire").then_some([2.0, 32.0, 15.0]);
        list.extend(relu(&format!("{variant}, silent OT"), silent));
    }
    list.extend(products());
    list.extend(convolution("32x32x64->64", [0.12, 3.2], ("Cheetah", [0.31, 3.58])));
    list.extend(convolution("14x14x256->256", [0.30, 5.0], ("Cheetah", [0.90, 8.7])));
    list.extend(convolution("56x56x64->64", [0.30, 6.0], ("Cheetah", [0.82, 6.9])));
    list.push(Figure::new(Group::Layers, "set-up of a session", "ms"));
    list.extend(networks());
    list.extend(predictions());
    list.extend(training(Group::Training20, "ResNet20", Some(2.13)));
    list.extend(training(Group::Training18, "ResNet18", None));
    list
}

fn kernels() -> Vec<Figure> {
    use Group::{Ciphers, Gates, Segments, Transfers};
    let garbling = "a half-gate takes 4 blocks to garble";
    let evaluation = "a half-gate takes 2 blocks to evaluate";
    let mut list = Vec::new();
    for (engine, cipher, [garble, evaluate]) in engines() {
        list.push(Figure::new(Ciphers, cipher, "ns"));
        let figure = |what: &str, target: Option<f64>| {
            let figure = Figure::new(Gates, format!("{what} an AND, {engine}"), "ns");
            Figure { target, ..figure }
        };
        list.push(figure("garble", garble).floor(cipher, 4.0, garbling).peer("emp-toolkit", 28.9));
        list.push(figure("evaluate", evaluate).floor(cipher, 2.0, evaluation).peer("swanky", 10.7));
        let whole = |what| {
            let of_layer = "an AND of 16,384 narrow ReLUs, with conversion";
            Figure::new(Gates, format!("{what} {of_layer}, {engine}"), "ns")
        };
        list.push(whole("garble").floor(
            cipher,
            5.0 + 13.0 / 24.0,
            "24 ANDs, 12 output wires of 2 blocks, 13 labels of its own",
        ));
        list.push(whole("evaluate").floor(cipher, 2.5, "24 ANDs, 12 output wires of a block"));
        for (variant, streams, why) in [
            ("iknp", 3.0, "three streams of 128 bits"),
            ("softspoken2", 3.5, "seven streams of 64 bits"),
            ("softspoken4", 7.75, "31 streams of 32 bits"),
            ("softspoken8", 63.75, "511 streams of 16 bits"),
        ] {
            let name = format!("correlated OT, {variant}, both sides, {engine}");
            let figure = Figure::new(Transfers, name, "ns").floor(cipher, streams, why);
            list.push(match variant {
                "iknp" if cipher == FASTEST => figure.target(20.0).peer("emp-ot", 19.3),
                "iknp" => figure.peer("emp-ot", 19.3),
                _ => figure,
            });
        }
    }
    // By group, and by engine within one.
    list.sort_by_key(|figure| match figure.group {
        Ciphers => 0,
        Gates => 1,
        _ => 2,
    });
    list.extend([
        Figure::new(Segments, NTT, "us"),
        Figure::new(Segments, "NTT of a row", "us").floor(
            NTT,
            1.0,
            "the library's, of a row of as many numbers",
        ),
        Figure::new(Segments, "NTT of a row, back", "us").floor(
            NTT,
            1.0,
            "the library's, of a row of as many numbers",
        ),
        Figure::new(Segments, ROW, "us"),
        Figure::new(Segments, "HE product term (server)", "us")
            .floor(ROW, 4.0, "two polynomials modulo two primes")
            .peer("SEAL 4.0 + HEXL", 9.3),
        Figure::new(Segments, "HE weight polynomial (server)", "us")
            .floor(NTT, 2.0, "a transform modulo each of two primes")
            .peer("SEAL 4.0 + HEXL", 23.0),
        Figure::new(Segments, "HE request (client)", "us")
            .floor(NTT, 2.0, "the plaintext with its error, modulo two primes; sampling left out")
            .peer("SEAL 4.0 + HEXL", 643.0),
        Figure::new(Segments, "HE read a request (server)", "us"),
        Figure::new(Segments, "HE answer without products (server)", "us").floor(
            NTT,
            6.0,
            "re-randomisation in, two polynomials out, modulo two primes; sampling left out",
        ),
        Figure::new(Segments, "HE read an answer (client)", "us")
            .floor(NTT, 2.0, "there and back modulo one prime")
            .peer("SEAL 4.0 + HEXL, two primes", 119.0),
    ]);
    list
}

/// Silent correlated OTs.
fn silent() -> Vec<Figure> {
    let mut list = Vec::new();
    for (batches, bytes) in [("a million", 0.5), ("ten millions", 0.2)] {
        let of = format!("silent OT, batches of {batches}");
        for (engine, cipher, _) in engines() {
            let figure = |what: &str| Figure::new(Group::Silent, format!("{of}, {what}, {engine}"), "ns");
            let both = figure("both sides").floor(
                cipher,
                7.0,
                "a block of a tree and two and a half of the code, each side",
            );
            list.extend([figure("sender"), figure("receiver"), both.target(60.0)]);
        }
        list.extend(["first with its stock", "next"].map(|which| {
            Figure::new(Group::Silent, format!("{of}, bytes of the {which}"), "B").target(bytes)
        }));
    }
    list
}

/// The kernels of the backends on libraries.
fn libraries() -> Vec<Figure> {
    static SEAL: LazyLock<bool> = LazyLock::new(builds_seal);
    let backends = ["fhe"].into_iter().chain(SEAL.then_some("seal"));
    backends
        .flat_map(|backend| {
            [
                "HE product term (server)",
                "HE weight polynomial (server)",
                "HE request (client)",
                "HE read a request (server)",
                "HE answer without products (server)",
                "HE read an answer (client)",
            ]
            .map(|kernel| Figure::new(Group::Libraries, format!("{kernel}, {backend}"), "us"))
        })
        .collect()
}

/// The online path's convolution.
fn exact_convolution() -> Vec<Figure> {
    let name = "exact convolution 3x3 32x32x64->64";
    vec![
        Figure::new(Group::Convolution, GEMM, "ps"),
        Figure::new(Group::Convolution, name, "ms").floor(
            GEMM,
            // 64 * 576 * 1024 multiply-adds, picoseconds to milliseconds.
            0.037_748_736,
            "37.7 million multiply-adds, one limb, at the rate of a matrix product",
        ),
        Figure::new(Group::Convolution, format!("{name}, by its definition"), "ms"),
    ]
}

/// A ReLU variant: targets in us offline + online, bytes offline, bytes online; the baseline has none.
fn relu(variant: &str, targets: Option<[f64; 3]>) -> Vec<Figure> {
    let figure = |what: &str, unit| Figure::new(Group::Relu, format!("ReLU {variant}, {what}"), unit);
    let aimed = |figure: Figure, index: usize| match targets {
        Some(targets) => figure.target(targets[index]),
        None => figure,
    };
    let whole = aimed(figure("offline + online", "us"), 0).peer("Cheetah, all online, 10 rounds", 4.1);
    let whole = match variant {
        // 24 ANDs, 12 output wires, 13 input labels; nanoseconds to microseconds.
        "narrow" => whole.floor(
            FASTEST,
            0.206,
            "206 blocks one after another: labels 2 x 13 (receiver), garbling 4 x 24 + 2 x 12, evaluation 2 x 24 + 12",
        ),
        // 13 ANDs, 2 output wires, 13 input labels and a product.
        "sign" => whole.floor(
            FASTEST,
            0.116,
            "116 blocks one after another: labels 2 x 13, garbling 4 x 13 + 2 x 2, evaluation 2 x 13 + 2, product 3 + 3",
        ),
        // 21 transfers of the server's choice and one of the client's.
        "millionaire" => whole.floor(
            FASTEST,
            0.2305,
            "230.5 blocks one after another: transfers 22 x 7.75, tables 3 x 16, the top bit 3, products 3 x 3",
        ),
        _ => whole,
    };
    vec![
        whole,
        figure("offline", "us").peer("Delphi's garbling, published", 30.5).published(&[DELPHI_GARBLE]),
        figure("online", "us").peer("Delphi's evaluation, published", 18.3).published(&[DELPHI_EVALUATE]),
        aimed(figure("offline bytes", "B"), 1)
            .peer("Delphi with its OT, published", 19_088.0)
            .published(&DELPHI_OFFLINE_BYTES),
        aimed(figure("online bytes", "B"), 2)
            .peer("Delphi, published", 1_184.0)
            .published(&["delphi-resnet18-cifar10-online-down-bytes"]),
        figure("bytes in all", "B").peer("Cheetah, silent OT", 56.0),
        figure("peak memory of the larger party", "MB"),
    ]
}

/// Products of two values.
fn products() -> Vec<Figure> {
    let of = |name: &'static str| {
        [("offline + online", "us"), ("offline bytes", "B"), ("online bytes", "B")]
            .map(|(what, unit)| Figure::new(Group::Products, format!("{name}, {what}"), unit))
    };
    ["square of a unit", "product of a unit and a gate"].into_iter().flat_map(of).collect()
}

/// A 3x3 convolution: targets and the peer's values in seconds and MiB.
fn convolution(shape: &str, targets: [f64; 2], peer: (&'static str, [f64; 2])) -> Vec<Figure> {
    let figure = |what: &str, unit| Figure::new(Group::Layers, format!("conv 3x3 {shape}, {what}"), unit);
    let (name, values) = peer;
    vec![
        figure("offline", "s").target(targets[0]).peer(name, values[0]),
        figure("offline bytes", "MiB").target(targets[1]).peer(name, values[1]),
        figure("peak memory of the larger party", "MB"),
    ]
}

/// Whole networks. One more is a group, a `Network` in `networks.rs`, and its figures here.
fn networks() -> Vec<Figure> {
    use Group::{ResNet18, ResNet18Whole, ResNet20, ResNet32};
    vec![
        // Two one-way delays and little else; the target is of eight.
        Figure::new(ResNet20, "ResNet20 without ReLUs, online on wan", "s").target(0.18),
        Figure::new(ResNet32, "ResNet32, HE offline", "s").target(1.2).peer("Cheetah's layers summed", 1.7),
        Figure::new(ResNet32, "ResNet32, HE offline bytes", "MiB")
            .target(35.0)
            .peer("Cheetah's layers summed", 41.0),
        Figure::new(ResNet18, "ResNet18 at 50,000, offline", "s")
            .target(5.0)
            .peer("Delphi, HE alone, published", 286.0)
            .published(&[DELPHI_HE]),
        Figure::new(ResNet18, "ResNet18 at 50,000, online on loopback", "s").target(0.25),
        // What the link and the parties need: bytes / rate + rounds x one-way delay + both parties' computing.
        Figure::new(ResNet18, "ResNet18 at 50,000, online on lan against its parts", "x").target(1.3),
        Figure::new(ResNet18, "ResNet18 at 50,000, online on wan", "s"),
        Figure::new(ResNet18, "ResNet18 at 50,000, bytes in all", "MB")
            .target(cheetah::resnet18(50_000))
            .peer("Cheetah's layers and ReLUs, by its packing", cheetah::resnet18(50_000)),
        Figure::new(ResNet18, "ResNet18 at 50,000, peak memory of the larger party", "GB").target(2.0),
        Figure::new(ResNet18Whole, "ResNet18 at 491,520, offline", "s")
            .target(8.0)
            .peer("Delphi at 557,056, published", 307.2)
            .published(&[DELPHI_HE, DELPHI_GARBLE, "delphi-resnet18-cifar10-offline-encode"]),
        Figure::new(ResNet18Whole, "ResNet18 at 491,520, online on loopback", "s")
            .target(1.5)
            .peer("Delphi at 557,056, published", 12.59)
            .published(&[
                DELPHI_EVALUATE,
                "delphi-resnet18-cifar10-online-encode",
                "delphi-resnet18-cifar10-online-linear",
            ]),
        Figure::new(ResNet18Whole, "ResNet18 at 491,520, peak memory of the larger party", "GB"),
    ]
}

/// How far predictions are off, by link.
fn predictions() -> Vec<Figure> {
    let links = networks::prediction::LINKS.into_iter();
    let figures = links.flat_map(|link| ["offline", "online", "total"].map(|what| (what, link)));
    figures
        .map(|(what, link)| {
            Figure::new(Group::Predictions, networks::prediction::name(what, link), "%").target(10.0)
        })
        .collect()
}

/// What an image costs. The target is a third of what one took in a study before networks were trained side by side, with
/// channels outermost, a teacher asked for every batch and memory that was given back: 6.4 ms.
fn training(group: Group, network: &str, target: Option<f64>) -> Vec<Figure> {
    let figure = |what: &str| Figure::new(group, format!("{network}, {what}"), "ms");
    let side_by_side = figure("linearizing two side by side, an image");
    vec![
        figure("training, an image"),
        figure("linearizing, an image"),
        match target {
            Some(target) => side_by_side.target(target),
            None => side_by_side,
        },
        figure("a coalition's image"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Floor, Peer};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_figure_has_one_name_a_unit_and_sound_numbers() {
        let list = list();
        let names: BTreeSet<&str> = list.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names.len(), list.len());
        for figure in &list {
            let units = ["ps", "ns", "us", "ms", "s", "B", "MB", "GB", "MiB", "x", "%"];
            assert!(units.contains(&figure.unit), "{}: {}", figure.name, figure.unit);
            let numbers = figure.target.into_iter().chain(figure.peer.map(|peer| peer.value));
            assert!(numbers.into_iter().all(|number| number > 0.0), "{}", figure.name);
        }
    }

    #[test]
    fn floors_are_derived_from_listed_figures_that_have_none() {
        let list = list();
        for figure in &list {
            if let Floor::Derived { source, count, why } = figure.floor {
                assert!(count > 0.0 && !why.is_empty(), "{}", figure.name);
                let source = list.iter().find(|other| other.name == source);
                assert_eq!(source.map(|source| source.floor), Some(Floor::None), "{}", figure.name);
            }
        }
    }

    #[test]
    fn groups_are_contiguous() {
        let mut groups: Vec<Group> = list().iter().map(|figure| figure.group).collect();
        groups.dedup();
        let distinct: BTreeSet<String> = groups.iter().map(|group| format!("{group:?}")).collect();
        assert_eq!(groups.len(), distinct.len());
    }

    /// What follows `key = ` in the entry of that id, among the files of published figures.
    fn entry(id: &str, key: &str) -> f64 {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/reference");
        let files = std::fs::read_dir(folder).unwrap();
        let texts: Vec<String> =
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let mut entries = texts.iter().flat_map(|text| text.split("[["));
        let own = format!("\nid = \"{id}\"\n");
        let entry = entries.find(|entry| entry.contains(&own)).unwrap_or_else(|| panic!("no entry {id}"));
        let line = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{id} has no {key}"))
    }

    #[test]
    fn published_peers_are_the_sums_of_what_they_cite() {
        let mut cited = 0;
        for Figure { group, name, unit, peer, .. } in list() {
            let Some(Peer { name: peer, value, published }) = peer else { continue };
            assert_eq!(peer.contains("published"), !published.is_empty(), "{name}: {peer}");
            let Some(first) = published.first() else { continue };
            let whole: f64 = published.iter().map(|id| entry(id, "figure")).sum();
            let of = if group == Group::Relu { whole / entry(first, "relus") } else { whole };
            let scaled = if unit == "us" { of * 1e6 } else { of };
            let shown = value.to_string();
            let decimals = shown.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            assert_eq!(format!("{scaled:.decimals$}"), shown, "{name}");
            cited += 1;
        }
        assert_eq!(cited, 8 * 5 + 3);
    }

    /// All targets that the project set itself are present.
    #[test]
    fn targets_are_those_of_the_project() {
        let targets: Vec<(String, f64)> =
            list().into_iter().filter_map(|figure| Some((figure.name, figure.target?))).collect();
        let of_gates = engines().iter().flat_map(|(_, _, targets)| targets).flatten().count();
        let of_silent = 2 * (engines().len() + 2);
        assert_eq!(targets.len(), 39 + of_gates + of_silent);
        assert!(targets.contains(&("ReLU narrow, offline + online".to_owned(), 1.2)));
        assert!(targets.contains(&("conv 3x3 14x14x256->256, offline bytes".to_owned(), 5.0)));
    }
}
