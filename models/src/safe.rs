//! Safetensors whose header is held against caps before anything is made of it.
//!
//! The library checks that arrays lie one behind the other and have their shapes' sizes; what it makes of a header on the
//! way is not bounded by that.

use crate::Error;
use crate::capped::AtMost;
use safetensors::tensor::SafeTensors;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// Most arrays of a file: a network of the most nodes has four a node, and a mask.
pub const MOST_ARRAYS: usize = 50_000;
/// Longest header: so many arrays, each of a long name.
pub const MOST_HEADER: usize = 16_000_000;
/// Longest name of an array, in bytes.
const MOST_NAME: usize = 2_000;
/// Most axes of an array.
const MOST_AXES: usize = 64;
/// The name that stands for no array.
const REMARKS: &str = "__metadata__";

/// The arrays of a file, none of them copied.
///
/// # Errors
/// [`Error::Format`] where the file is no sound one, or has more or longer names than the caps allow.
pub fn arrays<'a>(bytes: &'a [u8], path: &Path) -> Result<SafeTensors<'a>, Error> {
    let unsound = |found: String| Error::format(path, "a safetensors file", found);
    if let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > MOST_HEADER {
            let expected = format!("a safetensors file with a header of at most {MOST_HEADER} bytes");
            return Err(Error::format(path, expected, length.to_string()));
        }
        let header = rest.get(..length).ok_or_else(|| unsound("a header that is cut off".into()))?;
        serde_json::from_slice::<Header>(header).map_err(|e| unsound(e.to_string()))?;
    }
    SafeTensors::deserialize(bytes).map_err(|e| unsound(e.to_string()))
}

/// A header that holds what one of safetensors does and nothing else; none of it is kept.
struct Header;

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Arrays)
    }
}

struct Arrays;

impl<'de> Visitor<'de> for Arrays {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST_ARRAYS} arrays and remarks, by names of at most {MOST_NAME} bytes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut count = 0;
        while let Some(Text(name)) = map.next_key()? {
            count += if name == REMARKS { map.next_value::<Remarks>()?.0 } else { 1 };
            if count > MOST_ARRAYS || name.len() > MOST_NAME {
                return Err(A::Error::invalid_length(count.max(name.len()), &self));
            }
            if name != REMARKS {
                map.next_value::<Described<'_>>()?;
            }
        }
        Ok(Header)
    }
}

/// How many remarks there are.
struct Remarks(usize);

impl<'de> Deserialize<'de> for Remarks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachRemark)
    }
}

struct EachRemark;

impl<'de> Visitor<'de> for EachRemark {
    type Value = Remarks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "texts by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Remarks, A::Error> {
        let mut count = 0;
        while map.next_entry::<Text<'_>, Text<'_>>()?.is_some() {
            count += 1;
        }
        Ok(Remarks(count))
    }
}

/// An array's entry, with the keys that it must have alone.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form is looked at")]
struct Described<'a> {
    #[serde(borrow)]
    dtype: Text<'a>,
    shape: AtMost<u64, MOST_AXES>,
    data_offsets: (u64, u64),
}

/// A text, copied only where it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
