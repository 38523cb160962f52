//! The text of source files, and what of it is code.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::{Attribute, Item, Meta};

/// Files by path, relative to the repository's root.
pub(super) type Sources = BTreeMap<PathBuf, String>;

/// The repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the repository")
}

/// Every Rust file of the package in a folder of the repository; packages below it are passed over.
pub(super) fn read(folder: &str) -> Sources {
    let mut sources = Sources::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.extend((!entry.path().join("Cargo.toml").exists()).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.insert(path, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    sources
}

/// The syntax tree of a file.
pub(super) fn parse(path: &Path, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether these attributes keep an item out of every build but a test's.
pub(super) fn only_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.tokens.clone().into_iter().next().is_some_and(|token| match token {
                TokenTree::Ident(condition) => condition == "test",
                TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => false,
            })
        }
        Meta::List(_) | Meta::NameValue(_) => false,
    })
}

/// An item's attributes.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        // `syn` keeps the right to add kinds of items.
        _ => &[],
    }
}

/// How many lines of a text hold code: at least a part of a token that belongs to no comment and no documentation.
pub(super) fn lines_of_code(path: &Path, text: &str) -> usize {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = BTreeSet::new();
    mark(tokens, &mut lines);
    lines.len()
}

/// Adds the lines of all tokens to `lines`.
fn mark(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_punctuation(&token, '#') {
            let inner = tokens.next_if(|next| is_punctuation(next, '!'));
            if tokens.next_if(is_documentation).is_some() {
                continue;
            }
            lines.extend(inner.map(|token| token.span().start().line));
        }
        match token {
            TokenTree::Group(group) => {
                lines.extend([group.span_open().start().line, group.span_close().end().line]);
                mark(group.stream(), lines);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                lines.extend(token.span().start().line..=token.span().end().line);
            }
        }
    }
}

fn is_punctuation(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == expected && found.spacing() == Spacing::Alone)
}

/// Whether it is the `[doc = ...]` that a doc comment is read as.
fn is_documentation(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_documentation_and_blank_lines_are_no_code() {
        let text = "//! Of the file.\n\n/// Of a function,\n/// two lines.\n#[inline]\nfn f() {\n    // Why.\n    \
                    let s = \"two\n    lines\"; /* a\n    b */\n\n    g(\n        // Nothing.\n    );\n}\n";
        assert_eq!(lines_of_code(Path::new("f.rs"), text), 7);
        assert_eq!(lines_of_code(Path::new("empty.rs"), "//! Nothing.\n"), 0);
    }

    #[test]
    fn code_of_tests_is_told_apart() {
        let file = parse(
            Path::new("f.rs"),
            "#[cfg(test)] mod a {} #[test] fn b() {} #[cfg(feature = \"test\")] mod c {} mod d {}",
        );
        let found: Vec<bool> = file.items.iter().map(|item| only_tests(attributes(item))).collect();
        assert_eq!(found, [true, true, false, false]);
    }
}
