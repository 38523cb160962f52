//! What the `use` declarations of a module bring in.

use super::sources::{attributes, only_tests};
use syn::visit::{self, Visit};
use syn::{Item, ItemUse, UseTree, Visibility};

/// What a `use` brings in.
pub(super) struct Import {
    /// Its name in the module; none for all names of what the path leads to.
    pub(super) name: Option<String>,
    pub(super) path: Vec<String>,
    /// Whether readers outside of the module may use it too.
    pub(super) exported: bool,
}

impl Import {
    /// Whether it brings in all names of what its path leads to.
    pub(super) fn is_whole(&self) -> bool {
        self.name.is_none()
    }
}

/// The imports of an item, those within its functions too.
pub(super) fn imports_of(item: &Item) -> Vec<Import> {
    let mut imports = Imports(Vec::new());
    imports.visit_item(item);
    imports.0
}

/// Gathers imports.
struct Imports(Vec<Import>);

impl Imports {
    fn add(&mut self, tree: &UseTree, before: &[String], exported: bool) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<String>>();
        let (name, path) = match tree {
            UseTree::Path(path) => return self.add(&path.tree, &with(path.ident.to_string()), exported),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add(tree, before, exported));
            }
            UseTree::Glob(_) => (None, before.to_vec()),
            UseTree::Name(name) if name.ident == "self" => (before.last().cloned(), before.to_vec()),
            UseTree::Name(name) => (Some(name.ident.to_string()), with(name.ident.to_string())),
            UseTree::Rename(renamed) if renamed.ident == "self" => {
                (Some(renamed.rename.to_string()), before.to_vec())
            }
            UseTree::Rename(renamed) => (Some(renamed.rename.to_string()), with(renamed.ident.to_string())),
        };
        self.0.push(Import { name, path, exported });
    }
}

impl Visit<'_> for Imports {
    fn visit_item(&mut self, item: &Item) {
        if !only_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        self.add(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }
}
