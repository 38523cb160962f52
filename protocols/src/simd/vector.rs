//! Registers of blocks side by side, and what the kernels that do not depend on their width do with them.
//!
//! Methods are inlined into what [`Vector::run`] runs, which is compiled for the instructions; a value of the type exists nowhere
//! else, and `run` is safe to call only where they were found.

use crate::block::Block;
use crate::gc::Lanes;
use bytemuck::{Pod, bytes_of, must_cast, pod_read_unaligned};
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub(crate) use neon::One;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Four, One, Two};

/// Blocks side by side in a register.
pub(crate) trait Vector: Pod {
    /// Which blocks are chosen.
    type Mask: Copy;
    /// A wire's lanes.
    type Wire: Pod + AsRef<[Self]> + AsMut<[Self]>;
    /// How many blocks there are.
    const BLOCKS: usize;

    /// Whether the machine has what it takes.
    fn available() -> bool;

    /// Runs what is compiled for the instructions.
    ///
    /// # Safety
    /// The machine has them: [`Vector::available`].
    unsafe fn run<R>(kernel: impl FnOnce() -> R) -> R;

    /// The same block everywhere.
    fn all(block: Block) -> Self;
    /// `self ^ other`.
    fn xor(self, other: Self) -> Self;
    /// 64-bit halves, each added to the other's.
    fn add(self, other: Self) -> Self;
    /// The last round of AES.
    fn last_round(self, key: Self) -> Self;
    /// All rounds but the last of eight registers side by side, which hides a round's latency; the first round key was added
    /// before.
    fn rounds(keys: &[Self; 11], x: [Self; 8]) -> [Self; 8];
    /// The linear orthomorphism of `gc/hash.rs`, `l || r -> (l ^ r) || l`, and which blocks' lowest bit, the colour, is set.
    fn sigma(self) -> (Self, Self::Mask);
    /// `self ^ other` where `chosen`, `self` elsewhere.
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self;

    /// A block's last word, its bytes turned by one, in all four: what a round of the key expansion substitutes.
    fn turned(self) -> Self;
    /// A block's words one place up, a zero below.
    fn word_up(self) -> Self;

    /// `self ^ y ^ z`.
    #[inline(always)]
    fn xor3(self, y: Self, z: Self) -> Self {
        self.xor(y).xor(z)
    }

    /// Asks for a cache line that will be read.
    #[inline(always)]
    fn ask_for(_line: *const u8) {}
}

/// The expansions of four keys side by side, round by round, as FIPS 197 has it. Its substitution is the last round's, on a
/// block of four equal words, whose rows do not shift.
///
/// # Safety
/// As of [`Vector::run`].
pub(super) unsafe fn expand<V: Vector>(keys: [Block; 4]) -> [[Block; 4]; 11] {
    const ROUND_CONSTANTS: [u32; 10] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];
    let kernel = || {
        let registers = 4 / V::BLOCKS;
        let mut key = [V::all(Block::ZERO); 4];
        for (i, key) in key[..registers].iter_mut().enumerate() {
            *key = read(bytemuck::cast_slice(&keys), i);
        }
        let mut rounds = [keys; 11];
        for (round, constant) in rounds[1..].iter_mut().zip(ROUND_CONSTANTS) {
            let constant = V::all(must_cast([constant; 4]));
            for (i, key) in key[..registers].iter_mut().enumerate() {
                let substituted = key.turned().last_round(constant);
                let mixed = key.xor(key.word_up());
                let mixed = mixed.xor(mixed.word_up().word_up());
                *key = mixed.xor(substituted);
                write(*key, bytemuck::cast_slice_mut(round), i);
            }
        }
        rounds
    };
    // SAFETY: the caller's.
    unsafe { V::run(kernel) }
}

/// The lanes of a wire, register by register.
#[inline(always)]
pub(super) fn wire<V: Vector>(lanes: &Lanes) -> &[V] {
    bytemuck::must_cast_ref::<Lanes, V::Wire>(lanes).as_ref()
}

/// The same to be written.
#[inline(always)]
pub(super) fn wire_mut<V: Vector>(lanes: &mut Lanes) -> &mut [V] {
    bytemuck::must_cast_mut::<Lanes, V::Wire>(lanes).as_mut()
}

/// The `index`-th register of what lies anywhere.
#[inline(always)]
pub(super) fn read<V: Vector>(bytes: &[u8], index: usize) -> V {
    pod_read_unaligned(&bytes[index * size_of::<V>()..][..size_of::<V>()])
}

/// Writes it.
#[inline(always)]
pub(super) fn write<V: Vector>(value: V, bytes: &mut [u8], index: usize) {
    bytes[index * size_of::<V>()..][..size_of::<V>()].copy_from_slice(bytes_of(&value));
}
