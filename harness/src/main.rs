//! The `linnet` command line: arguments -> [`experiment::Experiment`] -> [`measure`] -> `results`.

mod auto;
mod calibrate;
mod choice;
mod cli;
mod compare;
mod doctor;
mod during;
mod error;
mod exit;
mod experiment;
mod hosts;
mod images;
mod import;
mod init;
mod launch;
mod machine;
mod map;
mod measure;
mod model;
mod networks;
mod opened;
mod party;
mod plan;
mod predict;
mod print;
mod project;
mod rates;
mod reference;
mod report;
mod run_id;
mod scenario;
mod study;
mod sweep;
mod threads;
mod to_go;
mod trainer;

use clap::Parser;
use error::Error;
use exit::Exit;
use models::text::printable;
use protocols::instructions::Instructions;
use std::process::ExitCode;

fn main() -> ExitCode {
    protocols::allocator::keep_freed_memory();
    let exit = perform(cli::Cli::parse().command).unwrap_or_else(|error| {
        eprintln!("linnet: {}", printable(&error.to_string()));
        Exit::Failed
    });
    exit.into()
}

fn perform(command: cli::Command) -> Result<Exit, Error> {
    Instructions::asked()?;
    if !matches!(command, cli::Command::Party(_)) {
        threads::prepare()?;
    }
    match command {
        cli::Command::Run(args) => {
            measure::run(&experiment::Experiment::single(args)?, &measure::Selection::default()).map(Exit::of)
        }
        cli::Command::Sweep(args) => sweep::run(args).map(Exit::of),
        cli::Command::Compare(args) => compare::compare(&args),
        cli::Command::Project(args) => done(project::project(&args)),
        cli::Command::Keys(args) => done(hosts::keys(&args)),
        cli::Command::Serve(args) => done(hosts::serve(&args)),
        cli::Command::Query(args) => hosts::query(&args).map(Exit::of),
        cli::Command::Report(args) => done(report::page(&args)),
        cli::Command::Reference(args) => done(reference::list(&args)),
        cli::Command::Launch(args) => done(launch::launch(&args)),
        cli::Command::Publish(args) => done(report::publish(&args)),
        cli::Command::Merge(args) => done(report::merge(&args)),
        cli::Command::Completions { shell } => done(report::completions(shell)),
        cli::Command::Man { out, page: _ } => done(report::man(out.as_deref())),
        cli::Command::Doctor => doctor::run().map(Exit::of),
        cli::Command::Map(args) => done(map::map(&args)),
        cli::Command::Predict(args) => done(predict::predict(&args)),
        cli::Command::Calibrate(args) => done(calibrate::calibrate(&args)),
        cli::Command::Links => done(report::links()),
        cli::Command::Models(args) => done(networks::list(&args)),
        cli::Command::Plan(cli::PlanCommand::Show(args)) => done(plan::show(&args)),
        cli::Command::Data(args) => done(report::data(&args)),
        cli::Command::Train(args) => trainer::hand_over("train", &args.arguments),
        cli::Command::Import(args) => done(import::import(&args)),
        cli::Command::Init(args) => done(init::init(&args)),
        cli::Command::Linearize(args) => trainer::hand_over("linearize", &args.arguments),
        cli::Command::Shapley(args) => trainer::hand_over("shapley", &args.arguments),
        cli::Command::Party(args) => done(party::child::run(args.role)),
    }
}

fn done(end: Result<(), Error>) -> Result<Exit, Error> {
    end.map(|()| Exit::Done)
}
