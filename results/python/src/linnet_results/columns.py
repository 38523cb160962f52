"""Every column of every table that Linnet writes: the kind of its values, and their unit.

`results/README.md` of the repository says what each means; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .error import ResultsError, listed

Kind = Literal["text", "category", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Column:
    """What a column holds. Text that repeats, such as names, is a category."""

    kind: Kind
    unit: str
    # Whether runs older than the column lack it.
    later: bool


def _table(*groups: tuple[Kind, str, str], later: str = "") -> Mapping[str, Column]:
    """Columns by groups of one kind and unit; of those in `later` it is no fault that they are not there."""
    absent = later.split()
    return {name: Column(kind, unit, name in absent) for kind, unit, names in groups for name in names.split()}


_CELL: tuple[tuple[Kind, str, str], ...] = (
    ("category", "", "cell model method relu he ot store link scenario"),
    ("integer", "", "threads"),
    ("integer", "ReLUs", "budget relus"),
    ("number", "1/s", "rate_per_s"),
    ("integer", "bits", "ring_bits fa fw"),
    ("number", "0 to 1", "acc_float acc_fixed"),
    ("integer", "images", "acc_images"),
    ("integer", "units", "out_of_bounds"),
    ("text", "", "error"),
)
_MEMORY: tuple[Kind, str, str] = (
    "integer",
    "bytes",
    "peak_rss_client_bytes peak_rss_server_bytes store_client_bytes store_server_bytes",
)
_REPEAT: tuple[tuple[Kind, str, str], ...] = (("category", "", "cell party phase"), ("integer", "", "repeat step"))
_INTERVALS = (
    "offline_s_p50_low offline_s_p50_high online_s_p50_low online_s_p50_high "
    "acc_secure_low acc_secure_high acc_fixed_test_low acc_fixed_test_high"
)

#: Tables by file name. Where two have a column of one name in different units, the first counts for `units`.
TABLES: Mapping[str, Mapping[str, Column]] = {
    "summary.csv": _table(
        *_CELL,
        _MEMORY,
        ("category", "", "status"),
        ("integer", "repeats", "n failed verified"),
        ("number", "0 to 1", "acc_secure acc_secure_low acc_secure_high acc_float_test acc_fixed_test"),
        ("number", "0 to 1", "acc_fixed_test_low acc_fixed_test_high"),
        ("number", "s", "setup_s_p50 offline_s_p50 offline_s_p50_low offline_s_p50_high offline_s_max"),
        ("number", "s", "online_s_p50 online_s_p50_low online_s_p50_high online_s_p90 online_s_p99 online_s_max"),
        ("integer", "bytes", "setup_up_bytes setup_down_bytes offline_up_bytes offline_down_bytes"),
        ("integer", "bytes", "online_up_bytes online_down_bytes"),
        ("integer", "flights", "setup_rounds offline_rounds online_rounds"),
        later=f"he ot threads store scenario rate_per_s {_INTERVALS}",
    ),
    "cells.csv": _table(
        *_CELL,
        ("category", "", "scales"),
        ("integer", "inferences", "pool"),
        ("integer", "connections", "refillers"),
        ("integer", "bytes", "predicted_setup_up_bytes predicted_setup_down_bytes"),
        ("integer", "bytes", "predicted_offline_up_bytes predicted_offline_down_bytes"),
        ("integer", "bytes", "predicted_online_up_bytes predicted_online_down_bytes"),
        ("integer", "flights", "predicted_setup_rounds predicted_offline_rounds predicted_online_rounds"),
        later="he ot threads store scales scenario rate_per_s pool refillers",
    ),
    "inferences.csv": _table(
        ("category", "", "cell status"),
        ("integer", "", "repeat image"),
        ("boolean", "", "warmup verified"),
        ("integer", "class", "label class_float class_fixed class_secure"),
        ("text", "", "error"),
        _MEMORY,
        ("integer", "units", "out_of_bounds"),
        ("integer", "ns", "release_p50_ns release_p99_ns"),
    ),
    "accuracy.csv": _table(
        ("category", "", "cell"), ("integer", "", "image"), ("integer", "class", "label class_float class_fixed")
    ),
    "raw.csv": _table(
        *_REPEAT,
        ("boolean", "", "warmup"),
        ("category", "", "step_name step_kind"),
        ("integer", "bytes", "bytes_out bytes_in header_out header_in"),
        ("integer", "frames", "messages_out messages_in"),
        ("integer", "flights", "flights_out"),
        ("integer", "ns", "wall_ns compute_ns blocked_ns"),
    ),
    "transcripts.csv": _table(
        *_REPEAT, ("category", "", "doing"), ("integer", "ns", "compute_ns"), ("integer", "bytes", "bytes")
    ),
    "queries.csv": _table(
        ("category", "", "cell"),
        ("integer", "", "query"),
        ("text", "", "item"),
        ("integer", "ns", "due_ns began_ns supplied_ns done_ns"),
        ("integer", "inferences", "pool_level"),
    ),
    "items.csv": _table(
        ("category", "", "cell"),
        ("integer", "", "connection query"),
        ("text", "", "item"),
        ("integer", "ns", "began_ns done_ns"),
        ("integer", "inferences", "pool_level"),
    ),
    "scenarios.csv": _table(
        ("category", "", "cell scenario"),
        ("number", "1/s", "rate_per_s served_per_s made_per_s"),
        ("integer", "inferences", "pool pool_level_min"),
        ("integer", "connections", "refillers"),
        ("integer", "queries", "n dry"),
        ("number", "s", "response_s_p50 response_s_p90 response_s_p99 response_s_max"),
        ("number", "s", "service_s_p50 queue_s_p50 exhausted_s"),
    ),
    "layers.csv": _table(
        ("category", "", "run cell phase step_name step_kind"),
        ("integer", "", "step"),
        ("number", "s", "seconds_p50"),
        ("integer", "bytes", "up_bytes down_bytes"),
    ),
    "curves.csv": _table(
        ("category", "", "phase"), ("integer", "", "epoch"), ("number", "", "loss"), ("number", "0 to 1", "train held_out")
    ),
    "networks.csv": _table(
        ("category", "", "net data method"),
        ("text", "", "folder sha256"),
        ("integer", "units", "budget units"),
        ("integer", "images", "images_seen"),
        ("number", "0 to 1", "held_out test"),
    ),
}

#: Those that lie in a run's folder.
RUN_TABLES = tuple(name for name in TABLES if name not in ("layers.csv", "curves.csv", "networks.csv"))


def columns(table: str) -> Mapping[str, Column]:
    """The columns of a table, by its file's name."""
    if table not in TABLES:
        raise ResultsError("table", f"one of {listed(TABLES)}", table)
    return TABLES[table]


def units(column: str, table: str | None = None) -> str:
    """A column's unit as `results/README.md` has it, such as `s` or `0 to 1`; empty for what has none, such as a name.

    Without `table`, of the first table that has the column, the summary before the others.
    """
    within = TABLES if table is None else {table: columns(table)}
    for of_table in within.values():
        if column in of_table:
            return of_table[column].unit
    raise ResultsError("column", f"a column of {listed(within)}", column)
