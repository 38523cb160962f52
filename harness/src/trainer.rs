//! `linnet train`, `linnet linearize` and `linnet shapley` hand over to `linnet-train`, which alone links libtorch.

use crate::error::Error;
use crate::exit::Exit;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// Runs `linnet-train SUBCOMMAND ARGUMENTS` with this terminal, and ends as it does.
pub(crate) fn hand_over(subcommand: &str, arguments: &[String]) -> Result<Exit, Error> {
    let mut command = trainer()?;
    let status = command.arg(subcommand).args(arguments).status().map_err(starting)?;
    Ok(match (status.code(), status.signal()) {
        (Some(0), _) => Exit::Done,
        (Some(code), _) => Exit::Trainer(u8::try_from(code).unwrap_or(1)),
        // As a shell tells it.
        (None, signal) => Exit::Trainer(u8::try_from(128 + signal.unwrap_or(0)).unwrap_or(1)),
    })
}

/// The same, with each line that it tells, without a terminal, handed to `told`.
pub(crate) fn hand_over_told(
    subcommand: &str,
    arguments: &[String],
    told: impl Fn(&str),
) -> Result<bool, Error> {
    let mut command = trainer()?;
    command
        .arg(subcommand)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(starting)?;
    let lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
    lines.map_while(Result::ok).for_each(|line| told(&line));
    Ok(child.wait().map_err(starting)?.success())
}

/// The linearizers that `linnet linearize` knows.
pub(crate) fn methods() -> Result<Vec<String>, Error> {
    let listed = trainer()?.arg("methods").output().map_err(starting)?;
    Ok(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect())
}

/// The training program's name.
const NAME: &str = "linnet-train";

/// `linnet-train`, which lies beside this program or on the path of programs.
fn trainer() -> Result<Command, Error> {
    let own = std::env::current_exe().map_err(Error::io("finding this program"))?;
    let beside = own.with_file_name(NAME);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places =
        [beside.clone()].into_iter().chain(std::env::split_paths(&path).map(|dir| dir.join(NAME)));
    places.find(|place| place.is_file()).map(Command::new).ok_or(Error::NoTrainer(beside))
}

fn starting(source: std::io::Error) -> Error {
    Error::io("starting linnet-train")(source)
}
