//! The client's side: it makes tables of its share, and answers what the server opens.

use super::held::{Held, Piece, Values};
use super::table::halve;
use super::{CLIENT_WORDS, Millionaire, OPENED, Sections, bytes_of, parity, signed_by, summed, times};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block, Delta};
use crate::gc::SessionKey;
use crate::gc::transfer::{Purpose, pads, pads_of_both};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::Random;
use crate::ot::product::{Place, correlate};
use crate::parallel::in_order;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ClientSession;
use crate::store::Depot;
use crate::values::{ClientMask, ClientShare};
use crate::wire::{low, pack};
use netem::Channel;
use rand::{CryptoRng, Rng};
use std::cell::RefCell;

/// The client, with what it makes of its strings of the server's offer.
pub(in crate::steps) struct ClientOffer<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    pieces: Vec<Held<Offered>>,
}

/// Of a piece.
struct Offered {
    /// Of every table's row the hashes of both strings, row after row: that of choice 0, and above it the sum of both.
    hashes: Secret<u64>,
    /// Strings of choice 0 of the top bit and the terms, row after row.
    strings: Secret<Block>,
}

/// The client's preprocessed units. Consumed online.
pub(in crate::steps) struct ClientReady<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    session: SessionKey,
    delta: Delta,
    pieces: Vec<Held<Comparisons>>,
    /// The masks of second outputs, where there are any.
    blinds: Secret<u64>,
}

/// Preprocessed units of a piece, a word a unit where nothing else is said.
struct Comparisons {
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

impl Piece for Offered {
    fn bytes(millionaire: &Millionaire, units: usize) -> usize {
        units * (8 * millionaire.table_rows().count() + BLOCK_BYTES * millionaire.kept_rows())
    }

    fn write(&self) -> Vec<u8> {
        [bytemuck::cast_slice::<u64, u8>(&self.hashes), bytemuck::cast_slice(&self.strings)].concat()
    }

    fn read(millionaire: &Millionaire, units: usize, bytes: &[u8]) -> Self {
        let mut values = Values(bytes);
        Self {
            hashes: values.next(millionaire.table_rows().count() * units),
            strings: values.next(millionaire.kept_rows() * units),
        }
    }
}

impl Piece for Comparisons {
    fn bytes(millionaire: &Millionaire, units: usize) -> usize {
        units * (8 * (millionaire.leaves.len() + CLIENT_WORDS) + BLOCK_BYTES * millionaire.kept_rows())
    }

    fn write(&self) -> Vec<u8> {
        let Self { tables, compared, terms, tops, pads, strings } = self;
        let words = [tables, compared, terms, tops, pads].map(|words| bytemuck::cast_slice::<u64, u8>(words));
        words.into_iter().chain([bytemuck::cast_slice(strings)]).collect::<Vec<_>>().concat()
    }

    fn read(millionaire: &Millionaire, units: usize, bytes: &[u8]) -> Self {
        let mut values = Values(bytes);
        Self {
            tables: values.next(millionaire.leaves.len() * units),
            compared: values.next(units),
            terms: values.next(units),
            tops: values.next(units),
            pads: values.next(units),
            strings: values.next(millionaire.kept_rows() * units),
        }
    }
}

impl Millionaire {
    /// Offline, the client's reading of the offer.
    pub(in crate::steps) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
        depot: &mut Depot,
    ) -> Result<ClientOffer<'p>, Error> {
        let (delta, hash) = (session.products.delta(), session.hash);
        let arriving = (0..).zip(self.pieces()).map(|(number, piece)| {
            let strings = session.products.extend_random(channel, self.rows() * piece.len())?;
            Ok((number, piece.len(), strings))
        });
        let mut pieces = Vec::new();
        in_order(
            arriving,
            |arrived: Result<_, Error>| {
                let (number, units, strings) = arrived?;
                Ok(self.client_hashes(
                    |row| Self::place(hash, id, number, Purpose::Row(row)),
                    units,
                    &strings,
                    delta,
                ))
            },
            |offered| {
                pieces.push(Held::new(offered, depot)?);
                Ok(())
            },
        )?;
        Ok(ClientOffer { millionaire: self, id, pieces })
    }

    /// What is kept of a piece's strings, with the place of each row of transfers.
    fn client_hashes(
        &self,
        place: impl Fn(u32) -> Place,
        units: usize,
        strings: &[Block],
        delta: Delta,
    ) -> Offered {
        let mut hashes = Secret::zeros(self.table_rows().count() * units);
        for (hashes, row) in hashes.chunks_exact_mut(units).zip(self.table_rows()) {
            let Place { session, layer, lot } = place(row);
            let strings = &strings[row as usize * units..][..units];
            let [h0, h1] = pads_of_both(session, (layer, lot), strings, delta);
            hashes.iter_mut().zip(h0.iter().zip(&h1)).for_each(|(hash, (h0, h1))| {
                *hash = h0 & low(HASH_BITS) | (h0 ^ h1) << HASH_BITS;
            });
        }
        Offered { hashes, strings: strings[self.top_row() as usize * units..].to_vec().into() }
    }
}

/// The bits of a hash that a level needs: those of half of the longest table.
const HASH_BITS: u32 = 32;

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: random choices, and the corrections of tables, for its shares `v` of the layer's input.
    pub(in crate::steps) fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        v: &ClientShare,
        (rng, depot): (&mut impl CryptoRng, &mut Depot),
    ) -> Result<ClientReady<'p>, Error> {
        let Self { millionaire, id, pieces } = self;
        let v = v.of(&millionaire.units);
        let floors = millionaire.floors.iter();
        let v: Secret<u64> =
            floors.flat_map(|floor| v.elements().iter().map(|v| millionaire.less(*v, *floor))).collect();
        let (delta, hash) = (session.products.delta(), session.hash);
        let mask = (1 << millionaire.tree.variables()) - 1;
        let mut masks: Vec<Secret<u64>> = Vec::with_capacity(pieces.len());
        for units in millionaire.pieces() {
            masks.push(units.map(|_| rng.random::<u64>() & mask).collect());
        }
        let prepared = (0..).zip(pieces).zip(millionaire.pieces().zip(masks));
        let mut ready = Vec::new();
        in_order(
            prepared,
            |((number, offered), (units, masks))| {
                let offered: Offered = offered.take(millionaire, units.len())?;
                let place = |purpose| Millionaire::place(hash, id, number, purpose);
                let of_top = place(Purpose::Row(millionaire.top_row()));
                let piece = millionaire.client_piece(&v[units], &masks, offered, (of_top, delta));
                Ok((place(Purpose::Factor), piece))
            },
            |(of_factors, (mut piece, message))| {
                let Random { choices, strings: chosen } =
                    session.labels.extend_random(channel, piece.compared.len(), rng)?;
                message::send(channel, CORRELATION, message)?;
                for (compared, a) in piece.compared.iter_mut().zip(choices.iter()) {
                    *compared |= u64::from(*a) << millionaire.compared.bits;
                }
                piece.pads = pads(of_factors.session, (of_factors.layer, of_factors.lot), &chosen).into();
                ready.push(Held::new(piece, depot)?);
                Ok(())
            },
        )?;
        let blinds = (millionaire.units.len()..millionaire.comparisons()).map(|_| rng.random()).collect();
        Ok(ClientReady { millionaire, id, session: hash, delta, pieces: ready, blinds })
    }
}

impl Offered {
    /// The hash of choice 0 and the sum of both, of a table's row for every unit.
    fn row(&self, row: usize, units: usize) -> impl Iterator<Item = [u64; 2]> {
        let hashes = &self.hashes[row * units..][..units];
        hashes.iter().map(|hash| [hash & low(HASH_BITS), hash >> HASH_BITS])
    }
}

impl Millionaire {
    /// A piece for V and its shares of the variables' masks, without its own choices, and the corrections; `of_top` is the place
    /// of the top bits' transfers, and the offset of all.
    fn client_piece(
        &self,
        v: &[u64],
        masks: &[u64],
        offered: Offered,
        (of_top, delta): (Place, Delta),
    ) -> (Comparisons, Vec<u8>) {
        let mut message = Vec::with_capacity(bytes_of(self.correction_widths(), v.len()));
        let tables = self.client_tables(v, &offered, &mut message);
        let bits: Secret<u64> = v.iter().map(|v| v >> self.top()).collect();
        let (corrections, shares) = correlate(of_top, delta, &offered.strings[..v.len()], &bits);
        message.extend(pack(&corrections, self.carry_bits()));
        let quarter = self.quarter();
        let share = |(bit, share): (&u64, u64)| quarter.wrapping_mul(bit.wrapping_sub(share << 1));
        let terms = self.client_terms(masks, &offered, &mut message);
        let tops = bits.iter().zip(shares).map(share).collect();
        let compared = v.to_vec().into();
        (
            Comparisons { tables, compared, terms, tops, pads: Secret::zeros(0), strings: offered.strings },
            message,
        )
    }

    /// The client's shares of the leaves' tables for V, whose corrections go to `message`.
    fn client_tables(&self, v: &[u64], offered: &Offered, message: &mut Vec<u8>) -> Secret<u64> {
        let units = v.len();
        let mut tables = Secret::zeros(self.leaves.len() * units);
        for (leaf, tables) in self.leaves.iter().zip(tables.chunks_exact_mut(units)) {
            tables.iter_mut().zip(v).for_each(|(table, v)| {
                *table = leaf.table(!(v >> self.compared.skipped) & low(self.top_row()))
            });
            for (row, level) in (leaf.first as usize..).zip(leaf.levels()) {
                let hashes = tables.iter_mut().zip(offered.row(row, units));
                let corrections: Vec<u64> =
                    hashes.map(|(table, [h, both])| level.moved(table, h, both)).collect();
                message.extend(pack(&corrections, level.width()));
            }
        }
        tables
    }

    /// The client's shares of the terms for its shares of the variables' masks; as [`Millionaire::client_tables`].
    fn client_terms(&self, masks: &[u64], offered: &Offered, message: &mut Vec<u8>) -> Secret<u64> {
        let (tree, units) = (self.tree, masks.len());
        let (singles, others): (Vec<u64>, Vec<u64>) = masks.iter().map(|masks| tree.tables(*masks)).unzip();
        let (mut singles, mut others) = (Secret::from(singles), Secret::from(others));
        for (variable, of_single, of_others) in tree.halves() {
            let hashes = offered.row(self.top_row() as usize + variable, units);
            let products = singles.iter_mut().zip(others.iter_mut()).zip(hashes);
            let correct = |((single, others), [h, both]): ((&mut u64, &mut u64), [u64; 2])| {
                let correction = halve(single, of_single, h, both);
                if of_others == 0 {
                    return correction;
                }
                correction | halve(others, of_others, h >> of_single, both >> of_single) << of_single
            };
            message.extend(pack(&products.map(correct).collect::<Vec<_>>(), of_single + of_others));
        }
        let products = masks.iter().zip(singles.iter().zip(others.iter()));
        products.map(|(masks, (single, others))| tree.joined(*masks, *single, *others)).collect()
    }
}

impl<'p> ClientReady<'p> {
    /// Online: answers each piece of what the server opens, behind the mask `r` of the layer's output.
    pub(in crate::steps) fn online(mut self, channel: &mut Channel, r: &ClientMask) -> Result<(), Error> {
        let r = r.of(&self.millionaire.units);
        let blind = |unit: usize| self.blinds.get(unit).copied().unwrap_or_default();
        let first = r.elements().iter().enumerate().map(|(unit, r)| r.wrapping_add(blind(unit)));
        let r: Secret<u64> = first.chain(self.blinds.iter().copied()).collect();
        // What is opened arrives, and answers leave, in turns.
        let channel = RefCell::new(channel);
        let pieces = (0..).zip(std::mem::take(&mut self.pieces)).zip(self.millionaire.pieces());
        let arriving = pieces.map(|(piece, units)| {
            let bytes = bytes_of(self.millionaire.down_widths(), units.len());
            Ok((piece, channel.borrow_mut().recv(OPENED, bytes)?, units))
        });
        in_order(
            arriving,
            |arrived: Result<_, Error>| {
                let ((number, piece), bytes, units) = arrived?;
                let piece = piece.take(self.millionaire, units.len())?;
                Ok(self.answer((number, &piece), &bytes, &r[units]))
            },
            |answer| Ok(channel.borrow_mut().send(MASKED, answer)?),
        )
    }

    fn answer(&self, (number, piece): (u32, &Comparisons), bytes: &[u8], r: &[u64]) -> Vec<u8> {
        let Self { millionaire, id, session, delta, .. } = self;
        let (tree, units) = (millionaire.tree, r.len());
        let (n, top, variables) = (millionaire.compared.bits, millionaire.top(), tree.variables());
        let (deciding, top_row) = (millionaire.compared.deciding(), millionaire.top_row());
        let mut sections = Sections::of(bytes, units);
        let [opened, factors] = millionaire.down_widths().map(|width| sections.next(width));

        // Of every unit: coefficients; whether their sum of corrections is odd; the client's shares of c, b and b u'.
        let (mut coefficients, mut corrected) = (vec![0; units], vec![0; units]);
        let [mut carries, mut outcomes, mut products] = [(); 3].map(|()| Secret::zeros(units));
        let mut small = vec![0; units];
        for unit in 0..units {
            let (opened, compared) = (opened[unit], piece.compared[unit]);
            let values = millionaire.leaves_at(&piece.tables, unit, opened);
            let terms = piece.terms[unit] ^ tree.single_of(&values) << (tree.terms() - 1);
            let corrections = opened >> deciding;
            let own = (tree.variables_of(&values) ^ terms) & ((1 << variables) - 1);
            let public = (corrections ^ own) & ((1 << variables) - 1);
            coefficients[unit] = tree.coefficients(public);
            corrected[unit] = parity(coefficients[unit] & (corrections >> variables << variables));
            carries[unit] = parity(coefficients[unit] & terms) ^ tree.public(public);
            outcomes[unit] = carries[unit] ^ compared >> top & 1 ^ 1;
            let a = compared >> n;
            let turned = outcomes[unit] ^ a;
            products[unit] = signed_by(turned, piece.pads[unit].wrapping_add(times(a, factors[unit])));
            small[unit] = own | turned << variables;
        }

        // The strings of choice 0 of the server's shares of c and b.
        let (tops, strings) = piece.strings.split_at(units);
        let mut strings: Secret<Block> = summed(strings, units, &coefficients).into();
        let offset = |bit: u64| delta.block() & Block::mask(bit & 1 == 1);
        strings.iter_mut().zip(&corrected).for_each(|(string, bit)| *string ^= offset(*bit));
        let place = |purpose| Millionaire::place(*session, *id, number, purpose);
        let (carry_corrections, carry_shares) = correlate(place(Purpose::Carry), *delta, &strings, &carries);
        for ((string, top_string), opened) in strings.iter_mut().zip(tops).zip(&opened) {
            *string ^= *top_string ^ offset(opened >> top_row);
        }
        let less = millionaire.quarter().wrapping_sub(millionaire.compared.centre());
        let factor = |compared: &u64| (compared & low(top)).wrapping_add(1).wrapping_sub(less);
        let own: Secret<u64> = piece.compared.iter().map(factor).collect();
        let values: Secret<u64> = (outcomes.iter().zip(own.iter()))
            .zip(products.iter())
            .map(|((b, v), z)| signed_by(*b, *v).wrapping_sub(z << 1))
            .collect();
        let (outcome_corrections, outcome_shares) =
            correlate(place(Purpose::Outcome), *delta, &strings, &values);

        let answer = |unit: usize| {
            let (c, b, e) = (carries[unit], outcomes[unit], opened[unit] >> top_row & 1);
            let of_product =
                times(b, own[unit]).wrapping_add(products[unit]).wrapping_add(outcome_shares[unit]);
            let of_carry = (carry_shares[unit] << top).wrapping_sub(c << (n - 2));
            let of_top = signed_by(e, piece.tops[unit]);
            of_product.wrapping_add(of_carry).wrapping_sub(of_top).wrapping_sub(r[unit])
        };
        let answers = (0..units).map(answer).collect();
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
        for (piece, units) in self.pieces.iter().zip(self.millionaire.pieces()) {
            piece.save(self.millionaire, units.len(), to)?;
        }
        to.values(&self.blinds)
    }

    /// Reads what `save` wrote of `millionaire`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        millionaire: &'p Millionaire,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let session = SessionKey::from_bytes(from.array()?);
        let delta = Delta::from_block(Block::from_bytes(from.array()?))?;
        let pieces = millionaire.pieces().map(|units| Held::load(millionaire, units.len(), from));
        let pieces = pieces.collect::<Result<_, _>>()?;
        let blinds = from.values(millionaire.comparisons() - millionaire.units.len())?.into();
        Ok(Self { millionaire, id, session, delta, pieces, blinds })
    }
}

impl Drop for ClientReady<'_> {
    fn drop(&mut self) {
        self.delta.wipe();
    }
}
