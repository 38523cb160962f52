//! What SEAL computes with: a secret key, plaintexts and ciphertexts.

use super::{Handle, Parameters, Raw, check};
use crate::Error;
use std::ffi::c_long;
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    fn KeyGenerator_Create1(context: Raw, out: *mut Raw) -> c_long;
    fn KeyGenerator_SecretKey(this: Raw, out: *mut Raw) -> c_long;
    fn KeyGenerator_Destroy(this: Raw) -> c_long;
    fn SecretKey_Destroy(this: Raw) -> c_long;
    fn Plaintext_Create1(pool: Raw, out: *mut Raw) -> c_long;
    fn Plaintext_Set4(this: Raw, count: u64, coefficients: *mut u64) -> c_long;
    fn Plaintext_CoeffCount(this: Raw, count: *mut u64) -> c_long;
    fn Plaintext_CoeffAt(this: Raw, index: u64, value: *mut u64) -> c_long;
    fn Plaintext_Destroy(this: Raw) -> c_long;
    fn Ciphertext_Create1(pool: Raw, out: *mut Raw) -> c_long;
    fn Ciphertext_SaveSize(this: Raw, compression: u8, size: *mut i64) -> c_long;
    fn Ciphertext_Save(this: Raw, to: *mut u8, size: u64, compression: u8, written: *mut i64) -> c_long;
    fn Ciphertext_Load(this: Raw, context: Raw, from: *mut u8, size: u64, read: *mut i64) -> c_long;
    fn Ciphertext_Destroy(this: Raw) -> c_long;
}

/// `compr_mode_type::none`.
const UNCOMPRESSED: u8 = 0;

/// A secret key.
pub(in super::super) struct SecretKey(pub(super) Handle);

impl SecretKey {
    /// A fresh ternary key.
    pub(in super::super) fn generate(parameters: &Parameters) -> Result<Self, Error> {
        const DOING: &str = "making a secret key";
        let generator = Handle::create(DOING, KeyGenerator_Destroy, |out| {
            // SAFETY: as everywhere.
            unsafe { KeyGenerator_Create1(parameters.0.raw(), out) }
        })?;
        let key = Handle::create(DOING, SecretKey_Destroy, |out| {
            // SAFETY: as everywhere.
            unsafe { KeyGenerator_SecretKey(generator.raw(), out) }
        })?;
        Ok(Self(key))
    }
}

/// A polynomial of plaintext coefficients or, in NTT form, of residues.
pub(in super::super) struct Plaintext(pub(super) Handle);

impl Plaintext {
    pub(super) fn empty() -> Result<Self, Error> {
        // SAFETY: as everywhere.
        let make = |out| unsafe { Plaintext_Create1(null_mut(), out) };
        Ok(Self(Handle::create("making a plaintext", Plaintext_Destroy, make)?))
    }

    /// These coefficients; taken by value because SEAL asks for a pointer that it could write through.
    pub(in super::super) fn new(mut coefficients: Vec<u64>) -> Result<Self, Error> {
        let plain = Self::empty()?;
        // SAFETY: as everywhere; the call copies as many coefficients as it is told.
        check("setting a plaintext", unsafe {
            Plaintext_Set4(plain.0.raw(), coefficients.len() as u64, coefficients.as_mut_ptr())
        })?;
        Ok(plain)
    }

    /// The first `count` coefficients. SEAL keeps none of the zeros at the end.
    pub(in super::super) fn coefficients(&self, count: usize) -> Result<Vec<u64>, Error> {
        const DOING: &str = "reading a plaintext";
        let mut kept = 0;
        // SAFETY: as everywhere.
        check(DOING, unsafe { Plaintext_CoeffCount(self.0.raw(), &raw mut kept) })?;
        let mut coefficients = vec![0; count];
        for (index, value) in coefficients.iter_mut().enumerate().take(kept as usize) {
            // SAFETY: as everywhere; the index is checked by the callee as well.
            check(DOING, unsafe { Plaintext_CoeffAt(self.0.raw(), index as u64, value) })?;
        }
        Ok(coefficients)
    }
}

/// A ciphertext of two polynomials.
pub(in super::super) struct Ciphertext(pub(super) Handle);

impl Ciphertext {
    /// One that a call is to fill.
    pub(in super::super) fn empty() -> Result<Self, Error> {
        // SAFETY: as everywhere.
        let make = |out| unsafe { Ciphertext_Create1(null_mut(), out) };
        Ok(Self(Handle::create("making a ciphertext", Ciphertext_Destroy, make)?))
    }

    /// SEAL's serialisation, uncompressed.
    pub(in super::super) fn save(&self) -> Result<Vec<u8>, Error> {
        const DOING: &str = "saving a ciphertext";
        let (mut size, mut written) = (0, 0);
        // SAFETY: as everywhere.
        check(DOING, unsafe { Ciphertext_SaveSize(self.0.raw(), UNCOMPRESSED, &raw mut size) })?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        // SAFETY: as everywhere; the call writes no more than the length that it is told.
        check(DOING, unsafe {
            let (to, length) = (bytes.as_mut_ptr(), bytes.len() as u64);
            Ciphertext_Save(self.0.raw(), to, length, UNCOMPRESSED, &raw mut written)
        })?;
        bytes.truncate(usize::try_from(written).unwrap_or(0));
        Ok(bytes)
    }

    /// Reads a serialisation, expands its seed if it has one, and checks that it is valid for `parameters`: its level,
    /// its size, every residue below its prime. Taken by value because SEAL asks for a pointer that it could write
    /// through.
    pub(in super::super) fn load(parameters: &Parameters, mut bytes: Vec<u8>) -> Result<Self, Error> {
        let ciphertext = Self::empty()?;
        let mut read = 0;
        // SAFETY: as everywhere; the call reads no more than the length that it is told.
        check("loading a ciphertext", unsafe {
            let (from, length) = (bytes.as_mut_ptr(), bytes.len() as u64);
            Ciphertext_Load(ciphertext.0.raw(), parameters.0.raw(), from, length, &raw mut read)
        })?;
        Ok(ciphertext)
    }
}
