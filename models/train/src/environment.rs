//! What libtorch and the C library are to find in the environment before they start.
//!
//! A step of training frees and asks for hundreds of megabytes. The C library gives such pieces back to the system, which
//! clears them page by page the next time: a third of all time on a processor. And OpenMP's threads wait by spinning,
//! which costs more than it gains as soon as another program keeps a core busy. Both are settled by variables that are
//! read when a program starts, so it starts once more.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Variables and their values; those that are set already stay.
const WANTED: [(&str, &str); 2] = [
    ("OMP_WAIT_POLICY", "passive"),
    (
        "GLIBC_TUNABLES",
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=17179869184:\
         glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=67108864",
    ),
];

/// Starts this program once more, with the same arguments, unless all variables are set. Returns where they are, and with
/// the reason where it could not be started; then it is merely slower.
pub fn settle() -> Result<(), io::Error> {
    let missing: Vec<_> = WANTED.into_iter().filter(|(name, _)| env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // By its file: the name in the arguments may be found elsewhere, or nowhere.
    Err(Command::new(env::current_exe()?).args(env::args_os().skip(1)).envs(missing).exec())
}
