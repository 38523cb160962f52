use super::*;
use crate::CellStatus;
use crate::look::COLOURS;

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
    drawn(rows, &HashSet::new(), name)
}

fn drawn(rows: &[SummaryRow], front: &HashSet<String>, name: &str) -> String {
    all(rows, front).into_iter().find(|(other, _)| *other == name).unwrap().1
}

fn points(svg: &str) -> usize {
    svg.matches("class=\"point\"").count()
}

#[test]
fn every_point_is_drawn_once_and_labelled() {
    let svg = picture(&example(&["privshap"]), "accuracy_latency.svg");
    assert_eq!(points(&svg), 8);
    assert_eq!(svg.matches(">12,900<").count(), 2);
    assert_eq!(svg.matches(">all<").count(), 2);
    assert_eq!(svg.matches("<polyline").count(), 2);
    assert!(
        svg.contains("test accuracy, in the clear, on 10,000 images")
            && svg.contains(">test accuracy, top-1 (%)<")
    );
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
    assert_eq!(points(&picture(&rows, "accuracy_latency.svg")), 7);
    assert_eq!(
        picture(&rows, "bytes_by_budget.svg").matches("failed").count(),
        0,
        "lan has the same plan's bytes"
    );
}

#[test]
fn nothing_to_draw_is_said() {
    for (name, svg) in all(&[], &HashSet::new()) {
        assert!(svg.contains("to draw."), "{name}");
    }
}

#[test]
fn names_are_escaped() {
    let mut rows = example(&["privshap"]);
    for row in &mut rows {
        row.model = "a<b&c".to_owned();
    }
    for (name, svg) in all(&rows, &HashSet::new()) {
        assert!(svg.contains("a&lt;b&amp;c") && !svg.contains("a<b"), "{name}");
    }
}

/// A share of five images says little; it is not drawn where one of many is there.
#[test]
fn the_secure_run_is_drawn_beside_where_it_says_something() {
    let draw = |n: u64| {
        let rows: Vec<SummaryRow> =
            example(&["privshap"]).into_iter().map(|row| SummaryRow { n, ..row }).collect();
        picture(&rows, "accuracy_latency.svg")
    };
    let (few, some) = (draw(5), draw(50));
    assert!(few.contains("Points: test accuracy") && !few.contains("Dashes"), "{few}");
    assert!(
        some.contains("Points: test accuracy")
            && some.contains("Dashes: secure accuracy, by the protocol, on 50")
    );
    assert_eq!(points(&few), 8);
    let lines = |svg: &str| svg.matches("<line").count();
    assert_eq!(lines(&some) - lines(&few), 8, "a dash a point");
}

#[test]
fn accuracies_of_fewer_images_are_hollow() {
    let mut rows = example(&["privshap"]);
    let hollow = |svg: &str| svg.matches(r##"fill="#ffffff" stroke="#0072b2""##).count();
    let svg = picture(&rows, "accuracy_latency.svg");
    assert!(hollow(&svg) == 0 && !svg.contains("Hollow"), "{svg}");
    rows[0].acc_fixed_test = None;
    rows[1].acc_images = Some(1_000);
    let svg = picture(&rows, "accuracy_latency.svg");
    assert_eq!((hollow(&svg), points(&svg)), (2, 8));
    let told = "Hollow: test accuracy, in the clear, on 1,000 images, or secure accuracy, by the protocol, on 50 images";
    assert!(svg.contains(told) && svg.contains(">top-1 accuracy (%)<"), "{svg}");
}

#[test]
fn cells_that_nothing_surely_beats_are_ringed() {
    let rows = example(&["privshap", "snl"]);
    let front = [&rows[0], &rows[2]].map(|row| row.cell.clone()).into();
    let svg = drawn(&rows, &front, "accuracy_latency.svg");
    assert_eq!(svg.matches("class=\"front\"").count(), 2);
    assert!(svg.contains("ringed where no other"), "{svg}");
    assert!(!picture(&rows, "accuracy_latency.svg").contains("ringed"));
}

/// One cell has no range, and its axes have ticks that can be read all the same.
#[test]
fn a_cell_alone_has_axes() {
    let mut row = row("wan", "privshap", Some(12_900), 12_900);
    row.online_s_p50 = Some(0.326_234_567);
    for accuracy in [0.0, 0.5, 1.0] {
        row.acc_fixed_test = Some(accuracy);
        let svg = picture(std::slice::from_ref(&row), "accuracy_latency.svg");
        let texts: Vec<&str> = svg.split("</text>").filter_map(|text| text.rsplit('>').next()).collect();
        let ticks: Vec<&&str> = texts.iter().filter(|text| text.parse::<f64>().is_ok()).collect();
        assert!(ticks.len() >= 5 && ticks.iter().all(|tick| tick.len() < 7), "{ticks:?}");
    }
}

/// Many points on a spot: labels that would cover others are left out.
#[test]
fn labels_never_cover_each_other() {
    let mut rows = Vec::new();
    for relus in 1000..1060 {
        rows.push(SummaryRow { online_s_p50: Some(0.2), ..row("lan", "privshap", Some(relus), relus) });
    }
    let svg = picture(&rows, "accuracy_latency.svg");
    assert_eq!(points(&svg), 60);
    let labels = (1000..1060).filter(|relus| svg.contains(&format!(">1,0{:02}<", relus % 100))).count();
    assert!((1..30).contains(&labels), "{labels} labels");
}

#[test]
fn every_method_has_its_colour() {
    let methods = ["privshap", "snl", "relupruner", "uniform", "random", "drop", "autorep"];
    let svg = picture(&example(&methods), "accuracy_latency.svg");
    for method in methods {
        assert!(svg.contains(&format!(">{method}<")), "{method}");
    }
    // A line a method and panel, and one in the legend.
    assert_eq!(svg.matches("<polyline").count(), 7 * 3);
    let alone = picture(&example(&["snl"]), "accuracy_latency.svg");
    assert!(
        alone.contains(COLOURS[1].0) && !alone.contains(COLOURS[0].0),
        "snl has its own without others too"
    );
}
