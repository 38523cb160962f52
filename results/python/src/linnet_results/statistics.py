"""How sure an accuracy and a median are: the intervals of `summary.csv`, for what it does not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import exp, log, sqrt

#: How sure an interval is to hold the true value.
INTERVAL = 0.95

#: The smallest sample whose median has an interval: of fewer, all may lie on one side of the true one.
FEWEST = 6

# The normal distribution's 97.5 % quantile.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A value with the interval that holds the true one; without ends where the sample is too small for any."""

    value: float
    low: float | None
    high: float | None


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """Wilson's score interval (1927) of a proportion, `successes` of `n`; None of none."""
    if n == 0:
        return None
    share, spread = successes / n, _Z * _Z / n
    half = _Z * sqrt(share * (1 - share) / n + spread / (4 * n))
    centre, scale = share + spread / 2, 1 + spread
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def median(sample: Iterable[float]) -> Estimate | None:
    """The `ceil(n / 2)`-th smallest value, with the interval of the percentile bootstrap (Efron 1979); None of none.

    Resamples are not drawn: how probable it is that their median is at most the k-th smallest value is a sum of binomials.
    """
    values = sorted(sample)
    if not values:
        return None
    value = values[(len(values) - 1) // 2]
    if len(values) < FEWEST:
        return Estimate(value, None, None)
    low, high = _ends(len(values))
    return Estimate(value, values[low], values[high])


@cache
def _ends(n: int) -> tuple[int, int]:
    """Which of `n` sorted values are the ends of the median's interval, from 0."""
    tail = (1 - INTERVAL) / 2
    low, high = (next((k for k in range(1, n) if _at_least_half(n, k / n) >= wanted), n) - 1 for wanted in (tail, 1 - tail))
    return low, high


def _at_least_half(n: int, p: float) -> float:
    """How probable it is that of `n` draws at least half succeed, each with probability `p` below 1."""
    log_choices, below = 0.0, 0.0
    for successes in range((n + 1) // 2):
        if successes:
            log_choices += log((n - successes + 1) / successes)
        below += exp(log_choices + successes * log(p) + (n - successes) * log(1 - p))
    return 1 - min(below, 1.0)
