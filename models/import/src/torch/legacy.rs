//! The stream that PyTorch wrote before 1.6: pickles of a magic number, a version, the machine, the object and the keys
//! of its storages, then those storages in order, each behind its number of elements.

use super::machine::load;
use super::pickle::{Object, Pickle};
use super::tensor::{Storages, width};
use crate::fault::Fault;
use std::borrow::Cow;
use std::collections::HashMap;

/// 0x1950a86a20f9469cfc6c as the pickle's first object.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
const VERSION: i64 = 1001;

/// The pickle, and the storages behind it.
pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, Storages<'_>), Fault> {
    let mut rest = bytes;
    let magic = next(&mut rest)?;
    if !bytes[..magic.length].windows(MAGIC.len()).any(|window| window == MAGIC) {
        return Err(Fault::new("a file of torch.save", "another pickle"));
    }
    let version = next(&mut rest)?;
    match version.object(version.top) {
        Object::Int(VERSION) => {}
        Object::Int(other) => return Err(Fault::new(format!("version {VERSION}"), other.to_string())),
        _ => return Err(Fault::new(format!("version {VERSION}"), "no number")),
    }
    let machine = next(&mut rest)?;
    if matches!(machine.entry("little_endian"), Some(Object::Bool(false))) {
        return Err(Fault::new("little-endian values", "big-endian ones"));
    }
    let pickle = next(&mut rest)?;
    let keys = next(&mut rest)?;

    let widths: HashMap<&str, usize> = pickle.storages().map(|(key, dtype)| (key, width(dtype))).collect();
    let Object::Sequence(order) = keys.object(keys.top) else {
        return Err(Fault::new("a list of storages", "something else"));
    };
    let mut storages = HashMap::new();
    for key in order {
        let key = keys.text(*key).ok_or_else(|| Fault::new("keys of storages as texts", "something else"))?;
        let width = widths.get(key).ok_or_else(|| {
            Fault::new("storages of the tensors alone", format!("one of `{}` more", key.escape_debug()))
        })?;
        let (elements, behind) = rest.split_first_chunk().ok_or_else(cut)?;
        let size = usize::try_from(i64::from_le_bytes(*elements)).ok().and_then(|n| n.checked_mul(*width));
        let (values, behind) = behind.split_at_checked(size.ok_or_else(cut)?).ok_or_else(cut)?;
        if storages.insert(key.to_owned(), Cow::Borrowed(values)).is_some() {
            return Err(Fault::new("every storage once", format!("`{}` twice", key.escape_debug())));
        }
        rest = behind;
    }
    Ok((pickle, storages))
}

/// The pickle that `rest` begins with.
fn next(rest: &mut &[u8]) -> Result<Pickle, Fault> {
    let pickle = load(rest)?;
    *rest = &rest[pickle.length..];
    Ok(pickle)
}

fn cut() -> Fault {
    Fault::new("the elements of every storage", "the end of the file")
}
