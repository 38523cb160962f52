"""The same numbers as the program's own."""

from itertools import product

import pandas as pd
import pytest

from conftest import DEMO, LINKS, METHODS, SHAPES
from linnet_results import Results, load
from linnet_results.statistics import _at_least_half, median, wilson


def test_wilson_gives_the_intervals_of_the_summaries() -> None:
    summary = load(DEMO, METHODS, LINKS, SHAPES).summary
    assert len(summary) == 179
    for share, n, low, high in zip(
        [*summary["acc_secure"], *summary["acc_fixed_test"]],
        [*summary["n"], *summary["acc_images"]],
        [*summary["acc_secure_low"], *summary["acc_fixed_test_low"]],
        [*summary["acc_secure_high"], *summary["acc_fixed_test_high"]],
        strict=True,
    ):
        assert wilson(round(share * n), n) == pytest.approx((low, high), abs=1e-15)


def test_wilson_of_published_tables() -> None:
    # Newcombe 1998, table I.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) is None


@pytest.mark.parametrize("n", range(1, 7))
def test_probabilities_are_those_of_all_resamples(n: int) -> None:
    medians = [sorted(draws)[(n - 1) // 2] for draws in product(range(n), repeat=n)]
    for k in range(1, n):
        share = sum(middle < k for middle in medians) / len(medians)
        assert _at_least_half(n, k / n) == pytest.approx(share, abs=1e-12)


def test_known_medians() -> None:
    assert median([]) is None
    few = median([4.0, 1.0])
    assert few is not None
    assert (few.value, few.low, few.high) == (1.0, None, None)
    # At most the 1st of seven with 0.0099, the 2nd with 0.1024, the 5th with 0.8976, the 6th with 0.9901.
    seven = median(range(7, 0, -1))
    assert seven is not None
    assert (seven.value, seven.low, seven.high) == (4, 2, 6)
    same = median([5.0] * 9)
    assert same is not None
    assert (same.value, same.low, same.high) == (5.0, 5.0, 5.0)


def test_medians_of_raw_rows_are_the_summarys(links: Results[pd.DataFrame]) -> None:
    raw, summary = links.raw, links.summary.set_index("cell")
    online = raw[~raw["warmup"] & (raw["phase"] == "online") & (raw["party"] == "client")]
    walls = online.groupby(["cell", "repeat"], observed=True)["wall_ns"].sum()
    for cell, times in walls.groupby("cell", observed=True):
        found = median(times / 1e9)
        assert found is not None
        assert found.value == pytest.approx(summary.loc[cell, "online_s_p50"], abs=1e-12)
    assert walls.index.get_level_values("cell").nunique() == 111
