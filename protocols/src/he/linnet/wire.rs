//! A seeded ciphertext on the wire: the seed of its uniform polynomial, then the other in NTT form, its rows packed to
//! the bits of their primes.

use super::ring::Ring;
use super::sample;
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::wire::{BitReader, BitWriter, packed_bytes};

/// Bytes beyond the packed polynomial: the seed.
pub(crate) const REQUEST_EXTRA: usize = BLOCK_BYTES;

/// Writes a ciphertext.
pub(super) fn encode(ring: &Ring, seed: Block, first: &[u64]) -> Vec<u8> {
    let mut bytes = seed.to_bytes().to_vec();
    for (row, values) in ring.rows_of(first) {
        let bits = u64::BITS - row.modulus.value().leading_zeros();
        let mut writer = BitWriter::new(&mut bytes);
        values.iter().for_each(|x| writer.push(*x, bits));
        writer.finish();
    }
    bytes
}

/// Reads a ciphertext, reduced, or the peer is at fault.
pub(super) fn decode(ring: &Ring, bytes: &[u8]) -> Result<[Vec<u64>; 2], Error> {
    let bits = |q: &u64| u64::BITS - q.leading_zeros();
    let rows: usize = ring.primes().iter().map(|q| packed_bytes(ring.degree, bits(q))).sum();
    let Some((seed, mut rest)) = bytes.split_first_chunk().filter(|(_, rest)| rest.len() == rows) else {
        let expected = format!("{} bytes", BLOCK_BYTES + rows);
        return Err(Error::peer("HE ciphertext", expected, bytes.len().to_string()));
    };
    let mut first = Vec::with_capacity(ring.rows.len() * ring.degree);
    for q in ring.primes() {
        let (row, others) = rest.split_at(packed_bytes(ring.degree, bits(q)));
        rest = others;
        let mut reader = BitReader::new(row);
        let start = first.len();
        first.extend((0..ring.degree).map(|_| reader.pull(bits(q))));
        if let Some(bad) = first[start..].iter().find(|x| *x >= q) {
            return Err(Error::peer("HE ciphertext", format!("residues below {q}"), bad.to_string()));
        }
    }
    Ok([first, sample::uniform(ring, Block::from_bytes(*seed))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_back_or_refused() {
        let ring = Ring::new(64, &[50, 36]).unwrap();
        let first = sample::uniform(&ring, Block(3));
        let bytes = encode(&ring, Block(5), &first);
        assert_eq!(bytes.len(), REQUEST_EXTRA + 400 + 288);
        let [read, mask] = decode(&ring, &bytes).unwrap();
        assert!(read == first && mask == sample::uniform(&ring, Block(5)));
        // The first number all ones: beyond the prime.
        let mut large = bytes.clone();
        large[BLOCK_BYTES..][..7].fill(0xff);
        let long = [bytes.as_slice(), &[0]].concat();
        for bad in [&large, &long, &bytes[..bytes.len() - 1], &[][..]] as [&[u8]; 4] {
            assert!(matches!(decode(&ring, bad), Err(Error::Peer { .. })), "{} bytes", bad.len());
        }
    }
}
