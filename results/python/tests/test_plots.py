"""Figures show the rows' numbers, in one look, with nothing on top of anything else."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from conftest import DEMO, LINKS, METHODS, SHAPES
from linnet_results import Results, ResultsError, accuracy_latency, bytes_by_budget, load, save, time_by_budget, time_by_layer
from linnet_results.drawing import COLUMN, PAGE
from linnet_results.styles import COLOURS, series

Frames = Results[pd.DataFrame]
FIGURES = (accuracy_latency, time_by_budget, bytes_by_budget)
RUNS = (DEMO, METHODS, LINKS, SHAPES)


def points(figure: Figure, panel: int) -> dict[str, list[tuple[float, float]]]:
    """By colour, what a panel shows."""
    found: dict[str, list[tuple[float, float]]] = {}
    for container in figure.axes[panel].containers:
        line = container[0]
        found.setdefault(line.get_color(), []).extend(map(tuple, line.get_xydata()))
    return found


def whiskers(figure: Figure, panel: int) -> list[Any]:
    errors = [each for each in figure.axes[panel].containers if isinstance(each, ErrorbarContainer)]
    return [segment for each in errors for bars in each[2] for segment in bars.get_segments()]


def test_accuracy_and_latency_are_the_summarys(demo: Frames) -> None:
    figure = accuracy_latency(demo.summary)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["lan", "wan"]
    shown = points(figure, 0)
    assert shown[COLOURS["ar"]] == [pytest.approx((7.663861, 94.8))]
    assert shown[COLOURS["privshap"]] == [
        pytest.approx((3.317866, 82.7)),
        pytest.approx((3.695368, 92.3)),
        pytest.approx((4.742454, 95.7)),
    ]
    assert figure.axes[0].get_ylabel() == "accuracy, 1,000 test images (%)"
    assert figure.axes[0].get_xlabel() == "online time, median (ms)"
    assert {text.get_text() for text in figure.axes[0].texts} == {"all", "2,765", "922", "184"}


def test_whiskers_are_the_summarys_intervals(demo: Frames) -> None:
    found = whiskers(accuracy_latency(demo.summary), 0)
    row = demo.summary.iloc[0]
    across = [[row["online_s_p50_low"] * 1e3, 94.8], [row["online_s_p50_high"] * 1e3, 94.8]]
    up = [[7.663861, row["acc_fixed_test_low"] * 100], [7.663861, row["acc_fixed_test_high"] * 100]]
    assert len(found) == 8
    for expected in (across, up):
        assert any(np.allclose(segment, expected, rtol=0, atol=1e-9) for segment in found)


def test_few_repeats_have_no_interval_of_time(links: Frames, demo: Frames) -> None:
    figure = time_by_budget(links.summary)
    assert len(figure.axes) == 6
    assert sum(map(len, points(figure, 0).values())) == 37
    # Of 5 repeats none, of 30 one around each point.
    for found, wide in ((figure, 0), (time_by_budget(demo.summary), 4)):
        lengths = [np.ptp(segment[:, 1]) for segment in whiskers(found, 0)]
        assert sum(length > 0 for length in lengths) == wide


def test_the_secure_run_counts_where_it_has_more_images(demo: Frames) -> None:
    few = demo.summary.assign(acc_images=20)
    figure = accuracy_latency(few)
    assert points(figure, 1)[COLOURS["ar"]] == [pytest.approx((357.12597, 93.33333333))]
    assert figure.axes[0].get_ylabel() == "accuracy, 30 secure runs (%)"


def test_times_and_bytes_by_budget(demo: Frames) -> None:
    figure = time_by_budget(demo.summary)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["offline, lan (ms)", "online, lan (ms)", "offline, wan (ms)", "online, wan (ms)"]
    assert points(figure, 2)[COLOURS["ar"]] == [pytest.approx((9216, 239.03862))]
    figure = bytes_by_budget(demo.summary)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["offline, up (MB)", "offline, down (MB)", "online, up (kB)", "online, down (MB)"]
    # Once for both links.
    assert points(figure, 3)[COLOURS["privshap"]] == [
        pytest.approx((184, 0.039816)),
        pytest.approx((922, 0.174172)),
        pytest.approx((2765, 0.449647)),
    ]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Texts that lie on each other, and labels on points."""
    boxes = []
    for axes in figure.axes:
        texts = [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            inside = (tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)
            texts += [tick.label1 for tick in inside if tick.label1.get_visible()]
        boxes += [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
        if axes.texts:
            # Of a point half as wide as it is drawn, since labels stand close.
            places = [at for line in axes.containers for at in axes.transData.transform(line[0].get_xydata())]
            dots = [("point", type(boxes[0][1]).from_extents(x - 2, y - 2, x + 2, y + 2)) for x, y in places]
            found = [(a, b) for a, one in boxes for b, other in dots if one.overlaps(other)]
            if found:
                return found
    for legend in figure.legends:
        boxes += [(text.get_text(), text.get_window_extent()) for text in [*legend.get_texts(), legend.get_title()]]
    return [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


@pytest.mark.parametrize(
    ("folder", "width"),
    [(DEMO, COLUMN), (METHODS, PAGE), (LINKS, COLUMN), (SHAPES, COLUMN)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_nothing_lies_on_anything(folder: Path, width: float) -> None:
    summary = load(folder).summary
    for draw in FIGURES:
        figure = draw(summary, width=width)
        assert figure.get_figwidth() == width
        assert overlaps(figure) == [], draw.__name__


def test_overlaps_would_be_found(demo: Frames) -> None:
    figure = accuracy_latency(demo.summary)
    axes = figure.axes[0]
    axes.annotate("on top", (7.663861, 94.8))
    assert ("on top", "point") in overlaps(figure)


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_series_differ_in_grey(folder: Path) -> None:
    drawn = series(load(folder).summary)
    marks = [(one.style.marker, one.style.full) for one in drawn]
    assert len(set(marks)) == len(marks)
    assert len({one.name for one in drawn}) == len(drawn)


def test_a_method_has_one_colour_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for folder in (DEMO, METHODS, LINKS):
        for one in series(load(folder).summary):
            method = re.sub("-online@.*", "", one.name)
            found.setdefault(method, set()).add(one.style.colour)
    assert all(len(colours) == 1 for colours in found.values()), found
    assert {"ar", "privshap", "snl", "uniform"} <= found.keys()
    assert len({colour for colours in found.values() for colour in colours}) == len(found)


def test_seeds_are_lines_of_one_series(links: Frames) -> None:
    wan = links.summary[links.summary["link"] == "wan"]
    named = {one.name: one for one in series(wan)}
    assert list(named) == [
        "ar",
        "privshap",
        "snl",
        "privshap-online@wan",
        "snl-online@wan",
        "privshap-online@mobile",
        "privshap-online@lan",
    ]
    lines = [list(rows["relus"]) for rows in named["privshap"].lines()]
    assert lines == [[6000, 12900, 25000, 50000], [25000, 50000], [25000, 50000]]


def test_colours_tell_models_apart_where_there_is_one_method(shapes: Frames) -> None:
    drawn = series(shapes.summary)
    assert {one.name for one in drawn} == set(shapes.summary["model"])
    assert len({one.style.colour for one in drawn}) == 5


def test_a_cell_that_failed_is_left_out(demo: Frames) -> None:
    measured = [name for name in demo.summary if str(name).startswith(("offline_", "online_", "acc_"))]
    failed = demo.summary["method"] == "ar"
    summary = demo.summary.assign(**{name: demo.summary[name].mask(failed) for name in measured})
    for draw in FIGURES:
        shown = points(draw(summary), 0)
        assert len(shown[COLOURS["privshap"]]) == 3
        assert COLOURS["ar"] not in shown
    for draw in (time_by_budget, bytes_by_budget):
        assert points(draw(summary[failed]), 0) == {}


def test_a_network_without_relus_is_drawn(demo: Frames) -> None:
    summary = demo.summary
    summary.loc[summary["relus"] == 184, "relus"] = 0
    figure = time_by_budget(summary)
    assert figure.axes[0].get_xscale() == "symlog"
    assert points(figure, 0)[COLOURS["privshap"]][0][0] == 0


CELLS = ["resnet50-random-init-1021082-sign-file-lan", "squeezenet1_0-random-init-598122-sign-file-lan"]


def test_layers_of_cells(shapes: Frames) -> None:
    figure = time_by_layer(shapes, CELLS, most=10)
    offline, online = figure.axes
    names = [text.get_text() for text in offline.get_yticklabels()]
    assert len(names) == 11
    assert names[-1].endswith(" others")
    assert len(offline.containers) == len(online.containers) == 4
    bars = online.containers[1]
    row = shapes.summary.set_index("cell").loc[CELLS[0]]
    factor = 1e3 if online.get_xlabel() == "median (ms)" else 1
    # One repeat: the medians add up.
    assert sum(bar.get_width() for bar in bars) == pytest.approx(row["online_s_p50"] * factor)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0] == "resnet50, random-init, 1,021,082 ReLUs, lan"
    assert overlaps(figure) == []


def test_what_differs_names_series_and_cells(demo: Frames) -> None:
    summary = demo.summary
    threads = summary.assign(threads=pd.array([1, 2] * 4, dtype="Int64"), rate_per_s=4.0)
    assert {one.name for one in series(threads)} == {"ar 1 thread", "ar 2 threads", "privshap 1 thread", "privshap 2 threads"}
    rates = summary[summary["method"] == "ar"].assign(rate_per_s=[4.0, None])
    assert [one.name for one in series(rates)] == ["4/s", ""]


def test_layers_that_cannot_be_drawn_are_told(demo: Frames, shapes: Frames) -> None:
    with pytest.raises(ResultsError, match=r"expected 1 to 4 cells, by `cells=\[...\]`, found 10"):
        time_by_layer(shapes)
    with pytest.raises(ResultsError, match=r"expected cells of the summary, such as squeezenet1_0-.*, found nets"):
        time_by_layer(shapes, ["nets"])
    with pytest.raises(ResultsError, match="expected cells that only one run has, each once"):
        time_by_layer(shapes, [CELLS[0], CELLS[0]])
    with pytest.raises(ResultsError, match=r"expected inferences.csv, found summary.csv"):
        time_by_layer(demo, ["mini-ar-9216-narrow-lan"])


def test_files_are_vectors_with_text(demo: Frames, tmp_path: Path) -> None:
    figure = accuracy_latency(demo.summary)
    save(figure, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert ">2,765</text>" in svg
    assert "<image" not in svg
    save(figure, tmp_path / "a.pdf")
    assert b"/Type0" in (tmp_path / "a.pdf").read_bytes()
    assert b"/Subtype /Image" not in (tmp_path / "a.pdf").read_bytes()
    save(accuracy_latency(demo.summary), tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text() == svg


def test_what_cannot_be_drawn_is_told(demo: Frames, tmp_path: Path) -> None:
    summary = demo.summary
    for draw in FIGURES:
        with pytest.raises(ResultsError, match=f"{draw.__name__}: expected columns method, .* found cell"):
            draw(summary[["cell"]])
        with pytest.raises(ResultsError, match=f"{draw.__name__}: expected a pandas frame, found polars"):
            draw(load(DEMO, engine="polars").summary)  # type: ignore[arg-type]
        with pytest.raises(ResultsError, match="expected a row to draw"):
            draw(summary[:0])
    with pytest.raises(ResultsError, match="expected a row with an accuracy and an online time, found none"):
        accuracy_latency(summary.assign(online_s_p50=float("nan")))
    with pytest.raises(ResultsError, match=r"expected a name that ends with one of .pdf, .* found .doc"):
        save(accuracy_latency(summary), tmp_path / "a.doc")
