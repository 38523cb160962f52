//! `linnet reference`: what others published.

use crate::cli::ReferenceArgs;
use crate::error::Error;
use crate::experiment::refused;
use crate::print::{print, room};
use results::reference::{Reference, System, built_in, markdown, parse, same_data, same_network, text};
use std::collections::BTreeSet;

/// Prints the tables.
pub(crate) fn list(args: &ReferenceArgs) -> Result<(), Error> {
    let mut systems = built_in();
    for path in &args.file {
        let text = std::fs::read_to_string(path).map_err(Error::io(format!("reading {}", path.display())))?;
        systems.push(parse(&path.display().to_string(), &text)?);
    }
    if args.markdown {
        return print(markdown(&systems).trim_end());
    }
    let chosen = chosen(&systems, args.net.as_deref(), args.data.as_deref());
    if chosen.is_empty() {
        let asked = [&args.net, &args.data].into_iter().flatten().cloned().collect::<Vec<_>>().join(" on ");
        let known = |of: fn(&Reference) -> &Option<String>| {
            let names =
                systems.iter().flat_map(|system| &system.references).filter_map(|entry| of(entry).as_deref());
            names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
        };
        let expected = format!(
            "what something was published of: of networks {}; of data sets {}; or several of either without the other",
            known(|entry| &entry.network),
            known(|entry| &entry.data)
        );
        return Err(refused("--net, --data", expected, asked));
    }
    print(text(&chosen, room()).trim_end())
}

/// What is of the network and the data set, where they are named.
fn chosen<'a>(systems: &'a [System], net: Option<&str>, data: Option<&str>) -> Vec<&'a Reference> {
    let is = |asked: Option<&str>, name: &Option<String>, same: fn(&str, &str) -> bool| {
        asked.is_none_or(|asked| name.as_deref().is_some_and(|name| same(asked, name)))
    };
    let all = systems.iter().flat_map(|system| &system.references);
    all.filter(|reference| is(net, &reference.network, same_network) && is(data, &reference.data, same_data))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_printed_and_nothing_else() {
        let systems = built_in();
        let count = |net, data| chosen(&systems, net, data).len();
        let all: usize = systems.iter().map(|system| system.references.len()).sum();
        assert_eq!(count(None, None), all);
        let (both, net, data) = (
            count(Some("resnet18"), Some("cifar-100")),
            count(Some("ResNet-18"), None),
            count(None, Some("cifar100")),
        );
        assert!(0 < both && both < net && both < data && net < all, "{both} {net} {data} {all}");
        let networks = chosen(&systems, Some("resnet50"), None);
        assert!(networks.iter().any(|reference| reference.system == "PrivaLean"), "without a data set too");
        assert_eq!(count(Some("mini"), None), 0);
    }
}
