//! Bytes that a file holds compressed, in memory that its own size bounds.

use std::io::{self, Read};

/// What a compressed byte may become. Deflate can make a thousand of one, pictures seldom ten.
const MOST_PER_BYTE: u64 = 64;
/// What any file may become.
const ALWAYS: u64 = 8 << 20;

/// All that `reader` gives of `compressed` bytes; an error where that is more than an honest file's.
pub(super) fn read_all(reader: impl Read, compressed: u64) -> io::Result<Vec<u8>> {
    let most = compressed.saturating_mul(MOST_PER_BYTE).saturating_add(ALWAYS);
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("{compressed} bytes become more than {most}"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused() {
        assert_eq!(read_all(&[7; 100][..], 10).unwrap(), [7; 100]);
        let told = read_all(io::repeat(0), 1_000).unwrap_err().to_string();
        assert_eq!(told, "1000 bytes become more than 8452608");
    }
}
