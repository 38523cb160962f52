//! How the leaves of a comparison become one bit in a single exchange. Source: the comparison of a number's parts is that of
//! Rathee, Rathee, Kumar, Chandran, Gupta, Rastogi and Sharma, "CrypTFlow2" (CCS 2020), section 3; doing all of its levels at once,
//! by masks whose products are shared, is this project's own.
//!
//! Leaf i says of its part of two numbers whether the one is greater (g) or equal (e); the lowest says whether it is greater or
//! equal. Of two or three leaves, the lowest first,
//!
//!   c = g1 ^ e1 g0        or        c = g2 ^ e2 g1 ^ e2 e1 g0
//!
//! All of the bits on the right but the highest leaf's g are *variables*, each hidden by a random bit m that is shared: a
//! variable x is opened as X = x ^ m. With all X public, c is a sum of the m and of their products, with public coefficients:
//!
//!   g1 ^ X_e1 X_g0                                ^ X_g0 m_e1 ^ X_e1 m_g0 ^ [m_e1 m_g0]
//!
//!   g2 ^ X_e2 (X_g1 ^ X_e1 X_g0)                  ^ (X_g1 ^ X_e1 X_g0) m_e2 ^ X_e2 m_g1 ^ X_e2 X_e1 m_g0 ^ X_e2 X_g0 m_e1
//!      ^ X_e2 [m_e1 m_g0] ^ X_e1 [m_e2 m_g0] ^ X_g0 [m_e2 m_e1] ^ [m_e2 m_g1 ^ m_e2 m_e1 m_g0]
//!
//! The products in brackets are functions of the server's shares of the m that the client knows up to the masks that it adds:
//! tables again, of which only one entry is wanted (`table.rs`, `halve`).

/// Most leaves.
pub(super) const MOST_LEAVES: usize = 3;

/// What combines so many leaves, one to three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tree {
    leaves: usize,
}

/// g0, e1, e2 and g1 among the variables' bits.
const G0: u64 = 1;
const E1: u64 = 2;
const E2: u64 = 4;
const G1: u64 = 8;

const fn product(bits: u64, of: u64) -> u64 {
    (bits & of == of) as u64
}

impl Tree {
    pub(super) const fn of(leaves: usize) -> Self {
        assert!(leaves >= 1 && leaves <= MOST_LEAVES);
        Self { leaves }
    }

    /// How many variables there are: their order is g0, e1, e2, g1.
    pub(super) const fn variables(self) -> usize {
        [0, 2, 4][self.leaves - 1]
    }

    /// Products beside the one whose coefficient is one.
    pub(super) const fn products(self) -> usize {
        [0, 0, 3][self.leaves - 1]
    }

    /// Variables, products and the sum of what has the coefficient one.
    pub(super) const fn terms(self) -> usize {
        self.variables() + self.products() + 1
    }

    /// The variables among the leaves' bits, lowest leaf first: g and e of each.
    pub(super) const fn variables_of(self, leaves: &[[u64; 2]; MOST_LEAVES]) -> u64 {
        let [[g0, _], [g1, e1], [_, e2]] = *leaves;
        let all = g0 | e1 << 1 | e2 << 2 | g1 << 3;
        all & ((1 << self.variables()) - 1)
    }

    /// The bit whose coefficient is one, but for the products: the highest leaf's g.
    pub(super) const fn single_of(self, leaves: &[[u64; 2]; MOST_LEAVES]) -> u64 {
        leaves[self.leaves - 1][0]
    }

    /// Bits that a level of the tables of products keeps: of the one with the coefficient one, and of the others together.
    /// The highest variable's comes first, and only the former depends on g1.
    pub(super) fn halves(self) -> impl Iterator<Item = (usize, u32, u32)> {
        let others = self.products() as u32;
        (0..self.variables()).rev().map(move |variable| {
            let entries = 1 << variable;
            (variable, entries, if variable < 3 { others * entries } else { 0 })
        })
    }

    /// The tables of products over the server's shares of the masks, for the client's: the one with the coefficient one, and the
    /// others, an entry's bits side by side.
    pub(super) fn tables(self, masks: u64) -> (u64, u64) {
        let (mut single, mut others) = (0, 0);
        for entry in 0..1 << self.variables() {
            let m = entry ^ masks;
            if self.leaves == 2 {
                single |= product(m, E1 | G0) << entry;
            } else if self.leaves == 3 {
                single |= (product(m, E2 | G1) ^ product(m, E2 | E1 | G0)) << entry;
                if entry < 8 {
                    others |= (product(m, E1 | G0) | product(m, E2 | G0) << 1 | product(m, E2 | E1) << 2)
                        << (3 * entry);
                }
            }
        }
        (single, others)
    }

    /// A share of all terms: of the variables, of the product with the coefficient one, of the others.
    pub(super) const fn joined(self, variables: u64, single: u64, others: u64) -> u64 {
        variables | others << self.variables() | single << (self.terms() - 1)
    }

    /// The coefficients of all terms, from the opened variables: variables, products, then the one.
    pub(super) const fn coefficients(self, opened: u64) -> u64 {
        match self.leaves {
            1 => 1,
            2 => product(opened, E1) | product(opened, G0) << 1 | 1 << 2,
            _ => {
                let e2 = product(opened, E2);
                let inner = product(opened, G1) ^ product(opened, E1 | G0);
                product(opened, E2 | E1)
                    | product(opened, E2 | G0) << 1
                    | inner << 2
                    | e2 << 3
                    | e2 << 4
                    | product(opened, E1) << 5
                    | product(opened, G0) << 6
                    | 1 << 7
            }
        }
    }

    /// What the opened variables add by themselves.
    pub(super) const fn public(self, opened: u64) -> u64 {
        match self.leaves {
            1 => 0,
            2 => product(opened, E1 | G0),
            _ => product(opened, E2 | G1) ^ product(opened, E2 | E1 | G0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value of the leaves' bits, of both parties' masks: the sum of all terms is the comparison.
    #[test]
    fn terms_add_up_to_the_comparison() {
        for leaves in 1..=MOST_LEAVES {
            let tree = Tree::of(leaves);
            let all = 1u64 << tree.variables();
            for bits in 0..1u64 << (2 * leaves) {
                let leaf = |i: usize| [bits >> (2 * i) & 1, bits >> (2 * i + 1) & 1];
                let mut values = [[0; 2]; MOST_LEAVES];
                (0..leaves).for_each(|i| values[i] = leaf(i));
                let mut c = values[0][0];
                (1..leaves).for_each(|i| c = values[i][0] ^ values[i][1] & c);
                for (client, server) in
                    (0..all).flat_map(|client| (0..all).map(move |server| (client, server)))
                {
                    let opened = tree.variables_of(&values) ^ client ^ server;
                    let (single, others) = tree.tables(client);
                    let products = others >> (3 * (server % 8)) & 7 & ((1 << tree.products()) - 1);
                    let one = single >> server & 1 ^ tree.single_of(&values);
                    let terms = (client ^ server)
                        | products << tree.variables()
                        | one << (tree.variables() + tree.products());
                    let sum = (terms & tree.coefficients(opened)).count_ones() as u64 & 1;
                    assert_eq!(
                        sum ^ tree.public(opened),
                        c,
                        "{leaves} leaves of {bits:b}, {client:b}, {server:b}"
                    );
                }
            }
        }
    }
}
