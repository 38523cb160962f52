//! What travels is fresh in every session: of two sessions of one network, one image and one name, no block of what either
//! party sends is in both.

use crate::fixtures::random;
use crate::protocol::small;
use crate::relay::{Keys, Wire, session};
use models::fixed::scales::Scales;
use models::graph::Activation;
use netem::Identity;
use protocols::compile::Choices;
use protocols::he::HeBackend;
use protocols::plan::ReluVariant;
use protocols::server::Model;
use std::collections::HashSet;

/// Bytes of a block. Two random ones among 10^7 are the same once in 10^24.
const BLOCK: usize = 16;

/// Every run of 16 bytes of a payload, at every offset.
fn blocks(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.windows(BLOCK)
}

#[test]
fn nothing_that_travels_is_the_same_in_two_sessions() {
    let keys = Keys(Identity::unnamed_client().unwrap(), Identity::unnamed_server().unwrap());
    for backend in HeBackend::ALL {
        for relu in ReluVariant::ALL {
            let fixture = random(small(Activation::Relu), 0.7, Scales { fa: 5, fw: 5 }, 3);
            let fixture = fixture.chosen(&Choices { relu, backend, ..Choices::default() });
            let model = Model::prepare(&fixture.plan, &fixture.secrets).unwrap();
            let [first, second] =
                [(); 2].map(|()| session(&fixture, &model, Wire::Plain, &keys, [None, None]).units);
            for (direction, (first, second)) in ["up", "down"].iter().zip(first.into_iter().zip(second)) {
                assert_eq!(first.len(), second.len());
                // The first frame is the hello, which both sessions share, as they share their names here.
                let payloads = |units: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
                    units.into_iter().skip(1).map(|unit| unit[Wire::Plain.header()..].to_vec()).collect()
                };
                let (first, second) = (payloads(first), payloads(second));
                let seen: HashSet<&[u8]> = first.iter().flat_map(|payload| blocks(payload)).collect();
                for (index, payload) in second.iter().enumerate() {
                    let again = blocks(payload).filter(|block| seen.contains(block));
                    // What frames a ciphertext of the library `fhe` is shorter than two blocks.
                    let most = if backend == HeBackend::Linnet { 0 } else { 2 * BLOCK };
                    let count = again.count();
                    assert!(
                        count <= most,
                        "{backend:?}, {relu:?}: frame {index} {direction} repeats {count} blocks"
                    );
                }
            }
        }
    }
}
