"""The figures of a run for print: as wide as a column, in vectors, with text that stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .drawing import COLUMN, LOOK, draw, legend, panels_of, relu_axis, settle, ticks
from .error import ResultsError, listed
from .labels import place_labels
from .layers import layers
from .quantity import budget, count, scale
from .run import Results
from .statistics import wilson
from .styles import Series, method_of, series

_HATCHES = ("", "/////", ".....", "xxxxx")


def accuracy_latency(summary: pd.DataFrame, *, width: float = COLUMN) -> Figure:
    """What a budget costs and what it buys, a panel a link: accuracy against the median online time, each with its 95 %
    interval where there is one. The accuracy is that in fixed point of the test images, or that of the secure run where
    there are no more of those. Points are labelled with their budgets where there is room.
    """
    summary = _checked(summary, "accuracy_latency", ["relus", "budget", "online_s_p50", "n", "acc_secure"])
    frame = _with_accuracy(summary[summary["online_s_p50"].notna()])
    if frame.empty:
        raise ResultsError("accuracy_latency", "a row with an accuracy and an online time", "none")
    with mpl.rc_context(LOOK):
        drawn, links = series(frame), _links(frame)
        across = max(1, round(width / 2.6))
        figure, panels = panels_of(len(links), width, 2.1, across)
        for index, (link, axes) in enumerate(zip(links, panels, strict=True)):
            of_link = frame[frame["link"] == link]
            unit = scale("s", of_link["online_s_p50"].max())
            for one in drawn:
                for rows in _of_link(one, link):
                    draw(axes, one, rows, "online_s_p50", "accuracy", unit, across=True)
            axes.set_title(link, loc="left", fontweight="bold")
            axes.set_xlabel(f"online time, median ({unit.name})")
            axes.xaxis.set_major_locator(ticks(5))
            axes.margins(0.08)
            if index % min(across, len(links)) == 0:
                axes.set_ylabel(_accuracy_label(frame))
        legend(figure, drawn, width, links)
        settle(figure)
        for link, axes in zip(links, panels, strict=True):
            rows = frame[frame["link"] == link].sort_values("relus")
            unit = scale("s", rows["online_s_p50"].max())
            points = zip(rows["online_s_p50"] * unit.factor, rows["accuracy"], strict=True)
            place_labels(axes, list(points), [budget(value) for value in rows["budget"]])
        return figure


def time_by_budget(summary: pd.DataFrame, *, width: float = COLUMN) -> Figure:
    """Median times of the phases against the ReLUs that are kept, a row of panels a link, with 95 % intervals."""
    summary = _checked(summary, "time_by_budget", ["relus", "offline_s_p50", "online_s_p50"])
    with mpl.rc_context(LOOK):
        links = _links(summary)
        panels = [
            (f"{phase}, {link}", f"{phase}_s_p50", summary[summary["link"] == link])
            for link in links
            for phase in ("offline", "online")
        ]
        return _by_budget(summary, panels, "s", width, links)


def bytes_by_budget(summary: pd.DataFrame, *, width: float = COLUMN) -> Figure:
    """Bytes of the phases in each direction against the ReLUs that are kept. They belong to the plan: where links agree on
    them, as runs of one network do, they share a point.
    """
    directions = [(phase, way) for phase in ("offline", "online") for way in ("up", "down")]
    names = [f"{phase}_{way}_bytes" for phase, way in directions]
    summary = _checked(summary, "bytes_by_budget", ["relus", *names])
    with mpl.rc_context(LOOK):
        links = _links(summary)
        plan = ["run", "model", "method", "relu", "he", "ot", "threads", "store", "relus", *names]
        once = summary.drop_duplicates([name for name in plan if name in summary])
        panels = [(f"{phase}, {way}", f"{phase}_{way}_bytes", once) for phase, way in directions]
        return _by_budget(once, panels, "bytes", width, links)


def time_by_layer(
    results: Results[pd.DataFrame], cells: Sequence[str] | None = None, *, most: int = 16, width: float = COLUMN
) -> Figure:
    """Median times of the layers of up to four cells, with 95 % intervals, for runs that have raw.csv. The `most` layers that
    take longest stand alone, the others are summed; medians of steps need not add up to the phase's.
    """
    summary = results.summary
    chosen = list(summary["cell"].astype("str")) if cells is None else list(cells)
    there = set(summary["cell"])
    unknown = [cell for cell in chosen if cell not in there]
    if unknown:
        raise ResultsError("time_by_layer", f"cells of the summary, such as {summary['cell'].iloc[0]}", listed(unknown))
    if not 1 <= len(chosen) <= len(_HATCHES):
        raise ResultsError("time_by_layer", f"1 to {len(_HATCHES)} cells, by `cells=[...]`", len(chosen))
    picked = summary[summary["cell"].isin(chosen)]
    if len(picked) != len(chosen):
        raise ResultsError("time_by_layer", "cells that only one run has, each once", listed(chosen))
    frame = layers(results)
    frame = frame[frame["cell"].isin(chosen)]
    names, tables = _largest(frame, chosen, most)
    with mpl.rc_context(LOOK):
        style = {cell: one.style.colour for one in series(picked) for cell in one.rows["cell"]}
        high = 0.8 / len(chosen)
        size = (width, 0.75 + 0.16 * len(chosen) + len(names) * max(0.15, 0.08 * len(chosen)))
        figure = Figure(figsize=size, layout="constrained")
        both = figure.subplots(1, 2, sharey=True)
        for phase, axes in zip(("offline", "online"), both, strict=True):
            unit = scale("s", max(table["value"].max() for table in tables[phase]))
            for index, (cell, table) in enumerate(zip(chosen, tables[phase], strict=True)):
                at = [place - 0.4 + high * (index + 0.5) for place in range(len(names))]
                values = table["value"] * unit.factor
                ends = [(table[end] * unit.factor - values).abs() for end in ("low", "high")]
                axes.barh(
                    at,
                    values,
                    high,
                    color=style[cell],
                    hatch=_HATCHES[index],
                    edgecolor="white",
                    linewidth=0.3,
                    xerr=ends,
                    error_kw={"elinewidth": 0.6, "ecolor": "#1b1f24"},
                )
            axes.set_title(phase, loc="left", fontweight="bold")
            axes.set_xlabel(f"median ({unit.name})")
            axes.xaxis.set_major_locator(ticks(4))
            axes.grid(visible=False, axis="y")
        both[0].set_yticks(range(len(names)), [name if len(name) <= 22 else f"…{name[-21:]}" for name in names])
        both[0].set_ylim(len(names) - 0.5, -0.5)
        marks = [
            Patch(facecolor=style[cell], hatch=hatch, edgecolor="white", label=name)
            for cell, hatch, name in zip(chosen, _HATCHES, _cell_names(picked, chosen), strict=False)
        ]
        figure.legend(handles=marks, loc="outside lower center", frameon=False, ncols=1)
        settle(figure)
        return figure


def _by_budget(
    frame: pd.DataFrame, panels: Sequence[tuple[str, str, pd.DataFrame]], quantity: str, width: float, links: list[str]
) -> Figure:
    """Two panels a row, each of one column."""
    drawn = series(frame)
    figure, all_axes = panels_of(len(panels), width, 0.36 * width + 0.2, 2)
    for (title, column, rows), axes in zip(panels, all_axes, strict=True):
        largest = float(rows[column].astype("float64").max())
        unit = scale(quantity, largest)
        kept = set(rows.index)
        for one in drawn:
            for line in one.lines():
                draw(axes, one, line[line.index.isin(kept)], "relus", column, unit)
        axes.set_title(f"{title} ({unit.name})", loc="left", fontweight="bold")
        axes.set_ylim(0, 1.1 * max(axes.dataLim.ymax, largest * unit.factor) if largest > 0 else 1)
        axes.yaxis.set_major_locator(ticks(5))
        relu_axis(axes, rows["relus"])
        axes.set_xlabel("ReLUs kept")
    legend(figure, drawn, width, links)
    settle(figure)
    return figure


def _with_accuracy(summary: pd.DataFrame) -> pd.DataFrame:
    """Adds `accuracy` in percent, of `images`, and its interval: of the test set or the secure run, whichever has more."""
    frame = summary.copy()
    clear = frame.get("acc_fixed_test", pd.Series(float("nan"), frame.index))
    images = frame.get("acc_images", pd.Series(0, frame.index)).fillna(0).where(clear.notna(), 0).astype("int64")
    frame["clear"] = images > frame["n"].where(frame["acc_secure"].notna(), 0)
    frame["images"] = images.where(frame["clear"], frame["n"])
    share = clear.where(frame["clear"], frame["acc_secure"])
    frame["accuracy"] = share * 100
    # Not from the summary, since older ones lack intervals; the same numbers where they do not.
    ends = [wilson(round(value * n), n) if value == value else None for value, n in zip(share, frame["images"], strict=True)]
    for place, end in enumerate(("low", "high")):
        frame[f"accuracy_{end}"] = [100 * pair[place] if pair else float("nan") for pair in ends]
    return frame[frame["accuracy"].notna()]


def _accuracy_label(frame: pd.DataFrame) -> str:
    if frame["clear"].nunique() > 1 or frame.empty:
        return "top-1 accuracy (%)"
    least, most = (count(int(images)) for images in (frame["images"].min(), frame["images"].max()))
    images = least if least == most else f"{least} to {most}"
    return f"accuracy, {images} {'test images' if frame['clear'].iloc[0] else 'secure runs'} (%)"


def _of_link(one: Series, link: str) -> Iterable[pd.DataFrame]:
    return (rows[rows["link"] == link] for rows in one.lines())


def _links(frame: pd.DataFrame) -> list[str]:
    return [str(link) for link in frame["link"].dropna().unique()]


def _cell_names(summary: pd.DataFrame, cells: Sequence[str]) -> Sequence[str]:
    """Names that tell the cells apart: in words, or their ids."""
    rows = [summary[summary["cell"] == cell].iloc[0] for cell in cells]
    names = [f"{row['model']}, {method_of(row['method'])}, {budget(row['budget'])} ReLUs, {row['link']}" for row in rows]
    return names if len(set(names)) == len(names) else cells


def _largest(frame: pd.DataFrame, cells: Sequence[str], most: int) -> tuple[list[str], dict[str, list[pd.DataFrame]]]:
    """Names of the layers, in the plan's order, and by phase each cell's values in that order."""
    value = {"seconds_p50": "value", "seconds_p50_low": "low", "seconds_p50_high": "high"}
    frame = frame.rename(columns=value)
    order = list(dict.fromkeys(frame.sort_values("step")["step_name"]))
    weight = frame.groupby("step_name")["value"].max().sort_values(ascending=False)
    # One layer alone is no others.
    alone = order if len(order) <= most + 1 else [name for name in order if name in set(weight.index[:most])]
    others = len(order) - len(alone)
    names = [*alone, *([f"{others} others"] if others else [])]
    tables: dict[str, list[pd.DataFrame]] = {}
    for phase in ("offline", "online"):
        of_phase = frame[frame["phase"] == phase]
        tables[phase] = []
        for cell in cells:
            own = of_phase[of_phase["cell"] == cell].set_index("step_name")[["value", "low", "high"]]
            # A step that another cell's plan has alone took no time here.
            table = own.reindex(alone).fillna({"value": 0.0})
            if others:
                table.loc[names[-1]] = [own["value"].drop(alone, errors="ignore").sum(), float("nan"), float("nan")]
            tables[phase].append(table)
    return names, tables


def _checked(frame: object, where: str, wanted: Iterable[str]) -> pd.DataFrame:
    """The frame, if it can be drawn; without its units, which pandas would copy at every step."""
    if not isinstance(frame, pd.DataFrame):
        raise ResultsError(where, "a pandas frame", type(frame).__module__.partition(".")[0])
    absent = [name for name in ("method", "link", *wanted) if name not in frame]
    if absent:
        raise ResultsError(where, f"columns {listed(absent)}", listed(frame.columns))
    if frame.empty:
        raise ResultsError(where, "a row to draw", "none")
    plain = frame.copy()
    plain.attrs = {}
    return plain
