"""Layers are those of `linnet compare --layers-csv`."""

import pandas as pd
import pytest

from conftest import SHAPES
from linnet_results import Results, ResultsError, layers, load
from linnet_results.layers import _times

Frames = Results[pd.DataFrame]

_CELL = "resnet50-random-init-1021082-sign-file-lan"
# What `linnet compare results/studies/imagenet-shapes --layers-csv FILE` writes: step, seconds, bytes up and down.
EXPECTED_ROWS = 3488
EXPECTED = {
    (_CELL, "offline", "bn1"): (1, 0.042513604, 2949624, 7991936),
    (_CELL, "offline", "layer1.1.relu1"): (20, 0.008193458, 3456027, 9624716),
    (_CELL, "online", "input"): (0, 0.000612871, 526853, 0),
    (_CELL, "online", "layer1.2.relu3"): (30, 0.052850792, 2810151, 14587968),
    ("vgg16-random-init-13555712-sign-file-lan", "online", "output"): (62, 0.031332921, 0, 3630),
}


def test_layers_as_the_program_writes_them(shapes: Frames) -> None:
    rows = layers(shapes)
    assert list(rows.columns[:7]) == ["run", "cell", "phase", "step", "step_name", "step_kind", "seconds_p50"]
    assert len(rows) == EXPECTED_ROWS
    keyed = rows.set_index(["cell", "phase", "step_name"])
    for key, (step, seconds, up, down) in EXPECTED.items():
        row = keyed.loc[key]
        assert (row["step"], row["seconds_p50"], row["up_bytes"], row["down_bytes"]) == (step, seconds, up, down)
    assert rows.attrs["units"]["seconds_p50_low"] == "s"
    assert rows.attrs["units"]["up_bytes"] == "bytes"


def test_bytes_add_up_to_the_summarys(shapes: Frames, links: Frames) -> None:
    for results in (shapes, links):
        sums = layers(results).groupby(["cell", "phase"])[["up_bytes", "down_bytes"]].sum()
        summary = results.summary.set_index("cell")
        for (cell, phase), row in sums.iterrows():
            for way in ("up", "down"):
                assert row[f"{way}_bytes"] == summary.loc[cell, f"{phase}_{way}_bytes"], f"{cell} {phase} {way}"
        assert len(sums) == 2 * len(summary)


def test_with_one_repeat_seconds_add_up_to_the_summarys(shapes: Frames) -> None:
    sums = layers(shapes).groupby(["cell", "phase"])["seconds_p50"].sum()
    summary = shapes.summary.set_index("cell")
    for (cell, phase), seconds in sums.items():
        assert seconds == pytest.approx(summary.loc[cell, f"{phase}_s_p50"], abs=1e-12)


def row(repeat: int, party: str, step: int, wall_ns: int) -> dict[str, object]:
    where = {"run": "r", "cell": "c", "phase": "offline", "step_name": f"s{step}", "step_kind": "linear"}
    return {**where, "repeat": repeat, "party": party, "step": step, "wall_ns": wall_ns}


def test_a_step_has_the_time_of_the_party_that_was_slower_over_the_phase() -> None:
    rows = pd.DataFrame(
        [
            row(0, "client", 1, 50),
            row(0, "server", 1, 20),
            row(0, "server", 2, 20),
            row(1, "client", 1, 30),
            row(1, "server", 1, 10),
            row(1, "server", 2, 25),
            row(2, "client", 1, 30),
            row(2, "server", 1, 9),
            row(2, "server", 2, 27),
        ]
    )
    # 50, 10, 9 and, where the client had nothing to do, 0, 25, 27.
    times = _times(rows).set_index("step")["seconds_p50"]
    assert times.to_dict() == {1: 10e-9, 2: 25e-9}


def test_an_interval_needs_six_repeats() -> None:
    rows = pd.DataFrame([row(repeat, "client", 1, repeat + 1) for repeat in range(7)])
    seven = _times(rows).iloc[0]
    assert (seven["seconds_p50_low"], seven["seconds_p50"], seven["seconds_p50_high"]) == (2e-9, 4e-9, 6e-9)
    five = _times(rows[:5]).iloc[0]
    assert five["seconds_p50"] == 3e-9
    assert pd.isna(five["seconds_p50_low"])


def test_what_has_no_layers_is_told(demo: Frames) -> None:
    with pytest.raises(ResultsError, match=r"expected inferences.csv, found summary.csv"):
        layers(demo)
    with pytest.raises(ResultsError, match="loaded with engine='pandas', found polars"):
        layers(load(SHAPES, engine="polars"))  # type: ignore[arg-type]
