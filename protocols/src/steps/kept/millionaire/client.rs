//! The client's side: it makes tables of its share, and answers what the server opens.

use super::table::halve;
use super::{Millionaire, OPENED, Sections, bytes_of, low, parity, signed_by, summed, times};
use crate::Error;
use crate::block::{Block, Delta};
use crate::gc::SessionKey;
use crate::gc::transfer::{Lot, pads};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::product::correlate;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ClientSession;
use crate::values::{ClientMask, ClientShare};
use crate::wire::{pack, pack_bits};
use netem::Channel;
use rand::{CryptoRng, Rng, RngCore};
use std::ops::Range;

/// Words that a unit keeps beside tables and strings: those of [`ClientReady`].
pub(super) const WORDS: usize = 4;

/// The client, with its strings of the server's offer.
pub(in crate::steps) struct ClientOffer<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    strings: Secret<Block>,
}

/// The client's preprocessed units, a word a unit where nothing else is said. Consumed online.
pub(in crate::steps) struct ClientReady<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    session: SessionKey,
    delta: Delta,
    /// Its shares of the moved tables, leaf after leaf.
    tables: Secret<u64>,
    /// V, with the random choice a of its own above.
    compared: Secret<u64>,
    /// Its shares of the variables' masks and of their products: a bit a term.
    terms: Secret<u64>,
    /// Its shares of 2^(n-2) times the top bits' sum.
    tops: Secret<u64>,
    /// The hashes of its strings of the choices a.
    pads: Secret<u64>,
    /// Strings of choice 0 of the top bit and the terms, row after row.
    strings: Secret<Block>,
}

impl Millionaire {
    /// Offline, the client's reading of the offer.
    pub(in crate::steps) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
    ) -> Result<ClientOffer<'p>, Error> {
        let strings = session.products.extend(channel, self.rows() * self.units.len())?;
        Ok(ClientOffer { millionaire: self, id, strings })
    }
}

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: random choices, and the corrections of tables, for its shares `v` of the layer's input.
    pub(in crate::steps) fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        v: &ClientShare,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<ClientReady<'p>, Error> {
        let Self { millionaire, id, strings } = self;
        let Millionaire { leaves, tree, units: kept, compared, .. } = millionaire;
        let (units, top) = (kept.len(), millionaire.top());
        let choices: Secret<bool> = (0..units).map(|_| rng.random()).collect();
        let chosen = session.labels.extend(channel, units, &pack_bits(&choices))?;
        let pads_of_choices = pads(session.hash, (id.number(), Lot::Factor), &chosen).into();

        let delta = session.products.delta();
        let hashes = |row: usize| {
            let strings = &strings[row * units..][..units];
            let others: Secret<Block> = strings.iter().map(|q| *q ^ delta.block()).collect();
            let key = (id.number(), Lot::Table(row as u32));
            (Secret::from(pads(session.hash, key, strings)), Secret::from(pads(session.hash, key, &others)))
        };
        let v: Secret<u64> = compared.cut_all(v.of(kept).elements()).into();
        let mut message = Vec::with_capacity(bytes_of(millionaire.correction_widths(), units));

        let mut tables: Secret<u64> = vec![0; leaves.len() * units].into();
        for (leaf, tables) in leaves.iter().zip(tables.chunks_exact_mut(units)) {
            tables.iter_mut().zip(v.iter()).for_each(|(table, v)| *table = leaf.table(!v & low(top)));
            for (row, level) in (leaf.first as usize..).zip(leaf.levels()) {
                let (h0, h1) = hashes(row);
                let hashes = h0.iter().zip(h1.iter());
                let corrections =
                    tables.iter_mut().zip(hashes).map(|(table, (h0, h1))| level.moved(table, *h0, *h1));
                message.extend(pack(&corrections.collect::<Vec<_>>(), level.width()));
            }
        }

        let of_top = Millionaire::place(session.hash, id, Lot::Table(top));
        let bits: Secret<u64> = v.iter().map(|v| v >> top).collect();
        let kept_strings = &strings[top as usize * units..];
        let (corrections, shares) = correlate(of_top, delta, &kept_strings[..units], &bits);
        message.extend(pack(&corrections, millionaire.carry_bits()));
        let quarter = millionaire.quarter();
        let share = |(bit, share): (&u64, u64)| quarter.wrapping_mul(bit.wrapping_sub(share << 1));
        let tops = bits.iter().zip(shares).map(share).collect();

        let masks: Secret<u64> =
            (0..units).map(|_| rng.random::<u64>() & ((1 << tree.variables()) - 1)).collect();
        let mut singles: Secret<u64> = masks.iter().map(|masks| tree.tables(*masks).0).collect();
        let mut others: Secret<u64> = masks.iter().map(|masks| tree.tables(*masks).1).collect();
        for (variable, of_single, of_others) in tree.halves() {
            let (h0, h1) = hashes(top as usize + 1 + variable);
            let products = singles.iter_mut().zip(others.iter_mut());
            let halved = products.zip(h0.iter().zip(h1.iter())).map(|((single, others), (h0, h1))| {
                let correction = halve(single, of_single, *h0, *h1);
                if of_others == 0 {
                    return correction;
                }
                correction | halve(others, of_others, h0 >> of_single, h1 >> of_single) << of_single
            });
            message.extend(pack(&halved.collect::<Vec<_>>(), of_single + of_others));
        }
        message::send(channel, CORRELATION, message)?;
        let (first, last) = (tree.variables(), tree.terms() - 1);
        let products = singles.iter().zip(others.iter());
        let products = products.map(|(single, others)| others << first | single << last);
        Ok(ClientReady {
            millionaire,
            id,
            session: session.hash,
            delta,
            tables,
            compared: v.iter().zip(choices.iter()).map(|(v, a)| v | u64::from(*a) << (top + 1)).collect(),
            terms: masks.iter().zip(products).map(|(masks, products)| masks | products).collect(),
            tops,
            pads: pads_of_choices,
            strings: kept_strings.to_vec().into(),
        })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: answers each piece of what the server opens, behind the mask `r` of the layer's output.
    pub(in crate::steps) fn online(self, channel: &mut Channel, r: &ClientMask) -> Result<(), Error> {
        let r = r.of(&self.millionaire.units);
        for (number, piece) in (0..).zip(self.millionaire.pieces()) {
            let widths = self.millionaire.down_widths();
            let bytes = channel.recv(OPENED, bytes_of(widths, piece.len()))?;
            let answer = self.answer(number, piece.clone(), &bytes, &r.elements()[piece]);
            channel.send(MASKED, answer)?;
        }
        Ok(())
    }

    /// The answer to piece `number`, of `units`.
    fn answer(&self, number: u32, units: Range<usize>, bytes: &[u8], r: &[u64]) -> Vec<u8> {
        let Self { millionaire, id, session, delta, .. } = self;
        let Millionaire { tree, units: kept, .. } = millionaire;
        let (n, top, variables) = (millionaire.compared.bits, millionaire.top(), tree.variables());
        let mut sections = Sections::of(bytes, units.len());
        let [of_opened, of_factors] = millionaire.down_widths();
        let (opened, factors) = (sections.next(of_opened), sections.next(of_factors));

        // Of every unit: coefficients, with those of corrected terms above; the top bit; its shares of c, b and b u'.
        let mut coefficients = Vec::with_capacity(units.len());
        let mut corrected = Vec::with_capacity(units.len());
        let (mut carries, mut outcomes) = (Secret::zeros(units.len()), Secret::zeros(units.len()));
        let (mut products, mut small) = (Secret::zeros(units.len()), Vec::with_capacity(units.len()));
        for (i, unit) in units.clone().enumerate() {
            let values = millionaire.leaves_at(&self.tables, kept.len(), unit, opened[i]);
            let terms = self.terms[unit] ^ tree.single_of(&values) << (tree.terms() - 1);
            let own = (tree.variables_of(&values) ^ terms) & ((1 << variables) - 1);
            let public = (opened[i] >> n ^ own) & ((1 << variables) - 1);
            coefficients.push(tree.coefficients(public));
            corrected.push(parity(coefficients[i] & (opened[i] >> n & !((1 << variables) - 1))));
            let compared = self.compared[unit];
            carries[i] = parity(coefficients[i] & terms) ^ tree.public(public);
            outcomes[i] = carries[i] ^ compared >> top & 1 ^ 1;
            let a = compared >> n;
            let turned = outcomes[i] ^ a;
            products[i] = signed_by(turned, self.pads[unit].wrapping_add(times(a, factors[i])));
            small.push(own | turned << variables);
        }

        // The strings of choice 0 of the server's shares of c and b.
        let strings = &self.strings[kept.len()..];
        let mut strings: Secret<Block> = summed(strings, kept.len(), units.clone(), &coefficients).into();
        let offset = |bit: u64| delta.block() & Block::mask(bit & 1 == 1);
        strings.iter_mut().zip(&corrected).for_each(|(string, bit)| *string ^= offset(*bit));
        let of_carries = Millionaire::place(*session, *id, Lot::Carry(number));
        let (carry_corrections, carry_shares) = correlate(of_carries, *delta, &strings, &carries);
        let tops = &self.strings[units.clone()];
        for ((string, top_string), opened) in strings.iter_mut().zip(tops).zip(&opened) {
            *string ^= *top_string ^ offset(opened >> top);
        }
        let factor =
            |compared: &u64| (compared & low(top)).wrapping_add(1).wrapping_sub(millionaire.quarter());
        let own: Secret<u64> = self.compared[units.clone()].iter().map(factor).collect();
        let values: Secret<u64> = (outcomes.iter().zip(own.iter()))
            .zip(products.iter())
            .map(|((b, v), z)| signed_by(*b, *v).wrapping_sub(z << 1))
            .collect();
        let of_outcomes = Millionaire::place(*session, *id, Lot::Outcome(number));
        let (outcome_corrections, outcome_shares) = correlate(of_outcomes, *delta, &strings, &values);

        let answers: Vec<u64> = (0..units.len())
            .map(|i| {
                let (c, b) = (carries[i], outcomes[i]);
                let e = opened[i] >> top & 1;
                let of_product = times(b, own[i]).wrapping_add(products[i]).wrapping_add(outcome_shares[i]);
                let of_carry = (carry_shares[i] << top).wrapping_sub(c << (n - 2));
                let of_top = signed_by(e, self.tops[units.start + i]);
                of_product.wrapping_add(of_carry).wrapping_sub(of_top).wrapping_sub(r[i])
            })
            .collect();
        let sections = [small, outcome_corrections, carry_corrections, answers];
        let packed = sections.iter().zip(millionaire.up_widths()).map(|(values, width)| pack(values, width));
        packed.collect::<Vec<_>>().concat()
    }

    /// Bytes that the units occupy until they are compared.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.millionaire.stored().client
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.bytes(&self.session.to_bytes())?;
        to.bytes(&self.delta.block().to_bytes())?;
        for words in [&self.tables, &self.compared, &self.terms, &self.tops, &self.pads] {
            to.values(words)?;
        }
        to.values(&self.strings)
    }

    /// Reads what `save` wrote of `millionaire`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        millionaire: &'p Millionaire,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let units = millionaire.units.len();
        Ok(Self {
            millionaire,
            id,
            session: SessionKey::from_bytes(from.array()?),
            delta: Delta::from_block(Block::from_bytes(from.array()?))?,
            tables: from.values(millionaire.leaves.len() * units)?.into(),
            compared: from.values(units)?.into(),
            terms: from.values(units)?.into(),
            tops: from.values(units)?.into(),
            pads: from.values(units)?.into(),
            strings: from.values(millionaire.kept_rows() * units)?.into(),
        })
    }
}

impl Drop for ClientReady<'_> {
    fn drop(&mut self) {
        self.delta.wipe();
    }
}
