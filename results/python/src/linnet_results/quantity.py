"""Quantities as people read them: three digits, decimal multiples, thousands set apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isnan, log10
from typing import Any

import pandas as pd

# By the unit of a column: larger and smaller ones with what they are of it.
_MULTIPLES: Mapping[str, Sequence[tuple[float, str]]] = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    "0 to 1": ((0.01, "%"),),
}


@dataclass(frozen=True)
class Scaled:
    """A unit to show values in, and what they are multiplied by for it."""

    name: str
    factor: float


def scale(unit: str, largest: float) -> Scaled:
    """The largest multiple of a column's unit in which its largest value is 1 or more once rounded."""
    if unit not in _MULTIPLES:
        return Scaled(unit, 1.0)
    fitting = (pair for pair in _MULTIPLES[unit] if largest / pair[0] >= 0.9995)
    size, name = next(fitting, _MULTIPLES[unit][-1])
    return Scaled(name, 1 / size)


def decimals(value: float, digits: int) -> int:
    """Decimals with which a value has so many digits, once rounded to them."""
    if value == 0 or isnan(value):
        return digits - 1
    rounded = float(f"{abs(value):.{digits - 1}e}")
    return max(0, digits - 1 - floor(log10(rounded)))


def count(number: int) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}"


def budget(number: Any) -> str:
    """A budget, or `all` where it is missing and every ReLU is kept."""
    return "all" if is_missing(number) else count(int(number))


def is_missing(value: object) -> bool:
    """Whether a cell of a frame is empty, be it one of pandas or of polars."""
    return value is None or value is pd.NA or value != value
