//! The choice of primes and the parameters that SEAL makes its tables for.

use super::{Handle, Raw, check};
use crate::Error;
use std::ffi::{c_int, c_long};
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    fn CoeffModulus_Create1(degree: u64, count: u64, bits: *mut c_int, moduli: *mut Raw) -> c_long;
    fn Modulus_Create1(value: u64, out: *mut Raw) -> c_long;
    fn Modulus_Value(this: Raw, value: *mut u64) -> c_long;
    fn Modulus_Destroy(this: Raw) -> c_long;
    fn EncParams_Create1(scheme: u8, out: *mut Raw) -> c_long;
    fn EncParams_SetPolyModulusDegree(this: Raw, degree: u64) -> c_long;
    fn EncParams_SetCoeffModulus(this: Raw, count: u64, moduli: *mut Raw) -> c_long;
    fn EncParams_SetPlainModulus2(this: Raw, modulus: u64) -> c_long;
    fn EncParams_Destroy(this: Raw) -> c_long;
    fn SEALContext_Create(parameters: Raw, expand_chain: bool, security: c_int, out: *mut Raw) -> c_long;
    fn SEALContext_ParametersSet(this: Raw, set: *mut bool) -> c_long;
    fn SEALContext_ParameterErrorMessage(this: Raw, text: *mut u8, length: *mut u64) -> c_long;
    fn SEALContext_KeyParmsId(this: Raw, id: *mut u64) -> c_long;
    fn SEALContext_FirstParmsId(this: Raw, id: *mut u64) -> c_long;
    fn SEALContext_Destroy(this: Raw) -> c_long;
}

/// `scheme_type::bfv`.
const BFV: u8 = 1;

/// The name that SEAL gives to a choice of primes and plaintext modulus: a hash of them.
pub(in super::super) type Level = [u64; 4];

/// SEAL's choice of primes that are 1 modulo 2 `degree`, one per entry of `bits`.
pub(in super::super) fn primes(degree: usize, bits: &[u32]) -> Result<Vec<u64>, Error> {
    let mut bits: Vec<c_int> = bits.iter().map(|b| *b as c_int).collect();
    let mut raw = vec![null_mut(); bits.len()];
    // SAFETY: both arrays have as many entries as the call is told; it writes an object into each entry of the latter.
    let code = unsafe {
        CoeffModulus_Create1(degree as u64, bits.len() as u64, bits.as_mut_ptr(), raw.as_mut_ptr())
    };
    check("choosing primes", code)?;
    raw.into_iter()
        .map(|raw| {
            let modulus = Handle::adopt("choosing primes", Modulus_Destroy, raw)?;
            let mut value = 0;
            // SAFETY: the modulus is alive and `value` valid for a write.
            check("reading a prime", unsafe { Modulus_Value(modulus.raw(), &raw mut value) })?;
            Ok(value)
        })
        .collect()
}

/// Whether SEAL holds the product of all primes of a context against the HomomorphicEncryption.org table.
#[derive(Clone, Copy)]
pub(in super::super) enum Line {
    /// 128 bits, classical.
    Kept = 128,
    /// Nothing is ever published modulo all primes of this context.
    Unchecked = 0,
}

/// Parameters with SEAL's tables for them.
pub(in super::super) struct Parameters(pub(super) Handle);

impl Parameters {
    /// BFV with ring degree `degree` modulo `moduli`. Keys are made modulo all of them; where there are more than one,
    /// SEAL keeps the last from ciphertexts that it is to compute with.
    pub(in super::super) fn new(
        degree: usize,
        moduli: &[u64],
        plain: u64,
        line: Line,
    ) -> Result<Self, Error> {
        const DOING: &str = "making parameters";
        // SAFETY: as everywhere.
        let parameters =
            Handle::create(DOING, EncParams_Destroy, |out| unsafe { EncParams_Create1(BFV, out) })?;
        // SAFETY: as everywhere.
        check(DOING, unsafe { EncParams_SetPolyModulusDegree(parameters.raw(), degree as u64) })?;
        let moduli = moduli
            .iter()
            // SAFETY: as everywhere.
            .map(|q| Handle::create(DOING, Modulus_Destroy, |out| unsafe { Modulus_Create1(*q, out) }))
            .collect::<Result<Vec<_>, _>>()?;
        let mut raw: Vec<Raw> = moduli.iter().map(Handle::raw).collect();
        // SAFETY: as everywhere; the array has as many entries as the call is told, and it copies the moduli.
        let code = unsafe { EncParams_SetCoeffModulus(parameters.raw(), raw.len() as u64, raw.as_mut_ptr()) };
        check(DOING, code)?;
        // SAFETY: as everywhere.
        check(DOING, unsafe { EncParams_SetPlainModulus2(parameters.raw(), plain) })?;
        let context = Self(Handle::create(DOING, SEALContext_Destroy, |out| {
            // SAFETY: as everywhere.
            unsafe { SEALContext_Create(parameters.raw(), false, line as c_int, out) }
        })?);
        let mut valid = false;
        // SAFETY: as everywhere.
        check(DOING, unsafe { SEALContext_ParametersSet(context.0.raw(), &raw mut valid) })?;
        if valid { Ok(context) } else { Err(Error::Seal { doing: DOING, found: context.complaint()? }) }
    }

    fn complaint(&self) -> Result<String, Error> {
        const DOING: &str = "asking what is wrong with parameters";
        let mut length = 0;
        // SAFETY: as everywhere; a null text asks for the length alone.
        check(DOING, unsafe {
            SEALContext_ParameterErrorMessage(self.0.raw(), null_mut(), &raw mut length)
        })?;
        let mut text = vec![0u8; length as usize];
        // SAFETY: as everywhere; the text, a constant of the library, is as long as it was just now.
        check(DOING, unsafe {
            SEALContext_ParameterErrorMessage(self.0.raw(), text.as_mut_ptr(), &raw mut length)
        })?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The level of keys: all primes.
    pub(in super::super) fn key_level(&self) -> Result<Level, Error> {
        let mut level = [0; 4];
        // SAFETY: as everywhere; a level is four words.
        check("asking a level", unsafe { SEALContext_KeyParmsId(self.0.raw(), level.as_mut_ptr()) })?;
        Ok(level)
    }

    /// The level of fresh ciphertexts.
    pub(in super::super) fn data_level(&self) -> Result<Level, Error> {
        let mut level = [0; 4];
        // SAFETY: as everywhere; a level is four words.
        check("asking a level", unsafe { SEALContext_FirstParmsId(self.0.raw(), level.as_mut_ptr()) })?;
        Ok(level)
    }
}
