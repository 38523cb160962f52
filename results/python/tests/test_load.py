"""Runs become frames: exact values, missing ones missing, and what is wrong named."""

import json
from pathlib import Path

import pandas as pd
import pytest
import zstandard

import linnet_results
from conftest import DEMO, METHODS, RESULTS, SHAPES
from linnet_results import Results, ResultsError, load, read
from linnet_results.columns import TABLES
from linnet_results.packed import content as unpacked
from linnet_results.packed import present

Frames = Results[pd.DataFrame]


def test_the_demo_as_it_was_measured(demo: Frames) -> None:
    summary = demo.summary
    assert summary.shape == (8, 1 + len(TABLES["summary.csv"]))
    first = summary.iloc[0]
    expected = {
        "run": "20261129-121513-mini",
        "method": "ar",
        "relus": 9216,
        "link": "lan",
        "n": 30,
        "online_s_p50": 0.007663861,
        "online_s_p50_low": 0.007647417,
        "acc_secure_low": 0.7437891742081592,
        "offline_down_bytes": 6326945,
    }
    assert {name: first[name] for name in expected} == expected
    assert summary["budget"].tolist() == [pd.NA, pd.NA, 2765, 2765, 922, 922, 184, 184]
    assert demo.manifests["20261129-121513-mini"]["machine"]["cpu_model"] == "AMD EPYC"


def test_columns_have_their_types(shapes: Frames) -> None:
    kinds = {"text": "string", "category": "category", "integer": "Int64", "number": "float64", "boolean": "boolean"}
    for name in shapes.runs[0].tables:
        frame = shapes.table(name)
        assert frame.columns[0] == "run"
        for column, known in TABLES[name].items():
            assert str(frame[column].dtype) == kinds[known.kind], f"{name}: {column}"
        assert frame.attrs["units"] == {column: known.unit for column, known in TABLES[name].items()}


def test_compressed_tables_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes((SHAPES / "manifest.json").read_bytes())
    plain = unpacked(present(SHAPES / "summary.csv") or SHAPES).read()
    packed = tmp_path / "summary.csv.zst"
    packed.write_bytes(zstandard.ZstdCompressor(level=19).compress(plain))
    pd.testing.assert_frame_equal(load(tmp_path).summary, load(SHAPES).summary)
    assert load(tmp_path).runs[0].tables == ("summary.csv",)
    pd.testing.assert_frame_equal(read(packed), read(SHAPES / "summary.csv"))
    packed.write_bytes(packed.read_bytes()[:4] + b"broken")
    with pytest.raises(ResultsError, match=r"summary.csv.zst: expected a file compressed by Zstandard"):
        _ = load(tmp_path).summary


def test_what_is_missing_stays_missing(demo: Frames) -> None:
    summary = demo.summary
    for name in ("online_s_p90", "online_s_p99", "rate_per_s", "error"):
        assert summary[name].isna().all(), name
    # Zero is none of them.
    assert summary["failed"].tolist() == [0] * 8


def test_tables_that_are_not_there_are_told(demo: Frames) -> None:
    assert demo.runs[0].tables == ("summary.csv",)
    assert "raw.csv" in demo.runs[0].missing
    with pytest.raises(ResultsError, match=r"summary_only: expected raw.csv, found summary.csv"):
        _ = demo.raw
    with pytest.raises(ResultsError, match=r"table: expected one of .* found networks.csv"):
        demo.table("networks.csv")
    assert "not there: cells.csv, inferences.csv" in repr(demo)


def test_several_runs_below_each_other() -> None:
    both = load(DEMO, METHODS).summary
    assert len(both) == 8 + 50
    assert both["run"].value_counts().to_dict() == {"20261129-121513-mini": 8, "cifar10-resnet20-study": 50}
    # Categories in order of appearance, over all runs.
    assert list(both["method"].cat.categories[:3]) == ["ar", "privshap", "privshap-published"]
    # The older of the two lacks columns of the other.
    older = both[both["run"] == "cifar10-resnet20-study"]
    assert older["scenario"].isna().all()
    assert not both[both["run"] != "cifar10-resnet20-study"]["scenario"].isna().any()
    assert both.attrs["units"]["online_s_p50"] == "s"


def test_rows_of_the_tables_agree(shapes: Frames) -> None:
    assert len(shapes.summary) == len(shapes.cells) == len(shapes.inferences) == 10
    assert len(shapes.raw) == 6996
    assert len(shapes.accuracy) == 20
    assert len(shapes.table("transcripts.csv")) == 0
    assert set(shapes.cells["cell"]) == set(shapes.summary["cell"])
    assert shapes.inferences["verified"].all()
    assert not shapes.inferences["warmup"].any()


@pytest.mark.parametrize("folder", [DEMO, METHODS, SHAPES])
def test_polars_reads_the_same(folder: Path) -> None:
    ours, theirs = load(folder), load(folder, engine="polars")
    for name in ours.runs[0].tables:
        frame, polars = ours.table(name), theirs.table(name)
        assert polars.columns[0] == "run"
        assert sorted(polars.columns) == sorted(frame.columns)
        for column in frame:
            expected = [None if pd.isna(value) else value for value in frame[column]]
            assert polars[column].to_list() == expected, f"{name}: {column}"


def test_polars_has_types_and_several_runs() -> None:
    import polars as pl

    summary = load(DEMO, METHODS, engine="polars").summary
    assert summary.shape == (58, 1 + len(TABLES["summary.csv"]))
    assert (summary["relus"].dtype, summary["online_s_p50"].dtype) == (pl.Int64, pl.Float64)
    assert isinstance(summary["method"].dtype, pl.Categorical)
    assert summary["scenario"].null_count() == 50


def test_networks_of_a_study() -> None:
    networks = read(RESULTS / "studies/cifar10-resnet20-effort/networks.csv")
    assert len(networks) >= 9
    assert networks["units"].iloc[0] == 188416
    assert pd.isna(networks["images_seen"].iloc[0])
    assert networks["test"].iloc[1] == 0.9105
    assert networks.attrs["units"]["budget"] == "units"


POOL = {
    "queries.csv": """cell,query,item,due_ns,began_ns,supplied_ns,done_ns,pool_level
a-8ps,0,e570cd208cb9c1c12d3cd967eff8dae8,64371954,64471520,70249622,110584161,4
""",
    "items.csv": """cell,item,connection,began_ns,done_ns,pool_level,query
a-8ps,e570cd208cb9c1c12d3cd967eff8dae8,1,-103326632,-73786917,1,0
a-8ps,6265b261378b534827a91e7859e71003,2,70282621,138432134,3,
""",
    "scenarios.csv": """cell,scenario,rate_per_s,pool,refillers,n,response_s_p50,response_s_p90,response_s_p99,\
response_s_max,service_s_p50,queue_s_p50,served_per_s,made_per_s,dry,exhausted_s,pool_level_min
a-8ps,server,8.0,4,1,8,0.031155088,,,0.051239587,0.015092868,0.000104779,16.5,25.5,0,,3
""",
}


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_tables_of_a_pool(tmp_path: Path, engine: str) -> None:
    folder = write_run(tmp_path / "run", summary_of())
    for name, content in POOL.items():
        (folder / name).write_text(content)
    run = load(folder, engine=engine)  # type: ignore[call-overload]
    assert run.table("queries.csv")["due_ns"].to_list() == [64371954]
    items = run.table("items.csv")
    # Times count from the first query: a pool is filled before it.
    assert items["began_ns"].to_list() == [-103326632, 70282621]
    assert items["item"].to_list()[0] == "e570cd208cb9c1c12d3cd967eff8dae8"
    used, unused = items["query"].to_list()
    assert used == 0
    assert pd.isna(unused)
    scenarios = run.table("scenarios.csv")
    assert scenarios["response_s_p50"].to_list() == [0.031155088]
    assert pd.isna(scenarios["exhausted_s"].to_list()[0])


def test_a_file_of_another_name() -> None:
    path = SHAPES / "loopback/resnet50.csv"
    rows = read(path, table="summary.csv")
    assert rows["online_s_p50"].tolist() == [3.4946005229999997]
    with pytest.raises(ResultsError, match=r"resnet50.csv: expected one of summary.csv, .* found resnet50.csv"):
        read(path)
    with pytest.raises(ResultsError, match="expected a CSV file, found a folder"):
        read(SHAPES)


def write_run(folder: Path, summary: str, manifest: object = None) -> Path:
    folder.mkdir(exist_ok=True)
    written = {"schema": 2, "id": folder.name} if manifest is None else manifest
    (folder / "manifest.json").write_text(json.dumps(written))
    (folder / "summary.csv").write_text(summary)
    return folder


def summary_of(**changed: str) -> str:
    """A summary of one row, of a demo's cell in which some values are others."""
    heading, row = (DEMO / "summary.csv").read_text().splitlines()[:2]
    values = {**dict(zip(heading.split(","), row.split(","), strict=True)), **changed}
    return f"{','.join(values)}\n{','.join(values.values())}\n"


def test_a_name_may_look_like_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", summary_of(model="null", method="nan", link="NA"))
    for engine in ("pandas", "polars"):
        summary = load(run, engine=engine).summary  # type: ignore[call-overload]
        assert [summary[name].to_list() for name in ("model", "method", "link")] == [["null"], ["nan"], ["NA"]]


def test_large_integers_are_exact(tmp_path: Path) -> None:
    large = 2**53 + 1
    run = write_run(tmp_path / "run", summary_of(online_up_bytes=str(large)))
    assert load(run).summary["online_up_bytes"].tolist() == [large]


def test_a_column_of_a_newer_version_is_text_with_a_warning(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", summary_of(joules="7"))
    with pytest.warns(UserWarning, match="summary.csv: joules: unknown to this version"):
        assert load(run).summary["joules"].tolist() == ["7"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"relus": "many"}, r"summary.csv, line 2, column relus: expected an integer, found many"),
        ({"relus": "9216.5"}, r"column relus: expected an integer, found 9216.5"),
        ({"online_s_p50": "fast"}, r"column online_s_p50: expected a number, found fast"),
    ],
)
def test_a_value_of_another_kind_is_told(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    run = write_run(tmp_path / "run", summary_of(**changed))
    with pytest.raises(ResultsError, match=message):
        _ = load(run).summary
    with pytest.raises(ResultsError, match=r"summary.csv: expected values of each column's kind"):
        _ = load(run, engine="polars").summary


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "model,method\nmini,ar\n")
    with pytest.raises(ResultsError, match=r"summary.csv: expected columns cell, relu, .* found model, method"):
        _ = load(run).summary
    (run / "summary.csv").write_text("")
    with pytest.raises(ResultsError, match="found nothing"):
        _ = load(run).summary


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"absent: expected a run's folder, with manifest.json, found no such folder"):
        load(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ResultsError, match=r"expected a run's folder, with manifest.json, found notes.txt"):
        load(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ResultsError, match=r"manifest.json: expected JSON, found Expecting property name"):
        load(tmp_path)
    with pytest.raises(ResultsError, match="expected a run's folder at least, found none"):
        load()


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"schema": 3, "id": "x"}, "expected schema 2, found schema 3"),
        ({"id": "x"}, "expected schema 2, found schema None"),
        ([], "expected schema 2, found schema None"),
        ({"schema": 2}, "expected the run's name as `id`, found None"),
    ],
)
def test_another_schema_is_told(tmp_path: Path, manifest: object, message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        load(write_run(tmp_path / "run", "", manifest))


def test_runs_and_engines_that_cannot_be_are_told() -> None:
    with pytest.raises(ResultsError, match="expected runs of different names, found 20261129-121513-mini more than once"):
        load(DEMO, DEMO)
    with pytest.raises(ResultsError, match="engine: expected one of pandas, polars, found arrow"):
        load(DEMO, engine="arrow")  # type: ignore[call-overload]


def test_without_polars_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linnet_results.run.find_spec", lambda name: None if name == "polars" else name)
    with pytest.raises(
        ResultsError, match=r"expected an installed package polars, as by linnet-results\[polars\], found none"
    ):
        load(DEMO, engine="polars")
    assert len(load(DEMO).summary) == 8


def test_the_package_names_what_it_offers() -> None:
    assert all(hasattr(linnet_results, name) for name in linnet_results.__all__)
