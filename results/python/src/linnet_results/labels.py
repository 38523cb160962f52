"""Labels beside points, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.path import Path
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

_SIZE = 6
# From a point, in points of print: above, below, right, left, and the corners; with the text's place around its anchor.
_PLACES = (
    (0, 4, "center", "bottom"),
    (0, -4, "center", "top"),
    (4, 0, "left", "center"),
    (-4, 0, "right", "center"),
    (3, 3, "left", "bottom"),
    (3, -3, "left", "top"),
    (-3, 3, "right", "bottom"),
    (-3, -3, "right", "top"),
)


def place_labels(axes: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str]) -> list[Annotation]:
    """Writes each text beside its point, in the first place where it covers no point, no whisker and no other text, and is
    crossed by no line; where there is none, not at all. The figure's layout must be settled.
    """
    point = axes.figure.dpi / 72
    left, bottom, right, top = axes.bbox.extents
    marks = axes.transData.transform(points)
    taken = [Bbox.from_bounds(x - 3 * point, y - 3 * point, 6 * point, 6 * point) for x, y in marks]
    lines = [path.transformed(axes.transData) for path in _paths(axes)]
    placed = []
    for at, text in zip(points, texts, strict=True):
        for dx, dy, across, up in _PLACES:
            label = axes.annotate(text, at, (dx, dy), textcoords="offset points", ha=across, va=up, fontsize=_SIZE, zorder=4)
            area = label.get_window_extent()
            # To the right and on top there is no axis, and some room.
            free = (
                left + point <= area.xmin
                and area.xmax <= right + 4 * point
                and bottom + point <= area.ymin
                and area.ymax <= top + 4 * point
                and not any(area.overlaps(other) for other in taken)
                and not any(line.intersects_bbox(area, filled=False) for line in lines)
            )
            if free:
                taken.append(area.padded(2 * point, point))
                placed.append(label)
                break
            label.remove()
    return placed


def _paths(axes: Axes) -> list[Path]:
    """All that is drawn as lines: those between points, and whiskers."""
    bars = [bars for container in axes.containers if isinstance(container, ErrorbarContainer) for bars in container[2]]
    whiskers = [Path(np.asarray(segment)) for of_one in bars for segment in of_one.get_segments()]
    return [*(line.get_path() for line in axes.lines), *whiskers]
