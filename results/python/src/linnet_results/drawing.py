"""How all figures look: their size, their axes, lines with whiskers, legends; and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .error import ResultsError, listed
from .quantity import Scaled
from .styles import Series

#: Width of a column of a paper of two, and of its page, in inches.
COLUMN, PAGE = 3.3, 6.9

LOOK: dict[Any, Any] = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e2e5e9",
    "grid.linewidth": 0.5,
    "lines.linewidth": 0.9,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    # Fonts as outlines that stay text, not as bitmaps.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "linnet",
}
_FORMATS = (".pdf", ".svg", ".eps", ".png")


def save(figure: Figure, path: str | PathLike[str]) -> None:
    """Writes a figure as its name ends: `.pdf`, `.svg`, `.eps`, or `.png` with 300 points an inch."""
    file = Path(path)
    if file.suffix not in _FORMATS:
        raise ResultsError(file, f"a name that ends with one of {listed(_FORMATS)}", file.suffix or "no ending")
    # The same figure is the same file, whenever it is written.
    dated = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(file.suffix)
    with mpl.rc_context(LOOK):
        figure.savefig(file, dpi=300, metadata=dated)


def panels_of(number: int, width: float, high: float, across: int) -> tuple[Figure, list[Axes]]:
    across = min(across, number)
    down = -(-number // across)
    figure = Figure(figsize=(width, high * down + 0.3), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[number:]:
        axes.set_visible(False)
    return figure, list(panels[:number])


def settle(figure: Figure) -> None:
    """Places all parts, once and for all."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def draw(axes: Axes, one: Series, rows: pd.DataFrame, x: str, y: str, unit: Scaled, *, across: bool = False) -> None:
    """A line with the interval of each of its points; `unit` is that of `x`, if `across`, or of `y`."""
    rows = rows[rows[x].notna() & rows[y].notna()]
    if rows.empty:
        return
    factors = {x: unit.factor if across else 1.0, y: 1.0 if across else unit.factor}
    values = {name: rows[name].astype("float64") * factor for name, factor in factors.items()}
    errors: dict[str, Any] = {}
    for name, side in ((x, "xerr"), (y, "yerr")):
        if f"{name}_low" in rows:
            ends = [(rows[f"{name}_{end}"] * factors[name] - values[name]).abs() for end in ("low", "high")]
            errors[side] = [end.fillna(0.0) for end in ends]
    style = one.style
    axes.errorbar(
        values[x],
        values[y],
        **errors,
        color=style.colour,
        marker=style.marker,
        linestyle=style.line,
        markerfacecolor=style.colour if style.full else "white",
        markeredgewidth=0.8,
        elinewidth=0.6,
        capsize=0,
        zorder=3,
    )


def legend(figure: Figure, drawn: Sequence[Series], width: float, links: Sequence[str]) -> None:
    """Below the panels, as many names a line as there is room for, headed by the links."""
    marks = [
        Line2D(
            [],
            [],
            color=one.style.colour,
            marker=one.style.marker,
            linestyle=one.style.line,
            label=one.name or "all",
            markerfacecolor=one.style.colour if one.style.full else "white",
            markeredgewidth=0.8,
        )
        for one in drawn
    ]
    longest = max(len(one.name) for one in drawn)
    columns = max(1, min(len(drawn), int(width / (0.42 + 0.055 * longest))))
    lines = -(-len(drawn) // columns)
    figure.set_figheight(figure.get_figheight() + 0.14 * lines)
    title = f"over {' and '.join(filter(None, [', '.join(links[:-1]), links[-1]]))}"
    figure.legend(handles=marks, loc="outside lower center", ncols=columns, frameon=False, title=title)


def relu_axis(axes: Axes, relus: pd.Series[Any]) -> None:
    """Logarithmic, for budgets are; from zero where a network keeps none."""
    positive = relus[relus > 0]
    if positive.empty or positive.min() == positive.max() == relus.min():
        axes.xaxis.set_major_locator(ticks(3))
    elif relus.min() == 0:
        axes.set_xscale("symlog", linthresh=float(positive.min()))
    else:
        axes.set_xscale("log")
        span = positive.max() / positive.min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span < 12 else (1, 3) if span < 200 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def ticks(most: int) -> MaxNLocator:
    return MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])


def _short(relus: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if relus >= size:
            return f"{relus / size:g}{unit}"
    return f"{relus:g}"
