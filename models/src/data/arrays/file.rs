//! Arrays by name, in a file of either format.

use super::super::files::unread;
use super::super::inflate::read_all;
use super::npy;
use super::values::{Array, Kind};
use crate::Error;
use crate::disk::read_capped;
use crate::safe;
use safetensors::{Dtype, SafeTensors};
use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

/// Largest file of safetensors, which is read whole.
const LIMIT: u64 = 1 << 36;

/// Which format arrays are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NumPy's zip archive of arrays, plain or compressed.
    Npz,
    /// Arrays behind a header in JSON.
    Safetensors,
}

impl Format {
    /// What the name of a data set begins with.
    pub(in crate::data) const fn name(self) -> &'static str {
        match self {
            Self::Npz => "npz",
            Self::Safetensors => "safetensors",
        }
    }
}

/// An open file.
pub(super) enum Arrays {
    Npz(Box<ZipArchive<BufReader<File>>>),
    Safetensors(Vec<u8>),
}

impl Arrays {
    pub(super) fn open(path: &Path, format: Format) -> Result<Self, Error> {
        let missing = |error| unread(path, error, "a file of arrays");
        match format {
            Format::Npz => {
                let file = File::open(path).map_err(missing)?;
                let zip = ZipArchive::new(BufReader::new(file))
                    .map_err(|e| unsound(path, format, &e.to_string()))?;
                Ok(Self::Npz(Box::new(zip)))
            }
            Format::Safetensors => match read_capped(path, LIMIT) {
                Ok(bytes) => Ok(Self::Safetensors(bytes)),
                Err(Error::Io { source, .. }) => Err(missing(source)),
                Err(other) => Err(other),
            },
        }
    }

    /// The array of that name; `None` where there is none.
    pub(super) fn get(&mut self, path: &Path, name: &str) -> Result<Option<Array<'_>>, Error> {
        match self {
            Self::Npz(zip) => {
                let member = match zip.by_name(&format!("{name}.npy")) {
                    Ok(member) => member,
                    Err(ZipError::FileNotFound) => return Ok(None),
                    Err(other) => return Err(unsound(path, Format::Npz, &other.to_string())),
                };
                let compressed = member.compressed_size();
                let array = read_all(member, compressed).map_err(|e| e.to_string()).and_then(npy::array);
                array.map(Some).map_err(|found| unsound(path, Format::Npz, &format!("`{name}`: {found}")))
            }
            Self::Safetensors(bytes) => {
                let arrays = safe::arrays(bytes, path)?;
                of(&arrays, name).map_err(|found| unsound(path, Format::Safetensors, &found))
            }
        }
    }

    /// Names of its arrays, sorted.
    pub(super) fn names(&self, path: &Path) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = match self {
            Self::Npz(zip) => {
                let names =
                    zip.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned()));
                names.collect()
            }
            Self::Safetensors(bytes) => {
                safe::arrays(bytes, path)?.names().into_iter().map(|name| name.to_string()).collect()
            }
        };
        names.sort_unstable();
        Ok(names)
    }
}

fn unsound(path: &Path, format: Format, found: &str) -> Error {
    let expected = match format {
        Format::Npz => "a sound .npz file",
        Format::Safetensors => "a sound safetensors file",
    };
    Error::format(path, expected, found)
}

fn of<'a>(arrays: &SafeTensors<'a>, name: &str) -> Result<Option<Array<'a>>, String> {
    let Ok(view) = arrays.tensor(name) else { return Ok(None) };
    let kind = match view.dtype() {
        Dtype::U8 | Dtype::BOOL => Kind::U8,
        Dtype::I8 => Kind::I8,
        Dtype::U16 => Kind::U16,
        Dtype::I16 => Kind::I16,
        Dtype::U32 => Kind::U32,
        Dtype::I32 => Kind::I32,
        Dtype::U64 => Kind::U64,
        Dtype::I64 => Kind::I64,
        Dtype::F32 => Kind::F32,
        Dtype::F64 => Kind::F64,
        other => return Err(format!("`{name}` of kind {other}")),
    };
    Array::new(kind, view.shape().to_vec(), Cow::Borrowed(view.data())).map(Some)
}
