"""What is wrong with an input."""

from __future__ import annotations

from collections.abc import Iterable


class ResultsError(ValueError):
    """An input that is not what it should be: says where, what was expected and what was found."""

    def __init__(self, where: object, expected: str, found: object) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")


def listed(names: Iterable[object]) -> str:
    """Names behind each other, or that there are none."""
    return ", ".join(map(str, names)) or "nothing"
