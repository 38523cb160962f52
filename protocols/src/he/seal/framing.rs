//! What travels of a ciphertext, and SEAL's serialisation around it.
//!
//! A fresh symmetric ciphertext travels as the residues of its first polynomial, prime by prime in as many bits as the
//! prime has, then the 64-byte seed of its second. SEAL's own form (64 bits a residue, behind headers) is made of that on
//! arrival, with headers learnt from a ciphertext of one's own: no byte that the peer chose but residues and a seed
//! reaches SEAL's parser, and every length is fixed.

use super::facts::SEED_BYTES;
use super::ffi::{Encryptor, Parameters, SecretKey};
use crate::Error;
use crate::he::ciphertext::Residues;
use crate::wire;

/// Bytes that SEAL keeps a residue in.
const WORD: usize = 8;

/// SEAL's headers around the residues and the seed, the same for every ciphertext of the same parameters.
pub(super) struct Framing {
    degree: usize,
    moduli: Vec<u64>,
    bits: Vec<u32>,
    /// Before the one polynomial of a seeded ciphertext.
    seeded: Vec<u8>,
    /// Between that polynomial and the seed.
    seed: Vec<u8>,
    /// Before the two polynomials of a whole ciphertext.
    whole: Vec<u8>,
}

impl Framing {
    /// Learns the headers from two encryptions under a key that is thrown away.
    pub(super) fn learn(
        parameters: &Parameters,
        degree: usize,
        moduli: &[u64],
        bits: &[u32],
    ) -> Result<Self, Error> {
        let encryptor = Encryptor::symmetric(parameters, &SecretKey::generate(parameters)?)?;
        let whole = encryptor.zero_symmetric(false)?.save()?;
        let seeded = encryptor.zero_symmetric(true)?.save()?;
        let polynomial = moduli.len() * degree * WORD;
        // Both begin with the same fields, so the same number of bytes.
        let head = whole.len().checked_sub(2 * polynomial);
        let seed = head.and_then(|head| seeded.len().checked_sub(head + polynomial + SEED_BYTES));
        let (Some(head), Some(seed)) = (head, seed) else {
            let found = format!("{} and {} bytes", whole.len(), seeded.len());
            return Err(Error::Seal { doing: "learning the serialisation", found });
        };
        Ok(Self {
            degree,
            moduli: moduli.to_vec(),
            bits: bits.to_vec(),
            seed: seeded[head + polynomial..][..seed].to_vec(),
            seeded: seeded[..head].to_vec(),
            whole: whole[..head].to_vec(),
        })
    }

    /// What travels of SEAL's form of a seeded ciphertext.
    pub(super) fn message(&self, saved: &[u8]) -> Result<Vec<u8>, Error> {
        let expected = self.seeded.len() + self.polynomial() + self.seed.len() + SEED_BYTES;
        if saved.len() != expected || !saved.starts_with(&self.seeded) {
            let found = format!("{} bytes where {expected} were expected", saved.len());
            return Err(Error::Seal { doing: "saving a seeded ciphertext", found });
        }
        let mut message = Vec::with_capacity(self.wire_bytes());
        let residues = words(&saved[self.seeded.len()..][..self.polynomial()]);
        for (row, bits) in residues.chunks_exact(self.degree).zip(&self.bits) {
            message.extend(wire::pack(row, *bits));
        }
        message.extend_from_slice(&saved[saved.len() - SEED_BYTES..]);
        Ok(message)
    }

    /// SEAL's form of the seeded ciphertext that the peer sent as `message`, or the peer is at fault.
    pub(super) fn saved(&self, what: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
        if message.len() != self.wire_bytes() {
            let expected = format!("{} bytes", self.wire_bytes());
            return Err(Error::peer(what, expected, message.len().to_string()));
        }
        let (mut rows, seed) = message.split_at(message.len() - SEED_BYTES);
        let mut saved = self.seeded.clone();
        saved.reserve(self.polynomial() + self.seed.len() + SEED_BYTES);
        for (q, bits) in self.moduli.iter().zip(&self.bits) {
            let (row, rest) = rows.split_at(wire::packed_bytes(self.degree, *bits));
            rows = rest;
            for x in wire::unpack(row, *bits, self.degree) {
                if x >= *q {
                    return Err(Error::peer(what, format!("residues below {q}"), x.to_string()));
                }
                saved.extend_from_slice(&x.to_le_bytes());
            }
        }
        saved.extend_from_slice(&self.seed);
        saved.extend_from_slice(seed);
        Ok(saved)
    }

    /// The residues of both polynomials of SEAL's form of a whole ciphertext.
    pub(super) fn residues(&self, saved: &[u8]) -> Result<[Residues; 2], Error> {
        if saved.len() != self.whole.len() + 2 * self.polynomial() || !saved.starts_with(&self.whole) {
            let found = format!("{} bytes in another form", saved.len());
            return Err(Error::Seal { doing: "saving a ciphertext", found });
        }
        let (first, second) = saved[self.whole.len()..].split_at(self.polynomial());
        Ok([first, second]
            .map(|polynomial| words(polynomial).chunks_exact(self.degree).map(<[u64]>::to_vec).collect()))
    }

    /// SEAL's form of the whole ciphertext of these residues.
    pub(super) fn whole(&self, polynomials: [&Residues; 2]) -> Vec<u8> {
        let mut saved = self.whole.clone();
        saved.reserve(2 * self.polynomial());
        for x in polynomials.into_iter().flatten().flatten() {
            saved.extend_from_slice(&x.to_le_bytes());
        }
        saved
    }

    /// Bytes of a polynomial in SEAL's form.
    fn polynomial(&self) -> usize {
        self.moduli.len() * self.degree * WORD
    }

    /// Bytes of a message.
    fn wire_bytes(&self) -> usize {
        self.bits.iter().map(|bits| wire::packed_bytes(self.degree, *bits)).sum::<usize>() + SEED_BYTES
    }
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes
        .chunks_exact(WORD)
        .map(|word| u64::from_le_bytes(word.try_into().expect("a chunk has the asked length")))
        .collect()
}
