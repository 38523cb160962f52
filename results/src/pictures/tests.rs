use super::paper::SERIES;
use super::*;
use crate::CellStatus;

fn row(link: &str, method: &str, budget: Option<u64>, relus: u64) -> SummaryRow {
    let wan = if link == "wan" { 1.0 } else { 0.0 };
    let kept = relus as f64;
    SummaryRow {
        model: "resnet18".to_owned(),
        method: method.to_owned(),
        budget,
        relus,
        link: link.to_owned(),
        relu: "narrow".to_owned(),
        n: 50,
        status: CellStatus::Ok,
        acc_float: Some(0.75),
        acc_fixed: Some(0.75),
        acc_secure: Some(0.60 + 0.03 * (kept / 10_000.0).ln_1p() + if method == "snl" { -0.04 } else { 0.0 }),
        offline_s_p50: Some(11.0 + kept * 4e-6 + wan * (4.0 + kept * 2.4e-5)),
        online_s_p50: Some(0.21 + kept * 1.1e-6 + wan * (0.9 + kept * 7e-6)),
        online_s_max: Some(0.3 + wan),
        offline_up_bytes: Some(90_123_456),
        offline_down_bytes: Some(61_000_000 + relus * 1_010),
        online_up_bytes: Some(49_152 + relus * 4),
        online_down_bytes: Some(40 + relus * 260),
        offline_rounds: Some(6),
        online_rounds: Some(35),
        acc_fixed_test: Some(
            0.61 + 0.03 * (kept / 10_000.0).ln_1p() + if method == "snl" { -0.04 } else { 0.0 },
        ),
        acc_images: Some(10_000),
        cell: format!("{link}-{method}-{relus}"),
        ..SummaryRow::default()
    }
}

/// Two links and four budgets; `methods` at each.
fn example(methods: &[&str]) -> Vec<SummaryRow> {
    let budgets = [(Some(12_900), 12_900), (Some(25_000), 24_990), (Some(50_000), 49_900), (None, 491_520)];
    let mut rows = Vec::new();
    for link in ["lan", "wan"] {
        for method in methods {
            rows.extend(budgets.map(|(budget, relus)| row(link, method, budget, relus)));
        }
    }
    rows
}

fn picture(rows: &[SummaryRow], name: &str) -> String {
    all(rows).into_iter().find(|(other, _)| *other == name).unwrap().1
}

#[test]
fn every_point_is_drawn_once_and_labelled() {
    let svg = picture(&example(&["privshap"]), "accuracy_latency.svg");
    assert_eq!(svg.matches("<circle").count(), 8);
    assert_eq!(svg.matches(">12,900<").count(), 2);
    assert_eq!(svg.matches(">all<").count(), 2);
    assert_eq!(svg.matches("<polyline").count(), 2);
    assert!(svg.contains("10,000 test images"));
}

#[test]
fn time_bars_show_both_phases_and_the_total() {
    let svg = picture(&example(&["privshap"]), "time_by_budget.svg");
    // 11 + 12,900 * 4e-6 offline and 0.21 + 12,900 * 1.1e-6 online.
    assert!(svg.contains(">11.1 s<") && svg.contains(">224 ms<") && svg.contains(">11.3 s<"), "{svg}");
}

#[test]
fn links_that_agree_on_bytes_share_a_bar() {
    let mut rows = example(&["privshap"]);
    assert_eq!(picture(&rows, "bytes_by_budget.svg").matches(">90.1 MB<").count(), 4);
    rows[0].offline_up_bytes = Some(80_000_000);
    let svg = picture(&rows, "bytes_by_budget.svg");
    assert_eq!(svg.matches(">90.1 MB<").count(), 4);
    assert_eq!(svg.matches(">80.0 MB<").count(), 1);
}

#[test]
fn failed_rows_are_named_not_drawn_as_zero() {
    let mut rows = example(&["privshap"]);
    rows[7] = SummaryRow {
        model: "resnet18".to_owned(),
        method: "privshap".to_owned(),
        link: "wan".to_owned(),
        relu: "narrow".to_owned(),
        relus: 491_520,
        status: CellStatus::Failed,
        ..SummaryRow::default()
    };
    assert_eq!(picture(&rows, "time_by_budget.svg").matches("failed: no completed repeat").count(), 1);
    assert_eq!(picture(&rows, "accuracy_latency.svg").matches("<circle").count(), 7);
    assert_eq!(
        picture(&rows, "bytes_by_budget.svg").matches("failed").count(),
        0,
        "lan has the same plan's bytes"
    );
}

#[test]
fn nothing_to_draw_is_said() {
    for (name, svg) in all(&[]) {
        assert!(svg.contains("to draw."), "{name}");
    }
}

#[test]
fn names_are_escaped() {
    let mut rows = example(&["privshap"]);
    for row in &mut rows {
        row.model = "a<b&c".to_owned();
    }
    for (name, svg) in all(&rows) {
        assert!(svg.contains("a&lt;b&amp;c") && !svg.contains("a<b"), "{name}");
    }
}

/// A share of five images says little; it is not drawn where one of many is there.
#[test]
fn accuracies_of_most_images_are_drawn() {
    let draw = |n: u64| {
        let rows: Vec<SummaryRow> =
            example(&["privshap"]).into_iter().map(|row| SummaryRow { n, ..row }).collect();
        picture(&rows, "accuracy_latency.svg")
    };
    let (few, some, most) = (draw(5), draw(50), draw(20_000));
    assert!(few.contains("Dots: in the clear on 10,000 test images") && !few.contains("Dashes"), "{few}");
    assert!(some.contains("Dots: in the clear on") && some.contains("Dashes: the secure run on 50 images"));
    assert!(most.contains("Dots: the secure run on 20,000") && most.contains("Dashes: in the clear on"));
    assert_eq!(few.matches("<circle").count(), 8);
    let lines = |svg: &str| svg.matches("<line").count();
    assert_eq!((lines(&some) - lines(&few), lines(&most)), (8, lines(&some)), "a dash a point");
}

/// Many points on a spot: labels that would cover others are left out.
#[test]
fn labels_never_cover_each_other() {
    let mut rows = Vec::new();
    for relus in 1000..1060 {
        rows.push(SummaryRow { online_s_p50: Some(0.2), ..row("lan", "privshap", Some(relus), relus) });
    }
    let svg = picture(&rows, "accuracy_latency.svg");
    assert_eq!(svg.matches("<circle").count(), 60);
    let labels = (1000..1060).filter(|relus| svg.contains(&format!(">1,0{:02}<", relus % 100))).count();
    assert!((1..30).contains(&labels), "{labels} labels");
}

#[test]
fn several_methods_get_a_colour_each() {
    let svg = picture(&example(&["privshap", "snl"]), "accuracy_latency.svg");
    assert!(svg.contains(">privshap<") && svg.contains(">snl<"));
    assert_eq!(svg.matches("<polyline").count(), 4);
    assert!(svg.contains(SERIES[0]) && svg.contains(SERIES[1]));
}
