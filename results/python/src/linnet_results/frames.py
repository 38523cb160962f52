"""A CSV file as a data frame, of pandas or polars: each column of its kind, and what is missing stays missing."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd

from .columns import Column, columns
from .error import ResultsError, listed
from .packed import content

if TYPE_CHECKING:
    import polars as pl

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Engine(Generic[Frame]):
    """A library of data frames: how it reads a table, and puts those of several runs below each other."""

    name: str
    read: Callable[[Path, str], Frame]
    # Tables by the runs' names, which become the first column, `run`.
    stack: Callable[[Mapping[str, Frame], str], Frame]


def read_pandas(path: Path, table: str) -> pd.DataFrame:
    """Integers are `Int64`, truth values `boolean`, names categories in the order in which they appear."""
    known = _known(path, table)
    # An empty field is missing; a name may well be `null` or `nan`.
    frame = pd.read_csv(content(path), dtype="string", keep_default_na=False, na_values=[""])
    for name, column in known.items():
        if name not in frame:
            frame[name] = pd.Series(pd.NA, index=frame.index, dtype="string")
        frame[name] = _converted(frame[name], column, path)
    return _with_units(frame, table)


def stack_pandas(frames: Mapping[str, pd.DataFrame], table: str) -> pd.DataFrame:
    # Categories of different runs differ, and are made anew.
    plain = [
        frame.astype(dict.fromkeys(frame.select_dtypes("category"), "string")).assign(run=run)
        for run, frame in frames.items()
    ]
    stacked = pd.concat(plain, ignore_index=True)
    named = [name for name, column in columns(table).items() if column.kind == "category"]
    for name in ["run", *named]:
        stacked[name] = _category(stacked[name])
    first = ["run", *(name for name in stacked if name != "run")]
    return _with_units(stacked[first], table)


def read_polars(path: Path, table: str) -> pl.DataFrame:
    """Integers are `Int64`, truth values `Boolean`, names `Categorical`."""
    import polars as pl

    kinds: dict[str, Any] = {
        "text": pl.String,
        "category": pl.Categorical,
        "integer": pl.Int64,
        "number": pl.Float64,
        "boolean": pl.Boolean,
    }
    known = _known(path, table)
    types = {name: kinds[column.kind] for name, column in known.items()}
    try:
        # What is not known is text.
        frame = pl.read_csv(content(path), infer_schema_length=0, schema_overrides=types)
    except pl.exceptions.ComputeError as error:
        raise ResultsError(path, "values of each column's kind", error) from error
    absent = [pl.lit(None, dtype=types[name]).alias(name) for name in known if name not in frame.columns]
    return frame.with_columns(absent)


def stack_polars(frames: Mapping[str, pl.DataFrame], _: str) -> pl.DataFrame:
    import polars as pl

    run = [frame.select(pl.lit(run).cast(pl.Categorical).alias("run"), pl.all()) for run, frame in frames.items()]
    return pl.concat(run, how="diagonal")


PANDAS = Engine("pandas", read_pandas, stack_pandas)
POLARS: Engine[pl.DataFrame] = Engine("polars", read_polars, stack_polars)


def _known(path: Path, table: str) -> Mapping[str, Column]:
    """The table's columns, if the file has all that every run has; those that it has beyond them are told."""
    known = columns(table)
    with TextIOWrapper(content(path), encoding="utf-8", newline="") as file:
        found = next(csv.reader(file), [])
    absent = [name for name, column in known.items() if name not in found and not column.later]
    if absent:
        raise ResultsError(path, f"columns {listed(absent)}", listed(found))
    beyond = [name for name in found if name not in known]
    if beyond:
        warnings.warn(f"{path}: {listed(beyond)}: unknown to this version, read as text", stacklevel=4)
    return known


def _converted(text: pd.Series[Any], column: Column, path: Path) -> pd.Series[Any]:
    if column.kind == "text":
        return text
    if column.kind == "category":
        return _category(text)
    converted = _parsed(text, column)
    wrong = text[text.notna() & converted.isna()]
    if len(wrong):
        # The heading is line 1.
        where = f"{path}, line {wrong.index[0] + 2}, column {text.name}"
        raise ResultsError(
            where, {"boolean": "true or false", "integer": "an integer"}.get(column.kind, "a number"), wrong.iloc[0]
        )
    return converted


def _parsed(text: pd.Series[Any], column: Column) -> pd.Series[Any]:
    """The values, missing where they are not of the column's kind."""
    if column.kind == "boolean":
        return text.map({"true": True, "false": False}).astype("boolean")
    if column.kind == "number":
        return pd.Series(map(_float, text), index=text.index, dtype="float64")
    # Not by way of floating point, which would round what is large.
    return text.where(text.str.fullmatch(r"-?\d{1,18}")).astype("Int64")


def _float(text: Any) -> float:
    """The number nearest to what is written, which pandas' own reader may miss by its last bit."""
    try:
        return float(text) if isinstance(text, str) else float("nan")
    except ValueError:
        return float("nan")


def _category(text: pd.Series[Any]) -> pd.Series[Any]:
    """As a category whose values are in order of first appearance, as a run has its cells."""
    return pd.Series(pd.Categorical(text, categories=text.dropna().unique()), index=text.index, name=text.name)


def _with_units(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    frame.attrs["units"] = {name: column.unit for name, column in columns(table).items()}
    return frame
