//! Which published figures are of the network and the data set of a run, whatever each calls them.

use super::entry::{Reference, What};

/// Shapes of images and classes that stand for a data set where only shapes matter.
const SHAPES: [(&str, &str); 4] = [
    ("3x32x32:10", "cifar10"),
    ("3x32x32:100", "cifar100"),
    ("3x64x64:200", "tinyimagenet"),
    ("3x224x224:1000", "imagenet"),
];

/// Whether two names are of one network: `resnet18` and `ResNet-18`, `wrn22-8` and `WideResNet-22-8`. Whether its first convolution
/// has an activation is not told apart, nor SqueezeNet 1.0 from a SqueezeNet without a version.
pub fn same_network(a: &str, b: &str) -> bool {
    network(a) == network(b)
}

/// Whether two names are of one data set: `cifar10` and `CIFAR-10`.
pub fn same_data(a: &str, b: &str) -> bool {
    letters(a) == letters(b)
}

/// Whether a figure is of that network and data set. Noise in a set's shapes has the set's costs, and no accuracy.
pub fn fits(reference: &Reference, network: &str, data: &str) -> bool {
    let shapes = data.strip_prefix("noise:");
    let data = match shapes {
        Some(shapes) => SHAPES.iter().find(|(of, _)| *of == shapes).map(|(_, name)| *name),
        None => data.split(':').next(),
    };
    let of = |name: &Option<String>, same: &dyn Fn(&str) -> bool| name.as_deref().is_some_and(same);
    (shapes.is_none() || matches!(reference.what, What::Cost(_)))
        && of(&reference.network, &|name| same_network(name, network))
        && of(&reference.data, &|name| data.is_some_and(|data| same_data(name, data)))
}

/// Those of `references` that fit one of the pairs of network and data set.
pub fn fitting<'a>(references: &'a [Reference], pairs: &[(&str, &str)]) -> Vec<&'a Reference> {
    let any = |reference: &&Reference| pairs.iter().any(|(network, data)| fits(reference, network, data));
    references.iter().filter(any).collect()
}

fn network(name: &str) -> String {
    let name = letters(name).replace("wideresnet", "wrn");
    match name.as_str() {
        "squeezenet10" => "squeezenet".to_owned(),
        _ => name.strip_suffix("stem").map_or_else(|| name.clone(), str::to_owned),
    }
}

/// Letters and digits, in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file::built_in;
    use super::*;

    #[test]
    fn one_network_under_its_names() {
        for (ours, theirs) in [
            ("resnet18", "ResNet-18"),
            ("resnet18", "ResNet18"),
            ("resnet18-stem", "ResNet18"),
            ("resnet34", "ResNet 34"),
            ("wrn22-8", "WRN-22-8"),
            ("wrn22-8", "WideResNet-22-8"),
            ("squeezenet1_0", "SqueezeNet"),
            ("densenet121", "DenseNet-121"),
        ] {
            assert!(same_network(ours, theirs), "{ours} {theirs}");
        }
        for (ours, theirs) in
            [("resnet18", "ResNet34"), ("resnet34-silu", "ResNet34"), ("squeezenet1_1", "SqueezeNet")]
        {
            assert!(!same_network(ours, theirs), "{ours} {theirs}");
        }
        assert!(same_data("cifar10", "CIFAR-10") && same_data("tiny-imagenet", "TinyImageNet"));
        assert!(!same_data("cifar10", "CIFAR-100") && !same_data("imagenet", "Tiny-ImageNet"));
    }

    fn ids(pairs: &[(&str, &str)]) -> Vec<String> {
        let all: Vec<Reference> = built_in().into_iter().flat_map(|system| system.references).collect();
        fitting(&all, pairs).into_iter().map(|reference| reference.id.clone()).collect()
    }

    #[test]
    fn a_run_is_shown_what_is_of_its_network_and_data() {
        let found = ids(&[("resnet18", "cifar10"), ("resnet20", "cifar10")]);
        assert!(found.iter().all(|id| id.contains("resnet18-cifar10-")), "{found:?}");
        for id in ["snl-resnet18-cifar10-12900", "delphi-resnet18-cifar10-offline-he"] {
            assert!(found.contains(&id.to_owned()), "{id}: {found:?}");
        }
        assert!(ids(&[("mini", "shapes")]).is_empty());
        assert!(ids(&[("resnet18", "folder:32")]).is_empty());
        assert!(ids(&[("wrn22-8", "cifar100")]).contains(&"senet-wrn22-8-cifar100-150000".to_owned()));
    }

    #[test]
    fn noise_has_costs_and_no_accuracy() {
        let found = ids(&[("resnet18", "noise:3x32x32:10")]);
        assert!(found.contains(&"delphi-resnet18-cifar10-online-evaluate".to_owned()));
        assert!(!found.iter().any(|id| id.starts_with("snl")), "{found:?}");
        let large = ids(&[("squeezenet1_0", "noise:3x224x224:1000")]);
        assert!(large.contains(&"cheetah-squeezenet-imagenet-lan".to_owned()), "{large:?}");
        assert_eq!(large, ids(&[("squeezenet1_0", "imagenet:224")]));
        assert!(ids(&[("squeezenet1_0", "noise:3x128x128:1000")]).is_empty());
    }
}
