//! `linnet train`, `linnet linearize` and `linnet shapley` hand over to `linnet-train`, which alone links libtorch.

use crate::error::Error;
use std::process::Command;

/// Runs `linnet-train SUBCOMMAND ARGUMENTS` with this terminal; `false` where it failed.
pub(crate) fn hand_over(subcommand: &str, arguments: &[String]) -> Result<bool, Error> {
    let mut command = trainer()?;
    let status = command.arg(subcommand).args(arguments).status().map_err(starting)?;
    Ok(status.success())
}

/// The linearizers that `linnet linearize` knows.
pub(crate) fn methods() -> Result<Vec<String>, Error> {
    let listed = trainer()?.arg("methods").output().map_err(starting)?;
    Ok(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect())
}

/// `linnet-train`, which lies beside this program.
fn trainer() -> Result<Command, Error> {
    let own = std::env::current_exe().map_err(Error::io("finding this program"))?;
    let trainer = own.with_file_name("linnet-train");
    match trainer.exists() {
        true => Ok(Command::new(trainer)),
        false => Err(Error::NoTrainer(trainer)),
    }
}

fn starting(source: std::io::Error) -> Error {
    Error::io("starting linnet-train")(source)
}
