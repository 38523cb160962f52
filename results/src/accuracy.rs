//! Classes of test images in the clear. They are a network's, whatever it runs over and with: its cells share one cell's rows.

use crate::schema::{AccuracyRow, CellRow, Identity};
use std::collections::{HashMap, HashSet};

/// What determines a network's classes: the cells that agree in it have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    model: String,
    method: String,
    budget: Option<u64>,
    relus: u64,
    /// Ring width and finest scales, bits.
    widths: [Option<u32>; 3],
    /// Digest of all scales.
    scales: Option<String>,
}

impl Network {
    pub(crate) fn of(row: &CellRow) -> Self {
        let Identity {
            model,
            method,
            budget,
            relus,
            // What a network runs with and over makes no difference in the clear.
            relu: _,
            he: _,
            ot: _,
            threads: _,
            store: _,
            link: _,
            scenario: _,
            rate_per_s: _,
        } = row.identity();
        Self {
            model: model.to_owned(),
            method: method.to_owned(),
            budget,
            relus,
            widths: [row.ring_bits, row.fa, row.fw],
            scales: row.scales.clone(),
        }
    }
}

/// Who takes over a network's rows where their cell goes: the first cell of the network that stays.
pub(crate) struct Heirs {
    stays: HashSet<String>,
    /// Of every cell that goes and has an heir: that one's id.
    heirs: HashMap<String, String>,
}

impl Heirs {
    /// Of `cells`, once only those in `stays` are left.
    pub(crate) fn new(cells: &[CellRow], stays: &HashSet<String>) -> Self {
        let mut first: HashMap<Network, &str> = HashMap::new();
        for cell in cells.iter().filter(|cell| stays.contains(&cell.cell)) {
            first.entry(Network::of(cell)).or_insert(&cell.cell);
        }
        let heir = |cell: &CellRow| Some((cell.cell.clone(), (*first.get(&Network::of(cell))?).to_owned()));
        Self { stays: stays.clone(), heirs: cells.iter().filter_map(heir).collect() }
    }

    /// The row as it is then; `None` where nobody takes it over.
    pub(crate) fn hand_on(&self, row: AccuracyRow) -> Option<AccuracyRow> {
        if self.stays.contains(&row.cell) {
            return Some(row);
        }
        let cell = self.heirs.get(&row.cell)?.clone();
        Some(AccuracyRow { cell, ..row })
    }
}

/// Of every cell that has them, itself or through another of its network: its network's rows.
pub(crate) fn by_cell<'a>(
    cells: &'a [CellRow],
    rows: &'a [AccuracyRow],
) -> HashMap<&'a str, Vec<&'a AccuracyRow>> {
    let mut own: HashMap<&str, Vec<&AccuracyRow>> = HashMap::new();
    for row in rows {
        own.entry(&row.cell).or_default().push(row);
    }
    let mut shared: HashMap<Network, Vec<&AccuracyRow>> = HashMap::new();
    for cell in cells {
        if let Some(rows) = own.remove(cell.cell.as_str()) {
            shared.entry(Network::of(cell)).or_insert(rows);
        }
    }
    let of = |cell: &'a CellRow| Some((cell.cell.as_str(), shared.get(&Network::of(cell))?.clone()));
    cells.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(id: &str, relus: u64, link: &str) -> CellRow {
        CellRow { cell: id.to_owned(), relus, link: link.to_owned(), ..CellRow::default() }
    }

    fn row(cell: &str, class_fixed: u32) -> AccuracyRow {
        AccuracyRow { cell: cell.to_owned(), class_fixed, ..AccuracyRow::default() }
    }

    #[test]
    fn rows_of_a_cell_that_goes_are_handed_on_within_its_network() {
        let cells = [cell("a", 5, "lan"), cell("b", 7, "lan"), cell("c", 5, "wan"), cell("d", 7, "wan")];
        let left = |stays: &[&str]| {
            let heirs = Heirs::new(&cells, &stays.iter().map(|id| (*id).to_owned()).collect());
            [row("a", 1), row("b", 2)].into_iter().filter_map(|row| heirs.hand_on(row)).collect::<Vec<_>>()
        };
        assert_eq!(left(&["a", "b", "c"]), [row("a", 1), row("b", 2)]);
        assert_eq!(left(&["c", "d"]), [row("c", 1), row("d", 2)]);
        assert_eq!(left(&["d"]), [row("d", 2)]);
        assert_eq!(left(&[]), []);
    }

    #[test]
    fn cells_of_a_network_share_rows() {
        let cells = [cell("a", 5, "lan"), cell("b", 7, "lan"), cell("c", 5, "wan")];
        let rows = [row("a", 1)];
        let found = by_cell(&cells, &rows);
        assert_eq!((found["a"].len(), found["c"][0], found.get("b")), (1, &rows[0], None));
    }
}
