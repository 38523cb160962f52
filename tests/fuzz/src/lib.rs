//! Fuzz targets, as tests of the crate that owns a decoder, in its module `fuzz`.
//!
//! As a test, a target replays its corpus and its seeds, then some mutations of them, the same on every machine. Built with
//! `--cfg fuzzing`, as `cargo xtask fuzz` does, it hands itself to libFuzzer, which looks for inputs that take new
//! branches. Either way a target fails where its decoder panics, overflows, or allocates more than its input is good for:
//! a decoder that believes a length does no harm on the machine of whoever wrote it.
//!
//! ```no_run
//! fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), "numbers")
//!     .seeds(["123"])
//!     .run(|bytes| std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<u64>().is_ok()));
//! ```

#[cfg(not(fuzzing))]
mod mutate;
#[cfg(not(fuzzing))]
mod replay;
#[cfg(fuzzing)]
mod search;
mod target;

pub use target::Target;

impl Target {
    /// Tests `decode`, which says whether it took an input, and panics where what it then got is wrong, such as when it
    /// encodes to something else.
    ///
    /// # Panics
    /// Where the decoder fails, with the input.
    pub fn run(self, mut decode: impl FnMut(&[u8]) -> bool) {
        #[cfg(not(fuzzing))]
        replay::replay(&self, &mut decode);
        #[cfg(fuzzing)]
        search::search(&self, &mut decode);
    }
}
