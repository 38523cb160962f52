//! The server's side: it moves the client's tables by random bits, and opens its share behind them.

use super::table::halved;
use super::{Millionaire, OPENED, Sections, bytes_of, low, parity, signed_by, summed, times};
use crate::Error;
use crate::block::Block;
use crate::gc::SessionKey;
use crate::gc::transfer::{Lot, pads};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::product::correlate;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ServerSession;
use crate::values::ServerShare;
use crate::wire::{pack, pack_bits};
use netem::Channel;
use rand::{CryptoRng, Rng, RngCore};
use std::ops::Range;

/// Words that a unit keeps beside tables and strings: those of [`ServerReady`].
pub(super) const WORDS: usize = 5;

/// The server's offer, before the client's corrections.
pub(in crate::steps) struct ServerOffer<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    choices: Secret<u64>,
    strings: Secret<Block>,
}

/// The server's preprocessed units, a word a unit where nothing else is said. Consumed online.
pub(in crate::steps) struct ServerReady<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    session: SessionKey,
    /// Its shares of the moved tables, leaf after leaf.
    tables: Secret<u64>,
    /// Its random choices: of the compared bits, then of the terms.
    choices: Secret<u64>,
    /// Its shares of the variables' masks and of their products: a bit a term.
    terms: Secret<u64>,
    /// Its shares of 2^(n-2) times the top bits' sum.
    tops: Secret<u64>,
    /// The hash of the string of the client's choice 0 ...
    pads: Secret<u64>,
    /// ... less that of choice 1.
    differences: Secret<u64>,
    /// Chosen strings of the top bit and the terms, row after row.
    strings: Secret<Block>,
}

/// The server after it opened its share.
pub(in crate::steps) struct ServerSent<'p> {
    ready: ServerReady<'p>,
    /// The compared bits of its share.
    compared: Secret<u64>,
    /// What it opened.
    opened: Vec<u64>,
}

impl Millionaire {
    /// Offline, server to client: OTs with random choices.
    pub(in crate::steps) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let rows = self.rows();
        let choices: Secret<u64> =
            self.units.iter().map(|_| rng.random::<u64>() & low(rows as u32)).collect();
        let by_row = (0..rows).flat_map(|row| choices.iter().map(move |choices| choices >> row & 1 == 1));
        let by_row: Secret<bool> = by_row.collect();
        let strings = session.products.extend(channel, by_row.len(), &pack_bits(&by_row))?;
        Ok(ServerOffer { millionaire: self, id, choices, strings })
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline, the server's reading of the corrections.
    pub(in crate::steps) fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { millionaire, id, choices, strings } = self;
        let Millionaire { leaves, tree, units, .. } = millionaire;
        let (units, top) = (units.len(), millionaire.top());
        let zero = session.labels.extend(channel, units)?;
        let of_factors = Millionaire::place(session.hash, id, Lot::Factor);
        let (differences, shares) = correlate(of_factors, session.labels.delta(), &zero, &vec![0; units]);

        let bytes = message::recv(channel, CORRELATION, bytes_of(millionaire.correction_widths(), units))?;
        let mut sections = Sections::of(&bytes, units);
        let hashes = |row: usize| -> Secret<u64> {
            let key = (id.number(), Lot::Table(row as u32));
            pads(session.hash, key, &strings[row * units..][..units]).into()
        };
        let choice = |row: usize| choices.iter().map(move |choices| choices >> row & 1 == 1);

        let mut tables: Secret<u64> = vec![0; leaves.len() * units].into();
        for (leaf, tables) in leaves.iter().zip(tables.chunks_exact_mut(units)) {
            for (row, level) in (leaf.first as usize..).zip(leaf.levels()) {
                let (hashes, corrections) = (hashes(row), sections.next(level.width()));
                for (((table, choice), h), correction) in
                    tables.iter_mut().zip(choice(row)).zip(hashes.iter()).zip(corrections)
                {
                    level.follow(table, choice, *h, correction);
                }
            }
        }

        let (hashed, corrections) = (hashes(top as usize), sections.next(millionaire.carry_bits()));
        let quarter = millionaire.quarter();
        let share = |((h, correction), choice): ((&u64, u64), bool)| {
            let choice = u64::from(choice);
            let product = h.wrapping_add(times(choice, correction));
            quarter.wrapping_mul(choice.wrapping_sub(product << 1))
        };
        let tops = hashed.iter().zip(corrections).zip(choice(top as usize)).map(share).collect();

        let (mut singles, mut others) = (Secret::<u64>::zeros(units), Secret::<u64>::zeros(units));
        for (variable, of_single, of_others) in tree.halves() {
            let row = top as usize + 1 + variable;
            let (hashes, corrections) = (hashes(row), sections.next(of_single + of_others));
            let products = singles.iter_mut().zip(others.iter_mut());
            for ((((single, others), choice), h), correction) in
                products.zip(choice(row)).zip(hashes.iter()).zip(corrections)
            {
                halved(single, of_single, choice, *h, correction);
                if of_others > 0 {
                    halved(others, of_others, choice, h >> of_single, correction >> of_single);
                }
            }
        }
        let (first, last) = (tree.variables(), tree.terms() - 1);
        let masks = choices.iter().map(|choices| choices >> (top + 1) & ((1 << first) - 1));
        let products = singles.iter().zip(others.iter());
        let products = products.map(|(single, others)| others << first | single << last);
        Ok(ServerReady {
            millionaire,
            id,
            session: session.hash,
            tables,
            terms: masks.zip(products).map(|(masks, products)| masks | products).collect(),
            tops,
            pads: shares.into_iter().map(u64::wrapping_neg).collect(),
            differences: differences.into(),
            strings: strings[top as usize * units..].to_vec().into(),
            choices,
        })
    }
}

impl<'p> ServerReady<'p> {
    /// Online: opens the server's share `u` of the layer's input, piece by piece.
    pub(in crate::steps) fn online(
        mut self,
        channel: &mut Channel,
        u: &ServerShare,
    ) -> Result<ServerSent<'p>, Error> {
        let Millionaire { compared, tree, units: kept, ring, .. } = self.millionaire;
        let (n, variables, last) = (compared.bits, tree.variables(), tree.terms() - 1);
        let compared: Secret<u64> = compared.cut_all(u.of(kept).elements()).into();
        let mut opened = Vec::with_capacity(kept.len());
        for piece in self.millionaire.pieces() {
            for unit in piece.clone() {
                let choices = self.choices[unit];
                let x = (compared[unit] ^ choices) & low(n);
                let values = self.millionaire.leaves_at(&self.tables, kept.len(), unit, x);
                self.terms[unit] ^= tree.single_of(&values) << last;
                // Variables behind their masks, which are choices; what the other terms differ from theirs in.
                let shares = tree.variables_of(&values) | self.terms[unit] >> variables << variables;
                opened.push(x | (shares ^ choices >> n) << n);
            }
            let low_bits = compared[piece.clone()].iter().map(|u| u & low(n - 1));
            let factors: Vec<u64> = (self.differences[piece.clone()].iter().zip(low_bits))
                .map(|(difference, u)| difference.wrapping_add(u))
                .collect();
            let widths = self.millionaire.down_widths();
            let message = [pack(&opened[piece], widths[0]), pack(&factors, ring.bits())].concat();
            channel.send(OPENED, message)?;
        }
        Ok(ServerSent { ready: self, compared, opened })
    }

    /// Bytes that the units occupy until they are compared.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.millionaire.stored().server
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.bytes(&self.session.to_bytes())?;
        for words in [&self.tables, &self.choices, &self.terms, &self.tops, &self.pads, &self.differences] {
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
            tables: from.values(millionaire.leaves.len() * units)?.into(),
            choices: from.values(units)?.into(),
            terms: from.values(units)?.into(),
            tops: from.values(units)?.into(),
            pads: from.values(units)?.into(),
            differences: from.values(units)?.into(),
            strings: from.values(millionaire.kept_rows() * units)?.into(),
        })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the outputs in their places in `share`, from what the client sends.
    pub(in crate::steps) fn finish(self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        let millionaire = self.ready.millionaire;
        for (number, piece) in (0..).zip(millionaire.pieces()) {
            let bytes = channel.recv(MASKED, bytes_of(millionaire.up_widths(), piece.len()))?;
            let finished = self.finished(number, piece.clone(), &bytes);
            millionaire.units[piece].iter().zip(finished).for_each(|(unit, y)| share[*unit as usize] = y);
        }
        Ok(())
    }

    /// Its shares of the outputs of piece `number`, of `units`.
    fn finished(&self, number: u32, units: Range<usize>, bytes: &[u8]) -> Vec<u64> {
        let Self { ready, compared, opened } = self;
        let millionaire = ready.millionaire;
        let Millionaire { tree, units: kept, ring, .. } = millionaire;
        let (n, top, variables) = (millionaire.compared.bits, millionaire.top(), tree.variables());
        let mut sections = Sections::of(bytes, units.len());
        let [small, outcome_corrections, carry_corrections, answers] =
            millionaire.up_widths().map(|width| sections.next(width));

        let public = |(small, opened): (&u64, &u64)| (small ^ opened >> n) & ((1 << variables) - 1);
        let public = small.iter().zip(&opened[units.clone()]).map(public);
        let coefficients: Vec<u64> = public.map(|public| tree.coefficients(public)).collect();
        let strings = &ready.strings[kept.len()..];
        let mut strings: Secret<Block> = summed(strings, kept.len(), units.clone(), &coefficients).into();
        let key = |lot| (ready.id.number(), lot);
        let of_carries: Secret<u64> = pads(ready.session, key(Lot::Carry(number)), &strings).into();
        strings.iter_mut().zip(&ready.strings[units.clone()]).for_each(|(string, top)| *string ^= *top);
        let of_outcomes: Secret<u64> = pads(ready.session, key(Lot::Outcome(number)), &strings).into();

        let finish = |(i, unit): (usize, usize)| {
            let c = parity(coefficients[i] & ready.terms[unit]);
            let b = c ^ compared[unit] >> top;
            let (u, e) = (compared[unit] & low(top), opened[unit] >> top & 1);
            let turned = small[i] >> variables;
            let of_client = times(turned, u).wrapping_sub(signed_by(turned, ready.pads[unit]));
            let product = times(b, u).wrapping_add(signed_by(b, of_client));
            let outcome = of_outcomes[i].wrapping_add(times(b, outcome_corrections[i]));
            let carry = of_carries[i].wrapping_add(times(c, carry_corrections[i]));
            let of_carry = (carry << top).wrapping_sub(c << (n - 2));
            let of_top = times(1 ^ e, millionaire.quarter()).wrapping_sub(signed_by(e, ready.tops[unit]));
            let share = product.wrapping_add(outcome).wrapping_add(of_carry).wrapping_add(of_top);
            ring.reduce(share.wrapping_add(answers[i]))
        };
        units.enumerate().map(finish).collect()
    }
}
