//! Kept units by circuit: the client chooses labels, the server garbles, the client evaluates online.
//! Source: Delphi, section 4; what is garbled is the variant's (`narrow.rs`, `sign.rs`, `delphi.rs`). Semi-honest.
//!
//!   client (v, r)                                server (u)
//!     | <--- products: OT with random choices ------ |   offline: offer
//!     | ---- correlated OT, choices; products ------> |   offline: choose
//!     | <--- material -------------------------------- |   offline: garble
//!     | <--- labels of u, late ciphertexts ----------- |   online
//!     | ---- (share - r), k bits a unit --------------> |   online, piece by piece while labels arrive
//!
//! There are products where the variant multiplies outside of its circuit.

mod client;
mod server;
mod variant;

pub(in crate::steps) use client::{ClientChosen, ClientOffer, ClientReady};
pub(in crate::steps) use server::{ServerChosen, ServerOffer, ServerReady, ServerSent};
pub(super) use variant::Variant;

use super::stored::Stored;
use crate::Error;
use crate::block::BLOCK_BYTES;
use crate::gc::SessionKey;
use crate::gc::layer::Layer;
use crate::gc::transfer::Lot;
use crate::numbering::LayerId;
use crate::ot::product::Place;
use crate::tally::Operations;
use crate::walk::{Party, Walk};
use crate::wire::packed_bytes;
use models::fixed::Ring;
use models::fixed::curve::Curve;

/// Units that a circuit computes.
pub(in crate::steps) struct Garbled {
    ring: Ring,
    variant: Box<dyn Variant>,
    /// The garbled shape; every inference gives it a number of its own.
    shape: Layer,
    /// By index in the layer, ascending.
    units: Vec<u32>,
}

impl Garbled {
    /// `units` by `variant`.
    ///
    /// # Errors
    /// [`Error::Config`] where they cannot be garbled.
    pub(super) fn new(ring: Ring, variant: Box<dyn Variant>, units: Vec<u32>) -> Result<Self, Error> {
        let shape = Layer::new(variant.program(), units.len(), ring.bits(), 0)?;
        Ok(Self { ring, variant, shape, units })
    }

    /// Whether its signs are decided without the bits that are skipped.
    pub(super) fn skips(&self) -> bool {
        self.variant.skips()
    }

    /// What a unit's shares make of it, with the curve.
    pub(super) fn output(&self, curve: &Curve, u: u64, v: u64) -> i64 {
        self.variant.output(curve, u, v)
    }

    /// Products outside of the circuits.
    fn products(&self) -> usize {
        if self.shape.has_joint() { self.units.len() } else { 0 }
    }

    fn place(session: SessionKey, id: LayerId) -> Place {
        Place { session, layer: id.number(), lot: Lot::Sign }
    }

    /// Bytes of a packed number a unit.
    fn packed(&self, units: usize) -> usize {
        packed_bytes(units, self.ring.bits())
    }

    /// What client and server keep.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            client: self.shape.evaluator_stored_bytes(),
            server: self.shape.garbler_stored_bytes(),
            labels: self.shape.evaluator_wires() * BLOCK_BYTES,
            material: self.shape.material_bytes(),
            ..Stored::default()
        }
    }

    /// Offline, server to client.
    pub(super) fn declare_offer(&self, walk: &mut Walk) {
        walk.down_random_transfers(self.products());
    }

    /// Offline, client to server.
    pub(super) fn declare_choose(&self, walk: &mut Walk) {
        walk.client(self.elements(self.units.len()));
        walk.up_transfers(self.shape.evaluator_wires());
        walk.up_message(self.packed(self.products()));
    }

    /// Offline, server to client.
    pub(super) fn declare_garble(&self, walk: &mut Walk) {
        for units in self.shape.material_units() {
            walk.server(self.shape.work(units));
            walk.down(self.shape.material_of(units));
        }
    }

    /// Online, server to client, and the client's answers to each piece.
    pub(super) fn declare_labels(&self, walk: &mut Walk) {
        for units in self.shape.online_units() {
            walk.server(Operations { labels: self.shape.labels(units) as u64, ..Operations::default() });
            walk.down(self.shape.online_of(units));
            if walk.is(Party::Client) {
                walk.client(self.shape.work(units));
                walk.up(self.packed(units));
            }
        }
    }

    /// Online, client to server: the server's reading of the answers.
    pub(super) fn declare_answers(&self, walk: &mut Walk) {
        for units in self.shape.online_units() {
            walk.up(self.packed(units));
            walk.server(self.elements(units));
        }
    }

    fn elements(&self, units: usize) -> Operations {
        Operations { elements: units as u64, ..Operations::default() }
    }
}
