//! Kept units: the client chooses labels, the server garbles, the client evaluates online.
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
mod compared;
mod delphi;
mod narrow;
mod server;
mod sign;
mod variant;

pub(super) use client::{ClientChosen, ClientOffer, ClientReady};
pub(super) use server::{ServerChosen, ServerOffer, ServerReady};

use crate::Error;
use crate::block::BLOCK_BYTES;
use crate::gc::SessionKey;
use crate::gc::layer::Layer;
use crate::gc::transfer::Lot;
use crate::numbering::LayerId;
use crate::ot::product::Place;
use crate::plan::{ActivationPlan, ReluVariant};
use crate::tally::Operations;
use crate::walk::{Party, Walk};
use crate::wire::packed_bytes;
use models::fixed::Ring;
use models::fixed::curve::Curve;
use variant::Variant;

/// The kept units of an activation layer, of which there is at least one.
pub struct Kept {
    ring: Ring,
    curve: Curve,
    variant: Box<dyn Variant>,
    /// The garbled shape; every inference gives it a number of its own.
    shape: Layer,
    /// Kept units, by index in the layer, ascending.
    units: Vec<u32>,
}

/// The variant that `relu` names.
fn named(relu: ReluVariant, ring: Ring, step: &ActivationPlan) -> Box<dyn Variant> {
    match relu {
        ReluVariant::Narrow => Box::new(narrow::Narrow::new(step)),
        ReluVariant::Sign => Box::new(sign::Sign::new(ring, step)),
        ReluVariant::Delphi => Box::new(delphi::Delphi::new(ring, step)),
    }
}

impl Kept {
    /// The kept units of `step`; `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Config`] where they cannot be garbled.
    pub(super) fn new(ring: Ring, step: &ActivationPlan) -> Result<Option<Self>, Error> {
        let units = step.step.kept.clone();
        if units.is_empty() {
            return Ok(None);
        }
        let variant = named(step.relu, ring, step);
        let shape = Layer::new(variant.program(), units.len(), ring.bits(), 0)?;
        Ok(Some(Self { ring, curve: step.step.curve.clone(), variant, shape, units }))
    }

    /// Kept units, by index in the layer, ascending.
    pub(super) fn units(&self) -> &[u32] {
        &self.units
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

    /// The outputs that the shares of all units of the layer make, without any protocol: the step's meaning.
    pub(super) fn ideal(&self, u: &[u64], v: &[u64]) -> Vec<u64> {
        let quotients = u.iter().zip(v).map(|(u, v)| self.variant.quotient(*u, *v));
        quotients.map(|quotient| self.ring.from_signed(self.curve.apply(quotient))).collect()
    }
}

/// What preprocessed kept units occupy, bytes.
#[derive(Default)]
pub struct Stored {
    /// In all, at the client.
    pub client: usize,
    /// In all, at the server.
    pub server: usize,
    /// The client's labels.
    pub labels: usize,
    /// The garbled material.
    pub material: usize,
}

impl Kept {
    /// Bytes that client and server keep, and the client's labels and material among them.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            client: self.shape.client_stored_bytes(),
            server: self.shape.server_stored_bytes(),
            labels: self.shape.client_wires() * BLOCK_BYTES,
            material: self.shape.material_bytes(),
        }
    }

    /// Offline, server to client.
    pub(super) fn declare_offer(&self, walk: &mut Walk) {
        walk.down_transfers(self.products());
    }

    /// Offline, client to server.
    pub(super) fn declare_choose(&self, walk: &mut Walk) {
        walk.client(self.elements(self.units.len()));
        walk.up_transfers(self.shape.client_wires());
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
