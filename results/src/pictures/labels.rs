//! What rows are called in a picture.

use crate::SummaryRow;
use crate::units::count;

/// What a point or bar is called where the rest is plain from context.
pub(super) fn budget(row: &SummaryRow) -> String {
    row.budget.map_or_else(|| "all".to_owned(), count)
}

/// Names that tell the rows apart: each of `parts` that differs anywhere, joined.
pub(super) fn names(rows: &[&SummaryRow], parts: &[fn(&SummaryRow) -> &str]) -> Vec<String> {
    let varying: Vec<_> =
        parts.iter().filter(|part| rows.windows(2).any(|pair| part(pair[0]) != part(pair[1]))).collect();
    rows.iter().map(|row| varying.iter().map(|part| part(row)).collect::<Vec<_>>().join(" ")).collect()
}

/// The distinct values, in order of first appearance.
pub(super) fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}
