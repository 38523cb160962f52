//! What a garbled layer allocates: buffers by the piece and lists of keys by the chunk, nothing by the unit.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use allocation_counter::{AllocationInfo, measure};
use models::fixed::curve::Curve;
use protocols::block::{Block, Delta};
use protocols::cipher::Engine;
use protocols::gc::layer::{EvaluatorLayer, Layer, garble_layer};
use protocols::gc::programs::narrow;
use protocols::gc::{LANES, SessionKey};
use protocols::store::Store;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::collections::VecDeque;

const BITS: usize = 13;
const RING_BITS: u32 = 23;

/// Allocations of one thing that is done with a layer, and the pieces that it handles.
struct Counted {
    what: &'static str,
    allocations: u64,
    pieces: u64,
    /// Whether it hashes, by keys of every chunk.
    hashes: bool,
}

/// Garbles, receives, serves and evaluates a layer of `units`. All labels are zero: only their number counts.
fn counted(units: usize, store: &Store) -> [Counted; 4] {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
    let layer = Layer::new(narrow(&Curve::Relu, BITS), units, RING_BITS, 0).unwrap();
    let (material_pieces, online_pieces) =
        (layer.material_pieces().count() as u64, layer.online_pieces().count() as u64);
    let mut labels = vec![Block::ZERO; layer.evaluator_wires()];
    let mut depot = store.open().unwrap();
    let (mut material, mut online) = (VecDeque::with_capacity(1024), VecDeque::with_capacity(1024));

    let (mut server, mut client, mut shares) = (None, None, 0);
    let taken = layer.clone();
    let garbling = measure(|| {
        let emit = |piece| {
            material.push_back(piece);
            Ok(())
        };
        server = Some(garble_layer(taken, session, delta, &mut labels, None, &mut rng, emit).unwrap());
    });
    let receiving = measure(|| {
        let next = |_| Ok(material.pop_front().unwrap());
        client =
            Some(EvaluatorLayer::receive(layer, session, labels.into(), None, &mut depot, next).unwrap());
    });
    let (server, client, inputs) = (server.unwrap(), client.unwrap(), vec![0; units]);
    let serving = measure(|| {
        let emit = |piece| {
            online.push_back(piece);
            Ok(())
        };
        server.online(&inputs, &[], emit).unwrap();
    });
    let evaluating = measure(|| {
        let take = |piece: Vec<u64>| {
            shares += piece.len();
            Ok(())
        };
        client.evaluate(|_| Ok(online.pop_front().unwrap()), take).unwrap();
    });
    assert_eq!(shares, units);
    let counted = |what, info: AllocationInfo, pieces, hashes| Counted {
        what,
        allocations: info.count_total,
        pieces,
        hashes,
    };
    [
        counted("garbling", garbling, material_pieces, true),
        counted("receiving", receiving, material_pieces, false),
        counted("serving", serving, online_pieces, false),
        counted("evaluating", evaluating, online_pieces, true),
    ]
}

/// Eight times the units: what each step allocates more is bounded by what it handles more.
#[test]
fn a_layer_allocates_by_piece_and_chunk_and_never_by_unit() {
    // The keys of a chunk's gates and of its outputs: two lists, of boxes without AES instructions.
    let a_chunk = if Engine::fastest() == Engine::Portable { 2 + 6 + 2 } else { 2 };
    /// Buffers of a piece, at most: its bytes, shares, wires and labels, and what is read from a file.
    const A_PIECE: u64 = 8;
    let (few, many) = (4096, 32_768);
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::Memory, Store::Folder(folder.path().to_owned())] {
        for (less, more) in counted(few, &store).into_iter().zip(counted(many, &store)) {
            let pieces = more.pieces - less.pieces;
            let chunks = if less.hashes { ((many - few) / LANES) as u64 } else { 0 };
            let allocations = more.allocations - less.allocations;
            assert!(
                allocations <= A_PIECE * pieces + a_chunk * chunks,
                "{} with {store:?}: {allocations} more allocations for {pieces} more pieces, {chunks} more chunks",
                less.what
            );
        }
    }
}
