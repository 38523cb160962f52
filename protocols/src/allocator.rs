//! What the C library does with memory that was given back.
//!
//! Messages, tables and shares are made and dropped all the time. From 128 KiB on, glibc gives an allocation pages of its own
//! and returns them when it is dropped; the next one is mapped and zeroed anew, page by page. Kept, they are at hand: a ReLU of
//! the variants takes 10 to 25 % less time of both parties, and their peak memory stays (ARCHITECTURE.md).
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "a call of the C library")
)]

/// Lets the allocator keep what it is given back, for the process's next allocations. To be called once, first thing in a
/// program; it leaves glibc as it is where `GLIBC_TUNABLES` says what is wanted, and does nothing elsewhere.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("GLIBC_TUNABLES").is_none() {
        /// Bytes from which an allocation has pages of its own: the most that glibc takes.
        const OWN_PAGES_FROM: libc::c_int = 32 << 20;
        /// Free bytes at the end of a heap from which they are returned.
        const RETURNED_FROM: libc::c_int = 256 << 20;
        for (parameter, value) in
            [(libc::M_MMAP_THRESHOLD, OWN_PAGES_FROM), (libc::M_TRIM_THRESHOLD, RETURNED_FROM)]
        {
            // SAFETY: it takes two numbers. A value that it refuses changes nothing.
            unsafe { libc::mallopt(parameter, value) };
        }
    }
}
