//! The functions of SEAL's C interface that this backend calls, each behind a safe one; its only unsafe code.
//!
//! Every function of SEAL's returns a code (0: done) and turns the exceptions that it foresees into one; another, such as
//! for want of memory, unwinds to the end of the thread and ends the process. Objects are opaque pointers,
//! created by a function and destroyed by another; a [`Handle`] does both. A null memory pool means SEAL's global one.
//!
//! "As everywhere" in a SAFETY note says: objects come from live handles and outlive the call, `out` and the addresses
//! of locals are valid for a write, and the function keeps none of these pointers.
#![expect(unsafe_code, reason = "calls of a C library through pointers that these files alone make")]

mod objects;
mod operations;
mod parameters;

pub(super) use objects::{Ciphertext, Plaintext, SecretKey};
pub(super) use operations::{Decryptor, Encryptor, Evaluator};
pub(super) use parameters::{Level, Line, Parameters, primes};

use crate::Error;
// Named only so that its static library is linked.
use seal_fhe as _;
use std::ffi::{c_long, c_void};
use std::ptr::{NonNull, null_mut};

type Raw = *mut c_void;
type Destroy = unsafe extern "C-unwind" fn(Raw) -> c_long;

/// Turns a code of SEAL's into an error that says what was being done.
fn check(doing: &'static str, code: c_long) -> Result<(), Error> {
    // The codes are 32 bits wide and sign-extended on some platforms only.
    let found = match code as u32 {
        0 => return Ok(()),
        0x8000_4003 => "a null pointer".into(),
        0x8007_0057 => "an invalid argument".into(),
        0x8013_1509 => "an invalid operation".into(),
        0x8013_1620 => "malformed or short data".into(),
        other => format!("code {other:#x}"),
    };
    Err(Error::Seal { doing, found })
}

/// An object of SEAL's, destroyed when dropped. The pointer comes from the function that created the object.
struct Handle {
    raw: NonNull<c_void>,
    destroy: Destroy,
}

// SAFETY: objects belong to no thread: their memory comes from pools that lock. Shared references reach only SEAL's
// const functions, which change nothing, and the decryptor, which guards what it may extend with a lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    fn create(
        doing: &'static str,
        destroy: Destroy,
        make: impl FnOnce(*mut Raw) -> c_long,
    ) -> Result<Self, Error> {
        let mut raw = null_mut();
        check(doing, make(&raw mut raw))?;
        Self::adopt(doing, destroy, raw)
    }

    /// Takes over an object that nobody else destroys.
    fn adopt(doing: &'static str, destroy: Destroy, raw: Raw) -> Result<Self, Error> {
        let raw = NonNull::new(raw).ok_or(Error::Seal { doing, found: "a null object".into() })?;
        Ok(Self { raw, destroy })
    }

    fn raw(&self) -> Raw {
        self.raw.as_ptr()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the object is alive, its own function destroys it, and nobody uses it afterwards.
        unsafe { (self.destroy)(self.raw()) };
    }
}
