"""Accuracy against width and against length: what more chains and longer ones bring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from hyperscale.budget import format_size
from hyperscale.figures.axes import percent_axis
from hyperscale.figures.sheet import Cell, arrange, sheet
from hyperscale.figures.style import Line, series_looks, style

HEIGHT = 1.7  # inches
MOST_TICKS = 6
SPREAD = 0.4  # octaves over which the curves of a panel stand beside each other at one place
ROOM = 0.12  # of the octaves shown, beyond the outermost places
BARS = "bars: 95% · curves stand beside each other at one W or L"


@dataclass(frozen=True, slots=True)
class Growth:
    """Accuracy in 0..1 over a growing width or length, with its 95% interval at each place."""

    places: Sequence[int]
    accuracy: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class ScalingCurve:
    """One series: a method at a budget. `method` gives it the look of the other figures; without it the label does."""

    label: str
    by_width: Growth
    by_length: Growth
    method: str = ""


@dataclass(frozen=True, slots=True)
class ScalingPanel:
    """The series of one task and base model; widths grow at `length`, lengths at `width`."""

    title: str
    width: int
    length: int
    curves: Sequence[ScalingCurve]


def scaling(panels: Sequence[ScalingPanel]) -> Figure:
    """In each panel: above, accuracy against chains per problem; below, against tokens per chain."""
    series = list(dict.fromkeys((curve.method or curve.label, curve.label) for panel in panels for curve in panel.curves))
    looks = {label: look for (_, label), look in zip(series, series_looks(series), strict=True)}
    with style():
        figure, grid = sheet(len(panels), stacked=2)
        arrange(figure, [_draw(axes, panel, looks) for axes, panel in zip(grid, panels, strict=True)], HEIGHT)
    return figure


def _draw(both: Sequence[Axes], panel: ScalingPanel, looks: dict[str, Line]) -> Cell:
    above, below = both
    entries = []
    for number, curve in enumerate(panel.curves):
        drawn = looks[curve.label].drawn(1)
        aside = SPREAD * ((number + 0.5) / len(panel.curves) - 0.5)  # so that intervals of several curves can be seen
        for axes, growth in ((above, curve.by_width), (below, curve.by_length)):
            _grow(axes, growth, 2**aside, drawn)
        entries.append((Line2D([], [], **drawn), curve.label))
    _doubling(above, [place for curve in panel.curves for place in curve.by_width.places], str)
    _doubling(below, [place for curve in panel.curves for place in curve.by_length.places], format_size)
    growths = [growth for curve in panel.curves for growth in (curve.by_width, curve.by_length)]
    for axes in both:
        percent_axis(axes, [share for growth in growths for share in (*growth.low, *growth.high)])
        axes.set_ylabel("accuracy, %")
    above.set_xlabel(f"W, chains per problem (L = {format_size(panel.length)})")
    below.set_xlabel(f"L, tokens per chain (W = {panel.width})")
    return Cell(both, panel.title, entries, BARS)


def _grow(axes: Axes, growth: Growth, aside: float, drawn: dict[str, Any]) -> None:
    places = [place * aside for place in growth.places]
    below = [max(0.0, accuracy - low) for accuracy, low in zip(growth.accuracy, growth.low, strict=True)]
    above = [max(0.0, high - accuracy) for accuracy, high in zip(growth.accuracy, growth.high, strict=True)]
    drawn = {name: value for name, value in drawn.items() if name != "markevery"}
    axes.errorbar(places, growth.accuracy, (below, above), elinewidth=0.6, capsize=1.5, capthick=0.6, **drawn)


def _doubling(axes: Axes, places: Sequence[int], written: Callable[[int], str]) -> None:
    """A base-2 axis that ends an octave beyond a place alone, and beyond several far enough for what stands beside them."""
    ticks = sorted(set(places))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks[:: ceil(len(ticks) / MOST_TICKS)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: written(round(place))))
    beyond = 2.0 if len(ticks) == 1 else max((ticks[-1] / ticks[0]) ** ROOM, 2**SPREAD)
    axes.set_xlim(ticks[0] / beyond, ticks[-1] * beyond)
