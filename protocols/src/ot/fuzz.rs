//! Points of base OTs, and the kernels of the extension against their portable twins.

use super::transpose::Matrix;
use super::{BASE_RECEIVER, BASE_SENDER, base};
use crate::block::{Block, SECURITY_BITS};
use crate::cipher::Engine;
use crate::fuzz::{DEADLINE, Taken, sent, target};
use netem::Channel;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Of a sender of base OTs: the first point.
#[test]
fn base_ot_sender() {
    let (mut peer, mut ours) = Channel::pair(DEADLINE);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    base::open(&mut peer, &mut rng).unwrap();
    peer.flush().unwrap();
    let point = ours.recv(BASE_SENDER, 32).unwrap();
    target("base_ot_sender").seeds([point]).run(|bytes| {
        let (mut ours, _peer) = sent(BASE_SENDER, bytes);
        base::receiver(&mut ours, &[false, true], &mut rng).is_ok_and(|keys| keys.len() == 2)
    });
}

/// Of a receiver of base OTs: a point a transfer.
#[test]
fn base_ot_receiver() {
    let (mut first, mut second) = Channel::pair(DEADLINE);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    base::open(&mut first, &mut rng).unwrap();
    first.flush().unwrap();
    base::receiver(&mut second, &[false, true], &mut rng).unwrap();
    second.flush().unwrap();
    let points = first.recv(BASE_RECEIVER, 64).unwrap();
    target("base_ot_receiver").seeds([points]).run(|bytes| {
        let (mut ours, _peer) = sent(BASE_RECEIVER, bytes);
        let opened = base::open(&mut ours, &mut rng).unwrap();
        opened.finish(&mut ours, 2).is_ok_and(|pairs| pairs.len() == 2)
    });
}

/// Columns of the OT extension: summed, unmasked, turned into rows.
#[test]
fn columns() {
    target("columns").seeds([[0x5a; 300]]).allows(64, 4 << 20).run(|bytes| {
        let mut taken = Taken(bytes);
        let count = usize::from(u16::from_le_bytes(taken.array())) % 700 + 1;
        let length = count.div_ceil(SECURITY_BITS);
        // What the input does not fill repeats with another turn.
        let words: Vec<u128> = (0..8).map(|_| taken.wide()).collect();
        let word = |i: usize, j: usize| words[(i + j) % 8].rotate_left((i * 7 + j) as u32);
        let held: Vec<Block> = (0..length).map(|j| Block(word(3, j))).collect();
        let made = |engine| {
            let mut matrix = Matrix::new(engine);
            let mut all = Vec::new();
            for i in 0..SECURITY_BITS {
                for (j, block) in matrix.column(i, length).iter_mut().enumerate() {
                    *block = Block(word(i, j));
                }
                let mut out = vec![Block(word(i, 1)); length];
                matrix.fold(i, &mut out, &held);
                let sent: Vec<u8> = out.iter().flat_map(|block| block.to_bytes()).collect();
                all.extend(out);
                matrix.unmask(i, &sent, Block::mask(word(i, 2) & 1 == 1));
            }
            matrix.append_rows(count, &mut all);
            all.into_iter().map(|block| block.0).collect::<Vec<_>>()
        };
        let portable = made(Engine::Portable);
        assert!(Engine::available().into_iter().all(|engine| made(engine) == portable));
        true
    });
}
