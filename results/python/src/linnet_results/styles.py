"""How each series is drawn: a method has one colour in every figure, and series have markers that differ in grey too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from .quantity import is_missing

#: Colours of methods, by Okabe and Ito, dark enough for a line on white. A budget of time or bytes has its method's.
COLOURS: Mapping[str, str] = {
    "ar": "#1b1f24",
    "privshap": "#0072b2",
    "snl": "#d55e00",
    "uniform": "#009e73",
    "random": "#7d8590",
    "relupruner": "#a3457f",
    "privshap-published": "#3aa6dd",
    "privshap-units": "#004a75",
    "drop": "#b07d00",
}
#: Those of names that are none of them, in alphabetical order.
_OTHERS = ("#8c2d04", "#5a3fa0", "#4d6b00", "#c2185b", "#00796b", "#795548")

_MARKERS = ("*", "o", "s", "^", "v", "D", "P", "X", "<", ">", "p", "h", "d", "8")
Line = Literal["-", "--", ":", "-."]
_LINES: tuple[Line, ...] = get_args(Line)

#: What a method's name says beside the method: what a budget is of where that is not ReLUs.
_OBJECTIVE = re.compile(r"-(online|total|bytes)(@.*)?$")
_SEED = re.compile(r"-seed\d+$")

# Columns that tell series apart beside the method, where they differ.
_REST = ("run", "model", "relu", "he", "ot", "threads", "store", "scenario", "rate_per_s")
# How a series is named after those that are numbers.
_SAID: Mapping[str, Callable[[Any], str]] = {
    "threads": lambda threads: "1 thread" if threads == 1 else f"{threads} threads",
    "rate_per_s": lambda rate: f"{rate:g}/s",
}


@dataclass(frozen=True)
class Style:
    """How a series is drawn."""

    colour: str
    marker: str
    line: Line
    # Whether the marker is filled.
    full: bool


@dataclass(frozen=True)
class Series:
    """Rows that are drawn alike: those of a method, and of all else that differs but link and budget."""

    name: str
    style: Style
    rows: pd.DataFrame

    def lines(self) -> Iterable[pd.DataFrame]:
        """Rows to be connected, by ReLUs: seeds are networks of their own."""
        for _, rows in self.rows.groupby(self.rows["method"].astype("str"), sort=False):
            yield rows.sort_values("relus")


def method_of(name: str) -> str:
    """The method without its seed."""
    return _SEED.sub("", name)


def series(frame: pd.DataFrame) -> list[Series]:
    """The series of a summary's rows, in order of appearance."""
    methods = frame["method"].astype("str").map(method_of)
    rest = [name for name in _REST if name in frame and frame[name].nunique(dropna=False) > 1]
    keys = list(zip(methods, *(_said(frame[name]) for name in rest), strict=True))
    distinct = list(dict.fromkeys(keys))
    # Where there is one method alone, colours tell what else differs.
    one = len(set(methods)) == 1 and len(distinct) > 1
    names = [" ".join(filter(None, key[one:])) for key in distinct]
    styles = _styles(names, [name if one else _OBJECTIVE.sub("", key[0]) for name, key in zip(names, distinct, strict=True)])
    of_row = pd.Series(keys, index=frame.index)
    return [
        Series(name, style, frame[of_row.map(lambda found, key=key: found == key)])
        for key, name, style in zip(distinct, names, styles, strict=True)
    ]


def _said(column: pd.Series[Any]) -> list[str]:
    """What a column's values are called in a series' name; nothing, if they are missing."""
    say = _SAID.get(str(column.name), str)
    return ["" if is_missing(value) else say(value) for value in column]


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name."""
    others = sorted(set(names) - COLOURS.keys())
    return {**COLOURS, **{name: _OTHERS[index % len(_OTHERS)] for index, name in enumerate(others)}}


def _styles(names: list[str], coloured_by: list[str]) -> list[Style]:
    """A series that is a method alone has that method's marker, others one that is left."""
    colour, own = colours(coloured_by), dict(zip(COLOURS, _MARKERS, strict=False))
    left = [marker for marker in _MARKERS if marker not in {own.get(name) for name in names}]
    styles: list[Style] = []
    for index, (name, method) in enumerate(zip(names, coloured_by, strict=True)):
        before = coloured_by[:index].count(method)
        marker = own[name] if name in own else left.pop(0) if left else _MARKERS[index % len(_MARKERS)]
        styles.append(Style(colour[method], marker, _LINES[before % len(_LINES)], name == method))
    return styles
