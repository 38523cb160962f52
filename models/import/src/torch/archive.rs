//! The zip archive that PyTorch writes since 1.6: `NAME/data.pkl`, and `NAME/data/KEY` for every storage.

use super::machine::load;
use super::pickle::Pickle;
use super::tensor::Storages;
use crate::fault::Fault;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// What a zip archive begins with.
const SIGNATURE: &[u8] = b"PK\x03\x04";
/// Bytes of an entry of an archive's directory, before its texts.
const ENTRY: usize = 46;
/// The pickle's place in the archive.
const PICKLE: &str = "/data.pkl";

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// The pickle, and the storages that it speaks of.
pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, Storages<'static>), Fault> {
    let mut archive = Archive::open(bytes)?;
    let names: Vec<String> =
        archive.zip.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let mut folders = names.iter().filter_map(|name| name.strip_suffix(PICKLE));
    let (Some(folder), None) = (folders.next(), folders.next()) else {
        return Err(Fault::new("an archive of torch.save, with one data.pkl", "another zip archive"));
    };
    let has = |member: &str| names.iter().any(|name| name.strip_prefix(folder) == Some(member));
    if has("/constants.pkl") {
        return Err(Fault::new("a state dict (save `model.state_dict()`)", "a TorchScript archive"));
    }
    if has("/byteorder") {
        let order = archive.member(&format!("{folder}/byteorder"))?;
        if order != b"little" {
            return Err(Fault::new("little-endian values", String::from_utf8_lossy(&order)));
        }
    }
    let pickle = load(&archive.member(&format!("{folder}{PICKLE}"))?)?;
    let mut storages = HashMap::new();
    for (key, _) in pickle.storages() {
        if !storages.contains_key(key) {
            let values = archive.member(&format!("{folder}/data/{key}"))?;
            storages.insert(key.to_owned(), Cow::Owned(values));
        }
    }
    Ok((pickle, storages))
}

/// A zip archive whose members are read once each.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes of the file that members may still take: those of a sound archive do not overlap.
    room: u64,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| fault(&error))?;
        // The library keeps the last of those that have one name.
        let listed = usize::try_from(zip.central_directory_start()).map_or(0, |start| entries(bytes, start));
        if listed != zip.len() {
            let expected = "an archive whose members have different names";
            return Err(Fault::new(expected, format!("{listed} members by {} names", zip.len())));
        }
        Ok(Self { zip, room: bytes.len() as u64 })
    }

    /// The bytes of a member, whose checksum is checked.
    fn member(&mut self, name: &str) -> Result<Vec<u8>, Fault> {
        let member = self.zip.by_name(name).map_err(|error| match error {
            ZipError::FileNotFound => Fault::new(format!("a member `{name}`"), "none"),
            other => fault(&other),
        })?;
        let (size, stored) = (member.size(), member.compressed_size());
        if size != stored {
            return Err(Fault::new(
                format!("`{name}` of {size} bytes, uncompressed"),
                format!("{stored} bytes"),
            ));
        }
        let overlap =
            || Fault::new("members of no more bytes than the file's", format!("`{name}` of {size} bytes"));
        self.room = self.room.checked_sub(size).ok_or_else(overlap)?;
        let mut values = Vec::with_capacity(size as usize);
        let read = member.take(size).read_to_end(&mut values);
        match read {
            Ok(read) if read as u64 == size => Ok(values),
            Ok(read) => Err(Fault::new(format!("`{name}` of {size} bytes"), format!("{read} bytes"))),
            Err(error) => Err(Fault::new(format!("a sound member `{name}`"), error.to_string())),
        }
    }
}

/// The number of entries of the directory that begins at `start`.
fn entries(bytes: &[u8], start: usize) -> usize {
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut count = 0;
    while let Some(header) = rest.first_chunk::<ENTRY>().filter(|header| header.starts_with(b"PK\x01\x02")) {
        // The lengths of the name, of what else is known and of a remark, which follow.
        let lengths = [28, 30, 32].map(|at| usize::from(u16::from_le_bytes([header[at], header[at + 1]])));
        rest = rest.get(ENTRY + lengths.iter().sum::<usize>()..).unwrap_or_default();
        count += 1;
    }
    count
}

fn fault(error: &ZipError) -> Fault {
    Fault::new("an uncompressed zip archive, as torch.save writes it", error.to_string())
}
