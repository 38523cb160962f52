//! Elements that stand in files beside the ONNX file.

use super::Fault;
use super::node::shown;
use super::proto::TensorProto;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// Most bytes that all of them take together.
const LIMIT: u64 = 2_000_000_000;

/// The folder of an ONNX file, and how much may still be read there.
pub(super) struct External<'a> {
    folder: &'a Path,
    left: u64,
}

impl<'a> External<'a> {
    /// Beside the file at `path`.
    pub(super) fn of(path: &'a Path) -> Self {
        Self { folder: path.parent().unwrap_or(Path::new("")), left: LIMIT }
    }

    /// The constant with its elements in it.
    ///
    /// # Errors
    /// A file outside the folder, one that is not there or is shorter than the constant says.
    pub(super) fn read(&mut self, tensor: &TensorProto) -> Result<TensorProto, Fault> {
        let bytes = elements(self.folder, tensor, self.left)?;
        self.left -= bytes.len() as u64;
        let (dims, data_type) = (tensor.dims.clone(), tensor.data_type);
        Ok(TensorProto { dims, data_type, raw_data: Some(bytes), ..TensorProto::default() })
    }
}

fn elements(folder: &Path, tensor: &TensorProto, most: u64) -> Result<Vec<u8>, Fault> {
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key() == key).map(|entry| entry.value());
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text
            .parse::<u64>()
            .map(Some)
            .map_err(|_| Fault::new(format!("a number of bytes as {key}"), shown(text))),
    };
    let location = entry("location").unwrap_or_default();
    let inside = Path::new(location).components().all(|part| matches!(part, Component::Normal(_)));
    if location.is_empty() || !inside {
        return Err(Fault::new("elements in a file of the same folder", format!("`{}`", shown(location))));
    }
    let (path, offset) = (folder.join(location), number("offset")?.unwrap_or_default());
    let refused = |what: &str| Fault::new(format!("elements in {}", path.display()), what.to_owned());
    let mut file = File::open(&path).map_err(|error| refused(&error.to_string()))?;
    let all = file.metadata().map_err(|error| refused(&error.to_string()))?;
    let behind = all.len().checked_sub(offset).filter(|_| all.is_file());
    let length = number("length")?.or(behind).unwrap_or_default();
    if behind.is_none_or(|behind| length > behind) {
        return Err(refused(&format!("{} bytes for {length} from {offset} on", all.len())));
    }
    if length > most {
        return Err(Fault::new(format!("at most {LIMIT} bytes in other files"), "more".to_owned()));
    }
    let mut bytes = vec![0; length as usize];
    let seeked = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
    seeked.map_err(|error| refused(&error.to_string()))?;
    Ok(bytes)
}
