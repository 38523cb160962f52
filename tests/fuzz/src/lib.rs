//! Fuzz targets, as tests of the crate that owns a decoder, in its module `fuzz`.
//!
//! As a test, a target replays its corpus and its seeds, then some mutations of them, the same on every machine. Built with
//! `--cfg fuzzing`, as `cargo xtask fuzz` does, it hands itself to libFuzzer, which looks for inputs that take new
//! branches. Either way a target fails where its decoder panics, overflows, or allocates more than its input is good for:
//! a decoder that believes a length does no harm on the machine of whoever wrote it.
//!
//! ```no_run
//! fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), "numbers")
//!     .seeds(["1 2 3"])
//!     .run(|bytes| std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<u64>().is_ok()));
//! ```

#[cfg(not(fuzzing))]
mod mutate;
#[cfg(not(fuzzing))]
mod replay;
#[cfg(fuzzing)]
mod search;

use std::path::PathBuf;

/// Bytes that a decoder may hold beside those by the byte of its input.
const FIXED: u64 = 1 << 20;

/// Bytes that a decoder may hold by the byte of its input.
const PER_BYTE: u64 = 64;

/// A decoder under test, and what it is tested with.
pub struct Target {
    name: &'static str,
    corpus: PathBuf,
    seeds: Vec<Vec<u8>>,
    per_byte: u64,
    fixed: u64,
}

impl Target {
    /// Of the crate in `folder`, its `CARGO_MANIFEST_DIR`; inputs of the corpus are the files in `corpora/NAME` there. The
    /// decoder may hold 64 bytes by the byte of its input and 1 MiB beside.
    pub fn new(folder: &str, name: &'static str) -> Self {
        let corpus = [folder, "corpora", name].iter().collect();
        Self { name, corpus, seeds: Vec::new(), per_byte: PER_BYTE, fixed: FIXED }
    }

    /// Inputs that the decoder has to accept, such as an encoder makes: a target none of whose inputs are good tests
    /// the first check alone.
    #[must_use]
    pub fn seeds<S: Into<Vec<u8>>>(mut self, seeds: impl IntoIterator<Item = S>) -> Self {
        self.seeds.extend(seeds.into_iter().map(Into::into));
        self
    }

    /// Lets the decoder hold `per_byte` bytes by the byte of its input and `fixed` beside.
    #[must_use]
    pub fn allows(mut self, per_byte: u64, fixed: u64) -> Self {
        (self.per_byte, self.fixed) = (per_byte, fixed);
        self
    }

    /// Tests `decode`, which says whether it took an input, and panics where what it then got is wrong, such as when it
    /// encodes to something else.
    ///
    /// # Panics
    /// Where the decoder fails, with the input.
    pub fn run(self, mut decode: impl FnMut(&[u8]) -> bool) {
        #[cfg(not(fuzzing))]
        self.replay(&mut decode);
        #[cfg(fuzzing)]
        self.search(&mut decode);
    }

    /// Whether the decoder took the input, and the most bytes that it held.
    ///
    /// # Panics
    /// Where they are more than it may hold.
    fn once(&self, decode: &mut dyn FnMut(&[u8]) -> bool, input: &[u8]) -> (bool, u64) {
        let mut taken = false;
        let held = allocation_counter::measure(|| taken = decode(input)).bytes_max;
        let allowed = self.allowed(input);
        assert!(
            held <= allowed,
            "held {held} bytes for an input of {}, at most {allowed} may be",
            input.len()
        );
        (taken, held)
    }

    /// Bytes that the decoder may hold.
    fn allowed(&self, input: &[u8]) -> u64 {
        self.per_byte * input.len() as u64 + self.fixed
    }
}
