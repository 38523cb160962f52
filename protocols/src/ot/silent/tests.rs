//! Both parties together, on a small stock.

use super::{Batch, Chosen, Receiver, Sender, Supply};
use crate::block::{Block, Delta};
use crate::cipher::Engine;
use crate::ot::{OtVariant, SILENT, extension};
use crate::secret::Secret;
use netem::{Channel, StepUsage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::thread;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// Both parties with a stock that a trusted third party dealt, each on its engine.
fn parties(batches: Batch, [of_sender, of_receiver]: [Engine; 2]) -> (Sender, Receiver) {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let delta = Delta::random(&mut rng);
    let q: Vec<Block> = (0..batches.stock()).map(|_| Block::random(&mut rng)).collect();
    let choices: Vec<u8> = (0..q.len().div_ceil(8)).map(|_| rng.random()).collect();
    let chosen =
        |(j, q): (usize, &Block)| *q ^ Block::mask(choices[j / 8] >> (j % 8) & 1 == 1) & delta.block();
    let t: Vec<Block> = q.iter().enumerate().map(chosen).collect();
    let sender = Sender::on(of_sender, batches, delta, q.into(), &mut rng);
    (sender, Receiver::on(of_receiver, batches, t.into(), &choices))
}

/// Extends on both sides in turn.
fn extend(
    (sender, receiver): &mut (Sender, Receiver),
    (left, right): &mut (Channel, Channel),
    n: usize,
) -> (Secret<Block>, Chosen) {
    thread::scope(|scope| {
        let q = scope.spawn(|| {
            let q = sender.extend(left, n).unwrap();
            left.flush().unwrap();
            q
        });
        let chosen = receiver.extend(right, n).unwrap();
        (q.join().unwrap(), chosen)
    })
}

/// Every string is the other one's or off by Δ, as its choice says, which is its lowest bit.
fn check_strings(delta: Delta, q: &[Block], chosen: &Chosen, n: usize) {
    assert_eq!((q.len(), chosen.strings.len(), chosen.choices.len()), (n, n, n.div_ceil(8)));
    for (j, (q, t)) in q.iter().zip(chosen.strings.iter()).enumerate() {
        let choice = chosen.choices[j / 8] >> (j % 8) & 1 == 1;
        assert_eq!(t.0, q.0 ^ if choice { delta.block().0 } else { 0 }, "string {j}");
        assert!(!q.colour() && t.colour() == choice);
    }
    let beyond = n % 8;
    assert!(beyond == 0 || chosen.choices[n / 8] >> beyond == 0);
}

/// Extends by every size in turn; checks strings, bytes and frames. Returns the receiver's strings.
fn check(batches: Batch, engines: [Engine; 2], sizes: &[usize]) -> Vec<u128> {
    let mut both = parties(batches, engines);
    let mut ends = Channel::pair(DEADLINE);
    let delta = both.0.delta();
    let (mut supply, mut seen, mut strings) = (Supply::new(batches), HashSet::new(), Vec::new());
    let (mut bytes, mut frames) = (0, 0);
    for &n in sizes {
        let (q, chosen) = extend(&mut both, &mut ends, n);
        check_strings(delta, &q, &chosen, n);
        assert!(q.iter().all(|q| seen.insert(q.0)), "a string came twice");
        strings.extend(chosen.strings.iter().map(|t| t.0));
        let more = supply.take(n);
        (bytes, frames) = (bytes + more.bytes, frames + more.frames);
        let total = |of: fn(&StepUsage) -> u64| ends.1.usage().iter().map(of).sum::<u64>() as usize;
        assert_eq!((total(|s| s.bytes_in), total(|s| s.messages_in)), (bytes, frames), "{n} more");
        assert_eq!(total(|s| s.bytes_out) + total(|s| s.messages_out), 0, "nothing travels back");
    }
    strings
}

#[test]
fn strings_differ_by_the_offset_over_many_batches_and_alike_on_every_engine() {
    let size = Batch::Tiny.size();
    let sizes = [1, 0, 7, 8, 9, size, size - 1, 2, 10 * size + 3, 1, 1000];
    let strings = Engine::available().into_iter().flat_map(|engine| {
        [[engine, Engine::Portable], [Engine::Portable, engine]].map(|on| check(Batch::Tiny, on, &sizes))
    });
    let strings: Vec<Vec<u128>> = strings.collect();
    assert!(strings.iter().all(|others| *others == strings[0]));
    // What is asked for in other pieces is the same.
    assert!(check(Batch::Tiny, [Engine::fastest(); 2], &[sizes.iter().sum()]) == strings[0]);
}

/// As sessions use it: what an inference takes is the same for each, over however many batches, and nothing is left over.
#[test]
fn inferences_of_one_size_take_the_same() {
    for n in [1, 39, 40, 41, 500] {
        let (mut sender, mut receiver) = parties(Batch::Tiny, [Engine::fastest(); 2]);
        let (mut left, mut right) = Channel::pair(DEADLINE);
        let (delta, mut supply, mut seen) = (sender.delta(), Supply::new(Batch::Tiny), HashSet::new());
        let mut taken = Vec::new();
        for n in [0, n, n, n] {
            let q = sender.extend_whole(&mut left, n).unwrap();
            left.flush().unwrap();
            let chosen = receiver.extend_whole(&mut right, n).unwrap();
            check_strings(delta, &q, &chosen, n);
            assert!(q.iter().all(|q| seen.insert(q.0)), "a string came twice");
            let more: Vec<[usize; 3]> =
                supply.take_whole(n).map(|taken| [taken.bytes, taken.frames, taken.made]).collect();
            taken.push(more);
        }
        assert!(taken[1] == taken[2] && taken[2] == taken[3], "{n}: {taken:?}");
        let declared: usize = taken.iter().flatten().map(|[bytes, ..]| bytes).sum();
        let came: u64 = right.usage().iter().map(|usage| usage.bytes_in).sum();
        assert_eq!(came as usize, declared);
    }
}

#[test]
fn a_million_and_the_next_one() {
    let batches = Batch::Million;
    let n = batches.size();
    assert_eq!(n, 1_052_672);
    check(batches, [Engine::fastest(); 2], &[1, n - 1, 1 << 10]);
}

#[test]
fn ten_millions_and_the_next_ones() {
    let batches = Batch::TenMillions;
    assert_eq!(batches.size(), 10_211_328);
    let mut both = parties(batches, [Engine::fastest(); 2]);
    let mut ends = Channel::pair(DEADLINE);
    let delta = both.0.delta();
    let mut left = batches.size() + 100;
    while left > 0 {
        let n = left.min(1 << 20);
        let (q, chosen) = extend(&mut both, &mut ends, n);
        check_strings(delta, &q, &chosen, n);
        left -= n;
    }
}

/// Twice six standard deviations to either side, of choices and of whether neighbours are alike.
#[test]
fn choices_are_balanced() {
    let n = 1 << 18;
    let mut both = parties(Batch::Million, [Engine::fastest(); 2]);
    let (_, chosen) = extend(&mut both, &mut Channel::pair(DEADLINE), n);
    let neighbours = chosen.choices.iter().map(|byte| byte ^ byte >> 1 & 0x7f).collect::<Vec<u8>>();
    for bits in [&chosen.choices[..], &neighbours] {
        let ones: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        assert!(ones.abs_diff(n as u32 / 2) < 6 * 256, "{ones} ones of {n}");
    }
}

#[test]
fn the_bytes_are_those_declared() {
    let of = |batches, sizes: &[usize]| -> Vec<[usize; 3]> {
        let mut supply = Supply::new(batches);
        let each = |n: &usize| supply.take(*n);
        sizes.iter().map(each).map(|taken| [taken.bytes, taken.frames, taken.made]).collect()
    };
    // Trees of the stock, 6 x 16 bytes each in six frames, and the seed; then 8 x 16 bytes a tree of 512.
    let [begun, made] = [735 * 96 + 16, 735 << 7];
    let one = [begun + 128, 7, made + 512];
    assert_eq!(of(Batch::Million, &[0, 1, 511, 1]), [[0; 3], one, [0; 3], [128, 1, 512]]);
    assert_eq!(of(Batch::Million, &[1 << 20]), [[begun + 2048 * 128, 22, made + (1 << 20)]]);
    let [whole, next] = [[begun + 2056 * 128, 23, made + (2056 << 9)], [185 * 128, 3, 185 << 9]];
    assert_eq!(of(Batch::Million, &[1_052_672, 1]), [whole, next]);
    let [begun, made] = [1072 * 112 + 16, 1072 << 8];
    assert_eq!(of(Batch::TenMillions, &[10_211_328]), [[begun + 9972 * 144, 9 + 78, made + (9972 << 10)]]);
    assert_eq!(Batch::ALL.map(Batch::stock), [21_529, 43_392]);
}

/// On the extension of base OTs, which makes the stock and leaves a place in the same channel.
#[test]
fn a_stock_may_be_extended_from_base_ots() {
    let (mut left, mut right) = Channel::pair(DEADLINE);
    let (batches, variant) = (Batch::Tiny, OtVariant::default());
    let delta = Delta::random(&mut ChaCha20Rng::seed_from_u64(12));
    let (q, chosen) = thread::scope(|scope| {
        let q = scope.spawn(|| {
            let mut rng = ChaCha20Rng::seed_from_u64(13);
            let answered = extension::answer(variant, &mut left, delta, &mut rng).unwrap();
            let mut base = answered.finish(&mut left).unwrap();
            let stock = base.extend(&mut left, batches.stock()).unwrap();
            let q = Sender::new(batches, delta, stock.into(), &mut rng).extend(&mut left, 100).unwrap();
            left.flush().unwrap();
            q
        });
        let mut rng = ChaCha20Rng::seed_from_u64(14);
        let keyed = extension::open(variant, &mut right, &mut rng).unwrap().receive(&mut right).unwrap();
        let mut base = keyed.finish(&mut right).unwrap();
        let choices: Vec<u8> = (0..batches.stock().div_ceil(8)).map(|_| rng.random()).collect();
        let stock = base.extend(&mut right, batches.stock(), &choices).unwrap();
        let chosen = Receiver::new(batches, stock.into(), &choices).extend(&mut right, 100).unwrap();
        (q.join().unwrap(), chosen)
    });
    check_strings(delta, &q, &chosen, 100);
}

/// SHA-256 of the sender's first strings, so that no change of trees, code or order goes unseen.
#[test]
fn strings_are_those_known() {
    let digest = |batches| {
        let mut both = parties(batches, [Engine::fastest(); 2]);
        let (q, _) = extend(&mut both, &mut Channel::pair(DEADLINE), 1000);
        format!("{:x}", Sha256::digest(bytemuck::cast_slice(&q)))
    };
    assert_eq!(digest(Batch::Tiny), "637da412053a5937383fbc9c303116de82edc07d27ed92d216e3d9118ae2f9d1");
    assert_eq!(digest(Batch::Million), "810f77078dec3b29082f2cd5f59062b8d13f2c3b0fc402fa338dc1fd133d6f17");
}

#[test]
fn a_message_of_another_length_is_refused() {
    for length in [0, 15, 17, 127, 129, 4096] {
        let (mut left, mut right) = Channel::pair(DEADLINE);
        left.send(SILENT, vec![0; length]).unwrap();
        left.flush().unwrap();
        let (_, mut receiver) = parties(Batch::Tiny, [Engine::Portable; 2]);
        assert!(receiver.extend(&mut right, 1).is_err());
    }
}
