"""A frame as a table for LaTeX, with the package `booktabs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from numbers import Integral, Real
from typing import Any, Protocol

from .columns import units
from .error import ResultsError, listed
from .quantity import Scaled, budget, count, decimals, is_missing, scale

MISSING = "--"

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        **{special: f"\\{special}" for special in "&%$#_{}"},
        "µ": r"\textmu{}",
    }
)

# Parts of columns' names that headings say in other words, or by their unit.
_WORDS = {
    "acc": "accuracy",
    "p50": "median",
    "relus": "ReLUs",
    "relu": "ReLU",
    "he": "HE",
    "ot": "OT",
    "s": "",
    "ns": "",
    "bytes": "",
    "rss": "memory",
    "per": "a",
    "p90": "90th percentile",
    "p99": "99th percentile",
}


class AnyFrame(Protocol):
    """What pandas and polars have in common."""

    @property
    def columns(self) -> Any: ...

    def __getitem__(self, name: str) -> Any: ...


def latex(
    frame: AnyFrame,
    columns: Sequence[str] | None = None,
    *,
    intervals: bool = False,
    digits: int = 3,
    headings: Mapping[str, str] | None = None,
) -> str:
    """A `tabular` of these columns (all, if none are named) in this order, a row a line.

    A column has one unit, in its heading. Times and bytes have `digits` digits, shares are percent with two decimals, counts
    have all of theirs. With `intervals`, a value whose column has companions `_low` and `_high` is followed by both. Missing
    values are dashes. `headings` are written as they are, in place of those made of the columns' names.
    """
    there = list(frame.columns)
    chosen = there if columns is None else list(columns)
    absent = [name for name in chosen if name not in there]
    if absent:
        raise ResultsError("latex", f"columns of the frame: {listed(there)}", listed(absent))
    if not chosen:
        raise ResultsError("latex", "a column at least", "none")
    made = [_column(frame, name, there if intervals else [], digits) for name in chosen]
    given = headings or {}
    heads = [given.get(name, head) for name, (head, _, _) in zip(chosen, made, strict=True)]
    rows = zip(*(cells for _, _, cells in made), strict=True)
    lines = [
        rf"\begin{{tabular}}{{{''.join(side for _, side, _ in made)}}}",
        r"\toprule",
        _line(heads),
        r"\midrule",
        *map(_line, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text in which nothing means anything to LaTeX."""
    return text.translate(_ESCAPES)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _column(frame: AnyFrame, name: str, there: Sequence[str], digits: int) -> tuple[str, str, list[str]]:
    """Heading, alignment and cells of a column; the ends of its interval are looked for `there`."""
    values = frame[name].to_list()
    numbers = [value for value in values if not is_missing(value)]
    if not numbers or not all(isinstance(value, Real) and not isinstance(value, bool) for value in numbers):
        return (escaped(_words(name)), "l", [MISSING if is_missing(value) else escaped(str(value)) for value in values])
    unit = _unit(frame, name)
    shown = scale(unit, max(map(abs, numbers)))
    ends = [f"{name}_{end}" for end in ("low", "high")]
    around = zip(*(frame[end].to_list() for end in ends), strict=True) if set(ends) <= set(there) else repeat((None, None))
    cells = [_cell(name, unit, shown, digits, value, pair) for value, pair in zip(values, around, strict=False)]
    words = _words(name)
    told = "" if not shown.name or shown.name.lower() in words.lower() else f" ({escaped(shown.name)})"
    return escaped(words) + told, "r", cells


def _cell(name: str, unit: str, shown: Scaled, digits: int, value: Any, pair: tuple[Any, Any]) -> str:
    if is_missing(value):
        return budget(None) if name == "budget" else MISSING
    if any(map(is_missing, pair)):
        return _number(value, unit, shown, decimals(value * shown.factor, digits))
    # Fine enough to tell the ends of the interval apart.
    low, high = pair
    fine = max(decimals(value * shown.factor, digits), decimals((high - low) * shown.factor, 1) if high > low else 0)
    value, low, high = (_number(each, unit, shown, fine) for each in (value, low, high))
    return f"{value} [{low}, {high}]"


def _number(value: float, unit: str, shown: Scaled, places: int) -> str:
    if unit == "0 to 1":
        return f"{value * shown.factor:.2f}"
    if shown.factor == 1 and isinstance(value, Integral):
        return count(int(value))
    return f"{value * shown.factor:,.{places}f}"


def _unit(frame: AnyFrame, name: str) -> str:
    known: Mapping[str, str] = getattr(frame, "attrs", {}).get("units", {})
    if name in known:
        return known[name]
    try:
        return units(name)
    except ResultsError:
        return ""


def _words(name: str) -> str:
    """A column's name in words."""
    return " ".join(filter(None, (_WORDS.get(part, part) for part in name.split("_")))) or name
