//! Files that are plainly something else than what their name says.

use crate::fault::Fault;

/// What the file is instead of a network, where its first bytes tell.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Fault> {
    let text = bytes.trim_ascii_start();
    let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let found = if bytes.is_empty() {
        "an empty file"
    } else if begins(b"version https://git-lfs") {
        "a Git LFS pointer in its place (fetch the file itself with `git lfs pull`)"
    } else if [&b"<!doctype"[..], b"<html", b"<?xml", b"<head"].iter().any(|with| begins(with)) {
        "a web page, as a download that went wrong leaves it"
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        "a gzip archive (unpack it first)"
    } else {
        return Ok(());
    };
    Err(Fault::new("a file of weights or a network", found))
}
