"""What each step of a plan took, from raw rows: the columns of `layers.csv`, and the interval of each median.

A step's time in one repeat is that of the party which the summary takes for the phase: offline the slower one, online the
client. Where that party has no row of a step, the step took it no time.
"""

from __future__ import annotations

import pandas as pd

from .columns import columns
from .error import ResultsError
from .frames import PANDAS
from .run import Results
from .statistics import median

_PHASE = ["run", "cell", "phase"]
_STEP = [*_PHASE, "step", "step_name", "step_kind"]


def layers(results: Results[pd.DataFrame]) -> pd.DataFrame:
    """A row for each step of each phase of each cell, offline before online, over the measured repeats that ended ok."""
    if results.engine is not PANDAS:
        raise ResultsError("layers", "runs that were loaded with engine='pandas'", results.engine.name)
    inferences, raw, summary = results.inferences, results.raw, results.summary
    counts = inferences[~inferences["warmup"] & (inferences["status"] == "ok")]
    measured = raw[~raw["warmup"] & raw["phase"].isin(["offline", "online"])]
    names = dict.fromkeys([*_PHASE, "party", "step_name", "step_kind"], "str")
    rows = measured.astype(names).merge(counts[["run", "cell", "repeat"]].astype({"run": "str", "cell": "str"}))
    rows["sent"] = rows["bytes_out"] + rows["header_out"]
    rows["received"] = rows["bytes_in"] + rows["header_in"]
    steps = rows[_STEP].drop_duplicates()
    for name, sender, receiver in (("up_bytes", "client", "server"), ("down_bytes", "server", "client")):
        steps = steps.merge(_bytes(rows, sender, receiver).rename(name).reset_index(), on=_STEP)
    steps = steps.merge(_times(rows), on=_STEP, how="left")
    order = pd.MultiIndex.from_frame(summary[["run", "cell"]].astype("str"))
    steps["place"] = order.get_indexer(pd.MultiIndex.from_frame(steps[["run", "cell"]]))
    steps = steps.sort_values(["place", "phase", "step"], ignore_index=True)
    estimates = ["seconds_p50", "seconds_p50_low", "seconds_p50_high"]
    steps = steps[[*_STEP, *estimates, "up_bytes", "down_bytes"]]
    of_table = columns("layers.csv")
    steps.attrs["units"] = {name: "s" if name in estimates else of_table[name].unit for name in map(str, steps)}
    return steps


def _bytes(rows: pd.DataFrame, sender: str, receiver: str) -> pd.Series[int]:
    """Of every step, what one party sent, by its own count or else the other's. It is the same in all repeats."""
    sent = rows[rows["party"] == sender].groupby(_STEP)["sent"].first()
    received = rows[rows["party"] == receiver].groupby(_STEP)["received"].first()
    return sent.combine_first(received)


def _times(rows: pd.DataFrame) -> pd.DataFrame:
    """Of every step, the median of the party whose time counts."""
    walls = rows.groupby([*_PHASE, "repeat", "party"], as_index=False)["wall_ns"].sum()
    walls = walls[(walls["phase"] == "offline") | (walls["party"] == "client")]
    # The slower; of two that are equally slow the client, which stands first.
    slower = walls.loc[walls.groupby([*_PHASE, "repeat"])["wall_ns"].idxmax()].drop(columns="wall_ns")
    every = rows[_STEP].drop_duplicates().merge(slower, on=_PHASE)
    own = rows[[*_STEP, "repeat", "party", "wall_ns"]]
    every = every.merge(own, on=[*_STEP, "repeat", "party"], how="left")
    every["wall_ns"] = every["wall_ns"].fillna(0)
    found = []
    for step, times in every.groupby(_STEP)["wall_ns"]:
        estimate = median(float(time) / 1e9 for time in times)
        if estimate:
            found.append((*step, estimate.value, estimate.low, estimate.high))
    table = pd.DataFrame(found, columns=[*_STEP, "seconds_p50", "seconds_p50_low", "seconds_p50_high"])
    return table.astype({"step": "Int64", "seconds_p50_low": "float64", "seconds_p50_high": "float64"})
