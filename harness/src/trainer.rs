//! `linnet train`, `linnet linearize` and `linnet shapley` hand over to `linnet-train`, which alone links libtorch.

use crate::error::Error;
use std::process::Command;

/// Runs `linnet-train SUBCOMMAND ARGUMENTS` with this terminal; `false` where it failed.
pub(crate) fn hand_over(subcommand: &str, arguments: &[String]) -> Result<bool, Error> {
    let own = std::env::current_exe().map_err(Error::io("finding this program"))?;
    let trainer = own.with_file_name("linnet-train");
    if !trainer.exists() {
        return Err(Error::NoTrainer(trainer));
    }
    let status = Command::new(&trainer)
        .arg(subcommand)
        .args(arguments)
        .status()
        .map_err(Error::io(format!("starting {}", trainer.display())))?;
    Ok(status.success())
}
