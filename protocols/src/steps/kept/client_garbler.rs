//! Kept units, `client_garbler`: the circuit of `narrow` with the parties' parts exchanged, so that the server stores the material and
//! does the evaluation; the baseline of those who would spare the client's storage.
//! Source: Garimella, Ghodsi, Jha, Garg and Reagen, "Characterizing and Optimizing End-to-End Systems for Private Inference"
//! (ASPLOS 2023). There labels of u are transferred online by OT; here the OTs are made offline with random choices ρ (Beaver,
//! CRYPTO 1995), and the client's own labels cost a seed, as it knows v when it garbles. Semi-honest.
//!
//!   client (v, r, Δ)                                server (u)
//!     | <---- OTs under Δ with random choices ρ ------ |   offline: offer, n a unit; strings t and t ^ ρ Δ
//!     | ---- seed of the labels of v, material --------> |   offline: choose
//!     | ---- its shares less r ------------------------> |   offline: choose, k bits a unit
//!     | <---- u ^ ρ ------------------------------------- |   online, n bits a unit
//!     | ---- K_0 ^ t ^ (u ^ ρ) Δ, piece by piece -------> |   online, 16 n bytes a unit
//!
//! where K_0 is the zero label of a bit of u: the server removes t ^ ρ Δ and has the label of u. Nothing else is new to it, since Δ hides
//! the other label; to the client u ^ ρ is random. The server evaluates to its share of the curve, and what the client's share has
//! over r it was told offline. So the client sends nothing about its own output online, and learns nothing.

mod client;
mod server;

pub(in crate::steps) use client::{ClientOffer, ClientReady};
pub(in crate::steps) use server::{ServerOffer, ServerReady, ServerSent};

use super::compared::Compared;
use super::stored::Stored;
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::layer::Layer;
use crate::gc::{LANES, programs};
use crate::plan::ActivationPlan;
use crate::prg::Prg;
use crate::secret::Secret;
use crate::tally::Operations;
use crate::walk::{Party, Walk};
use crate::wire::packed_bytes;
use models::fixed::Ring;
use models::fixed::curve::Curve;

/// Units that the server evaluates.
pub(in crate::steps) struct ClientGarbler {
    ring: Ring,
    compared: Compared,
    curve: Curve,
    /// The garbled shape; every inference gives it a number of its own.
    shape: Layer,
    /// By index in the layer, ascending.
    units: Vec<u32>,
}

impl ClientGarbler {
    /// The kept units of `step`.
    ///
    /// # Errors
    /// [`Error::Config`] where they cannot be garbled.
    pub(super) fn new(ring: Ring, step: &ActivationPlan) -> Result<Self, Error> {
        let (compared, curve, units) = (Compared::of(step), step.step.curve.clone(), step.step.kept.clone());
        let program = programs::narrow(&curve, compared.bits as usize);
        let shape = Layer::new(program, units.len(), ring.bits(), 0)?;
        Ok(Self { ring, compared, curve, shape, units })
    }

    /// The output that a unit's shares make.
    pub(super) fn output(&self, u: u64, v: u64) -> i64 {
        self.curve.apply(self.compared.quotient(u, v))
    }

    /// OTs of all units, as many as labels of u.
    const fn transfers(&self) -> usize {
        self.shape.labels(self.units.len())
    }

    /// The server's active labels of v.
    fn active(&self, seed: Block) -> Secret<Block> {
        let mut labels = Secret::zeros(self.shape.evaluator_wires());
        Prg::new(seed).fill(&mut labels);
        labels
    }

    /// `inputs`, n bits a unit, each turned by its transfer's choice, which lie as labels do.
    fn turned(&self, mut inputs: Vec<u64>, choices: &[bool]) -> Vec<u64> {
        let mut choices = choices.iter();
        for chunk in inputs.chunks_mut(LANES) {
            for wire in 0..self.compared.bits {
                for (input, choice) in chunk.iter_mut().zip(choices.by_ref()) {
                    *input ^= u64::from(*choice) << wire;
                }
            }
        }
        inputs
    }

    /// Bytes of what the client's shares have over its masks.
    fn packed(&self) -> usize {
        packed_bytes(self.units.len(), self.ring.bits())
    }

    /// Bytes of u ^ ρ.
    fn opened(&self) -> usize {
        packed_bytes(self.units.len(), self.compared.bits)
    }

    /// What client and server keep.
    pub(super) fn stored(&self) -> Stored {
        let strings = self.transfers() * BLOCK_BYTES;
        let labels = self.shape.evaluator_wires() * BLOCK_BYTES;
        let of_server =
            self.shape.material_bytes() + labels + strings + self.transfers() + 8 * self.units.len();
        Stored {
            client: self.shape.garbler_stored_bytes() + strings,
            server: of_server,
            tables: strings,
            offered: [strings, strings + self.transfers()],
            ..Stored::default()
        }
    }

    /// Offline, server to client.
    pub(super) fn declare_offer(&self, walk: &mut Walk) {
        walk.down_random_transfers(self.transfers());
    }

    /// Offline, client to server.
    pub(super) fn declare_choose(&self, walk: &mut Walk) {
        walk.up_message(BLOCK_BYTES);
        for units in self.shape.material_units() {
            walk.client(self.shape.work(units));
            walk.up(self.shape.material_of(units));
        }
        walk.up_message(self.packed());
    }

    /// Online, server to client, and the client's answer.
    pub(super) fn declare_online(&self, walk: &mut Walk) {
        walk.server(Operations { elements: self.units.len() as u64, ..Operations::default() });
        walk.down_message(self.opened());
        if walk.is(Party::Client) {
            for units in self.shape.online_units() {
                walk.client(Operations { labels: self.shape.labels(units) as u64, ..Operations::default() });
                walk.up(self.shape.online_of(units));
            }
        }
    }

    /// Online, client to server: the server's reading of the labels.
    pub(super) fn declare_answers(&self, walk: &mut Walk) {
        for units in self.shape.online_units() {
            walk.up(self.shape.online_of(units));
            walk.server(self.shape.work(units));
        }
    }
}
