//! How a preprocessed inference lies in a file ([`crate::pool`]): little-endian values whose number the plan knows.
//!
//! A file holds secrets of the party that wrote it and belongs to that party alone. What is checked here is that it is
//! whole and of the plan; the pool's checksum finds accidents. Whoever can write it on purpose could as well read it.

use crate::Error;
use crate::numbering::LayerId;
use bytemuck::{AnyBitPattern, NoUninit};
use std::io::{self, Read, Write};

/// Last bytes of an item, so that one that was cut short is noticed.
const END: [u8; 8] = *b"itemend\x01";

/// A file that is being written.
pub(crate) struct Saving<'a>(&'a mut dyn Write);

impl<'a> Saving<'a> {
    /// Begins.
    pub(crate) fn to(to: &'a mut dyn Write) -> Self {
        Self(to)
    }

    /// Writes bytes whose number the reader knows.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.write_all(bytes).map_err(failed("writing an item"))
    }

    /// Writes values whose number the reader knows.
    pub(crate) fn values<T: NoUninit>(&mut self, values: &[T]) -> Result<(), Error> {
        self.bytes(bytemuck::cast_slice(values))
    }

    /// Writes a byte a flag.
    pub(crate) fn flags(&mut self, flags: &[bool]) -> Result<(), Error> {
        self.bytes(&flags.iter().map(|flag| u8::from(*flag)).collect::<Vec<_>>())
    }

    /// Ends the item.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        self.bytes(&END)?;
        self.0.flush().map_err(failed("writing an item"))
    }
}

/// A file that is being read.
pub(crate) struct Loading<'a>(&'a mut dyn Read);

impl<'a> Loading<'a> {
    /// Begins.
    pub(crate) fn from(from: &'a mut dyn Read) -> Self {
        Self(from)
    }

    /// Reads so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; count];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the first layer of an inference of `steps` steps.
    pub(crate) fn first_layer(&mut self, steps: usize) -> Result<LayerId, Error> {
        let number = u32::from_le_bytes(self.array()?);
        LayerId::from_number(number, steps).ok_or_else(|| {
            let expected = format!("a number with room for {steps} more");
            Error::config("preprocessed item", "first layer", expected, number.to_string())
        })
    }

    /// Reads so many values.
    pub(crate) fn values<T: AnyBitPattern + NoUninit>(&mut self, count: usize) -> Result<Vec<T>, Error> {
        let mut values = vec![T::zeroed(); count];
        self.fill(bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }

    /// Reads so many flags.
    pub(crate) fn flags(&mut self, count: usize) -> Result<Vec<bool>, Error> {
        Ok(self.bytes(count)?.into_iter().map(|byte| byte & 1 == 1).collect())
    }

    /// Reads bytes that have to be these.
    pub(crate) fn expect(&mut self, what: &str, expected: &[u8]) -> Result<(), Error> {
        let found = self.bytes(expected.len())?;
        if found == expected {
            return Ok(());
        }
        Err(Error::config("preprocessed item", what, format!("{expected:02x?}"), format!("{found:02x?}")))
    }

    /// Errors unless the item ends here.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        self.expect("end", &END)?;
        match self.0.read(&mut [0]).map_err(failed("reading an item"))? {
            0 => Ok(()),
            _ => Err(Error::config("preprocessed item", "length", "nothing after its end", "more bytes")),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.read_exact(bytes).map_err(failed("reading an item"))
    }
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Store { doing: doing.to_owned(), source }
}
