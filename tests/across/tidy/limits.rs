//! Limits of size: parameters of a function, lines of a file.

use super::sources::{lines_of_code, parse};
use proc_macro2::{TokenStream, TokenTree};
use std::path::Path;
use syn::visit::{self, Visit};
use syn::{Attribute, FnArg, ForeignItemFn, Meta, Pat, Signature, Type};

/// Most parameters of a function or method: `self` is one, and a tuple is as many as it has parts.
const PARAMETERS: usize = 7;

/// Most lines of code of a file, its tests included; blank lines, comments and documentation are none.
const LINES: usize = 450;

/// The lint that counts parameters too, to which no exception is made.
const LINT: &str = "too_many_arguments";

/// What of a file is beyond the limits.
pub(super) fn exceeded(path: &Path, text: &str) -> Vec<String> {
    let mut found = Exceeded { path: path.display().to_string(), faults: Vec::new() };
    found.visit_file(&parse(path, text));
    let lines = lines_of_code(path, text);
    if lines > LINES {
        let rule = "blank lines, comments and documentation not counted, tests counted";
        found.faults.push(format!("{}: {lines} lines of code, at most {LINES} ({rule})", found.path));
    }
    found.faults
}

struct Exceeded {
    path: String,
    faults: Vec<String>,
}

impl Visit<'_> for Exceeded {
    fn visit_signature(&mut self, signature: &Signature) {
        let count: usize = signature.inputs.iter().map(parameters).sum();
        if count > PARAMETERS {
            let line = signature.ident.span().start().line;
            self.faults.push(format!(
                "{}:{line}: `{}` has {count} parameters, at most {PARAMETERS} (tuples unpacked, `self` is one)",
                self.path, signature.ident
            ));
        }
        visit::visit_signature(self, signature);
    }

    /// How many parameters a foreign function has is not for this project to say.
    fn visit_foreign_item_fn(&mut self, _: &ForeignItemFn) {}

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if let Meta::List(list) = &attribute.meta
            && names_lint(list.tokens.clone())
        {
            let line = attribute.pound_token.spans[0].start().line;
            self.faults.push(format!("{}:{line}: an exception to clippy::{LINT}", self.path));
        }
    }
}

fn parameters(argument: &FnArg) -> usize {
    match argument {
        FnArg::Receiver(_) => 1,
        FnArg::Typed(argument) => parts(&argument.ty).max(patterns(&argument.pat)),
    }
}

/// How many values a type has, tuples unpacked.
fn parts(of: &Type) -> usize {
    match of {
        Type::Tuple(tuple) if !tuple.elems.is_empty() => tuple.elems.iter().map(parts).sum(),
        Type::Reference(reference) => parts(&reference.elem),
        Type::Paren(inner) => parts(&inner.elem),
        Type::Group(inner) => parts(&inner.elem),
        _ => 1,
    }
}

/// How many values a pattern has, tuples unpacked: more than its type shows, where that is an alias.
fn patterns(of: &Pat) -> usize {
    match of {
        Pat::Tuple(tuple) if !tuple.elems.is_empty() => tuple.elems.iter().map(patterns).sum(),
        Pat::Reference(reference) => patterns(&reference.pat),
        Pat::Paren(inner) => patterns(&inner.pat),
        _ => 1,
    }
}

fn names_lint(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => names_lint(group.stream()),
        TokenTree::Ident(name) => name == LINT,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        exceeded(Path::new("f.rs"), text)
    }

    #[test]
    fn parameters_are_counted_with_tuples_unpacked() {
        for (count, signature) in [
            (8, "fn f(a: A, b: A, c: A, d: A, e: A, f: A, g: A, h: A) {}"),
            (8, "struct S; impl S { fn f(&self, (a, b): (A, A), (c, (d, e)): &(A, (A, A)), f: A, g: A) {} }"),
            (8, "trait T { fn f(&mut self, a: (A, A, A, A), b: (A, A, A)); }"),
            (8, "fn f((a, b, c, d): Alias, (e, f, g, h): Alias) {}"),
        ] {
            let found = faults(signature);
            assert!(found[0].contains(&format!("`f` has {count} parameters")), "{found:?}");
        }
        let most = "impl S { fn f(self, a: (A, A), b: [A; 9], c: impl Fn(A, A), d: Vec<(A, A)>, e: ()) {} }";
        assert_eq!(faults(most), [""; 0]);
    }

    #[test]
    fn an_exception_to_the_lint_is_found() {
        for text in [
            "#[expect(clippy::too_many_arguments, reason = \"x\")] fn f() {}",
            "#![allow(clippy::too_many_arguments)]",
            "struct S; impl S { #[cfg_attr(test, allow(clippy::too_many_arguments))] fn f() {} }",
        ] {
            assert_eq!(faults(text), ["f.rs:1: an exception to clippy::too_many_arguments"], "{text}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let line = "const A: u8 = 1; // One.\n// Two.\n\n";
        assert_eq!(faults(&line.repeat(LINES)), [""; 0]);
        assert!(faults(&line.repeat(LINES + 1))[0].starts_with("f.rs: 451 lines of code, at most 450"));
    }
}
