//! The answer in words, within a limit that is set, and views that an address gives again.

use crate::browser::{Through, probe};
use crate::made::{Made, of};
use results::compare::{self, Options};
use results::{Loaded, report};
use serde::Deserialize;

const SEVEN: Made = Made { method: "snl", relus: 1_000, tested: None, online_ms: 2.0, repeats: 7 };

/// Two networks that 1,000 images do not tell apart, and a fast one that they do.
fn run() -> Loaded {
    let cells = [
        Made { tested: Some((0.70, 1_000)), ..SEVEN },
        Made { relus: 4_000, tested: Some((0.90, 1_000)), online_ms: 8.0, ..SEVEN },
        Made { method: "privshap", relus: 4_000, tested: Some((0.895, 1_000)), online_ms: 6.0, ..SEVEN },
    ];
    of(tempfile::tempdir().unwrap().path(), &cells)
}

#[derive(Deserialize, Debug, PartialEq)]
struct View {
    errors: Vec<String>,
    hash: String,
    answer: Vec<String>,
    limit: String,
    told: String,
    by: String,
    rows: usize,
    sorted: Option<String>,
    unchecked: Vec<String>,
}

/// What is shown.
const VIEW: &str = r##"
const view = () => ({
  errors, hash: location.hash, answer: texts("#answer li"), limit: document.getElementById("limit-said").textContent,
  told: document.getElementById("limit").getAttribute("aria-valuetext"), by: document.getElementById("by").value,
  rows: all("#table tbody tr").length, sorted: all("#table th[aria-sort=descending]")[0]?.textContent ?? null,
  unchecked: all("#filters input").filter((box) => !box.checked).map((box) => box.value),
});
const limit = document.getElementById("limit");"##;

fn view(hash: &str, through: Through) -> Option<View> {
    probe(&report::html(&[run()]), hash, through, &format!("{VIEW} done(view());"))
}

fn answer_within(ms: &str) -> Option<String> {
    let found = view(&format!("#?within={ms}"), Through::Desktop)?;
    assert_eq!(found.errors, Vec::<String>::new());
    assert_eq!(found.answer.len(), 1, "one link, one answer");
    found.answer.into_iter().next()
}

#[test]
fn a_winner_is_named_where_the_intervals_are_apart() {
    let Some(answer) = answer_within("0.007") else { return };
    for part in [
        "Over lan: privshap at 4,000 ReLUs is best: 89.50\u{a0}% (87.45 to 91.25 on 1,000 test images) in 6.00\u{a0}ms",
        "median of 7",
        "The next, snl at 1,000 ReLUs with 70.00",
        "is surely less accurate",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
}

#[test]
fn no_winner_is_named_where_they_overlap() {
    let Some(answer) = answer_within("0.009") else { return };
    for part in [
        "no single winner. snl at 4,000 ReLUs has 90.00",
        "overlaps with the one of privshap at 4,000 ReLUs, 89.50",
        "The fastest of them by their medians is privshap at 4,000 ReLUs",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
}

#[test]
fn what_alone_fits_is_said_and_what_nothing_does() {
    let Some(answer) = answer_within("0.003") else { return };
    assert!(answer.contains("snl at 1,000 ReLUs alone is within it"), "{answer}");
    let answer = answer_within("0.001").unwrap();
    assert!(answer.contains("nothing is within it; the fastest is snl at 1,000 ReLUs with 2.00"), "{answer}");
}

/// The same network by two circuits, say: one as accurate that is surely slower does not hide a winner.
#[test]
fn what_is_surely_slower_is_no_rival() {
    let cells = [
        Made { tested: Some((0.90, 1_000)), ..SEVEN },
        Made { relus: 4_000, tested: Some((0.90, 1_000)), online_ms: 8.0, ..SEVEN },
    ];
    let page = report::html(&[of(tempfile::tempdir().unwrap().path(), &cells)]);
    let script = format!("{VIEW} done(view());");
    let Some(found) = probe::<View>(&page, "#?within=1", Through::Desktop, &script) else { return };
    assert!(found.answer[0].contains("snl at 1,000 ReLUs is best"), "{:?}", found.answer);
    assert!(found.answer[0].contains("may be as accurate, but is surely slower"), "{:?}", found.answer);
}

/// Of few images and of random weights no accuracy decides.
#[test]
fn accuracies_that_say_nothing_do_not_decide() {
    let few =
        [Made { tested: Some((0.9, 2)), ..SEVEN }, Made { relus: 2_000, tested: Some((0.1, 2)), ..SEVEN }];
    let untrained = few.map(|made| Made { method: "random-init", tested: Some((0.5, 1_000)), ..made });
    for (cells, why) in [(few, "no accuracy is of 30 images or more"), (untrained, "the weights are random")]
    {
        let page = report::html(&[of(tempfile::tempdir().unwrap().path(), &cells)]);
        let script = format!("{VIEW} done(view());");
        let Some(found) = probe::<View>(&page, "#?within=1", Through::Desktop, &script) else { return };
        assert!(
            found.answer[0].contains(why) && found.answer[0].contains("2,000 ReLUs"),
            "{:?}",
            found.answer
        );
    }
}

/// By the slider, the selection, a box and a heading; then the address alone, on a phone.
#[test]
fn an_address_gives_the_view_again() {
    let script = format!(
        r##"{VIEW}
        change(document.getElementById("by"), "bytes", "change");
        limit.focus();
        limit.stepDown(40);
        limit.dispatchEvent(new Event("input"));
        all("#filters input").find((box) => box.value === "privshap").click();
        const heading = () => all("#table th button").find((button) => button.textContent === "online");
        heading().click();
        heading().click();
        all("nav a").find((link) => link.textContent === "Bytes").click();
        done(view());"##
    );
    let page = report::html(&[run()]);
    let Some(set) = probe::<View>(&page, "", Through::Desktop, &script) else { return };
    assert_eq!(set.errors, Vec::<String>::new());
    assert!(set.hash.starts_with("#traffic?"), "the place and what is chosen: {}", set.hash);
    assert!(set.told.contains(&set.limit) && set.told.ends_with("of bytes of both phases"), "{}", set.told);
    assert_eq!(
        (set.by.as_str(), set.rows, set.unchecked.as_slice()),
        ("bytes", 2, &["privshap".to_owned()][..])
    );
    assert_eq!(set.sorted.as_deref(), Some("online"));
    for through in [Through::Desktop, Through::Phone] {
        assert_eq!(probe::<View>(&page, &set.hash, through, &format!("{VIEW} done(view());")).unwrap(), set);
    }
    // Another address written over it is followed.
    let script = format!(
        r##"{VIEW}
        location.hash = "#?by=total&within=0.5";
        await new Promise((go) => addEventListener("hashchange", () => setTimeout(go, 50)));
        done(view());"##
    );
    let followed = probe::<View>(&page, &set.hash, Through::Desktop, &script).unwrap();
    assert_eq!((followed.by.as_str(), followed.rows, followed.sorted), ("total", 3, None));
    assert_eq!(followed.limit, "500\u{a0}ms");
}

/// The lines are those of the comparison, to the digit.
#[test]
fn a_relu_costs_what_the_comparison_says() {
    let run = run();
    let page = report::html(std::slice::from_ref(&run));
    let script = r##"done(texts("#units li"));"##;
    let Some(told) = probe::<Vec<String>>(&page, "", Through::Desktop, script) else { return };
    let blocks = compare::compare(&[run], &Options::default()).unwrap();
    let line = &blocks[0].costs[0].online_us;
    let (low, high) = line.slope_interval.unwrap();
    let expected = format!("a ReLU costs {:.2}\u{a0}µs ({low:.2} to {high:.2}) online", line.slope);
    assert!(told.len() == 1 && told[0].contains(&expected) && told[0].contains("about 21 µs"), "{told:?}");
}

/// What a page is about is said even where nothing differs in it.
#[test]
fn the_subject_is_always_there() {
    let cells = [Made { tested: Some((0.5, 1_000)), ..SEVEN }];
    let page = report::html(&[of(tempfile::tempdir().unwrap().path(), &cells)]);
    let script = r##"done([document.title, ...texts("#subject dt"), ...texts("#subject dd")]);"##;
    let Some(told) = probe::<Vec<String>>(&page, "", Through::Phone, script) else { return };
    assert_eq!(told[0], "mini: snl, narrow over lan");
    for part in ["network", "mini", "circuits", "narrow", "link", "lan", "homomorphic encryption", "n"] {
        assert!(told.iter().any(|one| one == part), "{part} in {told:?}");
    }
    assert!(told.contains(&"7 inferences a cell; test accuracy on 1,000 images".to_owned()), "{told:?}");
}
