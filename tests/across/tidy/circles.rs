//! Circles of modules: files that use each other's names, directly or by way of others.
//!
//! A file uses a name if it imports it, or if a path in its code, in an attribute or among the tokens of a macro leads to
//! it. The name belongs to the file that defines it, however many modules export it on the way. An export by itself uses
//! nothing, and neither does the declaration of a module. A method counts where its type is written before it
//! (`Type::method`), and in an `impl` of that type (`self.method`, `Self::method`); the types of other expressions are not
//! known here.

use super::imports::Import;
use super::modules::{Crate, Definition, ModuleId};
use super::sources::{attributes, only_tests};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, ImplItemFn, Item, ItemImpl, ItemUse, Macro, Meta, Visibility,
};

/// Which names each file uses of each other.
type Uses = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

/// Every circle of a crate in words, with the names that tie it.
pub(super) fn circles(of: &Crate) -> Vec<String> {
    let uses = uses(of);
    let reached: BTreeMap<&Path, BTreeSet<&Path>> =
        uses.keys().map(|file| (file.as_path(), reachable(&uses, file))).collect();
    let mut circles: BTreeSet<BTreeSet<&Path>> = BTreeSet::new();
    for (file, others) in &reached {
        let back = |other: &&Path| reached.get(*other).is_some_and(|reached| reached.contains(file));
        let circle: BTreeSet<&Path> = others.iter().copied().filter(back).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.iter().map(|circle| describe(circle, &uses)).collect()
}

/// The files that a file uses, directly or by way of others.
fn reachable<'a>(uses: &'a Uses, from: &Path) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        for other in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(other.as_path()) {
                next.push(other);
            }
        }
    }
    reached
}

fn describe(circle: &BTreeSet<&Path>, uses: &Uses) -> String {
    let mut text = format!("a circle of {} files:", circle.len());
    for file in circle {
        for (other, names) in uses[*file].iter().filter(|(other, _)| circle.contains(other.as_path())) {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            write!(text, "\n  {} -> {}: {names}", file.display(), other.display()).unwrap();
        }
    }
    text
}

/// What the files of a crate use of each other.
fn uses(of: &Crate) -> Uses {
    let mut reader = Reader { of, module: 0, implemented: None, uses: Uses::new() };
    for (id, module) in of.modules() {
        reader.module = id;
        module.imports.iter().filter(|import| !import.exported).for_each(|import| reader.import(import));
        module.items.iter().for_each(|item| reader.visit_item(item));
    }
    reader.uses
}

/// Reads the code of modules, one after another.
struct Reader<'a> {
    of: &'a Crate,
    module: ModuleId,
    /// The type that is implemented here.
    implemented: Option<Definition>,
    uses: Uses,
}

impl Reader<'_> {
    /// Notes what an import brings in.
    fn import(&mut self, import: &Import) {
        self.definitions(&import.path);
        if import.is_whole()
            && let Some(file) = self.of.module_named(self.module, &import.path)
        {
            self.add(file, "*".to_owned());
        }
    }

    /// Notes what a path leads to. A name by itself has been noted with its import, unless that is an export; it is then
    /// taken for the exported one if it is `called` or has a capital letter, and else for a local variable's.
    fn path(&mut self, path: &[String], called: bool) {
        match path {
            [name] => {
                let local = !called && !name.starts_with(|first: char| first.is_ascii_uppercase());
                if !local && self.of.exports(self.module, name) {
                    self.definitions(path);
                }
            }
            [own, name, ..] if own == "Self" => self.method(name),
            [] | [_, ..] => self.definitions(path),
        }
    }

    fn definitions(&mut self, path: &[String]) {
        let found = self.of.definitions(self.module, path);
        found.into_iter().for_each(|(file, name)| self.add(file, name));
    }

    /// Notes a method of the type that is implemented here.
    fn method(&mut self, name: &str) {
        let implemented = self.implemented.as_ref();
        if let Some((file, name)) = implemented.and_then(|implemented| self.of.method(implemented, name)) {
            self.add(file, name);
        }
    }

    fn add(&mut self, file: PathBuf, name: String) {
        let here = self.of.file(self.module);
        if file != here {
            self.uses.entry(here.to_owned()).or_default().entry(file).or_default().insert(name);
        }
    }

    /// Notes the paths among tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut member) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.path_of_tokens(&mut path, member, false);
                        member = false;
                    }
                    colons = 0;
                    path.push(name.to_string());
                }
                TokenTree::Group(group) => {
                    self.path_of_tokens(&mut path, member, group.delimiter() == Delimiter::Parenthesis);
                    (colons, member) = (0, false);
                    self.tokens(group.stream());
                }
                TokenTree::Punct(mark) => {
                    self.path_of_tokens(&mut path, member, false);
                    // One dot is before a member; two are a range's, or before what a value is completed from.
                    (colons, member) = (0, mark.as_char() == '.' && !member);
                }
                TokenTree::Literal(literal) => {
                    self.path_of_tokens(&mut path, member, false);
                    (colons, member) = (0, false);
                    self.text(&literal.to_string());
                }
            }
        }
        self.path_of_tokens(&mut path, member, false);
    }

    /// Notes a path that has been read to its end, unless it is a field or method of something before it.
    fn path_of_tokens(&mut self, path: &mut Vec<String>, member: bool, called: bool) {
        let path = std::mem::take(path);
        if !member {
            self.path(&path, called);
        }
    }

    /// Notes the path that a text is, as attributes of `serde` have them.
    fn text(&mut self, literal: &str) {
        let path: Vec<String> = literal.trim_matches('"').split("::").map(str::to_owned).collect();
        if path.len() > 1 {
            self.path(&path, false);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !only_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    /// Imports have been read with their module.
    fn visit_item_use(&mut self, _: &'ast ItemUse) {}

    /// Where something is seen uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.implemented, self.of.implemented(self.module, &item.self_ty));
        visit::visit_item_impl(self, item);
        self.implemented = outer;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(&names(path), false);
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func {
            self.path(&names(&function.path), true);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if matches!(&*call.receiver, Expr::Path(receiver) if receiver.path.is_ident("self")) {
            self.method(&call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

/// The names that a path is made of.
fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::modules::written;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        circles(&Crate::load(&written(files), Path::new("c/src/lib.rs")))
    }

    #[test]
    fn a_circle_is_reported_with_the_names_that_tie_it() {
        let files = [
            ("c/src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("c/src/a.rs", "use crate::b::B; pub struct A; pub const N: usize = 1;"),
            ("c/src/b.rs", "use super::c; pub struct B; fn f() { c::call() }"),
            ("c/src/c.rs", "pub fn call() { assert!(crate::a::N > 1, \"{}\", crate::a::A::default().x) }"),
            ("c/src/d.rs", "use crate::a::A;"),
        ];
        let expected = "a circle of 3 files:\n  c/src/a.rs -> c/src/b.rs: B\n  c/src/b.rs -> c/src/c.rs: call\n  \
                        c/src/c.rs -> c/src/a.rs: A, N";
        assert_eq!(found(&files), [expected]);
    }

    #[test]
    fn a_module_and_its_children_may_make_one() {
        let parent = "mod child; pub struct Ground; pub fn f() { child::g() }";
        let child = "use super::Ground; pub fn g() {}";
        let files = |parent, child| {
            [("c/src/lib.rs", "mod p;"), ("c/src/p/mod.rs", parent), ("c/src/p/child.rs", child)]
        };
        assert_eq!(found(&files(parent, child)).len(), 1);
        assert_eq!(found(&files("mod child; pub use child::g; pub struct Ground;", child)), [""; 0]);
        for parent in [
            "mod child; pub struct Ground; pub use child::g; fn f() { g() }",
            "mod child; pub struct Ground; pub use child::*; fn f() { g() }",
            "mod child; pub struct Ground; use child::*;",
        ] {
            assert_eq!(found(&files(parent, child)).len(), 1, "{parent}");
        }
        assert_eq!(
            found(&files(parent, "pub fn g() {} #[cfg(test)] mod tests { use crate::p::Ground; }")),
            [""; 0]
        );
    }

    #[test]
    fn attributes_methods_and_exports_tie_files() {
        let files =
            |a, b| [("c/src/lib.rs", "mod a; mod b; pub use b::B;"), ("c/src/a.rs", a), ("c/src/b.rs", b)];
        let b = "pub struct B; pub fn g() {} fn f() { crate::a::f() } impl B { pub fn own(&self) { self.other() } }";
        for (a, circles) in [
            ("pub fn f() {} #[serde(with = \"crate::b::B\")] struct S;", 1),
            ("pub fn f() {} #[arg(value_parser = super::b::B::parse)] struct S;", 1),
            ("pub fn f() { let v = vec![crate::B]; }", 1),
            ("pub fn f() { let v = vec![x.b::<B>(), b]; }", 0),
            ("pub fn f() {} /// Of [`crate::b::B`].\nstruct S;", 0),
            ("pub fn f() {} struct S; impl S { #[cfg(test)] fn g() { crate::b::g() } }", 0),
            ("pub fn f() { assert!(x == S { y: 1, ..crate::b::B::new() }) }", 1),
            ("pub fn f() { g(1) } pub use super::b::g;", 1),
            ("pub fn f() { let g = |x| x; assert!(g > 1) } pub use super::b::g;", 0),
            ("pub fn f() { assert!(g(1) > 1) } pub use super::b::g;", 1),
            ("pub fn f(b: B) {} pub use super::b::B;", 1),
        ] {
            assert_eq!(found(&files(a, b)).len(), circles, "{a}");
        }
        // A type whose methods are in two files that call each other.
        let a = "use crate::B; impl B { pub fn other(&self) {} }";
        assert_eq!(found(&files(a, &b.replace("crate::a::f()", ""))).len(), 1);
    }
}
