//! NumPy's `.npy`: a magic, a version, the length of a header, which is a dictionary in Python's notation with exactly `descr`,
//! `fortran_order` and `shape`, and the values. Source: NumPy enhancement proposal 1.
//!
//! The header is read by its three keys and nothing else of Python, so that nothing in it can nest.

use super::values::{Array, Kind};
use std::borrow::Cow;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header; NumPy's own is 118 bytes.
const MOST_HEADER: usize = 4_096;
/// Most axes.
const MOST_AXES: usize = 32;

/// The array of a file's bytes; otherwise what was found.
pub(in crate::data) fn array(mut bytes: Vec<u8>) -> Result<Array<'static>, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("no .npy file")?;
    let short = || "a header that is cut off".to_owned();
    let (length, from) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), MAGIC.len() + 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, MAGIC.len() + 6),
        [1..=3, ..] | [] => return Err(short()),
        [version, ..] => return Err(format!("a .npy file of version {version}")),
    };
    if length > MOST_HEADER {
        return Err(format!("a header of {length} bytes, where at most {MOST_HEADER} are read"));
    }
    let header = bytes.get(from..from + length).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| "a header that is no text")?;
    let (kind, shape) = parsed(header)?;
    bytes.drain(..from + length);
    Array::new(kind, shape, Cow::Owned(bytes))
}

/// Kind and shape of a header.
fn parsed(header: &str) -> Result<(Kind, Vec<usize>), String> {
    let told = |what: &str| format!("{what} in `{}`", header.trim().escape_debug());
    let value = |key: &str| {
        let (_, rest) =
            header.split_once(&format!("'{key}':")).ok_or_else(|| told(&format!("no `{key}`")))?;
        Ok::<_, String>(rest.trim_start())
    };
    if !value("fortran_order")?.starts_with("False") {
        return Err("an array in Fortran's order (numpy.ascontiguousarray makes another)".into());
    }
    let descr = value("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    let (descr, _) = descr.ok_or_else(|| told("no plain kind of values"))?;
    let kind = kind(descr).ok_or_else(|| format!("values of kind {}", descr.escape_debug()))?;
    let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (shape, _) = shape.ok_or_else(|| told("no shape"))?;
    let extents = shape.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let extents: Option<Vec<usize>> = extents.take(MOST_AXES).map(|extent| extent.parse().ok()).collect();
    Ok((kind, extents.ok_or_else(|| told("no shape of whole numbers"))?))
}

fn kind(descr: &str) -> Option<Kind> {
    Some(match descr {
        "|b1" | "|u1" | "<u1" => Kind::U8,
        "|i1" | "<i1" => Kind::I8,
        "<u2" => Kind::U16,
        "<i2" => Kind::I16,
        "<u4" => Kind::U32,
        "<i4" => Kind::I32,
        "<u8" => Kind::U64,
        "<i8" => Kind::I64,
        "<f4" => Kind::F32,
        "<f8" => Kind::F64,
        _ => return None,
    })
}

#[cfg(test)]
pub(in crate::data) mod tests {
    use super::*;

    /// As `numpy.save` writes it.
    pub(in crate::data) fn file(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        header = format!("{header:<117}\n");
        let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes()].concat();
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    #[test]
    fn kinds_and_shapes_are_read() {
        let read = array(file("<i2", "(2, 1)", &[1, 0, 255, 255])).unwrap();
        assert_eq!((read.shape(), read.integers().unwrap()), (&[2, 1][..], vec![1, -1]));
        let read = array(file("<f8", "(1,)", &0.5f64.to_le_bytes())).unwrap();
        assert_eq!((read.shape(), read.floats().unwrap()), (&[1][..], vec![0.5]));
        assert_eq!(array(file("|u1", "()", &[9])).unwrap().integers().unwrap(), [9]);
    }

    #[test]
    fn damage_is_named() {
        let told = |bytes: &[u8]| array(bytes.to_vec()).err().unwrap();
        let good = file("|u1", "(3, 2)", &[0; 6]);
        assert_eq!(told(&good[..9]), "a header that is cut off");
        assert_eq!(told(&good[..40]), "a header that is cut off");
        assert_eq!(told(&good[..good.len() - 1]), "5 bytes for an array of [3, 2], which needs 6");
        assert_eq!(told(b"PK\x03\x04"), "no .npy file");
        assert_eq!(told(b"\x93NUMPY\x09\x00ab"), "a .npy file of version 9");
        assert_eq!(
            told(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
            "a header of 4294967295 bytes, where at most 4096 are read"
        );
        assert_eq!(told(&file("|O", "(3,)", &[])), "values of kind |O");
        assert_eq!(told(&file(">i4", "(1,)", &[0; 4])), "values of kind >i4");
        assert!(told(&file("|u1", "(3, -2)", &[0; 6])).starts_with("no shape of whole numbers"));
        let huge = "(18446744073709551615, 18446744073709551615)";
        assert!(
            told(&file("<f8", huge, &[0; 8])).starts_with("8 bytes for an array of [18446744073709551615")
        );
    }
}
