//! What a page is called: the question that its runs were to answer or, where they name none, what differs in them.

use crate::schema::Dimension;
use crate::units::count;
use crate::{Loaded, SummaryRow};
use serde_json::Value;

/// The questions, each once; a sentence made from what differs if there is none.
pub(super) fn of(runs: &[Loaded]) -> String {
    let asked =
        |run: &Loaded| run.manifest.settings.get("question").and_then(Value::as_str).map(str::to_owned);
    let questions = distinct(runs.iter().filter_map(asked).filter(|question| !question.is_empty()));
    if questions.is_empty() { differing(runs) } else { questions.join(" ") }
}

/// Such as `resnet20 on cifar10: 5 methods, 4 budgets over lan and wan`.
fn differing(runs: &[Loaded]) -> String {
    let rows: Vec<(&str, &SummaryRow)> =
        runs.iter().flat_map(|run| run.summary.iter().map(|row| (run.manifest.id.as_str(), row))).collect();
    let values =
        |dimension: Dimension| distinct(rows.iter().map(|(run, row)| dimension.value(run, &row.identity())));
    let data = runs.iter().flat_map(|run| run.manifest.models.iter().map(|model| model.data.clone()));
    let (networks, data) = (few(&values(Dimension::Model), "networks"), few(&distinct(data), "data sets"));
    let on = if data.is_empty() { String::new() } else { format!(" on {data}") };
    let links = few(&values(Dimension::Link), "links");
    let over = if links.is_empty() { String::new() } else { format!(" over {links}") };
    let counted = |(dimension, name): (Dimension, &str)| {
        let some = values(dimension).len();
        (some > 1).then(|| format!("{} {name}", count(some as u64)))
    };
    let differ = [
        (Dimension::Run, "runs"),
        (Dimension::Method, "methods"),
        (Dimension::Budget, "budgets"),
        (Dimension::Relu, "circuits"),
        (Dimension::He, "kinds of homomorphic encryption"),
        (Dimension::Threads, "numbers of threads"),
        (Dimension::Store, "stores"),
        (Dimension::Scenario, "scenarios"),
        (Dimension::Rate, "rates of queries"),
    ];
    let mut told: Vec<String> = differ.into_iter().filter_map(counted).collect();
    if told.is_empty() {
        told = [Dimension::Method, Dimension::Relu].map(|dimension| values(dimension).concat()).to_vec();
    }
    format!("{networks}{on}: {}{over}", told.join(", "))
}

/// The names, or how many where they are more than three.
fn few(names: &[String], what: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= 3 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} {what}", names.len()),
    }
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Manifest, ModelRecord, Tables};

    /// A run of these (method, budget, link).
    fn run(question: Option<&str>, cells: &[(&str, u64, &str)]) -> Loaded {
        let row = |(method, budget, link): &(&str, u64, &str)| SummaryRow {
            model: "resnet20".to_owned(),
            method: (*method).to_owned(),
            budget: Some(*budget),
            relu: "narrow".to_owned(),
            link: (*link).to_owned(),
            ..SummaryRow::default()
        };
        let model = ModelRecord { data: "cifar10".to_owned(), ..ModelRecord::default() };
        let settings = question.map_or(Value::Null, |question| serde_json::json!({ "question": question }));
        let manifest: Manifest = serde_json::from_value(serde_json::json!({
            "schema": crate::SCHEMA, "id": "monday", "started": "", "command": [], "linnet": "", "revision": null,
            "machine": crate::Machine::default(), "threads": 1, "pinning": crate::Pinning::default(), "seeds": {},
            "links": [], "loopback": null, "models": [model], "settings": settings,
        }))
        .unwrap();
        let summary = cells.iter().map(row).collect();
        Loaded { manifest, tables: Tables::default(), summary, scenarios: Vec::new() }
    }

    #[test]
    fn the_question_stands_above_or_what_differs() {
        let cells = [("snl", 1, "lan"), ("snl", 2, "wan"), ("privshap", 1, "lan")];
        assert_eq!(of(&[run(Some("Which?"), &cells), run(Some("Which?"), &[])]), "Which?");
        assert_eq!(
            of(&[run(Some(""), &cells)]),
            "resnet20 on cifar10: 2 methods, 2 budgets over lan and wan"
        );
        assert_eq!(of(&[run(None, &cells[..1])]), "resnet20 on cifar10: snl, narrow over lan");
        let links = ["a", "b", "c", "d"].map(|link| ("snl", 1, link));
        assert_eq!(of(&[run(None, &links)]), "resnet20 on cifar10: snl, narrow over 4 links");
    }
}
