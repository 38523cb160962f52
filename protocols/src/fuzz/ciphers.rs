//! AES by every engine that this machine has against the portable one.

use super::{Taken, target};
use crate::block::Block;
use crate::cipher::{Cipher, Engine};

fn blocks(taken: &mut Taken<'_>, most: usize) -> Vec<Block> {
    let count = usize::from(taken.byte()) % (most + 1);
    (0..count).map(|_| Block(taken.wide())).collect()
}

/// A key, a counter, blocks: encrypted, and as a stream.
#[test]
fn ciphers() {
    target("ciphers").seeds([[0x5a; 200]]).run(|bytes| {
        let mut taken = Taken(bytes);
        let (key, first) = (Block(taken.wide()), taken.word() >> 1);
        let plain = blocks(&mut taken, 80);
        let made = |engine| {
            let (cipher, mut encrypted, mut stream) =
                (Cipher::new(engine, key), plain.clone(), vec![Block::ZERO; plain.len()]);
            cipher.encrypt(&mut encrypted);
            cipher.stream(first, &mut stream);
            encrypted.into_iter().chain(stream).map(|block| block.0).collect::<Vec<_>>()
        };
        let portable = made(Engine::Portable);
        assert!(Engine::available().into_iter().all(|engine| made(engine) == portable));
        true
    });
}
