//! The figures of `cargo xtask bench`: kernels in this process, whole layers in two. A JSON line a figure on standard
//! output: `{"figure", "value", "unit", "runs", "low", "high"}`, the value being the median of the runs.
//!
//! A program of its own beside the criterion benches, because a figure needs little of criterion and much that it has
//! not: two processes, sums and differences of timings, bytes and memory as values, and floors measured in the same
//! minute on the same machine. criterion's are for tuning one kernel against its own past.
//!
//!   figures [--quick] GROUP...            what `cargo xtask bench` calls
//!   figures party server|client LAYER     one party of a layer, which this program starts itself

mod ciphers;
mod convolution;
mod gates;
mod layer;
mod layers;
mod measure;
mod parties;
mod segments;
mod silent;
mod transfers;

use measure::{Effort, Failure};
use protocols::instructions::Instructions;
use std::process::ExitCode;

/// What is measured together, under the name that the command line knows.
type Group = (&'static str, fn(Effort) -> Result<(), Failure>);

const GROUPS: [Group; 10] = [
    ("ciphers", ciphers::measure),
    ("gates", gates::measure),
    ("transfers", transfers::measure),
    ("silent", silent::measure),
    ("segments", segments::measure),
    ("libraries", segments::measure_libraries),
    ("convolution", convolution::measure),
    ("relu", layers::measure_relus),
    ("products", layers::measure_products),
    ("layers", layers::measure_convolutions),
];

fn main() -> ExitCode {
    protocols::allocator::keep_freed_memory();
    // `cargo bench` adds an argument of its own.
    if let Err(refused) = Instructions::asked() {
        eprintln!("figures: {refused}");
        return ExitCode::FAILURE;
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["party", role, layer] => parties::child(role, layer),
        _ => figures(&words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("figures: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn figures(words: &[&str]) -> Result<(), Failure> {
    let effort = if words.contains(&"--quick") { Effort::Quick } else { Effort::Full };
    let asked: Vec<&str> = words.iter().copied().filter(|word| *word != "--quick").collect();
    let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = asked.iter().find(|word| !names.contains(word)) {
        return Err(format!("unknown group `{unknown}`, expected of {}", names.join(", ")).into());
    }
    measure::settle_memory();
    for (name, measure) in GROUPS {
        if asked.is_empty() || asked.contains(&name) {
            measure(effort)?;
        }
    }
    Ok(())
}
