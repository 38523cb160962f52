//! A target as `cargo xtask fuzz` runs it: in libFuzzer, by way of bolero.

use crate::target::Target;
use std::cell::RefCell;
use std::path::Path;

/// Where seeds are written, for the fuzzer to begin with. bolero itself takes the fuzzer's arguments from
/// `BOLERO_LIBFUZZER_ARGS`.
const SEEDS: &str = "LINNET_FUZZ_SEEDS";

/// Where the most bytes that were held are written, and how many might have been.
const PEAK: &str = "LINNET_FUZZ_PEAK";

/// Searches until the fuzzer's time is over, and ends the process.
pub(crate) fn search(target: &Target, decode: &mut dyn FnMut(&[u8]) -> bool) {
    if let Some(folder) = std::env::var_os(SEEDS) {
        for (index, seed) in target.seeds.iter().enumerate() {
            let file = Path::new(&folder).join(index.to_string());
            std::fs::write(file, seed).expect("the folder for seeds can be written");
        }
    }
    let (peak, state) = (std::env::var_os(PEAK), RefCell::new((decode, 0.0)));
    let state = std::panic::AssertUnwindSafe(&state);
    bolero::check!().for_each(|input: &[u8]| {
        let (decode, most) = &mut *{ &state }.borrow_mut();
        let (_, held) = target.once(decode, input);
        let share = held as f64 / target.allowed(input) as f64;
        if share > *most {
            *most = share;
            if let Some(file) = &peak {
                let line = format!("{held} {}\n", target.allowed(input));
                // Told for information alone.
                let _ = std::fs::write(file, line);
            }
        }
    });
}
