//! A crate's modules, and which file defines what a path names.

use super::imports::{Import, imports_of};
use super::sources::{Sources, attributes, only_tests, parse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use syn::{ImplItem, Item, ItemImpl, ItemMod, Type};

/// A module, by its place among its crate's.
pub(super) type ModuleId = usize;

/// One crate, without the code of its tests.
pub(super) struct Crate {
    modules: Vec<Module>,
    /// Inherent methods, by type and name: the files that define them.
    methods: HashMap<(Definition, String), Vec<PathBuf>>,
}

/// One module, in a file of its own or within another's.
pub(super) struct Module {
    pub(super) file: PathBuf,
    /// What it holds, without the modules below it.
    pub(super) items: Vec<Item>,
    /// Paths that it imports.
    pub(super) imports: Vec<Import>,
    parent: Option<ModuleId>,
    names: HashMap<String, Vec<Name>>,
}

/// What a name that a module defines stands for. It may be the name of a module, a type and a function at once.
#[derive(Clone, Copy)]
enum Name {
    Module(ModuleId),
    Type,
    Value,
}

/// Something that a module defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Definition {
    pub(super) module: ModuleId,
    pub(super) name: String,
}

/// Where a path leads.
enum Target {
    Module(ModuleId),
    /// A type or trait, and the part of the path behind it: a variant, or an associated item.
    Type(Definition, Option<String>),
    /// A function or constant, behind which no path goes on.
    Value(Definition),
}

impl Crate {
    /// The crate whose root is the file `root`.
    pub(super) fn load(sources: &Sources, root: &Path) -> Self {
        let mut loaded = Self { modules: Vec::new(), methods: HashMap::new() };
        let folder = root.parent().expect("a file is in a folder");
        loaded.load_file(sources, root, folder, None);
        loaded.find_methods();
        loaded
    }

    /// All modules with their ids.
    pub(super) fn modules(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.modules.iter().enumerate()
    }

    /// The file of a module.
    pub(super) fn file(&self, module: ModuleId) -> &Path {
        &self.modules[module].file
    }

    /// The files that define what `path` names in the code of `module`, each with the name; none for modules and for what
    /// is of another crate.
    pub(super) fn definitions(&self, module: ModuleId, path: &[String]) -> BTreeSet<(PathBuf, String)> {
        let mut found = BTreeSet::new();
        for target in self.resolve(module, path, &mut Vec::new()) {
            let (definition, member) = match target {
                Target::Module(_) => continue,
                Target::Type(definition, member) => (definition, member),
                Target::Value(definition) => (definition, None),
            };
            found.extend(member.and_then(|member| self.method(&definition, &member)));
            found.insert((self.modules[definition.module].file.clone(), definition.name));
        }
        found
    }

    /// The file of the module that `path` names in the code of `module`, if it names one.
    pub(super) fn module_named(&self, module: ModuleId, path: &[String]) -> Option<PathBuf> {
        self.resolve(module, path, &mut Vec::new()).into_iter().find_map(|target| match target {
            Target::Module(found) => Some(self.modules[found].file.clone()),
            Target::Type(..) | Target::Value(_) => None,
        })
    }

    /// Whether a module exports something of this name that it imports.
    pub(super) fn exports(&self, module: ModuleId, name: &str) -> bool {
        let mut exported = self.modules[module].imports.iter().filter(|import| import.exported);
        exported.any(|import| match &import.name {
            Some(own) => own == name,
            None => !self.imported(module, import, name, &mut Vec::new()).is_empty(),
        })
    }

    /// The type that an `impl` in `module` is of, where this crate defines it.
    pub(super) fn implemented(&self, module: ModuleId, of: &Type) -> Option<Definition> {
        let Type::Path(path) = of else { return None };
        let path: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.resolve(module, &path, &mut Vec::new()).into_iter().find_map(|target| match target {
            Target::Type(definition, _) => Some(definition),
            Target::Module(_) | Target::Value(_) => None,
        })
    }

    /// The file that defines a type's method, and the method's name, where there is one such file.
    pub(super) fn method(&self, of: &Definition, name: &str) -> Option<(PathBuf, String)> {
        match self.methods.get(&(of.clone(), name.to_owned()))?.as_slice() {
            [file] => Some((file.clone(), format!("{}::{name}", of.name))),
            _ => None,
        }
    }

    /// Loads a file's module and those below it; `folder` is where the files of its children are.
    fn load_file(
        &mut self,
        sources: &Sources,
        file: &Path,
        folder: &Path,
        parent: Option<ModuleId>,
    ) -> ModuleId {
        let text = sources.get(file).unwrap_or_else(|| panic!("no file {}", file.display()));
        self.load_items(sources, parse(file, text).items, (file, folder), parent)
    }

    fn load_items(
        &mut self,
        sources: &Sources,
        items: Vec<Item>,
        (file, folder): (&Path, &Path),
        parent: Option<ModuleId>,
    ) -> ModuleId {
        let id = self.modules.len();
        let (mut imports, mut names) = (Vec::new(), HashMap::new());
        let (below, items): (Vec<Item>, Vec<Item>) = items
            .into_iter()
            .filter(|item| !only_tests(attributes(item)))
            .partition(|item| matches!(item, Item::Mod(_)));
        for item in &items {
            imports.extend(imports_of(item));
            if let Some((name, kind)) = defined(item) {
                names.entry(name).or_insert_with(Vec::new).push(kind);
            }
        }
        self.modules.push(Module { file: file.to_owned(), items, imports, parent, names });
        for item in below {
            let Item::Mod(ItemMod { ident, content, .. }) = item else { unreachable!("modules alone") };
            let name = ident.to_string();
            let within = folder.join(&name);
            let child = match content {
                Some((_, items)) => self.load_items(sources, items, (file, &within), Some(id)),
                None => {
                    let (beside, inside) = (folder.join(format!("{name}.rs")), within.join("mod.rs"));
                    let file = if sources.contains_key(&beside) { beside } else { inside };
                    self.load_file(sources, &file, &within, Some(id))
                }
            };
            self.modules[id].names.entry(name).or_default().push(Name::Module(child));
        }
        id
    }

    /// Notes which files define the inherent methods of this crate's types.
    fn find_methods(&mut self) {
        let mut methods: HashMap<(Definition, String), Vec<PathBuf>> = HashMap::new();
        for (id, module) in self.modules() {
            for item in &module.items {
                let Item::Impl(ItemImpl { trait_: None, self_ty, items, .. }) = item else { continue };
                let Some(definition) = self.implemented(id, self_ty) else { continue };
                for item in items {
                    let name = match item {
                        ImplItem::Fn(item) => item.sig.ident.to_string(),
                        ImplItem::Const(item) => item.ident.to_string(),
                        _ => continue,
                    };
                    let files = methods.entry((definition.clone(), name)).or_default();
                    if !files.contains(&module.file) {
                        files.push(module.file.clone());
                    }
                }
            }
        }
        self.methods = methods;
    }

    /// Where a path leads from a module. `asked` are the names that are being looked up, so that an import of a name
    /// from a module of the same name finds that module and not itself.
    fn resolve(&self, from: ModuleId, path: &[String], asked: &mut Vec<(ModuleId, String)>) -> Vec<Target> {
        let mut here = from;
        let mut rest = path;
        while let Some((first, behind)) = rest.split_first() {
            here = match first.as_str() {
                "crate" => 0,
                "self" => here,
                "super" => match self.modules[here].parent {
                    Some(parent) => parent,
                    None => return Vec::new(),
                },
                _ => break,
            };
            rest = behind;
        }
        match rest.split_first() {
            None => vec![Target::Module(here)],
            Some((name, behind)) => self.look_up(here, name, behind, asked),
        }
    }

    /// Where the name of a module leads, and then the path behind it.
    fn look_up(
        &self,
        module: ModuleId,
        name: &str,
        behind: &[String],
        asked: &mut Vec<(ModuleId, String)>,
    ) -> Vec<Target> {
        let question = (module, name.to_owned());
        let again = asked.contains(&question);
        asked.push(question);
        let within = &self.modules[module];
        let definition = || Definition { module, name: name.to_owned() };
        let own = within.names.get(name).into_iter().flatten().map(|kind| match kind {
            Name::Module(child) => Target::Module(*child),
            Name::Type => Target::Type(definition(), None),
            Name::Value => Target::Value(definition()),
        });
        let mut reached: Vec<Target> = own.collect();
        for import in within.imports.iter().filter(|_| !again) {
            reached.extend(self.imported(module, import, name, asked));
        }
        asked.pop();
        let mut targets = Vec::new();
        for target in reached {
            match (target, behind.split_first()) {
                (target, None) => targets.push(target),
                (Target::Module(child), Some((next, behind))) => {
                    targets.extend(self.look_up(child, next, behind, asked));
                }
                (Target::Type(definition, _), Some((member, _))) => {
                    targets.push(Target::Type(definition, Some(member.clone())));
                }
                (Target::Value(_), Some(_)) => {}
            }
        }
        targets
    }

    /// Where a name leads by way of one import of a module.
    fn imported(
        &self,
        module: ModuleId,
        import: &Import,
        name: &str,
        asked: &mut Vec<(ModuleId, String)>,
    ) -> Vec<Target> {
        match &import.name {
            Some(own) if own == name => self.resolve(module, &import.path, asked),
            Some(_) => Vec::new(),
            None => {
                let path: Vec<String> = import.path.iter().cloned().chain([name.to_owned()]).collect();
                self.resolve(module, &path, asked)
            }
        }
    }
}

/// The name that an item defines, and what it stands for.
fn defined(item: &Item) -> Option<(String, Name)> {
    let (ident, kind) = match item {
        Item::Const(item) => (&item.ident, Name::Value),
        Item::Enum(item) => (&item.ident, Name::Type),
        Item::Fn(item) => (&item.sig.ident, Name::Value),
        Item::Static(item) => (&item.ident, Name::Value),
        Item::Struct(item) => (&item.ident, Name::Type),
        Item::Trait(item) => (&item.ident, Name::Type),
        Item::TraitAlias(item) => (&item.ident, Name::Type),
        Item::Type(item) => (&item.ident, Name::Type),
        Item::Union(item) => (&item.ident, Name::Type),
        // Items without a name, and macros, whose names do not follow modules.
        _ => return None,
    };
    Some((ident.to_string(), kind))
}

/// The roots of a package's crates: its library, its program, its benchmarks.
pub(super) fn roots(sources: &Sources, folder: &str) -> Vec<PathBuf> {
    let benches = Path::new(folder).join("benches");
    let is_root = |path: &&PathBuf| {
        let name = path.strip_prefix(folder).expect("files of the folder");
        let in_benches = path.starts_with(&benches)
            && (path.parent() == Some(&benches) || path.file_name().is_some_and(|name| name == "main.rs"));
        name == Path::new("src/lib.rs") || name == Path::new("src/main.rs") || in_benches
    };
    sources.keys().filter(is_root).cloned().collect()
}

/// Sources of a test.
#[cfg(test)]
pub(super) fn written(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect::<BTreeMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a path leads from a module of a crate, as `file: name`.
    fn led(from: &str, path: &str) -> Vec<String> {
        let sources = written(&[
            (
                "c/src/lib.rs",
                "mod a; mod all; mod b; pub use b::deep::Thing as Renamed; pub use a::a; pub struct Root;",
            ),
            (
                "c/src/a.rs",
                "use crate::b::{self, Whole}; use super::Root; pub fn a() {} mod inner { pub fn f() {} }",
            ),
            ("c/src/b/mod.rs", "pub mod deep; pub use deep::{Thing, Thing as Whole}; pub use models::Other;"),
            (
                "c/src/b/deep.rs",
                "pub struct Thing; impl Thing { pub fn new() {} } #[cfg(test)] pub fn hidden() {}",
            ),
            ("c/src/all.rs", "pub use crate::b::*; use super::a::*; pub use std::fmt::*;"),
        ]);
        let loaded = Crate::load(&sources, Path::new("c/src/lib.rs"));
        let module = loaded.modules().find(|(_, module)| module.file.ends_with(from)).unwrap().0;
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        let found = loaded.definitions(module, &path);
        found.into_iter().map(|(file, name)| format!("{}: {name}", file.display())).collect()
    }

    #[test]
    fn paths_lead_through_imports_and_exports_to_the_file_that_defines() {
        assert_eq!(led("a.rs", "Whole"), ["c/src/b/deep.rs: Thing"]);
        assert_eq!(led("a.rs", "b::Thing"), ["c/src/b/deep.rs: Thing"]);
        assert_eq!(led("a.rs", "b::Thing::new"), ["c/src/b/deep.rs: Thing", "c/src/b/deep.rs: Thing::new"]);
        assert_eq!(led("a.rs", "crate::Renamed::Variant"), ["c/src/b/deep.rs: Thing"]);
        assert_eq!(led("a.rs", "Root"), ["c/src/lib.rs: Root"]);
        assert_eq!(led("a.rs", "inner::f"), ["c/src/a.rs: f"]);
        assert_eq!(led("deep.rs", "super::super::a"), ["c/src/a.rs: a"]);
        assert_eq!(led("lib.rs", "self::a::a"), ["c/src/a.rs: a"]);
        assert_eq!(led("lib.rs", "all::Thing"), ["c/src/b/deep.rs: Thing"]);
        assert_eq!(led("all.rs", "a"), ["c/src/a.rs: a"]);
    }

    #[test]
    fn modules_tests_and_other_crates_define_nothing_here() {
        for path in ["b", "std::fmt", "b::Other", "Unknown::new", "b::deep::hidden", "super::super::x"] {
            assert_eq!(led("a.rs", path), [""; 0], "{path}");
        }
    }
}
