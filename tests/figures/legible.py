"""Whether a figure can be read: no words outside it or on top of others, names beside their points, axes of a decent size."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import hypot, inf
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from hyperscale.figures.style import COLUMN_WIDTH, contrast, style

SLACK = 0.5  # pixels
LEAST_AXES = 0.7  # of a column's width


def collisions(figure: Figure) -> list[str]:
    """What cannot be read."""
    renderer = _drawn(figure)
    words = [text for text in _words(figure) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), Text.get_window_extent(text, renderer)) for text in words]
    assert len(boxes) > 5
    whole = figure.bbox
    wrong = [
        f"{name!r} leaves the figure"
        for name, box in boxes
        if box.x0 < whole.x0 - SLACK or box.x1 > whole.x1 + SLACK or box.y0 < whole.y0 - SLACK or box.y1 > whole.y1 + SLACK
    ]
    for (name, box), (other, its) in combinations(boxes, 2):
        if min(box.x1, its.x1) - max(box.x0, its.x0) > SLACK and min(box.y1, its.y1) - max(box.y0, its.y0) > SLACK:
            wrong.append(f"{name!r} covers {other!r}")
    return wrong + [f"{text.get_text()!r} is pale" for text in words if _is_pale(text)]


def squeezed(figure: Figure) -> list[str]:
    """Axes that lost their room to words."""
    _drawn(figure)
    widths = [axes.bbox.width / figure.dpi for axes in figure.get_axes()]
    return [f"{width:.2f} inches" for width in widths if width < LEAST_AXES * COLUMN_WIDTH]


def misplaced(axes: Axes) -> list[str]:
    """Names that stand on a line, or nearer to another mark than to their own without a line that leads to it alone."""
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    renderer = _drawn(figure)
    marks = [place for line in axes.get_lines() if line.get_marker() not in ("None", "_") for place in line.get_xydata()]
    wrong = []
    for name, box in named_boxes(axes, renderer):
        mark = axes.transData.transform(name.xy)
        others = [axes.transData.transform(place) for place in marks if tuple(place) != tuple(name.xy)]
        nearest = min((_away(box, other) for other in others), default=inf)
        if nearest <= _away(box, mark) and (nearest < 5 * figure.dpi / 72 or not _leads(name, box, mark, others)):
            wrong.append(f"{name.get_text()!r} could be another mark's")
        if any(box.contains(*place) for line in axes.get_lines() for place in _along(axes, line)):
            wrong.append(f"{name.get_text()!r} stands on a line")
    return wrong


def named_boxes(axes: Axes, renderer: Any) -> list[tuple[Annotation, Bbox]]:
    names = [text for text in axes.texts if isinstance(text, Annotation)]
    return [(name, Text.get_window_extent(name, renderer)) for name in names]


def _leads(name: Annotation, box: Bbox, mark: Any, others: list[Any]) -> bool:
    """Whether a line of three points or more runs from a name to its mark, over no other's middle."""
    if name.arrow_patch is None:
        return False
    ends = name.arrow_patch.get_path().vertices  # in pixels
    along = [start + share * (end - start) for start, end in pairwise(ends) for share in np.linspace(0, 1, 200)]
    point = name.figure.dpi / 72
    length = hypot(*(ends[-1] - ends[0]))
    touched = [other for other in others if min(hypot(*(place - other)) for place in along) < point]
    return hypot(*(ends[-1] - mark)) < 4 * point and _away(box, ends[0]) < 3 * point and length > 3 * point and not touched


def _drawn(figure: Figure) -> Any:
    canvas = FigureCanvasAgg(figure)
    with style():
        canvas.draw()
    return canvas.get_renderer()


def _away(box: Bbox, place: Any) -> float:
    x, y = place
    return hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))


def _along(axes: Axes, line: Any) -> Iterator[Any]:
    """Pixels on a line that is drawn as one, close to each other."""
    if line.get_linestyle() == "None":
        return
    ends = line.get_transform().transform(line.get_xydata())
    for start, end in pairwise(ends):
        for share in np.linspace(0, 1, 400):
            yield start + share * (end - start)


def _is_pale(text: Text) -> bool:
    return text.get_color() != "white" and contrast(text.get_color()) < 4.5


def _words(part: Any) -> Iterator[Text]:
    """The texts that are drawn; others exist, such as ticks beyond the limits of an axis."""
    yield from part.texts
    for below in part.subfigs:
        yield from _words(below)
    for legend in part.legends:
        yield from legend.get_texts()
    if isinstance(part, Figure):
        for axes in part.get_axes():
            yield from _of_axes(axes)


def _of_axes(axes: Axes) -> Iterator[Text]:
    if not axes.axison:
        return
    yield from (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts)
    for axis in (axes.xaxis, axes.yaxis):
        yield from (tick.label1 for tick in axis._update_ticks() if tick.label1.get_visible())
    if axes.get_legend():
        yield from axes.get_legend().get_texts()
