//! Arrays of whole numbers in MATLAB's files of version 5 (those of `save -v6` and `-v7`), as far as data sets need them.
//! Source: MathWorks, "MAT-File Format", 2019, chapter 1.
//!
//! Behind 128 bytes of text, version and byte order the file is a list of elements: a type and a length of 32 bits each, and so
//! many bytes. Type 15 holds other elements in zlib; type 14 is an array: flags, extents, name and values, elements
//! themselves, which begin at multiples of 8 bytes. One of at most 4 bytes may have its length in the upper half of its
//! type. Values are in column order: the first extent is the fastest.

use super::files::unread;
use super::inflate::read_all;
use crate::Error;
use crate::disk::read_capped;
use flate2::read::ZlibDecoder;
use std::path::Path;

/// Largest file: a few times that of SVHN's extra images.
const LIMIT: u64 = 4_000_000_000;

const HEADER: usize = 128;
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// An array of bytes in column order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) extents: Vec<usize>,
    pub(super) values: Vec<u8>,
}

/// The array of that name, which must be of bytes.
pub(super) fn read(path: &Path, name: &str) -> Result<Array, Error> {
    let bytes = read_capped(path, LIMIT).map_err(|error| match error {
        Error::Io { source, .. } => unread(path, source, format!("a MATLAB file with `{name}`")),
        other => other,
    })?;
    let wrong = |found: String| Error::format(path, format!("a MATLAB 5 file with bytes `{name}`"), found);
    find(&bytes, name).map_err(wrong)
}

/// The same in a file's bytes; otherwise what was found.
pub(super) fn find(bytes: &[u8], name: &str) -> Result<Array, String> {
    let header = bytes.get(..HEADER).ok_or("fewer bytes than its header has")?;
    if header[124..] != *b"\x00\x01IM" {
        return Err("another version or byte order (of version 7.3 are those of `save -v7.3`)".into());
    }
    let mut rest = &bytes[HEADER..];
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (kind, data) = element(&mut rest, false)?;
        let inflated;
        let mut array = match kind {
            MATRIX => data,
            COMPRESSED => {
                let all = read_all(ZlibDecoder::new(data), data.len() as u64);
                inflated = all.map_err(|e| format!("unsound zlib data ({e})"))?;
                let mut inside = &inflated[..];
                match element(&mut inside, true)? {
                    (MATRIX, data) => data,
                    (other, _) => return Err(format!("a compressed element of type {other}")),
                }
            }
            _ => continue,
        };
        let (found, extents) = described(&mut array)?;
        if found == name {
            return valued(&mut array, extents);
        }
        names.push(found);
    }
    Err(format!("arrays {names:?}"))
}

/// Name and extents of an array, after which its values follow.
fn described(array: &mut &[u8]) -> Result<(String, Vec<usize>), String> {
    let (UINT32, [_, _, _, _, _, _, _, _]) = element(array, true)? else {
        return Err("an array without flags".into());
    };
    let (INT32, extents) = element(array, true)? else { return Err("an array without extents".into()) };
    let (INT8, name) = element(array, true)? else { return Err("an array without a name".into()) };
    let extents = extents.chunks_exact(4).map(|x| u32::from_le_bytes([x[0], x[1], x[2], x[3]]) as usize);
    Ok((String::from_utf8_lossy(name).into_owned(), extents.collect()))
}

fn valued(array: &mut &[u8], extents: Vec<usize>) -> Result<Array, String> {
    let (kind, values) = element(array, true)?;
    let count = extents.iter().try_fold(1usize, |all, extent| all.checked_mul(*extent));
    match (kind, count == Some(values.len())) {
        (UINT8, true) => Ok(Array { extents, values: values.to_vec() }),
        (UINT8, false) => Err(format!("{} bytes for extents {extents:?}", values.len())),
        (other, _) => Err(format!("values of type {other}")),
    }
}

/// Takes an element off, its padding with it where it is `padded`: type and bytes.
fn element<'a>(rest: &mut &'a [u8], padded: bool) -> Result<(u32, &'a [u8]), String> {
    let cut = || "an element that is cut off".to_owned();
    let (tag, behind) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    let word = |at: usize| u32::from_le_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
    let (kind, length) = (word(0), word(4) as usize);
    let small = (kind >> 16) as usize;
    if small > 0 {
        let data = &rest[4..8];
        *rest = behind;
        return Ok((kind & 0xffff, data.get(..small).ok_or_else(cut)?));
    }
    let data = behind.get(..length).ok_or_else(cut)?;
    let taken = if padded { length.next_multiple_of(8) } else { length };
    *rest = behind.get(taken..).unwrap_or_default();
    Ok((kind, data))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn long(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        if kind != COMPRESSED {
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes
    }

    fn short(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = (kind | (data.len() as u32) << 16).to_le_bytes().to_vec();
        bytes.extend(data);
        bytes.resize(8, 0);
        bytes
    }

    /// An array of bytes, as scipy's `savemat` and MATLAB write it.
    pub(in crate::data) fn array(name: &str, extents: &[i32], values: &[u8], compressed: bool) -> Vec<u8> {
        let extents: Vec<u8> = extents.iter().flat_map(|extent| extent.to_le_bytes()).collect();
        let parts = [
            long(UINT32, &[9, 0, 0, 0, 0, 0, 0, 0]),
            long(INT32, &extents),
            short(INT8, name.as_bytes()),
            long(UINT8, values),
        ];
        let matrix = long(MATRIX, &parts.concat());
        if !compressed {
            return matrix;
        }
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&matrix).unwrap();
        long(COMPRESSED, &encoder.finish().unwrap())
    }

    pub(in crate::data) fn file(arrays: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![b' '; 124];
        bytes.extend(b"\x00\x01IM");
        arrays.iter().for_each(|array| bytes.extend(array));
        bytes
    }

    #[test]
    fn plain_and_compressed_arrays_are_found() {
        let values: Vec<u8> = (0..30).collect();
        for compressed in [false, true] {
            let (x, y) =
                (array("X", &[2, 3, 5], &values, compressed), array("y", &[3, 1], &[1, 2, 10], compressed));
            for bytes in [file(&[x.clone(), y.clone()]), file(&[y, x])] {
                assert_eq!(
                    find(&bytes, "X").unwrap(),
                    Array { extents: vec![2, 3, 5], values: values.clone() }
                );
                assert_eq!(find(&bytes, "y").unwrap(), Array { extents: vec![3, 1], values: vec![1, 2, 10] });
                assert_eq!(find(&bytes, "z").unwrap_err().len(), "arrays [\"X\", \"y\"]".len());
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let whole = file(&[array("X", &[2, 2], &[1, 2, 3, 4], false)]);
        let told = |bytes: &[u8]| find(bytes, "X").unwrap_err();
        assert_eq!(told(&whole[..50]), "fewer bytes than its header has");
        assert_eq!(told(&whole[..whole.len() - 9]), "an element that is cut off");
        assert!(told(&[b"MATLAB 7.3 MAT-file".repeat(20)].concat()).starts_with("another version"));
        let wrong = file(&[array("X", &[i32::MAX, i32::MAX, i32::MAX], &[1, 2, 3, 4], true)]);
        assert!(told(&wrong).starts_with("4 bytes for extents"), "{}", told(&wrong));
        let mut double = whole.clone();
        let at = double.len() - 16;
        double[at] = 9;
        assert_eq!(told(&double), "values of type 9");
        let packed = file(&[array("X", &[40, 40], &[7; 1600], true)]);
        let mut broken = packed.clone();
        broken[145] ^= 0xff;
        assert!(told(&broken).contains("unsound zlib data"), "{}", told(&broken));
    }
}
