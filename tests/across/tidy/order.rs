//! The order of the crates, enforced.

use super::sources::root;
use std::collections::BTreeSet;

/// Crate, its folder, and the workspace crates that it may depend on.
pub(super) const ORDER: [(&str, &[&str]); 9] = [
    ("netem", &[]),
    ("models", &[]),
    ("results", &[]),
    ("protocols", &["netem", "models"]),
    ("models/import", &["models"]),
    ("models/train", &["netem", "models", "results", "protocols"]),
    ("harness", &["netem", "models", "import", "results", "protocols"]),
    ("tests/fuzz", &[]),
    ("xtask", &[]),
];

const MEMBERS: [&str; 10] =
    ["netem", "models", "import", "results", "protocols", "train", "harness", "tests", "fuzzing", "xtask"];

#[test]
fn crates_depend_downward_only() {
    for (folder, allowed) in ORDER {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let mut section = "";
        let mut found = BTreeSet::new();
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section == "[dependencies]" || section == "[build-dependencies]" {
                found.extend(
                    MEMBERS.iter().copied().filter(|m| line.split(['.', ' ', '=']).next() == Some(*m)),
                );
            }
        }
        let extra: Vec<_> = found.iter().filter(|m| !allowed.contains(m)).collect();
        assert!(extra.is_empty(), "{folder} may not depend on {extra:?}");
    }
}

#[test]
fn only_the_training_crate_links_libtorch() {
    for (folder, _) in ORDER.iter().filter(|(folder, _)| *folder != "models/train") {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("tch"), "{folder} names tch");
    }
}

#[test]
fn unsafe_code_is_denied_everywhere() {
    for (folder, _) in ORDER {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{folder} does not inherit the workspace's lints"
        );
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"deny\""));
}
