//! Project tasks: `cargo xtask setup | demo | install | test | bench | fuzz | book | aarch64 | ci`.
//!
//! This crate depends on none of the others and on little else, so that it builds in seconds on a bare machine.

mod bench;
mod fuzz;
mod machines;
mod run;
mod setup;

use run::{Error, Run, available};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  setup         put libtorch (CPU) into .libtorch, once; an own LIBTORCH in the environment is respected
  demo          setup, build everything optimised, then the main job: train, linearize, run every budget over two links
  install       setup, then `cargo install` of linnet and of linnet-train, which trains for it
  test          setup, all tests; kernels' with fewer instructions too; the SEAL backend's where cmake, clang, pkg-config and OpenSSL's headers are there
  bench         kernels, layers and networks beside their targets, floors and peers [--json FILE] [--quick] [--only WORD]
  fuzz          decoders against a fuzzer, longer than tests do: --hours N [--only WORD] [--jobs J] [--features F] [--log FILE]
  book          build the book into target/book, with mdBook (installed into target/tools where it is not)
  aarch64       the kernels' tests on AArch64 under emulation, where a compiler and an emulator are there
  ci            test, then formatting, lints, documentation, the book and aarch64";

/// The crates that can use SEAL, built with it. A separate pass, because a program that links SEAL is under AGPL-3.0.
const WITH_SEAL: &str =
    "--package protocols --package harness --package tests --features harness/seal,tests/seal";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match perform(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(arguments: &[String]) -> Result<(), Error> {
    let root = root()?;
    let (task, rest) = arguments.split_first().map_or(("help", &[][..]), |(t, rest)| (t.as_str(), rest));
    if !rest.is_empty() && task != "bench" && task != "fuzz" {
        return Err(Error::Usage(format!("`{task}` takes no arguments, found {}", rest.join(" "))));
    }
    match task {
        "help" | "--help" | "-h" => println!("{USAGE}"),
        "setup" => setup::libtorch(&root)?,
        "demo" => demo(&root)?,
        "install" => install(&root)?,
        "test" => test(&root)?,
        "bench" => bench::bench(&root, rest)?,
        "fuzz" => fuzz::fuzz(&root, rest)?,
        "book" => book(&root)?,
        "aarch64" => machines::aarch64(&root)?,
        "ci" => {
            test(&root)?;
            cargo(&root, "fmt --all --check").go()?;
            cargo(&root, "clippy --workspace --all-targets -- -D warnings").go()?;
            cargo(&root, "doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings").go()?;
            if setup::builds_seal() {
                cargo(&root, &format!("clippy {WITH_SEAL} --all-targets -- -D warnings")).go()?;
                cargo(&root, &format!("doc {WITH_SEAL} --no-deps"))
                    .env("RUSTDOCFLAGS", "-D warnings")
                    .go()?;
            }
            book(&root)?;
            machines::aarch64(&root)?;
        }
        other => return Err(Error::Usage(format!("unknown task `{other}`\n{USAGE}"))),
    }
    Ok(())
}

/// Builds the book.
fn book(root: &Path) -> Result<(), Error> {
    let tools = root.join("target/tools");
    let installed = tools.join("bin/mdbook");
    let mdbook = if available("mdbook", "--version") { PathBuf::from("mdbook") } else { installed };
    if !available(&mdbook, "--version") {
        let words = "install mdbook --no-default-features --features search --locked --root";
        cargo(root, words).args([&tools]).go()?;
    }
    Run::new(mdbook, "build book --dest-dir").args([&root.join("target/book")]).within(root).go()
}

/// The main job, as a user would type it. Training that is finished is not done again.
fn demo(root: &Path) -> Result<(), Error> {
    setup::libtorch(root)?;
    cargo(root, "build --release --package harness --package train").go()?;
    for words in [
        "train --net mini --data shapes --out runs/models/mini",
        "linearize --from runs/models/mini --budget 30%,10%,2% --out runs/models/mini-privshap",
        "sweep --models runs/models/mini,runs/models/mini-privshap --link lan --link wan --images 30",
    ] {
        println!("\n$ linnet {words}");
        Run::new(root.join("target/release/linnet"), words).within(root).go()?;
    }
    Ok(())
}

/// Installs both programs where `cargo install` puts them. `linnet-train` goes on using the libtorch of this folder.
fn install(root: &Path) -> Result<(), Error> {
    setup::libtorch(root)?;
    cargo(root, "install --locked --path harness").go()?;
    cargo(root, "install --locked --path models/train").go()
}

/// Runs every test, and those of the homomorphic backends a second time with SEAL where the machine can build it.
fn test(root: &Path) -> Result<(), Error> {
    setup::libtorch(root)?;
    let nextest = available("cargo", "nextest --version");
    if nextest {
        cargo(root, "test --workspace --doc").go()?;
        cargo(root, "nextest run --workspace").go()?;
    } else {
        cargo(root, "test --workspace").go()?;
    }
    let runner = if nextest { "nextest run" } else { "test" };
    machines::fewer(root, runner)?;
    if !setup::builds_seal() {
        println!("skipped: the SEAL backend's tests, which need {}", setup::SEAL_PACKAGES);
        return Ok(());
    }
    cargo(root, &format!("{runner} {WITH_SEAL} -- he:: backend")).go()
}

/// `cargo WORDS` in the repository's root.
fn cargo(root: &Path, words: &str) -> Run {
    Run::new("cargo", words).within(root)
}

/// The repository: this crate's parent folder.
fn root() -> Result<PathBuf, Error> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let parent = manifest.as_deref().and_then(|dir| dir.parent());
    parent.map(PathBuf::from).ok_or_else(|| Error::Usage("run this as `cargo xtask`".into()))
}
