//! The client's side of garbled units: it chooses labels, keeps the circuits, evaluates.

use super::Garbled;
use crate::Error;
use crate::block::Block;
use crate::gc::layer::{EvaluatorJoint, EvaluatorLayer, Layer};
use crate::gc::{LABELS, MATERIAL};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::product::correlate;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ClientSession;
use crate::store::Depot;
use crate::values::{ClientMask, ClientShare};
use crate::wire::pack;
use netem::Channel;
use std::cell::RefCell;

/// The client, with its strings of the server's offer.
pub(in crate::steps) struct ClientOffer<'p> {
    garbled: &'p Garbled,
    id: LayerId,
    strings: Secret<Block>,
}

/// The client after its choices, waiting for the material.
pub(in crate::steps) struct ClientChosen<'p> {
    garbled: &'p Garbled,
    shape: Layer,
    labels: Secret<Block>,
    joint: Option<EvaluatorJoint>,
}

/// The client's preprocessed units. Consumed online: a circuit evaluated on two inputs leaks its masks.
pub(in crate::steps) struct ClientReady<'p> {
    garbled: &'p Garbled,
    layer: EvaluatorLayer,
}

impl Garbled {
    /// Offline, the client's reading of the offer.
    pub(in crate::steps) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
    ) -> Result<ClientOffer<'p>, Error> {
        Ok(ClientOffer {
            garbled: self,
            id,
            strings: session.products.extend_random(channel, self.products())?,
        })
    }
}

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: its labels, and the products' correlations, for its shares `v` of the layer's input and
    /// the mask `r` of its output.
    pub(in crate::steps) fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        v: &ClientShare,
        r: &ClientMask,
    ) -> Result<ClientChosen<'p>, Error> {
        let Self { garbled, id, strings } = self;
        let (v, r) = (v.of(&garbled.units), r.of(&garbled.units));
        let shape = garbled.shape.numbered(id.number());
        let choices = shape.choices(&garbled.variant.client_inputs(&v, &r));
        let labels = session.labels.extend(channel, shape.evaluator_wires(), &choices)?;
        let mut joint = None;
        if shape.has_joint() {
            let values = garbled.variant.client_factors(&v);
            let (corrections, shares) =
                correlate(Garbled::place(session.hash, id), session.products.delta(), &strings, &values);
            message::send(channel, CORRELATION, pack(&corrections, garbled.ring.bits()))?;
            joint = Some(EvaluatorJoint { values: values.into(), shares: shares.into() });
        }
        Ok(ClientChosen { garbled, shape, labels, joint })
    }
}

impl<'p> ClientChosen<'p> {
    /// Offline: receives the material, into `depot`.
    pub(in crate::steps) fn receive(
        self,
        channel: &mut Channel,
        session: &ClientSession,
        depot: &mut Depot,
    ) -> Result<ClientReady<'p>, Error> {
        let Self { garbled, shape, labels, joint } = self;
        let next = |length| Ok(channel.recv(MATERIAL, length)?);
        let layer = EvaluatorLayer::receive(shape, session.hash, labels, joint, depot, next)?;
        Ok(ClientReady { garbled, layer })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: evaluates, and sends the outputs' shares behind the mask `r` of the layer's output.
    pub(in crate::steps) fn online(self, channel: &mut Channel, r: &ClientMask) -> Result<(), Error> {
        let Self { garbled, layer } = self;
        let r = r.of(&garbled.units);
        let mut left = r.elements();
        // Labels arrive and answers leave in turns.
        let channel = RefCell::new(channel);
        layer.evaluate(
            |length| Ok(channel.borrow_mut().recv(LABELS, length)?),
            |mut piece| {
                let (mask, later) = left.split_at(piece.len());
                left = later;
                garbled.variant.answer(garbled.ring, &mut piece, mask);
                Ok(channel.borrow_mut().send(MASKED, pack(&piece, garbled.ring.bits()))?)
            },
        )
    }

    /// Bytes that the units occupy until they are evaluated.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.layer.stored_bytes()
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.layer.save(to)
    }

    /// Reads what `save` wrote of `garbled`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        garbled: &'p Garbled,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        Ok(Self { garbled, layer: EvaluatorLayer::load(garbled.shape.numbered(id.number()), from)? })
    }
}
