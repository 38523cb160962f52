//! A target as a test: its corpus, its seeds, and mutations of both.

use crate::mutate::{Choices, mutate};
use crate::target::Target;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Most mutations of a test.
const MUTATIONS: usize = 20_000;

/// Mutations end after that time, on a machine or with a decoder too slow for all of them.
const TIME: Duration = Duration::from_millis(400);

/// Longest input that a failure prints whole.
const PRINTED: usize = 4096;

/// Replays and mutates.
pub(crate) fn replay(target: &Target, decode: &mut dyn FnMut(&[u8]) -> bool) {
    for (index, seed) in target.seeds.iter().enumerate() {
        assert!(told(target, decode, seed), "{}: seed {index} is refused", target.name);
    }
    let files = corpus(target);
    for input in &files {
        told(target, decode, input);
    }
    told(target, decode, &[]);
    let inputs: Vec<Vec<u8>> = target.seeds.iter().cloned().chain(files).collect();
    if inputs.is_empty() {
        return;
    }
    let (mut choices, until) = (Choices::of(target.name), Instant::now() + TIME);
    let mut input = Vec::new();
    for _ in 0..MUTATIONS {
        input.clear();
        input.extend_from_slice(choices.one(&inputs));
        mutate(&mut input, choices.one(&inputs), &mut choices);
        told(target, decode, &input);
        if Instant::now() > until {
            break;
        }
    }
}

/// The files of the corpus, by name.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(&target.corpus) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file of the corpus can be read")).collect()
}

/// As [`Target::once`]; a failure tells the input.
fn told(target: &Target, decode: &mut dyn FnMut(&[u8]) -> bool, input: &[u8]) -> bool {
    match catch_unwind(AssertUnwindSafe(|| target.once(decode, input))) {
        Ok((taken, _)) => taken,
        Err(panic) => {
            eprintln!("target {}, input of {} bytes: {}", target.name, input.len(), hexadecimal(input));
            eprintln!(
                "put it into {} (xxd -r -p), with a name that says what it is",
                target.corpus.display()
            );
            resume_unwind(panic)
        }
    }
}

fn hexadecimal(input: &[u8]) -> String {
    let mut text = String::new();
    for byte in input.iter().take(PRINTED) {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    if input.len() > PRINTED {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a length and as many bytes.
    fn bytes(input: &[u8], trusting: bool) -> bool {
        let Some((length, rest)) = input.split_first_chunk() else { return false };
        let length = u32::from_le_bytes(*length) as usize;
        if !trusting && length > rest.len() {
            return false;
        }
        let mut taken = Vec::with_capacity(length);
        taken.extend_from_slice(&rest[..length.min(rest.len())]);
        std::hint::black_box(&taken);
        rest.len() == length
    }

    fn target() -> Target {
        Target::new(env!("CARGO_MANIFEST_DIR"), "bytes").seeds([b"\x03\0\0\0abc"])
    }

    #[test]
    fn a_decoder_that_checks_passes() {
        replay(&target(), &mut |input| bytes(input, false));
    }

    #[test]
    #[should_panic(expected = "bytes for an input of")]
    fn a_decoder_that_believes_a_length_is_found() {
        replay(&target(), &mut |input| bytes(input, true));
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn a_decoder_that_panics_is_found() {
        replay(&target(), &mut |input| input[4..].len() == 3);
    }

    #[test]
    #[should_panic(expected = "seed 0 is refused")]
    fn a_target_whose_seeds_are_refused_is_none() {
        replay(&target(), &mut |_| false);
    }
}
