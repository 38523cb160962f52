//! The `linnet` command line: arguments -> [`experiment::Experiment`] -> [`measure`] -> `results`.

mod calibrate;
mod choice;
mod cli;
mod doctor;
mod during;
mod error;
mod experiment;
mod hosts;
mod images;
mod import;
mod init;
mod launch;
mod machine;
mod measure;
mod model;
mod networks;
mod party;
mod predict;
mod print;
mod project;
mod rates;
mod report;
mod run_id;
mod scenario;
mod study;
mod sweep;
mod threads;
mod trainer;

use clap::Parser;
use error::Error;
use models::text::printable;
use std::process::ExitCode;

fn main() -> ExitCode {
    match perform(cli::Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("linnet: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// `false` where the command ran but something that it measured failed.
fn perform(command: cli::Command) -> Result<bool, Error> {
    if !matches!(command, cli::Command::Party(_)) {
        threads::prepare()?;
    }
    match command {
        cli::Command::Run(args) => {
            measure::run(&experiment::Experiment::single(args)?, &measure::Selection::default())
        }
        cli::Command::Sweep(args) => sweep::run(args),
        cli::Command::Compare(args) => report::compare(&args).map(|()| true),
        cli::Command::Project(args) => project::project(&args).map(|()| true),
        cli::Command::Keys(args) => hosts::keys(&args).map(|()| true),
        cli::Command::Serve(args) => hosts::serve(&args).map(|()| true),
        cli::Command::Query(args) => hosts::query(&args),
        cli::Command::Report(args) => report::page(&args).map(|()| true),
        cli::Command::Launch(args) => launch::launch(&args).map(|()| true),
        cli::Command::Publish(args) => report::publish(&args).map(|()| true),
        cli::Command::Merge(args) => report::merge(&args).map(|()| true),
        cli::Command::Completions { shell } => report::completions(shell).map(|()| true),
        cli::Command::Man { out } => report::man(&out).map(|()| true),
        cli::Command::Doctor => doctor::run(),
        cli::Command::Predict(args) => predict::predict(&args).map(|()| true),
        cli::Command::Calibrate(args) => calibrate::calibrate(&args).map(|()| true),
        cli::Command::Links => report::links().map(|()| true),
        cli::Command::Models(args) => networks::list(&args).map(|()| true),
        cli::Command::Plan(cli::PlanCommand::Show(args)) => report::plan(&args).map(|()| true),
        cli::Command::Data(args) => report::data(&args).map(|()| true),
        cli::Command::Train(args) => trainer::hand_over("train", &args.arguments),
        cli::Command::Import(args) => import::import(&args).map(|()| true),
        cli::Command::Init(args) => init::init(&args).map(|()| true),
        cli::Command::Linearize(args) => trainer::hand_over("linearize", &args.arguments),
        cli::Command::Shapley(args) => trainer::hand_over("shapley", &args.arguments),
        cli::Command::Party(args) => party::child::run(args.role).map(|()| true),
    }
}
