//! Kernels on lesser machines and on another one: with fewer instructions than there are, and on AArch64 under emulation.

use crate::run::{Error, Run, available};
use std::path::Path;
use std::process::Command;

/// What `LINNET_INSTRUCTIONS` is set to in turn; with all of them the tests have run by then.
const FEWER: [&str; 2] = ["avx2", "portable"];

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";

/// What runs on AArch64: everything that has kernels of its own there.
const KERNELS: &str = "cipher:: prg:: block:: gc:: ot::";

/// The protocols' tests by kernels of fewer instructions.
pub(crate) fn fewer(root: &Path, runner: &str) -> Result<(), Error> {
    FEWER.iter().try_for_each(|instructions| {
        println!("\nwith LINNET_INSTRUCTIONS={instructions}:");
        Run::new("cargo", &format!("{runner} --package protocols --lib"))
            .within(root)
            .env("LINNET_INSTRUCTIONS", instructions)
            .go()
    })
}

/// The kernels' tests on AArch64, where this machine can build and emulate that.
pub(crate) fn aarch64(root: &Path) -> Result<(), Error> {
    let there = available(LINKER, "--version") && available(EMULATOR, "--version") && has_standard_library();
    if !there {
        println!(
            "skipped: kernels on AArch64, which need {LINKER}, {EMULATOR} (gcc-aarch64-linux-gnu, qemu-user) and Rust's target {AARCH64}"
        );
        return Ok(());
    }
    Run::new("cargo", &format!("test --target {AARCH64} --package protocols --lib -- {KERNELS}"))
        .within(root)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64 -L /usr/aarch64-linux-gnu")
        .go()
}

fn has_standard_library() -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", AARCH64]).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}
