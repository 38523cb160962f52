//! What the C library does with memory that was given back.
//!
//! Messages, tables and shares are made and dropped all the time. From 128 KiB on, glibc gives an allocation pages of its own
//! and returns them when it is dropped; the next one is mapped and zeroed anew, page by page. A page costs a fault when it is first
//! touched and again whenever it was given back, which is dear for what runs once an inference over hundreds of megabytes. So
//! programs keep what they have (figures in ARCHITECTURE.md). Freed buffers that nobody overwrote stay in the process with it.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "a call of the C library")
)]

/// The environment of a party that another program starts: memory in huge pages, kept once it is there. Other C libraries
/// ignore it.
pub const OF_PARTIES: (&str, &str) = (
    TUNABLES,
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296:\
     glibc.malloc.top_pad=33554432",
);

const TUNABLES: &str = "GLIBC_TUNABLES";

/// Lets glibc keep what it is given back for the process's next allocations, but for huge pages, which only the environment
/// can ask for. To be called once, first thing in a program. It leaves everything as it is where the environment says how
/// memory is to be served, and does nothing with another C library.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Bytes from which an allocation has pages of its own.
        const OWN_PAGES_FROM: libc::c_int = 32 << 20;
        /// Free bytes at the end of a heap from which they are returned.
        const RETURNED_FROM: libc::c_int = 256 << 20;
        let tuned =
            std::env::var_os(TUNABLES).is_some_and(|said| said.to_string_lossy().contains("glibc.malloc."));
        let older = ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"];
        if tuned || older.iter().any(|name| std::env::var_os(name).is_some()) {
            return;
        }
        for (parameter, value) in
            [(libc::M_MMAP_THRESHOLD, OWN_PAGES_FROM), (libc::M_TRIM_THRESHOLD, RETURNED_FROM)]
        {
            // SAFETY: it takes two numbers. A value that it refuses changes nothing.
            unsafe { libc::mallopt(parameter, value) };
        }
    }
}
