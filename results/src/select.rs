//! Which cells are meant by what was typed, such as `method=snl,link=wan`.
//!
//! A condition is a dimension and a value, `method=ar`, or a bare value that cells have in one dimension alone; a cell's whole
//! name is one too. A value is the whole of what a cell has: `ar` isn't a part of `narrow`. A method without a seed stands for
//! its seeds where no cell has it as it is. Conditions joined by commas hold together.

use crate::Error;
use crate::layout::MISSING;
use crate::schema::{CellRow, Dimension, SEED_SUFFIX, SummaryRow};

/// What may precede `=` for a cell's whole name.
const CELL: &str = "cell";

/// A cell that may be meant.
#[derive(Clone, Debug)]
pub struct Candidate {
    cell: String,
    /// In the order of [`Dimension::ALL`].
    values: Vec<String>,
}

impl Candidate {
    /// A cell of the run named `run`.
    pub fn of_cell(run: &str, row: &CellRow) -> Self {
        let identity = row.identity();
        let values = Dimension::ALL.iter().map(|dimension| dimension.value(run, &identity)).collect();
        Self { cell: row.cell.clone(), values }
    }

    /// The same by its summary.
    pub fn of_summary(run: &str, row: &SummaryRow) -> Self {
        let identity = row.identity();
        let values = Dimension::ALL.iter().map(|dimension| dimension.value(run, &identity)).collect();
        Self { cell: row.cell.clone(), values }
    }
}

/// Which of the candidates `text` means: those for which all of its conditions hold.
///
/// # Errors
/// [`Error::Selection`], which says that `option` was given it: where a condition holds for no candidate, where a bare value is
/// one of several dimensions, and where no candidate has all.
pub fn select(option: &'static str, text: &str, candidates: &[Candidate]) -> Result<Vec<bool>, Error> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let mut meant = vec![true; candidates.len()];
    let mut at = 0;
    while at < parts.len() {
        // The name of a link may have commas of its own.
        let longer = (at + 2..=parts.len()).rev().find_map(|end| {
            let holds = matching(option, &parts[at..end].join(","), candidates);
            Some((end, holds.ok()?))
        });
        let (end, holds) = match longer {
            Some(found) => found,
            None => (at + 1, matching(option, parts[at], candidates)?),
        };
        meant.iter_mut().zip(holds).for_each(|(meant, holds)| *meant &= holds);
        at = end;
    }
    if meant.contains(&true) {
        return Ok(meant);
    }
    let expected = format!("conditions that some cell meets together; the cells are {}", listed(candidates));
    Err(Error::Selection { option, expected, found: text.to_owned() })
}

/// Which of the candidates are meant by any of `texts`; all if there are none.
///
/// # Errors
/// As [`select`].
pub fn select_any(
    option: &'static str,
    texts: &[String],
    candidates: &[Candidate],
) -> Result<Vec<bool>, Error> {
    let mut meant = vec![texts.is_empty(); candidates.len()];
    for text in texts {
        let also = select(option, text, candidates)?;
        meant.iter_mut().zip(also).for_each(|(meant, also)| *meant |= also);
    }
    Ok(meant)
}

fn matching(option: &'static str, condition: &str, candidates: &[Candidate]) -> Result<Vec<bool>, Error> {
    let refuse = |expected: String| Err(Error::Selection { option, expected, found: condition.to_owned() });
    let of_name = |name: &str| -> Option<Vec<bool>> {
        let named: Vec<bool> = candidates.iter().map(|candidate| candidate.cell == name).collect();
        named.contains(&true).then_some(named)
    };
    if let Some(named) = of_name(condition) {
        return Ok(named);
    }
    let dimensions = Dimension::ALL.iter().enumerate();
    let mut found: Vec<(&str, Vec<bool>)> = dimensions
        .filter_map(|(place, dimension)| Some((dimension.name(), having(place, condition, candidates)?)))
        .collect();
    if found.is_empty()
        && let Some((name, value)) = condition.split_once('=')
    {
        if name == CELL {
            return of_name(value).map_or_else(|| refuse(listed(candidates)), Ok);
        }
        let Some(place) = Dimension::ALL.iter().position(|dimension| dimension.name() == name) else {
            let names: Vec<&str> = Dimension::ALL.iter().map(|dimension| dimension.name()).collect();
            return refuse(format!("one of {}, {CELL} before the =", names.join(", ")));
        };
        return match having(place, value, candidates) {
            Some(having) => Ok(having),
            None => refuse(format!("{name}={}", values(place, candidates).join(&format!(" or {name}=")))),
        };
    }
    match found.len() {
        1 => Ok(found.swap_remove(0).1),
        0 => {
            let all = Dimension::ALL.iter().enumerate().flat_map(|(place, dimension)| {
                let values =
                    values(place, candidates).into_iter().filter(|value| !["", MISSING].contains(value));
                values.map(move |value| format!("{}={value}", dimension.name()))
            });
            refuse(format!("a whole value, such as {}", all.collect::<Vec<_>>().join(", ")))
        }
        _ => {
            let names = found.iter().map(|(name, _)| format!("{name}={condition}"));
            refuse(format!("{}: it is both", names.collect::<Vec<_>>().join(" or ")))
        }
    }
}

/// Which candidates have the value in a dimension; `None` where none has.
fn having(place: usize, value: &str, candidates: &[Candidate]) -> Option<Vec<bool>> {
    let which = |has: &dyn Fn(&str) -> bool| -> Option<Vec<bool>> {
        let which: Vec<bool> = candidates.iter().map(|candidate| has(&candidate.values[place])).collect();
        which.contains(&true).then_some(which)
    };
    let seeded = |own: &str| {
        let seed = own.strip_prefix(value).and_then(|rest| rest.strip_prefix(SEED_SUFFIX));
        seed.is_some_and(|seed| !seed.is_empty() && seed.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let method = Dimension::ALL[place] == Dimension::Method;
    which(&|own| own == value).or_else(|| method.then(|| which(&seeded)).flatten())
}

/// What candidates have in a dimension, each value once.
fn values(place: usize, candidates: &[Candidate]) -> Vec<&str> {
    let mut values: Vec<&str> = Vec::new();
    for candidate in candidates {
        let value = candidate.values[place].as_str();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn listed(candidates: &[Candidate]) -> String {
    candidates.iter().map(|candidate| candidate.cell.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate> {
        let cell = |method: &str, budget: Option<u64>, threads: u32, link: &str| {
            let cell = format!("mini-{method}-{}-narrow-{link}", budget.unwrap_or(9216));
            let row = CellRow {
                cell,
                model: "mini".into(),
                method: method.into(),
                budget,
                relu: "narrow".into(),
                threads: Some(threads),
                link: link.into(),
                ..CellRow::default()
            };
            Candidate::of_cell("monday", &row)
        };
        vec![
            cell("ar", None, 1, "lan"),
            cell("privshap", Some(50), 1, "lan"),
            cell("privshap", Some(50), 1, "wan"),
            cell("privshap-published", Some(50), 1, "wan"),
            cell("snl-seed2", Some(1), 1, "lan"),
            cell("snl-seed13", Some(50), 1, "lan"),
        ]
    }

    fn meant(text: &str) -> Vec<usize> {
        let candidates = candidates();
        let meant = select("--only", text, &candidates).unwrap();
        (0..candidates.len()).filter(|index| meant[*index]).collect()
    }

    fn refusal(text: &str) -> String {
        select("--only", text, &candidates()).unwrap_err().to_string()
    }

    #[test]
    fn values_are_whole() {
        assert_eq!(meant("ar"), [0]);
        assert_eq!(meant("privshap"), [1, 2]);
        assert_eq!(meant("method=privshap-published"), [3]);
        assert_eq!(meant("budget=all"), [0]);
        assert_eq!(meant("narrow"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(meant("mini-ar-9216-narrow-lan"), [0]);
        assert_eq!(meant("cell=mini-privshap-50-narrow-wan"), [2]);
        assert_eq!(meant("run=monday"), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_method_stands_for_its_seeds_unless_a_cell_has_it_as_it_is() {
        assert_eq!(meant("snl"), [4, 5]);
        assert_eq!(meant("method=snl"), [4, 5]);
        assert_eq!(meant("snl-seed2"), [4]);
        assert!(refusal("snl-seed").contains("a whole value"));
    }

    #[test]
    fn conditions_hold_together_and_texts_add() {
        assert_eq!(meant("privshap,wan"), [2]);
        assert_eq!(meant("method=privshap, link=lan"), [1]);
        let candidates = candidates();
        let any = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            select_any("--only", &texts, &candidates).unwrap().iter().filter(|meant| **meant).count()
        };
        assert_eq!([any(&[]), any(&["ar"]), any(&["ar", "wan"])], [6, 1, 3]);
    }

    #[test]
    fn links_may_have_commas_in_their_names() {
        let cell = |method: &str, link: &str| {
            let row = CellRow {
                cell: format!("{method}-{link}"),
                method: method.into(),
                link: link.into(),
                ..CellRow::default()
            };
            Candidate::of_cell("", &row)
        };
        let link = "rate=100MB/s,rtt=10ms";
        let candidates = [cell("ar", "lan"), cell("ar", link), cell("snl", link)];
        let meant = |text: &str| select("--only", text, &candidates).unwrap();
        assert_eq!(meant(link), [false, true, true]);
        assert_eq!(meant(&format!("link={link},method=ar")), [false, true, false]);
        assert_eq!(meant(&format!("snl,{link}")), [false, false, true]);
        assert_eq!(meant(&format!("ar-{link}")), [false, true, false]);
    }

    #[test]
    fn what_means_nothing_or_two_things_is_refused() {
        let ambiguous = refusal("1");
        assert!(ambiguous.contains("budget=1 or threads=1") && ambiguous.contains("found 1"), "{ambiguous}");
        assert!(refusal("arr").contains("method=ar"), "{}", refusal("arr"));
        assert!(refusal("methods=ar").contains("one of run, model, method"));
        assert!(refusal("method=na").contains("method=ar or method=privshap"));
        assert!(refusal("ar,wan").contains("together"));
        assert!(refusal("").contains("a whole value"));
        assert!(refusal("cell=mini").contains("mini-ar-9216-narrow-lan"));
    }
}
