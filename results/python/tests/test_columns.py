"""No column without a kind and a unit."""

import csv
from io import TextIOWrapper
from pathlib import Path

import pytest

from conftest import RESULTS
from linnet_results import ResultsError, units
from linnet_results.columns import TABLES, columns
from linnet_results.packed import SUFFIX, content


def documented() -> dict[str, dict[str, str]]:
    """Units by table and column, as the tables of results/README.md have them."""
    found: dict[str, dict[str, str]] = {}
    table = None
    for line in (RESULTS / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            table = line.removeprefix("## `").removesuffix("`") if line.endswith(".csv`") else None
        elif table and line.startswith("| `"):
            name, unit, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault(table, {})[name.strip("`")] = unit
    return found


def test_units_are_those_of_the_readme() -> None:
    ours = {table: {name: column.unit for name, column in known.items()} for table, known in TABLES.items()}
    assert ours == documented()


COMMITTED = sorted([*RESULTS.rglob("*.csv"), *RESULTS.rglob("*.csv.zst")])


def heading(path: Path) -> list[str]:
    with TextIOWrapper(content(path), newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: str(path.relative_to(RESULTS)))
def test_every_column_of_every_committed_file_is_known(path: Path) -> None:
    # Rows that were copied out of a run have a name of their own, and a summary's columns.
    name = path.name.removesuffix(SUFFIX)
    known = columns(name if name in TABLES else "summary.csv")
    found = heading(path)
    assert [column for column in found if column not in known] == []
    assert [column for column, kind in known.items() if column not in found and not kind.later] == []


def test_the_committed_files_are_found() -> None:
    assert {"summary.csv", "raw.csv", "networks.csv", "curves.csv"} <= {path.name.removesuffix(SUFFIX) for path in COMMITTED}


@pytest.mark.parametrize(
    ("name", "table", "unit"),
    [
        ("online_s_p50", None, "s"),
        ("wall_ns", None, "ns"),
        ("store_client_bytes", None, "bytes"),
        ("acc_secure", None, "0 to 1"),
        ("cell", None, ""),
        ("budget", None, "ReLUs"),
        ("budget", "networks.csv", "units"),
        ("n", "scenarios.csv", "queries"),
    ],
)
def test_a_columns_unit(name: str, table: str | None, unit: str) -> None:
    assert units(name, table) == unit


def test_what_is_no_column_or_table_is_told() -> None:
    with pytest.raises(ResultsError, match=r"column: expected a column of summary.csv, .* found latency"):
        units("latency")
    with pytest.raises(ResultsError, match=r"expected a column of raw.csv, found online_s_p50"):
        units("online_s_p50", "raw.csv")
    with pytest.raises(ResultsError, match=r"table: expected one of summary.csv, .* found rows.csv"):
        units("cell", "rows.csv")
