//! What SEAL does: encryption, decryption and evaluation.

use super::{Ciphertext, Handle, Level, Parameters, Plaintext, Raw, SecretKey, check};
use crate::Error;
use std::ffi::c_long;
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    fn PublicKey_Create1(out: *mut Raw) -> c_long;
    fn PublicKey_Data(this: Raw, data: *mut Raw) -> c_long;
    fn PublicKey_Destroy(this: Raw) -> c_long;
    fn Encryptor_Create(context: Raw, public: Raw, secret: Raw, out: *mut Raw) -> c_long;
    fn Encryptor_EncryptSymmetric(this: Raw, plain: Raw, seeded: bool, to: Raw, pool: Raw) -> c_long;
    fn Encryptor_EncryptZeroSymmetric2(this: Raw, seeded: bool, to: Raw, pool: Raw) -> c_long;
    fn Encryptor_EncryptZero1(this: Raw, level: *mut u64, to: Raw, pool: Raw) -> c_long;
    fn Encryptor_Destroy(this: Raw) -> c_long;
    fn Decryptor_Create(context: Raw, secret: Raw, out: *mut Raw) -> c_long;
    fn Decryptor_Decrypt(this: Raw, ciphertext: Raw, to: Raw) -> c_long;
    fn Decryptor_Destroy(this: Raw) -> c_long;
    fn Evaluator_Create(context: Raw, out: *mut Raw) -> c_long;
    fn Evaluator_Add(this: Raw, left: Raw, right: Raw, to: Raw) -> c_long;
    fn Evaluator_MultiplyPlain(this: Raw, ciphertext: Raw, plain: Raw, to: Raw, pool: Raw) -> c_long;
    fn Evaluator_TransformToNTT1(this: Raw, plain: Raw, level: *mut u64, to: Raw, pool: Raw) -> c_long;
    fn Evaluator_TransformToNTT2(this: Raw, ciphertext: Raw, to: Raw) -> c_long;
    fn Evaluator_TransformFromNTT(this: Raw, ciphertext: Raw, to: Raw) -> c_long;
    fn Evaluator_Destroy(this: Raw) -> c_long;
    fn Ciphertext_Set(this: Raw, other: Raw) -> c_long;
}

/// Encrypts under a secret or a public key.
pub(in super::super) struct Encryptor(pub(super) Handle);

impl Encryptor {
    /// Under a secret key.
    pub(in super::super) fn symmetric(parameters: &Parameters, key: &SecretKey) -> Result<Self, Error> {
        // SAFETY: as everywhere; there is no public key.
        let make = |out| unsafe { Encryptor_Create(parameters.0.raw(), null_mut(), key.0.raw(), out) };
        Ok(Self(Handle::create("making an encryptor", Encryptor_Destroy, make)?))
    }

    /// Under the public key that is this encryption of zero, in NTT form.
    pub(in super::super) fn public(parameters: &Parameters, zero: &Ciphertext) -> Result<Self, Error> {
        const DOING: &str = "setting a public key";
        // SAFETY: as everywhere.
        let key = Handle::create(DOING, PublicKey_Destroy, |out| unsafe { PublicKey_Create1(out) })?;
        let mut inside = null_mut();
        // SAFETY: as everywhere; `inside` is a part of the key, which outlives its use on the next line.
        check(DOING, unsafe { PublicKey_Data(key.raw(), &raw mut inside) })?;
        // SAFETY: as everywhere; the call copies the ciphertext.
        check(DOING, unsafe { Ciphertext_Set(inside, zero.0.raw()) })?;
        // SAFETY: as everywhere; there is no secret key.
        let make = |out| unsafe { Encryptor_Create(parameters.0.raw(), key.raw(), null_mut(), out) };
        Ok(Self(Handle::create("making an encryptor", Encryptor_Destroy, make)?))
    }

    /// A symmetric encryption, in place of whose second polynomial a seed is saved.
    pub(in super::super) fn encrypt_seeded(&self, plain: &Plaintext) -> Result<Ciphertext, Error> {
        let to = Ciphertext::empty()?;
        // SAFETY: as everywhere.
        check("encrypting", unsafe {
            Encryptor_EncryptSymmetric(self.0.raw(), plain.0.raw(), true, to.0.raw(), null_mut())
        })?;
        Ok(to)
    }

    /// A symmetric encryption of zero.
    pub(in super::super) fn zero_symmetric(&self, seeded: bool) -> Result<Ciphertext, Error> {
        let to = Ciphertext::empty()?;
        // SAFETY: as everywhere.
        check("encrypting zero", unsafe {
            Encryptor_EncryptZeroSymmetric2(self.0.raw(), seeded, to.0.raw(), null_mut())
        })?;
        Ok(to)
    }

    /// A public-key encryption of zero at `level`.
    pub(in super::super) fn zero_public(&self, mut level: Level) -> Result<Ciphertext, Error> {
        let to = Ciphertext::empty()?;
        // SAFETY: as everywhere; a level is four words.
        check("encrypting zero", unsafe {
            Encryptor_EncryptZero1(self.0.raw(), level.as_mut_ptr(), to.0.raw(), null_mut())
        })?;
        Ok(to)
    }
}

/// Decrypts.
pub(in super::super) struct Decryptor(pub(super) Handle);

impl Decryptor {
    /// With this key.
    pub(in super::super) fn new(parameters: &Parameters, key: &SecretKey) -> Result<Self, Error> {
        // SAFETY: as everywhere.
        let make = |out| unsafe { Decryptor_Create(parameters.0.raw(), key.0.raw(), out) };
        Ok(Self(Handle::create("making a decryptor", Decryptor_Destroy, make)?))
    }

    /// The plaintext.
    pub(in super::super) fn decrypt(&self, ciphertext: &Ciphertext) -> Result<Plaintext, Error> {
        let to = Plaintext::empty()?;
        // SAFETY: as everywhere.
        check("decrypting", unsafe { Decryptor_Decrypt(self.0.raw(), ciphertext.0.raw(), to.0.raw()) })?;
        Ok(to)
    }
}

/// Computes with ciphertexts.
pub(in super::super) struct Evaluator(pub(super) Handle);

impl Evaluator {
    /// For ciphertexts of these parameters.
    pub(in super::super) fn new(parameters: &Parameters) -> Result<Self, Error> {
        // SAFETY: as everywhere.
        let make = |out| unsafe { Evaluator_Create(parameters.0.raw(), out) };
        Ok(Self(Handle::create("making an evaluator", Evaluator_Destroy, make)?))
    }

    /// A plaintext in NTT form modulo the primes of `level`; coefficients from half the plaintext modulus on are lifted
    /// as negative.
    pub(in super::super) fn plain_to_ntt(
        &self,
        plain: &Plaintext,
        mut level: Level,
    ) -> Result<Plaintext, Error> {
        let to = Plaintext::empty()?;
        // SAFETY: as everywhere; a level is four words.
        check("transforming a plaintext", unsafe {
            Evaluator_TransformToNTT1(self.0.raw(), plain.0.raw(), level.as_mut_ptr(), to.0.raw(), null_mut())
        })?;
        Ok(to)
    }

    /// A ciphertext in NTT form.
    pub(in super::super) fn to_ntt(&self, ciphertext: &Ciphertext) -> Result<Ciphertext, Error> {
        let to = Ciphertext::empty()?;
        // SAFETY: as everywhere.
        check("transforming a ciphertext", unsafe {
            Evaluator_TransformToNTT2(self.0.raw(), ciphertext.0.raw(), to.0.raw())
        })?;
        Ok(to)
    }

    /// A ciphertext in coefficient form.
    pub(in super::super) fn to_coefficients(&self, ciphertext: &Ciphertext) -> Result<Ciphertext, Error> {
        let to = Ciphertext::empty()?;
        // SAFETY: as everywhere.
        check("transforming a ciphertext back", unsafe {
            Evaluator_TransformFromNTT(self.0.raw(), ciphertext.0.raw(), to.0.raw())
        })?;
        Ok(to)
    }

    /// Writes the product of a ciphertext and a plaintext, both in NTT form, to `to`.
    pub(in super::super) fn multiply(
        &self,
        ciphertext: &Ciphertext,
        plain: &Plaintext,
        to: &mut Ciphertext,
    ) -> Result<(), Error> {
        // SAFETY: as everywhere; `to` is borrowed mutably and so is neither of the operands.
        check("multiplying", unsafe {
            Evaluator_MultiplyPlain(self.0.raw(), ciphertext.0.raw(), plain.0.raw(), to.0.raw(), null_mut())
        })
    }

    /// Adds `term` to `sum`.
    pub(in super::super) fn add(&self, sum: &mut Ciphertext, term: &Ciphertext) -> Result<(), Error> {
        // SAFETY: as everywhere; SEAL allows the destination to be an operand.
        check("adding", unsafe { Evaluator_Add(self.0.raw(), sum.0.raw(), term.0.raw(), sum.0.raw()) })
    }
}
