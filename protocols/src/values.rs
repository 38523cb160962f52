//! What a vector of ring elements is: a party's share, a mask, or a value behind a mask. Mixing them up does not compile.
//!
//! Elements are in `[0, 2^k)`, in `(channel, row, column)` order. A value x is the sum of the server's share u and the
//! client's share v. Only a [`Masked`] value may travel as it is.
//!
//! ```compile_fail
//! # use protocols::values::{ClientMask, ServerMask};
//! fn online(mask: &ServerMask) {}
//! fn mistaken(mask: &ClientMask) { online(mask) }
//! ```
//! ```compile_fail
//! # use protocols::values::{ClientShare, ServerShare};
//! fn online(share: &ServerShare) {}
//! fn mistaken(share: &ClientShare) { online(share) }
//! ```
//! ```compile_fail
//! # use protocols::values::{ClientMask, ClientShare};
//! fn choose(mask: &ClientMask) {}
//! fn mistaken(share: &ClientShare) { choose(share) }
//! ```
//! ```compile_fail
//! # use protocols::values::ClientShare;
//! fn mistaken(share: &ClientShare) { println!("{share:?}") }
//! ```
//!
//! The way from one to another has a name:
//!
//! ```
//! # use protocols::values::{ClientMask, ClientShare, Masked, ServerShare};
//! fn of_what_it_hides(mask: &ClientMask) -> &ClientShare { mask.share() }
//! fn received(masked: Masked) -> ServerShare { masked.into_share() }
//! ```

use crate::secret::Secret;
use models::fixed::Ring;
use models::fixed::steps::ValueId;
use std::collections::BTreeMap;

/// The client's share v of a value.
pub struct ClientShare(Secret<u64>);

/// The server's share u of a value.
pub struct ServerShare(Secret<u64>);

/// The client's one-time mask r of the image, or of what an activation layer, a product or a reshare makes.
pub struct ClientMask(ClientShare);

/// The server's one-time mask s of a segment's product.
pub struct ServerMask(Secret<u64>);

/// A value less the client's mask: the only one of these that travels.
pub struct Masked(Vec<u64>);

impl ClientShare {
    /// These elements are the client's share.
    pub(crate) fn new(elements: Vec<u64>) -> Self {
        Self(elements.into())
    }

    /// The share's elements.
    pub(crate) fn elements(&self) -> &[u64] {
        &self.0
    }

    /// The share of `units` alone.
    pub(crate) fn of(&self, units: &[u32]) -> Self {
        Self(gather(&self.0, units))
    }
}

impl ServerShare {
    /// These elements are the server's share.
    pub(crate) fn new(elements: Vec<u64>) -> Self {
        Self(elements.into())
    }

    /// The share's elements.
    pub(crate) fn elements(&self) -> &[u64] {
        &self.0
    }

    /// The share of `units` alone.
    pub(crate) fn of(&self, units: &[u32]) -> Self {
        Self(gather(&self.0, units))
    }

    /// Gives the share away, to the verifier of a measured run.
    pub(crate) fn reveal(self) -> Vec<u64> {
        self.0.reveal()
    }
}

impl AsRef<[u64]> for ClientShare {
    fn as_ref(&self) -> &[u64] {
        &self.0
    }
}

impl AsRef<[u64]> for ServerShare {
    fn as_ref(&self) -> &[u64] {
        &self.0
    }
}

impl ClientMask {
    /// These elements are the client's mask.
    pub(crate) fn new(elements: Vec<u64>) -> Self {
        Self(ClientShare::new(elements))
    }

    /// The client's share of what the mask hides, which is the mask.
    pub const fn share(&self) -> &ClientShare {
        &self.0
    }

    /// The same, where the mask is needed no more.
    pub(crate) fn into_share(self) -> ClientShare {
        self.0
    }

    /// The mask's elements.
    pub(crate) fn elements(&self) -> &[u64] {
        self.0.elements()
    }

    /// The mask of `units` alone.
    pub(crate) fn of(&self, units: &[u32]) -> Self {
        Self(self.0.of(units))
    }

    /// `value` behind the mask.
    pub(crate) fn hide(&self, ring: Ring, value: &[u64]) -> Masked {
        Masked(value.iter().zip(self.elements()).map(|(x, r)| ring.sub(*x, *r)).collect())
    }
}

impl ServerMask {
    /// These elements are the server's mask.
    pub(crate) fn new(elements: Vec<u64>) -> Self {
        Self(elements.into())
    }

    /// The mask's elements.
    pub(crate) fn elements(&self) -> &[u64] {
        &self.0
    }
}

impl Masked {
    /// These elements came from the client, behind its mask.
    pub(crate) fn received(elements: Vec<u64>) -> Self {
        Self(elements)
    }

    /// The elements, as they travel.
    pub(crate) fn elements(&self) -> &[u64] {
        &self.0
    }

    /// The server's share of what is masked, which is all that it has of it.
    pub fn into_share(self) -> ServerShare {
        ServerShare::new(self.0)
    }
}

fn gather(elements: &[u64], units: &[u32]) -> Secret<u64> {
    units.iter().map(|unit| elements[*unit as usize]).collect()
}

/// The value that the shares make.
pub(crate) fn open(ring: Ring, u: &ServerShare, v: &ClientShare) -> Vec<u64> {
    u.0.iter().zip(v.elements()).map(|(u, v)| ring.add(*u, *v)).collect()
}

/// What the client has of every value: masks of the image and of all that is no segment's, shares of segments.
#[derive(Default)]
pub struct ClientValues {
    masks: BTreeMap<ValueId, ClientMask>,
    shares: BTreeMap<ValueId, ClientShare>,
}

impl ClientValues {
    /// `value` will be hidden by `mask`.
    pub(crate) fn insert_mask(&mut self, value: ValueId, mask: ClientMask) {
        self.masks.insert(value, mask);
    }

    /// The client has `share` of `value`.
    pub(crate) fn insert_share(&mut self, value: ValueId, share: ClientShare) {
        self.shares.insert(value, share);
    }

    /// The mask of a value that has one.
    pub(crate) fn mask(&self, value: ValueId) -> &ClientMask {
        self.masks.get(&value).expect("validated: of no segment")
    }

    /// The share of a value.
    pub(crate) fn share(&self, value: ValueId) -> &ClientShare {
        let segment = || self.shares.get(&value).expect("validated: an earlier value");
        self.masks.get(&value).map_or_else(segment, ClientMask::share)
    }

    /// Bytes of all elements.
    pub(crate) fn bytes(&self) -> usize {
        let shares = self.masks.values().map(ClientMask::share).chain(self.shares.values());
        shares.map(|share| size_of_val(share.elements())).sum()
    }
}
