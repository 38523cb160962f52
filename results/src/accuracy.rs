//! Classes of test images in the clear. They are a network's, whatever it runs over and with: its cells share one cell's rows.

use crate::Error;
use crate::run::files;
use crate::schema::{AccuracyRow, CellRow, Row, Wrong};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What determines a network's classes: the cells that agree in it have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    model: String,
    method: String,
    budget: Option<u64>,
    relus: u64,
    /// Ring width and scales, bits.
    widths: [Option<u32>; 3],
}

impl Network {
    pub(crate) fn of(row: &CellRow) -> Self {
        Self {
            model: row.model.clone(),
            method: row.method.clone(),
            budget: row.budget,
            relus: row.relus,
            widths: [row.ring_bits, row.fa, row.fw],
        }
    }
}

/// Reads the rows of a run that has any; none otherwise.
///
/// # Errors
/// [`Error::Field`] where a row is damaged, of no cell, or there twice; [`Error::Io`] if the disk refuses.
pub(crate) fn read(dir: &Path, cells: &[CellRow]) -> Result<Vec<AccuracyRow>, Error> {
    if !dir.join(AccuracyRow::FILE).exists() {
        return Ok(Vec::new());
    }
    let table = files::read::<AccuracyRow>(dir)?;
    let known: HashSet<&str> = cells.iter().map(|row| row.cell.as_str()).collect();
    let mut seen = HashSet::new();
    for (index, row) in table.rows.iter().enumerate() {
        if !known.contains(row.cell.as_str()) {
            let expected = "a cell of cells.csv";
            return Err(table.wrong(index, Wrong { column: "cell", expected, found: row.cell.clone() }));
        }
        if !seen.insert((row.cell.as_str(), row.image)) {
            let (expected, found) = ("an image not seen before", row.image.to_string());
            return Err(table.wrong(index, Wrong { column: "image", expected, found }));
        }
    }
    Ok(table.rows)
}

/// The rows as they are once only the cells in `stays` are left: those of a cell that goes become those of the first cell of
/// its network that stays; without one they go too.
pub(crate) fn handed_on(
    rows: Vec<AccuracyRow>,
    cells: &[CellRow],
    stays: &HashSet<String>,
) -> Vec<AccuracyRow> {
    let mut heirs: HashMap<Network, &str> = HashMap::new();
    for cell in cells.iter().filter(|cell| stays.contains(&cell.cell)) {
        heirs.entry(Network::of(cell)).or_insert(&cell.cell);
    }
    let networks: HashMap<&str, Network> =
        cells.iter().map(|cell| (cell.cell.as_str(), Network::of(cell))).collect();
    let left = |row: AccuracyRow| {
        if stays.contains(&row.cell) {
            return Some(row);
        }
        let heir = heirs.get(networks.get(row.cell.as_str())?)?;
        Some(AccuracyRow { cell: (*heir).to_owned(), ..row })
    };
    rows.into_iter().filter_map(left).collect()
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
            let stays = stays.iter().map(|id| (*id).to_owned()).collect();
            handed_on(vec![row("a", 1), row("b", 2)], &cells, &stays)
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
