//! A ReLU variant is named in one place beside its own file: what lists variants asks the enum.

use super::order::ORDER;
use super::{refuse, sources};
use proc_macro2::{TokenStream, TokenTree};
use protocols::plan::ReluVariant;
use std::path::Path;

/// The enum whose variants are meant.
const ENUM: &str = "ReluVariant";

/// The one file that may name them: the match to what computes each.
const NAMED_IN: &str = "protocols/src/steps/kept/mod.rs";

/// In the crates' own tests and benchmarks too.
#[test]
fn a_relu_variant_is_named_only_where_it_is_matched() {
    let mut found = Vec::new();
    for (package, _) in ORDER {
        for (path, text) in sources::read(package) {
            let named = named(&path, &text);
            if path == Path::new(NAMED_IN) {
                assert_eq!(
                    named.len(),
                    ReluVariant::ALL.len(),
                    "{NAMED_IN} is to match each once: {named:?}"
                );
            } else {
                found.extend(named);
            }
        }
    }
    refuse(&found);
}

#[test]
fn every_relu_variant_has_a_file_and_a_line_in_the_readme() {
    let readme = std::fs::read_to_string(sources::root().join("README.md")).unwrap();
    let folder = sources::root().join(NAMED_IN);
    for variant in ReluVariant::ALL {
        let name = variant.name();
        assert!(
            folder.with_file_name(name).with_extension("rs").is_file(),
            "{name} has no file beside {NAMED_IN}"
        );
        assert!(readme.contains(&format!("`{name}`")), "README.md does not tell of `{name}`");
        assert!(!variant.summary().is_empty(), "`linnet run --help` cannot tell what {name} is");
    }
}

/// Where a file names single variants, or brings all of them into scope.
fn named(path: &Path, text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = Vec::new();
    look(tokens, &mut |line, what| {
        found.push(format!("{}:{line}: names `{ENUM}::{what}`; only {NAMED_IN} does", path.display()));
    });
    found
}

/// Tells `found` of what stands behind the enum's name, but for functions and constants.
fn look(tokens: TokenStream, found: &mut impl FnMut(usize, String)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for window in tokens.windows(4) {
        let [TokenTree::Ident(of), TokenTree::Punct(a), TokenTree::Punct(b), what] = window else { continue };
        if of == ENUM && a.as_char() == ':' && b.as_char() == ':' && !is_function_or_constant(what) {
            found(of.span().start().line, what.to_string());
        }
    }
    for token in tokens {
        if let TokenTree::Group(group) = token {
            look(group.stream(), found);
        }
    }
}

fn is_function_or_constant(token: &TokenTree) -> bool {
    let TokenTree::Ident(name) = token else { return false };
    let name = name.to_string();
    name.chars().all(|c| !c.is_uppercase()) || name.chars().all(|c| !c.is_lowercase())
}

#[test]
fn names_are_found_in_paths_imports_and_macros() {
    for text in [
        "const A: ReluVariant = plan::ReluVariant::Narrow;",
        "use plan::ReluVariant::*;",
        "use plan::ReluVariant::{Narrow, Sign};",
        "fn f(r: ReluVariant) -> bool { matches!(r, ReluVariant::Sign) }",
    ] {
        assert_eq!(named(Path::new("f.rs"), text).len(), 1, "{text}");
    }
    for text in [
        "fn f() { for _ in ReluVariant::ALL {} }",
        "fn f() { ReluVariant::default(); }",
        "// ReluVariant::Sign",
    ] {
        assert_eq!(named(Path::new("f.rs"), text), [""; 0], "{text}");
    }
}
