//! AES-128 in bulk on every engine: the rate that the floors of garbling and of OT are derived from.

use crate::measure::{Effort, Failure, engines, nanoseconds, tell};
use protocols::block::Block;
use protocols::cipher::encrypt;
use std::hint::black_box;

/// A buffer that stays in the first-level cache, encrypted so often a run.
const BLOCKS: usize = 1024;
const PASSES: usize = 256;

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    for (name, engine) in engines() {
        let mut blocks = vec![Block::ZERO; BLOCKS];
        let key = Block::from_bytes([7; 16]);
        let times = nanoseconds(effort.kernel_runs(), BLOCKS * PASSES, || {
            for _ in 0..PASSES {
                encrypt(engine, key, black_box(&mut blocks));
            }
        });
        tell(&format!("AES-128 block, {name}"), "ns", times);
    }
    Ok(())
}
