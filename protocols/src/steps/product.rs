//! The product of two shared values, unit by unit; one of them may have one unit a channel, as gates have.
//! Source: Beaver's derandomised products (CRYPTO 1991), made by Gilboa's (CRYPTO 1999). Semi-honest.
//!
//! Of x = u + v and y = u' + v' the server knows u and u' online, the client v and v' offline. The server draws a and b, which hide
//! u and u', offline, and both get shares of a v' and b v (`ot/scaling.rs`):
//!
//!   client (v, v')                                server (a, b)
//!     | <---- correlated OT, choices: bits of b -------- |   offline: offer
//!     | ---- correlated OT, choices: bits of v' -------> |   offline: choose
//!     | ---- corrections for v -------------------------> |   offline: choose
//!     | <--- corrections for a -------------------------- |   offline: garble
//!     | <--- u - a, u' - b, k bits a unit -------------- |   online
//!     | ---- (share - r), k bits a unit ---------------> |   online
//!
//! with (u - a) v' + (u' - b) v + v v' and its shares of the two products as the client's share, and u u' and its own as the
//! server's: exact modulo 2^k, whatever the shares. Of a square, the bits of v times 2 a are all there is.

use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::SessionKey;
use crate::gc::transfer::Lot;
use crate::message::{self, CORRELATION, HIDDEN, MASKED};
use crate::numbering::{ChannelStep, LayerId};
use crate::ot::scaling::{Scaling, Shape};
use crate::plan::Plan;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::{ClientSession, ServerSession};
use crate::tally::Operations;
use crate::values::{ClientValues, ServerShare};
use crate::walk::Walk;
use crate::wire::{pack, pack_bits, packed_bytes, unpack};
use models::fixed::Ring;
use models::fixed::steps::{ProductStep, ValueId};
use netem::Channel;
use rand::{CryptoRng, Rng, RngCore};

/// A product, with all that its parties need of the plan.
pub struct Product {
    ring: Ring,
    /// Its place among the plan's steps.
    index: usize,
    step: ProductStep,
}

impl Product {
    /// Step `index` of `plan`.
    pub fn new(plan: &Plan, index: usize, step: &ProductStep) -> Self {
        Self { ring: plan.ring, index, step: step.clone() }
    }

    /// The step as the channel books it.
    pub const fn channel_step(&self) -> ChannelStep {
        ChannelStep::of(self.index)
    }

    /// The values that it reads, as many units as it makes of the first.
    pub const fn sources(&self) -> [ValueId; 2] {
        [self.step.left, self.step.right]
    }

    /// The value that it makes.
    pub const fn output(&self) -> ValueId {
        ValueId::made_by(self.index)
    }

    /// Units of the value that it makes.
    pub fn units(&self) -> usize {
        self.step.shape.size()
    }

    /// Whether it multiplies a value with itself.
    fn is_square(&self) -> bool {
        self.step.left == self.step.right
    }

    /// Units of the right factor that online is hidden by b: none where the left one is the same.
    fn second(&self) -> usize {
        if self.is_square() { 0 } else { self.right() }
    }

    /// Units of the right factor.
    fn right(&self) -> usize {
        self.units() / self.step.each
    }

    /// The product of `left` and `right`, without any protocol: the step's meaning.
    pub fn ideal(&self, left: &[u64], right: &[u64]) -> Vec<u64> {
        self.step.of(self.ring, left, right)
    }

    /// Adds `other` to `sum`.
    fn add(&self, sum: &mut [u64], other: &[u64]) {
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum = self.ring.add(*sum, *other));
    }

    /// Adds `left * right` to `sum`.
    fn add_product(&self, sum: &mut [u64], left: &[u64], right: &[u64]) {
        self.add(sum, &self.step.of(self.ring, left, right));
    }

    /// The numbers of the right factor that one party chooses by, and values of the left one.
    fn shape(&self, numbers: usize) -> Shape {
        Shape { bits: self.ring.bits(), numbers, each: self.step.each }
    }

    /// Shares of the client's v' times the server's a.
    fn of_client(&self, session: SessionKey, id: LayerId) -> Scaling {
        Scaling { session, layer: id.number(), lot: Lot::ClientBit, shape: self.shape(self.right()) }
    }

    /// Shares of the server's b times the client's v.
    fn of_server(&self, session: SessionKey, id: LayerId) -> Scaling {
        Scaling { session, layer: id.number(), lot: Lot::ServerBit, shape: self.shape(self.second()) }
    }
}

/// The client, with its strings of the server's transfers.
pub struct ClientOffer<'p> {
    product: &'p Product,
    id: LayerId,
    strings: Secret<Block>,
}

/// The client after its choices, waiting for the server's corrections.
pub struct ClientChosen<'p> {
    product: &'p Product,
    id: LayerId,
    strings: Secret<Block>,
    choices: Secret<bool>,
    /// Its share of what is known so far.
    share: Secret<u64>,
}

/// The client's preprocessed product. Consumed by `online`.
pub struct ClientReady<'p> {
    product: &'p Product,
    /// v v' and its shares of a v' and b v.
    share: Secret<u64>,
}

impl Product {
    /// Offline: the client's reading of the transfers; `first` is the inference's first layer.
    pub fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        first: LayerId,
    ) -> Result<ClientOffer<'p>, Error> {
        let transfers = self.shape(self.second()).transfers();
        let strings = session.products.extend(channel, transfers)?;
        Ok(ClientOffer { product: self, id: first.step(self.index), strings })
    }
}

impl<'p> ClientOffer<'p> {
    /// The product.
    pub const fn product(&self) -> &'p Product {
        self.product
    }

    /// Offline: the client chooses by its share of the right factor, and corrects for that of the left one.
    pub fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        values: &ClientValues,
    ) -> Result<ClientChosen<'p>, Error> {
        let Self { product, id, strings } = self;
        let [left, right] = product.sources().map(|value| values.share(value).elements());
        let shape = product.shape(product.right());
        let choices = shape.choices(right);
        let own = session.labels.extend(channel, shape.transfers(), &pack_bits(&choices))?;
        let mut share: Secret<u64> = product.ideal(left, right).into();
        if !product.is_square() {
            let of_server = product.of_server(session.hash, id);
            let send = |bytes| message::send(channel, CORRELATION, bytes);
            let part = of_server.correct(&session.products, &strings, left, send)?;
            product.add(&mut share, &part);
        }
        Ok(ClientChosen { product, id, strings: own, choices, share })
    }
}

impl<'p> ClientChosen<'p> {
    /// The product.
    pub const fn product(&self) -> &'p Product {
        self.product
    }

    /// Offline: the client's reading of the server's corrections.
    pub fn receive(self, channel: &mut Channel, session: &ClientSession) -> Result<ClientReady<'p>, Error> {
        let Self { product, id, strings, choices, mut share } = self;
        let of_client = product.of_client(session.hash, id);
        let receive = |length| message::recv(channel, CORRELATION, length);
        let part = of_client.corrected(&strings, &choices, receive)?;
        product.add(&mut share, &part);
        Ok(ClientReady { product, share })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: sends the client's shares behind the mask of the product.
    pub fn online(self, channel: &mut Channel, values: &ClientValues) -> Result<(), Error> {
        let Self { product, mut share } = self;
        let bits = product.ring.bits();
        let [left, right] = product.sources().map(|value| values.share(value).elements());
        let hidden = message::recv(channel, HIDDEN, packed_bytes(product.units(), bits))?;
        let hidden = unpack(&hidden, bits, product.units());
        product.add_product(&mut share, &hidden, right);
        if product.is_square() {
            product.add_product(&mut share, &hidden, right);
        } else {
            let hidden = message::recv(channel, HIDDEN, packed_bytes(product.second(), bits))?;
            product.add_product(&mut share, left, &unpack(&hidden, bits, product.second()));
        }
        let masked = values.mask(product.output()).hide(product.ring, &share);
        message::send(channel, MASKED, pack(masked.elements(), bits))
    }

    /// Bytes that the product occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        self.product.stored_bytes().0
    }

    /// Writes it down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.values(&self.share)
    }

    /// Reads what `save` wrote of `product`.
    pub(crate) fn load(product: &'p Product, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self { product, share: from.values(product.units())?.into() })
    }
}

/// The server's transfers, before the client's choices.
pub struct ServerOffer<'p> {
    product: &'p Product,
    id: LayerId,
    strings: Secret<Block>,
    choices: Secret<bool>,
    /// a and b.
    hiding: [Secret<u64>; 2],
}

/// The server's view of the client's choices, before it corrects.
pub struct ServerChosen<'p> {
    product: &'p Product,
    id: LayerId,
    strings: Secret<Block>,
    hiding: [Secret<u64>; 2],
    /// Its share of b v.
    share: Secret<u64>,
}

/// The server's preprocessed product. Consumed by `online`.
pub struct ServerReady<'p> {
    product: &'p Product,
    /// a and b.
    hiding: [Secret<u64>; 2],
    /// Its shares of a v' and b v.
    share: Secret<u64>,
}

impl Product {
    /// Offline: the server draws what hides its shares, and chooses by it; `first` is the inference's first layer.
    pub fn server_offer<'p, R: CryptoRng + RngCore>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        first: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let mut draw = |count| (0..count).map(|_| self.ring.reduce(rng.random())).collect::<Secret<u64>>();
        let hiding = [draw(self.units()), draw(self.second())];
        let shape = self.shape(self.second());
        let choices = shape.choices(&hiding[1]);
        let strings = session.products.extend(channel, shape.transfers(), &pack_bits(&choices))?;
        Ok(ServerOffer { product: self, id: first.step(self.index), strings, choices, hiding })
    }
}

impl<'p> ServerOffer<'p> {
    /// The product.
    pub const fn product(&self) -> &'p Product {
        self.product
    }

    /// Offline: the server's reading of the choices and corrections.
    pub fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerChosen<'p>, Error> {
        let Self { product, id, strings, choices, hiding } = self;
        let own = session.labels.extend(channel, product.shape(product.right()).transfers())?;
        let share = match product.is_square() {
            true => vec![0; product.units()].into(),
            false => {
                let receive = |length| message::recv(channel, CORRELATION, length);
                product.of_server(session.hash, id).corrected(&strings, &choices, receive)?
            }
        };
        Ok(ServerChosen { product, id, strings: own, hiding, share })
    }
}

impl<'p> ServerChosen<'p> {
    /// Offline: the server corrects for what hides its share of the left factor.
    pub fn correct(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { product, id, strings, hiding, mut share } = self;
        let times = if product.is_square() { 2 } else { 1 };
        let values: Secret<u64> = hiding[0].iter().map(|a| product.ring.reduce(a * times)).collect();
        let of_client = product.of_client(session.hash, id);
        let send = |bytes| message::send(channel, CORRELATION, bytes);
        let part = of_client.correct(&session.labels, &strings, &values, send)?;
        product.add(&mut share, &part);
        Ok(ServerReady { product, hiding, share })
    }
}

impl<'p> ServerReady<'p> {
    /// The product.
    pub const fn product(&self) -> &'p Product {
        self.product
    }

    /// Online: the server's share of the product; `left` and `right` are its shares of the factors.
    pub fn online(
        self,
        channel: &mut Channel,
        left: &ServerShare,
        right: &ServerShare,
    ) -> Result<ServerShare, Error> {
        let Self { product, hiding, mut share } = self;
        let (ring, bits) = (product.ring, product.ring.bits());
        for (own, hiding) in
            [left, right].into_iter().zip(&hiding).take(if product.is_square() { 1 } else { 2 })
        {
            let hidden = own.elements().iter().zip(hiding.iter()).map(|(u, a)| ring.sub(*u, *a));
            message::send(channel, HIDDEN, pack(&hidden.collect::<Vec<_>>(), bits))?;
        }
        product.add_product(&mut share, left.elements(), right.elements());
        let bytes = message::recv(channel, MASKED, packed_bytes(product.units(), bits))?;
        let masked = unpack(&bytes, bits, product.units());
        product.add(&mut share, &masked);
        Ok(ServerShare::new(share.reveal()))
    }

    /// Bytes that the product occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        self.product.stored_bytes().1
    }

    /// Writes it down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        [&self.hiding[0], &self.hiding[1], &self.share].into_iter().try_for_each(|values| to.values(values))
    }

    /// Reads what `save` wrote of `product`.
    pub(crate) fn load(product: &'p Product, from: &mut Loading<'_>) -> Result<Self, Error> {
        let mut values = |count| Ok::<_, Error>(Secret::from(from.values(count)?));
        let hiding = [values(product.units())?, values(product.second())?];
        Ok(Self { product, hiding, share: values(product.units())? })
    }
}

impl Product {
    /// What it occupies at client and server until it is used.
    pub fn stored_bytes(&self) -> (usize, usize) {
        (8 * self.units(), 8 * (2 * self.units() + self.second()))
    }

    /// What it takes each party while it is made: strings and choices of both ways.
    pub fn working_bytes(&self) -> usize {
        let transfers = |numbers| self.shape(numbers).transfers();
        (transfers(self.right()) + transfers(self.second())) * (BLOCK_BYTES + 1)
    }

    /// Offline, server to client.
    pub fn declare_offer(&self, walk: &mut Walk) {
        walk.down_transfers(self.shape(self.second()).transfers());
    }

    /// Offline, client to server.
    pub fn declare_choose(&self, walk: &mut Walk) {
        walk.up_transfers(self.shape(self.right()).transfers());
        if !self.is_square() {
            for bytes in self.shape(self.second()).messages() {
                walk.client(self.work());
                walk.up_message(bytes);
                walk.server(self.work());
            }
        }
    }

    /// Offline, server to client.
    pub fn declare_garble(&self, walk: &mut Walk) {
        for bytes in self.shape(self.right()).messages() {
            walk.server(self.work());
            walk.down_message(bytes);
            walk.client(self.work());
        }
    }

    /// Online, both directions.
    pub fn declare_online(&self, walk: &mut Walk) {
        let bits = self.ring.bits();
        walk.server(self.work());
        walk.down_message(packed_bytes(self.units(), bits));
        walk.down_message(packed_bytes(self.second(), bits));
        walk.client(self.work());
        walk.up_message(packed_bytes(self.units(), bits));
        walk.server(self.work());
    }

    fn work(&self) -> Operations {
        Operations { elements: self.units() as u64, ..Operations::default() }
    }
}
