//! Kept units, `millionaire`: ReLU by comparing shares with one-time truth tables. Everything that does not depend on the image
//! is made offline; online a unit takes some bits each way, in the two flights that every layer takes.
//! Source: comparison part by part as in CrypTFlow2 (CCS 2020) and Cheetah (USENIX Security 2022), one-time truth tables (TCC
//! 2013); tables whose owner knows its input, all levels in one exchange and the product below are this project's own.
//! Semi-honest, on correlated OT and its hash (`gc/hash.rs`).
//!
//! With U and V the n compared bits (`compared.rs`), u and v their low n - 1 and U_t and V_t their top bits, let
//! c = (u + v + 1 >= 2^(n-1)), which is u >= t for a threshold t = 2^(n-1) - 1 - v that the client knows offline. Then
//! X = U + V + 1 mod 2^n, read as signed, is not negative where b = c ^ U_t ^ V_t ^ 1 is set, and
//!
//!   max(X, 0) = b (u + v + 1 - 2^(n-2)) - 2^(n-2) (c + (U_t ^ V_t) - 1)
//!
//! in the integers, as its four cases say. The output equals that of `narrow` and `sign` bit for bit.
//!
//!   client (V, Δ)                                        server (U, Δ')
//!     | <---- OTs under Δ, all choices random --------------- |   offline: `rows` a unit
//!     | ---- OT under Δ', random choice a ------------------> |   offline: one a unit
//!     | ---- corrections of tables -------------------------> |   offline
//!     | <---- U ^ ρ, the server's share of the variables, ----|   online, piece by piece
//!     |       corrections of terms, and of a times u
//!     | ---- its share of the variables, corrections of a, -->|   online, each piece as it comes
//!     |       of the choices c and b, and the output less r
//!
//! **c.** The bits of t are compared in up to three leaves (`leaf.rs`), each a table that the client makes and the server moves
//! by its random bits ρ (`table.rs`). Online U ^ ρ is public, and both look up shares. `tree.rs` makes them one bit by opening
//! what it calls variables, once. When the client has the server's message it knows all that is public, and its share of c;
//! the server learns its own with the client's message. So the client cannot be asked for a product with the server's
//! share, but it does not need to be: that share is a sum, with public coefficients, of bits of the server's that are
//! choices of OTs under Δ (after one bit of correction each). The same sum of the client's strings is the string of
//! choice 0 of an OT whose choice is the server's share of c, and with the top bit's string added, of b.
//!
//! **The product.** Let s and β be the shares of b, u' = u and v' = v + 1 - 2^(n-2). The client's β times u' is an OT under Δ' with the
//! random choice a, turned by d = a ^ β. Of z, the client's share of it, and the rest
//!
//!   b (u' + v') = s u' + (1 - 2 s) (βu' - z) + (z + β v') + s ((1 - 2 β) v' - 2 z)
//!
//! the first two the server has, the third the client, and the last is the OT with choice s. c as a number is
//! s' + β' - 2 s' β' of its shares, one more OT, of k - n + 1 bits. U_t ^ V_t as a number is made offline for ρ ^ V_t.
//!
//! What the client sees online is hidden by ρ, by the server's random choices and by strings that it did not choose; what the server
//! sees, by the client's random masks of variables, by a, by strings that it did not choose, and by r. Each string is hashed
//! under a lot of its own (`gc/transfer.rs`); sums of strings are strings of the same Δ.
//!
//! A ceiling (ReLU6) is a second comparison of the same unit: min(max(X, 0), top) = max(X, 0) - max(X - top, 0), where X - top needs
//! a bit more, and only the client's V differs. Of the second output only its mask is the client's own; what the server
//! gets of both together is behind r.
//!
//! A ReLU's sign may be decided without its lowest s bits (`compared.rs`): with V - 2^(s-1) for V, c is of the n - 1 - s bits above
//! them, of which alone there are tables. b goes with c, so that the identity above still holds, and what was taken is added
//! to v'.
//!
//! Other curves, and more bits than three leaves hold, are computed as in `sign`.

mod client;
mod held;
mod leaf;
mod server;
mod table;
mod tree;

pub(in crate::steps) use client::{ClientOffer, ClientReady};
pub(in crate::steps) use server::{ServerOffer, ServerReady, ServerSent};

use super::compared::Compared;
use super::stored::Stored;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::SessionKey;
use crate::gc::transfer::{Lot, Purpose};
use crate::numbering::LayerId;
use crate::ot::OtVariant;
use crate::ot::product::Place;
use crate::plan::ActivationPlan;
use crate::tally::Operations;
use crate::walk::{Party, Walk};
use crate::wire::{low, packed_bytes, unpack};
use leaf::Leaf;
use models::fixed::Ring;
use models::fixed::curve::Curve;
use netem::FrameKind;
use std::ops::Range;
use table::Level;
use tree::{MOST_LEAVES, Tree};

/// Units of a piece: what is made of one stays in the second-level cache, and the client answers one while the next is on
/// its way.
const PIECE_UNITS: usize = 1 << 12;

/// Words that a comparison keeps beside tables and strings: those of `client.rs`'s and `server.rs`'s pieces.
const CLIENT_WORDS: usize = 4;
const SERVER_WORDS: usize = 5;

/// The server's online message.
const OPENED: FrameKind = FrameKind(0x37);

/// Units that tables compute.
pub(in crate::steps) struct Millionaire {
    ring: Ring,
    compared: Compared,
    /// The lowest first.
    leaves: Vec<Leaf>,
    tree: Tree,
    /// What is taken from X before each comparison of a unit, whose outputs count alternately.
    floors: Vec<u64>,
    /// By index in the layer, ascending.
    units: Vec<u32>,
}

impl Millionaire {
    /// The kept units of `step`; `None` where tables cannot compute them.
    pub(super) fn new(ring: Ring, ot: OtVariant, step: &ActivationPlan) -> Option<Self> {
        let (compared, units) = (Compared::of(step), step.step.kept.clone());
        let (compared, floors) = match step.step.curve {
            Curve::Relu => (compared, vec![0]),
            // A ceiling that no quotient reaches is none.
            Curve::Clamp { top } if top >> (compared.bits - 1) > 0 => (compared, vec![0]),
            Curve::Clamp { top } => (compared.wider(), vec![0, top]),
            Curve::Dented(_) | Curve::Mirrored { .. } | Curve::Centred { .. } => return None,
        };
        let leaves = leaf::split(compared.deciding() - 1, ot.transfer_bits())?;
        let tree = Tree::of(leaves.len());
        Some(Self { ring, compared, leaves, tree, floors, units })
    }

    /// The output that a unit's shares make.
    pub(super) fn output(&self, u: u64, v: u64) -> i64 {
        let above = |floor: &u64| {
            let v = self.compared.cut(v).wrapping_sub(*floor);
            self.compared.signed(self.compared.cut(u).wrapping_add(v).wrapping_add(1))
        };
        match self.floors[..] {
            [0] => self.compared.kept(u, v),
            _ => self.floors.iter().zip([1, -1]).map(|(floor, sign)| sign * above(floor).max(0)).sum(),
        }
    }

    /// V for a share v, less a floor.
    const fn less(&self, v: u64, floor: u64) -> u64 {
        self.compared.centred(v).wrapping_sub(floor) & low(self.compared.bits)
    }

    /// Comparisons: of all units, then again.
    const fn comparisons(&self) -> usize {
        self.floors.len() * self.units.len()
    }

    /// n - 1, the number of the top bit.
    const fn top(&self) -> u32 {
        self.compared.bits - 1
    }

    /// n - s - 1, its number among the bits that decide and in what is opened, and that of its transfer.
    const fn top_row(&self) -> u32 {
        self.compared.deciding() - 1
    }

    /// Transfers a unit under the client's offset: of the bits that decide, of the terms.
    const fn rows(&self) -> usize {
        self.compared.deciding() as usize + self.tree.terms()
    }

    /// Transfers a unit whose strings are needed online: of the top bit, of the terms.
    const fn kept_rows(&self) -> usize {
        1 + self.tree.terms()
    }

    /// Bits of numbers that count 2^(n-1) each.
    const fn carry_bits(&self) -> u32 {
        self.ring.bits() - self.top()
    }

    /// 2^(n-2).
    const fn quarter(&self) -> u64 {
        1 << (self.compared.bits - 2)
    }

    /// The levels of all leaves, by the compared bit.
    fn levels(&self) -> impl Iterator<Item = Level> {
        self.leaves.iter().flat_map(|leaf| leaf.levels())
    }

    /// Widths of the corrections of a unit: of the leaves' tables, of the top bit, of the tables of products.
    fn correction_widths(&self) -> impl Iterator<Item = u32> {
        let of_products = self.tree.halves().map(|(_, single, others)| single + others);
        self.levels().map(Level::width).chain([self.carry_bits()]).chain(of_products)
    }

    /// Widths of the server's online message: what is opened, and the correction of the client's share of b times u.
    const fn down_widths(&self) -> [u32; 2] {
        [self.rows() as u32, self.ring.bits()]
    }

    /// Widths of the client's: what is opened, the corrections of the choices b and c, the output less r.
    const fn up_widths(&self) -> [u32; 4] {
        let k = self.ring.bits();
        [self.tree.variables() as u32 + 1, k, self.carry_bits(), k]
    }

    /// The leaves' bits of a unit for `x`, by tables that lie leaf after leaf.
    fn leaves_at(&self, tables: &[u64], unit: usize, x: u64) -> [[u64; 2]; MOST_LEAVES] {
        let mut values = [[0; 2]; MOST_LEAVES];
        let of_leaves = tables.chunks_exact(tables.len() / self.leaves.len());
        for (values, (leaf, tables)) in values.iter_mut().zip(self.leaves.iter().zip(of_leaves)) {
            *values = leaf.at(tables[unit], x);
        }
        values
    }

    /// Rows of transfers that move tables: of the compared bits but the top, of the variables.
    fn table_rows(&self) -> impl Iterator<Item = u32> + use<> {
        let (top, variables) = (self.top_row(), self.tree.variables() as u32);
        (0..top).chain(top + 1..top + 1 + variables)
    }

    /// Comparisons of the pieces, in order.
    fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let units = self.comparisons();
        (0..units).step_by(PIECE_UNITS).map(move |start| start..units.min(start + PIECE_UNITS))
    }

    fn place(session: SessionKey, id: LayerId, piece: u32, purpose: Purpose) -> Place {
        Place { session, layer: id.number(), lot: Lot::Compared(piece, purpose) }
    }

    /// What a party keeps, bytes: with a word a leaf, as many others, and strings.
    fn stored_words(&self, others: usize) -> usize {
        self.comparisons() * (8 * (self.leaves.len() + others) + self.kept_rows() * BLOCK_BYTES)
    }

    /// What client and server keep.
    pub(super) fn stored(&self) -> Stored {
        let offered = self.comparisons() * (8 * self.table_rows().count() + self.kept_rows() * BLOCK_BYTES);
        let tables = self.stored_words(CLIENT_WORDS);
        Stored {
            client: tables + 8 * (self.comparisons() - self.units.len()),
            server: self.stored_words(SERVER_WORDS),
            labels: 0,
            material: 0,
            tables,
            offered: [offered, offered + 8 * self.comparisons()],
        }
    }

    /// Offline, server to client.
    pub(super) fn declare_offer(&self, walk: &mut Walk) {
        self.pieces().for_each(|piece| walk.down_random_transfers(self.rows() * piece.len()));
    }

    /// Offline, client to server.
    pub(super) fn declare_choose(&self, walk: &mut Walk) {
        for piece in self.pieces() {
            let levels = self.correction_widths().count() * piece.len();
            let work = Operations { table_levels: levels as u64, ..Operations::default() };
            walk.up_random_transfers(piece.len());
            walk.client(work);
            walk.up_message(bytes_of(self.correction_widths(), piece.len()));
            walk.server(work);
        }
    }

    /// Online, server to client, and the client's answers to each piece.
    pub(super) fn declare_online(&self, walk: &mut Walk) {
        for piece in self.pieces() {
            let work = self.work(piece.len());
            walk.server(work);
            walk.down(bytes_of(self.down_widths(), piece.len()));
            if walk.is(Party::Client) {
                walk.client(work);
                walk.up(bytes_of(self.up_widths(), piece.len()));
            }
        }
    }

    /// Online, client to server: the server's reading of the answers.
    pub(super) fn declare_answers(&self, walk: &mut Walk) {
        for piece in self.pieces() {
            walk.up(bytes_of(self.up_widths(), piece.len()));
            walk.server(self.work(piece.len()));
        }
    }

    fn work(&self, units: usize) -> Operations {
        Operations { comparisons: units as u64, ..Operations::default() }
    }
}

/// Bytes of numbers of these widths, one of each a unit, width after width.
fn bytes_of(widths: impl IntoIterator<Item = u32>, units: usize) -> usize {
    widths.into_iter().map(|width| packed_bytes(units, width)).sum()
}

/// Numbers of one width after another in a message.
struct Sections<'a> {
    bytes: &'a [u8],
    units: usize,
}

impl<'a> Sections<'a> {
    /// All of `bytes`, with a number of each width a unit.
    fn of(bytes: &'a [u8], units: usize) -> Self {
        Self { bytes, units }
    }

    /// The next numbers, of `width` bits.
    fn next(&mut self, width: u32) -> Vec<u64> {
        let (section, later) = self.bytes.split_at(packed_bytes(self.units, width));
        self.bytes = later;
        unpack(section, width, self.units)
    }
}

/// The sums of strings whose public coefficient is set, one a unit: `rows` lie one after another.
fn summed(rows: &[Block], units: usize, coefficients: &[u64]) -> Vec<Block> {
    let mut sums = vec![Block::ZERO; units];
    for (term, row) in rows.chunks_exact(units).enumerate() {
        for ((sum, string), coefficients) in sums.iter_mut().zip(row).zip(coefficients) {
            *sum ^= *string & Block::mask(coefficients >> term & 1 == 1);
        }
    }
    sums
}

/// The sum of the bits.
const fn parity(bits: u64) -> u64 {
    (bits.count_ones() & 1) as u64
}

/// `(1 - 2 bit) x`.
const fn signed_by(bit: u64, x: u64) -> u64 {
    (x ^ bit.wrapping_neg()).wrapping_add(bit)
}

/// `bit x`.
const fn times(bit: u64, x: u64) -> u64 {
    x & bit.wrapping_neg()
}
