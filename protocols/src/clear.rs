//! The plan's first reader: what a run must output, given the masks that it used.
//!
//! Both parties' shares are recomputed in the clear; a unit's rounding depends on them alone, so a protocol run must
//! agree bit for bit in every logit and every share.

use crate::masks::MaskSeed;
use crate::prepared::{PreparedPlan, Step};
use crate::secrets::ServerSecrets;
use crate::values::{ClientShare, ServerShare, open};
use models::fixed::steps::ValueId;

/// The clear repetition of a run.
pub struct Replay {
    /// Signed logits.
    pub logits: Vec<i64>,
    /// The server's share of every value: the image, then every step's output.
    pub server_shares: Vec<Vec<u64>>,
    /// Values that left the bound their step was compiled for, or that truncating shares alone has spoiled.
    pub out_of_bounds: u64,
}

/// Both parties' shares of every value so far.
struct Shares {
    u: Vec<ServerShare>,
    v: Vec<ClientShare>,
}

/// Repeats the inference of `image` with the given masks.
pub fn replay(
    plan: &PreparedPlan,
    secrets: &ServerSecrets,
    image: &[u64],
    client: &MaskSeed,
    server: &MaskSeed,
) -> Replay {
    let ring = plan.ring;
    let mut shares = Shares { u: Vec::new(), v: Vec::new() };
    let hide = |shares: &mut Shares, id: ValueId, value: &[u64]| {
        let mask = client.client_mask(ring, id, value.len());
        shares.u.push(mask.hide(ring, value).into_share());
        shares.v.push(mask.into_share());
    };
    let mut out_of_bounds = 0;
    hide(&mut shares, ValueId::IMAGE, image);
    for (index, step) in plan.prepared.iter().enumerate() {
        match step {
            Step::Linear(linear) => {
                let (u, v) = linear.ideal(secrets.of(index), server, &shares.u, &shares.v);
                shares.u.push(u);
                shares.v.push(v);
            }
            Step::Activation(layer) => {
                let source = layer.source().index();
                let (u, v) = (&shares.u[source], &shares.v[source]);
                out_of_bounds += layer.out_of_bounds(&open(ring, u, v)) as u64;
                let output = layer.ideal(u, v);
                hide(&mut shares, layer.output(), &output);
            }
            Step::Product(product) => {
                let [left, right] = product.sources().map(ValueId::index);
                let [left, right] = [left, right].map(|value| open(ring, &shares.u[value], &shares.v[value]));
                let value = product.ideal(&left, &right);
                hide(&mut shares, product.output(), &value);
            }
            Step::Reshare(reshare) => {
                let source = reshare.source().index();
                let (u, v) = (&shares.u[source], &shares.v[source]);
                out_of_bounds += reshare.spoiled(u, v) as u64;
                let value = reshare.ideal(u, v);
                hide(&mut shares, reshare.output(), &value);
            }
        }
    }
    let last = plan.logits().index();
    let logits = open(ring, &shares.u[last], &shares.v[last]).into_iter().map(|x| ring.signed(x)).collect();
    Replay { logits, server_shares: shares.u.into_iter().map(ServerShare::reveal).collect(), out_of_bounds }
}
