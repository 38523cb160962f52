//! Pads from correlated OT strings: the hash of a string of choice 0, or of the one that was chosen.
//! Source and security: the hash of `hash.rs` under its own use, so correlation robust and never equal to a gate's.

use super::hash::{CALLS_PER_KEY, ChunkKeys, Hash, SessionKey, Use, sigma};
use crate::block::{Block, Delta};
use crate::cipher::Cipher;
use zeroize::Zeroize;

/// Which of a layer's transfers a string belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Lot {
    /// Products of top bits, of linearized units.
    Truncation,
    /// Products of a sign, of kept units.
    Sign,
    /// Products with a bit of a number of the client's.
    ClientBit(u32),
    /// Products with a bit of a number of the server's.
    ServerBit(u32),
    /// Of a comparison by tables: of a piece of the layer, for this purpose.
    Compared(u32, Purpose),
}

/// What a string of a comparison by tables is hashed for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// The client's share of the outcome times what the server compares.
    Factor,
    /// The server's share of the carry as a number.
    Carry,
    /// The server's share of the outcome times what the client compares.
    Outcome,
    /// A level of a table, or the top bit: the row of this number.
    Row(u32),
}

/// More than there are purposes.
const PURPOSES: u32 = 64;

impl Purpose {
    const fn number(self) -> u32 {
        match self {
            Self::Factor => 0,
            Self::Carry => 1,
            Self::Outcome => 2,
            Self::Row(row) => {
                assert!(row < PURPOSES - 3, "a unit has fewer rows");
                3 + row
            }
        }
    }
}

impl Lot {
    /// Its number, no two alike.
    const fn number(self) -> u32 {
        match self {
            Self::Truncation => 0,
            Self::Sign => 1,
            Self::ClientBit(bit) => 2 + 2 * bit,
            Self::ServerBit(bit) => 3 + 2 * bit,
            Self::Compared(piece, purpose) => (1 << 16) + PURPOSES * piece + purpose.number(),
        }
    }
}

/// Strings that share a key. A sender hashes two of each.
const STRINGS_PER_KEY: usize = 256;
const _: () = assert!(2 * STRINGS_PER_KEY <= CALLS_PER_KEY);

/// The low 64 bits of the hash of every string; layer and lot are never the same for two sets of strings of a session.
pub fn pads(session: SessionKey, place: (u32, Lot), strings: &[Block]) -> Vec<u64> {
    let mut pads = Vec::with_capacity(strings.len());
    each_key(session, place, strings, |cipher, inputs| hash(cipher, inputs, &mut pads));
    pads
}

/// The same of every string of choice 0, and of the string of choice 1.
pub fn pads_of_both(
    session: SessionKey,
    place: (u32, Lot),
    strings: &[Block],
    delta: Delta,
) -> [Vec<u64>; 2] {
    let [mut of_zero, mut of_one] = [(); 2].map(|()| Vec::with_capacity(strings.len()));
    // The orthomorphism is linear.
    let offset = sigma(delta.block());
    each_key(session, place, strings, |cipher, inputs| {
        hash(cipher, inputs, &mut of_zero);
        inputs.iter_mut().for_each(|input| *input ^= offset);
        hash(cipher, inputs, &mut of_one);
    });
    [of_zero, of_one]
}

/// What is hashed under each key.
fn each_key(
    session: SessionKey,
    (layer, lot): (u32, Lot),
    strings: &[Block],
    mut take: impl FnMut(&Cipher, &mut [Block]),
) {
    let mut inputs = [Block::ZERO; STRINGS_PER_KEY];
    for (chunk, strings) in (0..).zip(strings.chunks(STRINGS_PER_KEY)) {
        for (number, (input, string)) in (0..).zip(inputs.iter_mut().zip(strings)) {
            *input = sigma(*string) ^ Block(number);
        }
        let Hash(cipher) = ChunkKeys::new(session, layer, chunk).hash(Use::Transfer, lot.number());
        take(&cipher, &mut inputs[..strings.len()]);
    }
    inputs.zeroize();
}

fn hash(cipher: &Cipher, inputs: &[Block], pads: &mut Vec<u64>) {
    let mut blocks = [Block::ZERO; STRINGS_PER_KEY];
    let blocks = &mut blocks[..inputs.len()];
    blocks.copy_from_slice(inputs);
    cipher.encrypt(blocks);
    pads.extend(blocks.iter().zip(inputs).map(|(block, input)| (*block ^ *input).0 as u64));
}
