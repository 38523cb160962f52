//! What a way of computing kept units decides; everything else they share.

use crate::gc::programs::Program;
use crate::values::{ClientMask, ClientShare, ServerShare};
use models::fixed::Ring;
use models::fixed::curve::Curve;

/// One way of computing kept units. Vectors hold a number a unit, in `[0, 2^k)`, unless said otherwise.
pub(in crate::steps) trait Variant: Send + Sync {
    /// The circuit of one unit, and what its outputs are worth.
    fn program(&self) -> Program;

    /// The client's input bits, the first lowest, in as many words a unit as they take.
    fn client_inputs(&self, v: &ClientShare, r: &ClientMask) -> Vec<u64>;

    /// The server's input bits, a word a unit.
    fn server_inputs(&self, u: &ServerShare) -> Vec<u64>;

    /// What the client knows offline of the product outside the circuit; asked for where the program has one.
    fn client_factors(&self, v: &ClientShare) -> Vec<u64> {
        let _ = v;
        Vec::new()
    }

    /// What the server learns online of every late output, in the program's order.
    fn server_factors(&self, u: &ServerShare) -> Vec<Vec<u64>> {
        let _ = u;
        Vec::new()
    }

    /// What the client sends of what it evaluated: its share less the mask.
    fn answer(&self, ring: Ring, evaluated: &mut [u64], mask: &[u64]) {
        evaluated.iter_mut().zip(mask).for_each(|(share, mask)| *share = ring.sub(*share, *mask));
    }

    /// The server's share of the output, from what it held and the client's answers.
    fn finish(&self, ring: Ring, held: &mut [u64], answers: &[u64]) {
        held.iter_mut().zip(answers).for_each(|(held, answer)| *held = ring.add(*held, *answer));
    }

    /// Whether it decides a ReLU's sign without the bits that the step says are skipped.
    fn skips(&self) -> bool {
        false
    }

    /// What a unit's shares make of it, with the curve: the step's meaning.
    fn output(&self, curve: &Curve, u: u64, v: u64) -> i64;
}
