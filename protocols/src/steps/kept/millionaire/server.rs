//! The server's side: it moves the client's tables by random bits, and opens its share behind them.

use super::table::halved;
use super::{Millionaire, OPENED, Sections, bytes_of, parity, signed_by, summed, times};
use crate::Error;
use crate::block::{Block, Delta};
use crate::gc::SessionKey;
use crate::gc::transfer::{Purpose, pads};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::Random;
use crate::ot::product::{Place, correlate};
use crate::parallel::in_order;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ServerSession;
use crate::values::ServerShare;
use crate::wire::{low, pack};
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// The server's offer, before the client's corrections.
pub(in crate::steps) struct ServerOffer<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    pieces: Vec<Offered>,
}

/// Of a piece.
struct Offered {
    /// The random choices, a word a unit: of the compared bits, then of the terms.
    choices: Secret<u64>,
    /// Of every table's row the hashes of the chosen strings, row after row.
    hashes: Secret<u64>,
    /// Chosen strings of the top bit and the terms, row after row.
    strings: Secret<Block>,
}

/// The server's preprocessed units. Consumed online.
pub(in crate::steps) struct ServerReady<'p> {
    millionaire: &'p Millionaire,
    id: LayerId,
    session: SessionKey,
    pieces: Vec<Piece>,
}

/// Preprocessed units of a piece, a word a unit where nothing else is said.
struct Piece {
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
        let hash = session.hash;
        let leaving = (0..).zip(self.pieces()).map(|(number, piece)| {
            let units = piece.len();
            Ok((number, units, session.products.extend_random(channel, self.rows() * units, rng)?))
        });
        let mut pieces = Vec::new();
        in_order(
            leaving,
            |left: Result<_, Error>| {
                let (number, units, random) = left?;
                Ok(self.server_hashes(|row| Self::place(hash, id, number, Purpose::Row(row)), units, &random))
            },
            |offered| {
                pieces.push(offered);
                Ok(())
            },
        )?;
        Ok(ServerOffer { millionaire: self, id, pieces })
    }

    /// What is kept of a piece's random transfers, with the place of each row of them.
    fn server_hashes(&self, place: impl Fn(u32) -> Place, units: usize, random: &Random) -> Offered {
        let mut choices = Secret::<u64>::zeros(units);
        for (row, by_unit) in random.choices.chunks_exact(units).enumerate() {
            choices.iter_mut().zip(by_unit).for_each(|(bits, choice)| *bits |= u64::from(*choice) << row);
        }
        let mut hashes = Vec::with_capacity(self.table_rows().count() * units);
        for row in self.table_rows() {
            let Place { session, layer, lot } = place(row);
            hashes.extend(pads(session, (layer, lot), &random.strings[row as usize * units..][..units]));
        }
        let strings = random.strings[self.top_row() as usize * units..].to_vec().into();
        Offered { choices, hashes: hashes.into(), strings }
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline, the server's reading of the corrections.
    pub(in crate::steps) fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { millionaire, id, pieces } = self;
        let (delta, hash) = (session.labels.delta(), session.hash);
        let arriving = (0..).zip(pieces).map(|(number, offered)| {
            let units = offered.choices.len();
            let zero = session.labels.extend_random(channel, units)?;
            let bytes = bytes_of(millionaire.correction_widths(), units);
            Ok((number, offered, zero, message::recv(channel, CORRELATION, bytes)?))
        });
        let mut ready = Vec::new();
        in_order(
            arriving,
            |arrived: Result<_, Error>| {
                let (number, offered, zero, message) = arrived?;
                let place = |purpose| Millionaire::place(hash, id, number, purpose);
                let places = [Purpose::Factor, Purpose::Row(millionaire.top_row())].map(place);
                Ok(millionaire.server_piece(places, offered, (&zero, delta), &message))
            },
            |piece| {
                ready.push(piece);
                Ok(())
            },
        )?;
        Ok(ServerReady { millionaire, id, session: hash, pieces: ready })
    }
}

impl Offered {
    /// The choices of a row of transfers and the hashes of a table's row, for every unit.
    fn row(&self, transfer: usize, table: usize) -> impl Iterator<Item = (bool, u64)> {
        let units = self.choices.len();
        let hashes = &self.hashes[table * units..][..units];
        self.choices.iter().zip(hashes).map(move |(choices, hash)| (choices >> transfer & 1 == 1, *hash))
    }
}

impl Millionaire {
    /// A piece from its corrections; places are those of the transfers that the client chooses in, whose strings of choice 0 are
    /// `zero`, and of the top bits.
    fn server_piece(
        &self,
        [of_factors, of_top]: [Place; 2],
        offered: Offered,
        (zero, delta): (&[Block], Delta),
        message: &[u8],
    ) -> Piece {
        let (units, top) = (zero.len(), self.top_row());
        let (differences, shares) = correlate(of_factors, delta, zero, &vec![0; units]);
        let mut sections = Sections::of(message, units);
        let tables = self.server_tables(&offered, &mut sections);

        let corrections = sections.next(self.carry_bits());
        let Place { session, layer, lot } = of_top;
        let hashes: Secret<u64> = pads(session, (layer, lot), &offered.strings[..units]).into();
        let quarter = self.quarter();
        let share = |((h, correction), choices): ((&u64, u64), &u64)| {
            let choice = choices >> top & 1;
            let product = h.wrapping_add(times(choice, correction));
            quarter.wrapping_mul(choice.wrapping_sub(product << 1))
        };
        let tops = hashes.iter().zip(corrections).zip(offered.choices.iter()).map(share).collect();
        Piece {
            tables,
            terms: self.server_terms(&offered, &mut sections),
            tops,
            pads: shares.into_iter().map(u64::wrapping_neg).collect(),
            differences: differences.into(),
            choices: offered.choices,
            strings: offered.strings,
        }
    }

    /// The server's shares of the leaves' tables, from their corrections.
    fn server_tables(&self, offered: &Offered, sections: &mut Sections<'_>) -> Secret<u64> {
        let units = offered.choices.len();
        let mut tables = Secret::zeros(self.leaves.len() * units);
        for (leaf, tables) in self.leaves.iter().zip(tables.chunks_exact_mut(units)) {
            for (row, level) in (leaf.first as usize..).zip(leaf.levels()) {
                let corrections = sections.next(level.width());
                let rows = tables.iter_mut().zip(offered.row(row, row)).zip(corrections);
                rows.for_each(|((table, (choice, h)), correction)| {
                    level.follow(table, choice, h, correction)
                });
            }
        }
        tables
    }

    /// The server's shares of the terms, from the corrections of the tables of products.
    fn server_terms(&self, offered: &Offered, sections: &mut Sections<'_>) -> Secret<u64> {
        let (tree, units, top) = (self.tree, offered.choices.len(), self.top_row() as usize);
        let [mut singles, mut others] = [(); 2].map(|()| Secret::<u64>::zeros(units));
        for (variable, of_single, of_others) in tree.halves() {
            let corrections = sections.next(of_single + of_others);
            let rows = offered.row(top + 1 + variable, top + variable).zip(corrections);
            for ((single, others), ((choice, h), correction)) in
                singles.iter_mut().zip(others.iter_mut()).zip(rows)
            {
                halved(single, of_single, choice, h, correction);
                if of_others > 0 {
                    halved(others, of_others, choice, h >> of_single, correction >> of_single);
                }
            }
        }
        let masks =
            offered.choices.iter().map(|choices| choices >> (top + 1) & ((1 << tree.variables()) - 1));
        let products = masks.zip(singles.iter().zip(others.iter()));
        products.map(|(masks, (single, others))| tree.joined(masks, *single, *others)).collect()
    }
}

impl Millionaire {
    /// What a piece opens for the server's compared bits, and as it is sent.
    fn open(&self, piece: &mut Piece, compared: &[u64]) -> (Vec<u64>, Vec<u8>) {
        let tree = self.tree;
        let (n, variables, last) = (self.compared.bits, tree.variables(), tree.terms() - 1);
        let (deciding, skipped) = (self.compared.deciding(), self.compared.skipped);
        let mut opened = Vec::with_capacity(compared.len());
        for (unit, u) in compared.iter().enumerate() {
            let x = (u >> skipped ^ piece.choices[unit]) & low(deciding);
            let values = self.leaves_at(&piece.tables, unit, x);
            piece.terms[unit] ^= tree.single_of(&values) << last;
            // Variables behind their masks, which are choices; what the other terms differ from theirs in.
            let shares = tree.variables_of(&values) | piece.terms[unit] >> variables << variables;
            opened.push(x | (shares ^ piece.choices[unit] >> deciding) << deciding);
        }
        let factors = piece.differences.iter().zip(compared);
        let factors: Vec<u64> = factors.map(|(less, u)| less.wrapping_add(u & low(n - 1))).collect();
        let [of_opened, of_factors] = self.down_widths();
        let message = [pack(&opened, of_opened), pack(&factors, of_factors)].concat();
        (opened, message)
    }
}

impl<'p> ServerReady<'p> {
    /// Online: opens the server's share `u` of the layer's input, piece by piece.
    pub(in crate::steps) fn online(
        mut self,
        channel: &mut Channel,
        u: &ServerShare,
    ) -> Result<ServerSent<'p>, Error> {
        let millionaire = self.millionaire;
        let u = u.of(&millionaire.units);
        let again = millionaire.floors.iter().flat_map(|_| u.elements());
        let compared: Secret<u64> = again.map(|u| millionaire.compared.cut(*u)).collect();
        let mut opened = Vec::with_capacity(compared.len());
        in_order(
            self.pieces.iter_mut().zip(millionaire.pieces()),
            |(piece, units)| Ok(millionaire.open(piece, &compared[units])),
            |(of_piece, message)| {
                opened.extend(of_piece);
                Ok(channel.send(OPENED, message)?)
            },
        )?;
        Ok(ServerSent { ready: self, compared, opened })
    }

    /// Bytes that the units occupy until they are compared.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.millionaire.stored().server
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.bytes(&self.session.to_bytes())?;
        for Piece { tables, choices, terms, tops, pads, differences, strings } in &self.pieces {
            let words = [tables, choices, terms, tops, pads, differences];
            words.into_iter().try_for_each(|words| to.values(words))?;
            to.values(strings)?;
        }
        Ok(())
    }

    /// Reads what `save` wrote of `millionaire`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        millionaire: &'p Millionaire,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let session = SessionKey::from_bytes(from.array()?);
        let mut piece = |units: usize| -> Result<Piece, Error> {
            Ok(Piece {
                tables: from.values(millionaire.leaves.len() * units)?.into(),
                choices: from.values(units)?.into(),
                terms: from.values(units)?.into(),
                tops: from.values(units)?.into(),
                pads: from.values(units)?.into(),
                differences: from.values(units)?.into(),
                strings: from.values(millionaire.kept_rows() * units)?.into(),
            })
        };
        let pieces = millionaire.pieces().map(|units| piece(units.len())).collect::<Result<_, _>>()?;
        Ok(Self { millionaire, id, session, pieces })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the outputs in their places in `share`, from what the client sends.
    pub(in crate::steps) fn finish(self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        let millionaire = self.ready.millionaire;
        let arriving = (0..).zip(&self.ready.pieces).zip(millionaire.pieces()).map(|(piece, units)| {
            let bytes = channel.recv(MASKED, bytes_of(millionaire.up_widths(), units.len()))?;
            Ok((piece, units, bytes))
        });
        in_order(
            arriving,
            |arrived: Result<_, Error>| {
                let (piece, units, bytes) = arrived?;
                let sent = (&self.compared[units.clone()], &self.opened[units.clone()]);
                Ok((units, self.finished(piece, sent, &bytes)))
            },
            |(units, finished)| {
                for (comparison, y) in units.zip(finished) {
                    let (again, unit) =
                        (comparison / millionaire.units.len(), comparison % millionaire.units.len());
                    let share = &mut share[millionaire.units[unit] as usize];
                    *share = if again == 0 { y } else { millionaire.ring.sub(*share, y) };
                }
                Ok(())
            },
        )
    }

    /// Its shares of a piece's outputs, from what it compared and opened.
    fn finished(
        &self,
        (number, piece): (u32, &Piece),
        (compared, opened): (&[u64], &[u64]),
        bytes: &[u8],
    ) -> Vec<u64> {
        let ServerReady { millionaire, id, session, .. } = self.ready;
        let (tree, ring, units) = (millionaire.tree, millionaire.ring, opened.len());
        let (n, top, variables) = (millionaire.compared.bits, millionaire.top(), tree.variables());
        let (deciding, top_row) = (millionaire.compared.deciding(), millionaire.top_row());
        let mut sections = Sections::of(bytes, units);
        let [small, outcome_corrections, carry_corrections, answers] =
            millionaire.up_widths().map(|width| sections.next(width));

        let public = |(small, opened): (&u64, &u64)| (small ^ opened >> deciding) & ((1 << variables) - 1);
        let public = small.iter().zip(opened).map(public);
        let coefficients: Vec<u64> = public.map(|public| tree.coefficients(public)).collect();
        let (tops, strings) = piece.strings.split_at(units);
        let mut strings: Secret<Block> = summed(strings, units, &coefficients).into();
        let hashed = |purpose, strings: &[Block]| -> Secret<u64> {
            let Place { session, layer, lot } = Millionaire::place(session, id, number, purpose);
            pads(session, (layer, lot), strings).into()
        };
        let of_carries = hashed(Purpose::Carry, &strings);
        strings.iter_mut().zip(tops).for_each(|(string, top)| *string ^= *top);
        let of_outcomes = hashed(Purpose::Outcome, &strings);

        let finish = |unit: usize| {
            let c = parity(coefficients[unit] & piece.terms[unit]);
            let b = c ^ compared[unit] >> top;
            let (u, e) = (compared[unit] & low(top), opened[unit] >> top_row & 1);
            let turned = small[unit] >> variables;
            let of_client = times(turned, u).wrapping_sub(signed_by(turned, piece.pads[unit]));
            let product = times(b, u).wrapping_add(signed_by(b, of_client));
            let outcome = of_outcomes[unit].wrapping_add(times(b, outcome_corrections[unit]));
            let carry = of_carries[unit].wrapping_add(times(c, carry_corrections[unit]));
            let of_carry = (carry << top).wrapping_sub(c << (n - 2));
            let of_top = times(1 ^ e, millionaire.quarter()).wrapping_sub(signed_by(e, piece.tops[unit]));
            let share = product.wrapping_add(outcome).wrapping_add(of_carry).wrapping_add(of_top);
            ring.reduce(share.wrapping_add(answers[unit]))
        };
        (0..units).map(finish).collect()
    }
}
