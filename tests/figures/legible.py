"""Whether the words of a figure can be read: none outside it, none on top of another."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

SLACK = 0.5  # pixels


def collisions(figure: Figure) -> list[str]:
    """What cannot be read."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    words = [text for text in _words(figure) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in words]
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
    return wrong


def _words(part: Any) -> Iterator[Text]:
    """The texts that are drawn; others exist, such as ticks beyond the limits of an axis."""
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
