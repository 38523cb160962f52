//! Once a session: handshake, homomorphic key, base OTs in both directions, the start value of the garbling hash.
//!
//!   client                                   server
//!     | -------------- handshake -------------> |
//!     | <------ handshake, base OT point ------ |
//!     | - base OT points, HE public key, point > |
//!     | <- base OT points, hash start, trees -- |
//!     | ---------------- trees ---------------> |
//!
//! The last travels with what the client first sends of an inference. With silent OT the trees are followed by the columns that make
//! its stocks, and those by its first batches: the client's with its trees, the server's in one more flight.

use crate::Error;
use crate::block::{BLOCK_BYTES, Delta};
use crate::gc::SESSION_KEY;
use crate::gc::SessionKey;
use crate::handshake::{self, SessionId};
use crate::he::client::ClientKey;
use crate::he::server::{HeContext, ServerKey};
use crate::ot::extension::{self, ANSWER_BYTES, OPENING_BYTES, tree_bytes};
use crate::ot::{CotReceiver, CotSender};
use crate::plan::Plan;
use crate::tally::Operations;
use crate::walk::{Party, Transfers, Walk};
use netem::{Channel, FrameKind};
use rand::{CryptoRng, RngCore};

const PUBLIC_KEY: FrameKind = FrameKind(0x02);

/// The client's session keys.
pub struct ClientSession {
    /// Encrypts masks.
    pub key: ClientKey,
    /// Chooses labels for garbled inputs.
    pub labels: CotReceiver,
    /// Sends the correlations of products: of truncations, of signs, of what the server multiplies.
    pub products: CotSender,
    /// Start of the garbling hash.
    pub hash: SessionKey,
}

/// The server's session keys.
pub struct ServerSession<'a> {
    /// The client's public key.
    pub key: ServerKey<'a>,
    /// Makes the client's labels; its offset is free XOR's.
    pub labels: CotSender,
    /// Receives the correlations of products: of truncations, of signs, of what the server multiplies.
    pub products: CotReceiver,
    /// Start of the garbling hash.
    pub hash: SessionKey,
}

/// The client's half.
pub fn client<R: CryptoRng + RngCore>(
    channel: &mut Channel,
    (plan, transfers): (&Plan, Transfers),
    session: SessionId,
    rng: &mut R,
) -> Result<ClientSession, Error> {
    handshake::client(channel, plan, session)?;
    let products = extension::answer(plan.ot, channel, Delta::random(rng), rng)?;
    let key = ClientKey::generate(&plan.he, rng)?;
    channel.send(PUBLIC_KEY, key.public_key(rng)?)?;
    let labels = extension::open(plan.ot, channel, rng)?.receive(channel)?;
    let hash = channel.recv(SESSION_KEY, BLOCK_BYTES)?;
    let hash =
        SessionKey::from_bytes(hash.try_into().expect("the channel delivers exactly the asked length"));
    let (products, mut labels) = (products.finish(channel)?, labels.finish(channel)?);
    let (products, labels) = if plan.ot.is_silent() {
        let labels = CotReceiver::stock(&mut labels, channel, transfers.up, rng)?;
        let products = CotSender::silence(products, channel, transfers.down, rng)?;
        (products, CotReceiver::silence(labels, channel)?)
    } else {
        (CotSender::Extended(products), CotReceiver::Extended(labels))
    };
    channel.flush()?;
    Ok(ClientSession { key, labels, products, hash })
}

/// The server's half.
pub fn server<'a, R: CryptoRng + RngCore>(
    channel: &mut Channel,
    (plan, transfers): (&Plan, Transfers),
    context: &'a HeContext,
    session: SessionId,
    rng: &mut R,
) -> Result<ServerSession<'a>, Error> {
    handshake::server(channel, plan, session)?;
    let products = extension::open(plan.ot, channel, rng)?.receive(channel)?;
    let key = ServerKey::new(context, &channel.recv(PUBLIC_KEY, plan.he.public_key_bytes())?)?;
    let labels = extension::answer(plan.ot, channel, Delta::random(rng), rng)?;
    let hash = SessionKey::random(rng);
    channel.send(SESSION_KEY, hash.to_bytes().to_vec())?;
    let mut products = products.finish(channel)?;
    let (products, labels) = if plan.ot.is_silent() {
        let products = CotReceiver::stock(&mut products, channel, transfers.down, rng)?;
        let labels = CotSender::silence(labels.finish(channel)?, channel, transfers.up, rng)?;
        (CotReceiver::silence(products, channel)?, labels)
    } else {
        (CotReceiver::Extended(products), CotSender::Extended(labels.finish(channel)?))
    };
    channel.flush()?;
    Ok(ServerSession { key, labels, products, hash })
}

/// What set-up sends.
pub fn declare(plan: &Plan, walk: &mut Walk) {
    handshake::declare(walk);
    walk.client(Operations { encryptions: 1, ..Operations::default() });
    walk.down(OPENING_BYTES);
    walk.up(ANSWER_BYTES);
    walk.up(plan.he.public_key_bytes());
    walk.up(OPENING_BYTES);
    walk.down(ANSWER_BYTES);
    walk.down(BLOCK_BYTES);
    let trees = Some(tree_bytes(plan.ot)).filter(|bytes| *bytes > 0);
    let client = walk.is(Party::Client);
    trees.iter().for_each(|bytes| walk.down(*bytes));
    if !client {
        walk.stock(Party::Server);
    }
    trees.iter().for_each(|bytes| walk.up(*bytes));
    walk.stock(Party::Client);
    if client {
        walk.stock(Party::Server);
        walk.supply(Party::Server, 0);
    }
    walk.supply(Party::Client, 0);
    if !client {
        walk.supply(Party::Server, 0);
    }
}
