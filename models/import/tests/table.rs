//! The book's table of ONNX's operators is the importer's own.

use import::onnx::operators::{REFUSED, TAKEN};

const BOOK: &str = include_str!("../../../book/src/onnx.md");

fn table() -> String {
    let mut lines = vec!["| operator | taken |".to_owned(), "|---|---|".to_owned()];
    lines.extend(TAKEN.iter().map(|operator| format!("| {} | {} |", operator.name, operator.taken)));
    lines.extend(["".into(), "| not taken | expected in its place |".into(), "|---|---|".into()]);
    lines.extend(REFUSED.iter().map(|(names, instead)| format!("| {} | {instead} |", names.join(", "))));
    lines.join("\n")
}

#[test]
fn the_book_has_every_operator() {
    let table = table();
    assert!(BOOK.contains(&table), "book/src/onnx.md should have this table:\n\n{table}\n");
}

#[test]
fn operators_are_in_order_and_taken_or_not() {
    assert!(TAKEN.is_sorted_by_key(|operator| operator.name));
    let refused: Vec<&str> = REFUSED.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    assert!(TAKEN.iter().all(|operator| !refused.contains(&operator.name)));
}
