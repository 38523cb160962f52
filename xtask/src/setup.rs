//! libtorch for the crate `train`: CPU only, from three wheels of the Python package index, into `.libtorch`.
//!
//! The wheel of torch is built for CUDA, but its `libtorch_cpu.so` stands alone with two small NVIDIA libraries that
//! it names (never used on a machine without a GPU). Laid out flat in `lib`, they find each other through the
//! `$ORIGIN` entry of their own search paths. `libtorch.so`, which in the wheel drags CUDA in, becomes a linker script.
//! That is 543 MB to download and 0.5 GB kept, against 2.6 GB for everything that torch asks for.

use crate::run::{Error, Run, at, available};
use std::fs;
use std::path::{Path, PathBuf};

/// The version that the `tch` crate in the workspace's manifest wants; also the stamp of a finished setup.
const VERSION: &str = "2.11.0";

/// The files to download, each fixed by its SHA-256, whichever Python downloads them (the tags are those of the files).
const REQUIREMENTS: &str = "\
torch==2.11.0 --hash=sha256:0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 --hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8
";
const DOWNLOAD: &str = "-m pip download --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
     --python-version 3.12 --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
     --platform manylinux2014_x86_64";

/// Unpacks the few files that are needed; arguments: the folder of wheels, the folder to fill.
const UNPACK: &str = include_str!("unpack.py");

/// Debian's packages that the Cargo feature `seal` is built with, beside those of everything else.
pub(crate) const SEAL_PACKAGES: &str = "cmake clang libclang-dev pkg-config libssl-dev";

/// Whether the machine has them.
pub(crate) fn builds_seal() -> bool {
    available("cmake", "--version")
        && available("clang", "--version")
        && available("pkg-config", "--exists openssl")
}

/// Makes `.libtorch` under `root` complete, unless it already is or the environment names another libtorch.
pub(crate) fn libtorch(root: &Path) -> Result<(), Error> {
    let target = root.join(".libtorch");
    compiler()?;
    // Cargo passes the repository's own setting on to us; only another value is somebody's choice.
    if let Some(own) = std::env::var_os("LIBTORCH").map(PathBuf::from).filter(|own| *own != target) {
        println!("using LIBTORCH={}", own.display());
        return Ok(());
    }
    let stamp = target.join("build-version");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == VERSION) {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let machine = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
        let message =
            format!("libtorch is fetched for linux x86_64 only, this is {machine}: set LIBTORCH to a copy");
        return Err(Error::Machine(message));
    }
    if target.exists() {
        at(&target, fs::remove_dir_all(&target))?;
    }
    fetch(&target)?;
    at(&stamp, fs::write(&stamp, VERSION))
}

fn fetch(target: &Path) -> Result<(), Error> {
    let wheels = target.join("wheels");
    at(&wheels, fs::create_dir_all(&wheels))?;
    let python = python(target)?;
    let requirements = wheels.join("requirements.txt");
    at(&requirements, fs::write(&requirements, REQUIREMENTS))?;
    println!("downloading libtorch {VERSION} into {} (543 MB, once)", target.display());
    Run::new(&python, DOWNLOAD)
        .args(["--requirement".as_ref(), requirements.as_path()])
        .within(&wheels)
        .go()?;
    println!("unpacking");
    Run::new(&python, "-c").args([UNPACK.as_ref(), wheels.as_path(), target]).go()?;
    let lib = target.join("lib");
    let script = lib.join("libtorch.so");
    at(&script, fs::write(&script, "INPUT(-ltorch_cpu)\n"))?;
    let gomp = lib.join("libgomp.so");
    at(&gomp, std::os::unix::fs::symlink("libgomp.so.1", &gomp))?;
    for spent in [wheels, target.join("venv")].into_iter().filter(|dir| dir.exists()) {
        at(&spent, fs::remove_dir_all(&spent))?;
    }
    Ok(())
}

/// A Python with pip: the system's own, or else one in a virtual environment under `target`. (Debian forbids pip to
/// install into the system, not to download.)
fn python(target: &Path) -> Result<PathBuf, Error> {
    if !available("python3", "--version") {
        return Err(Error::Missing { what: "python3 (to download libtorch)", package: "python3-pip" });
    }
    if available("python3", "-m pip --version") {
        return Ok("python3".into());
    }
    let venv = target.join("venv");
    if Run::new("python3", "-m venv").args([&venv]).quiet().go().is_ok() {
        return Ok(venv.join("bin/python"));
    }
    Err(Error::Missing { what: "pip (to download libtorch)", package: "python3-pip" })
}

/// torch's C++ interface is compiled along with `tch`.
fn compiler() -> Result<(), Error> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    if available(&compiler, "--version") {
        return Ok(());
    }
    Err(Error::Missing { what: "a C++ compiler (for libtorch)", package: "g++" })
}
