"""Runs, from their folders."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

import pandas as pd

from .columns import RUN_TABLES, TABLES
from .error import ResultsError, listed
from .frames import PANDAS, POLARS, Engine, Frame
from .packed import SUFFIX, present

if TYPE_CHECKING:
    import polars as pl

#: The version of a run's files that is read.
SCHEMA = 2


@dataclass(frozen=True)
class Run:
    """A run's folder and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The run's name."""
        return str(self.manifest["id"])

    @property
    def tables(self) -> tuple[str, ...]:
        """File names of the tables that are there."""
        return tuple(name for name in RUN_TABLES if present(self.folder / name))

    @property
    def missing(self) -> tuple[str, ...]:
        """File names of the tables that are not."""
        return tuple(name for name in RUN_TABLES if name not in self.tables)


@dataclass(frozen=True)
class Results(Generic[Frame]):
    """One or several runs. Each table is read when it is asked for; its first column, `run`, is the run's name."""

    runs: tuple[Run, ...]
    engine: Engine[Frame]

    def table(self, name: str) -> Frame:
        """The table of all runs, by its file's name."""
        if name not in RUN_TABLES:
            raise ResultsError("table", f"one of {listed(RUN_TABLES)}", name)
        for run in self.runs:
            if name in run.missing:
                raise ResultsError(run.folder, name, f"{listed(run.tables)} (a run may be kept without its rows)")
        frames = {run.id: self.engine.read(present(run.folder / name) or run.folder / name, name) for run in self.runs}
        return self.engine.stack(frames, name)

    @property
    def manifests(self) -> dict[str, Mapping[str, Any]]:
        """Manifests by the runs' names."""
        return {run.id: run.manifest for run in self.runs}

    @property
    def summary(self) -> Frame:
        """A row a cell."""
        return self.table("summary.csv")

    @property
    def cells(self) -> Frame:
        """A row a cell: what it is, and what was predicted."""
        return self.table("cells.csv")

    @property
    def inferences(self) -> Frame:
        """A row a repeat of a cell."""
        return self.table("inferences.csv")

    @property
    def accuracy(self) -> Frame:
        """A row a network and test image."""
        return self.table("accuracy.csv")

    @property
    def raw(self) -> Frame:
        """A row a repeat, party, phase and step."""
        return self.table("raw.csv")

    def __repr__(self) -> str:
        lines = (f"{run.id} ({run.folder}): {listed(run.tables)}; not there: {listed(run.missing)}" for run in self.runs)
        return "\n".join(lines)


AnyPath = str | PathLike[str]


@overload
def load(*folders: AnyPath, engine: Literal["pandas"] = "pandas") -> Results[pd.DataFrame]: ...


@overload
def load(*folders: AnyPath, engine: Literal["polars"]) -> Results[pl.DataFrame]: ...


def load(*folders: AnyPath, engine: str = "pandas") -> Results[Any]:
    """The runs in these folders, as frames of `engine`: `pandas` or `polars`."""
    if not folders:
        raise ResultsError("load", "a run's folder at least", "none")
    runs = tuple(_run(Path(folder)) for folder in folders)
    twice = [name for name, count in Counter(run.id for run in runs).items() if count > 1]
    if twice:
        raise ResultsError("load", "runs of different names", f"{listed(twice)} more than once")
    return Results(runs, _engine(engine))


@overload
def read(path: AnyPath, table: str | None = None, engine: Literal["pandas"] = "pandas") -> pd.DataFrame: ...


@overload
def read(path: AnyPath, table: str | None = None, *, engine: Literal["polars"]) -> pl.DataFrame: ...


def read(path: AnyPath, table: str | None = None, engine: str = "pandas") -> Any:
    """One CSV file, such as a study's `networks.csv`; `table` says of which table it is where its name does not."""
    file = Path(path)
    if not file.is_file():
        raise ResultsError(file, "a CSV file", "a folder" if file.is_dir() else "no such file")
    name = file.name.removesuffix(SUFFIX) if table is None else table
    if name not in TABLES:
        raise ResultsError(fspath(path), f"one of {listed(TABLES)}, by its name or by `table`", name)
    return _engine(engine).read(file, name)


def _run(folder: Path) -> Run:
    path = folder / "manifest.json"
    if not path.is_file():
        found = listed(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else "no such folder"
        raise ResultsError(folder, "a run's folder, with manifest.json", found)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ResultsError(path, "JSON", error) from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema != SCHEMA:
        raise ResultsError(path, f"schema {SCHEMA}", f"schema {schema}")
    if not isinstance(manifest.get("id"), str):
        raise ResultsError(path, "the run's name as `id`", manifest.get("id"))
    return Run(folder, manifest)


def _engine(name: str) -> Engine[Any]:
    engines: dict[str, Engine[Any]] = {engine.name: engine for engine in (PANDAS, POLARS)}
    if name not in engines:
        raise ResultsError("engine", f"one of {listed(engines)}", name)
    if find_spec(name) is None:
        raise ResultsError("engine", f"an installed package {name}, as by linnet-results[{name}]", "none")
    return engines[name]
