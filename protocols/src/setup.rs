//! Once a session: handshake, homomorphic key, base OTs in both directions, the start value of the garbling hash.
//!
//!   client                                   server
//!     | -------------- handshake -------------> |
//!     | <------ handshake, base OT point ------ |
//!     | - base OT points, HE public key, point > |
//!     | <- base OT points, hash start, trees -- |
//!     | ---------------- trees ---------------> |
//!
//! The last travels with what the client first sends of an inference.

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
use crate::walk::Walk;
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
    plan: &Plan,
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
    let products = CotSender::Extended(products.finish(channel)?);
    let labels = CotReceiver::Extended(labels.finish(channel)?);
    channel.flush()?;
    Ok(ClientSession { key, labels, products, hash })
}

/// The server's half.
pub fn server<'a, R: CryptoRng + RngCore>(
    channel: &mut Channel,
    plan: &Plan,
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
    let products = CotReceiver::Extended(products.finish(channel)?);
    let labels = CotSender::Extended(labels.finish(channel)?);
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
    if let Some(bytes) = trees {
        walk.down(bytes);
        walk.up(bytes);
    }
}
