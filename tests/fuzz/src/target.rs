//! A target: what is tested, with what, and how much it may hold.

use std::path::PathBuf;

/// Bytes that a decoder may hold beside those by the byte of its input.
const FIXED: u64 = 1 << 20;

/// Bytes that a decoder may hold by the byte of its input.
const PER_BYTE: u64 = 64;

/// A decoder under test, and what it is tested with.
pub struct Target {
    pub(crate) name: &'static str,
    #[cfg_attr(fuzzing, expect(dead_code, reason = "the fuzzer is told of the folder by its arguments"))]
    pub(crate) corpus: PathBuf,
    pub(crate) seeds: Vec<Vec<u8>>,
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

    /// Whether the decoder took the input, and the most bytes that it held.
    ///
    /// # Panics
    /// Where they are more than it may hold.
    pub(crate) fn once(&self, decode: &mut dyn FnMut(&[u8]) -> bool, input: &[u8]) -> (bool, u64) {
        let mut taken = false;
        let held = allocation_counter::measure(|| taken = decode(input)).bytes_max;
        let allowed = self.allowed(input);
        let (name, length) = (self.name, input.len());
        assert!(
            held <= allowed,
            "{name}: held {held} bytes for an input of {length}, at most {allowed} may be"
        );
        (taken, held)
    }

    /// Bytes that the decoder may hold.
    pub(crate) fn allowed(&self, input: &[u8]) -> u64 {
        self.per_byte * input.len() as u64 + self.fixed
    }
}
