"""Accuracy against width and against length: what more chains and longer ones bring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from hyperscale.budget import format_size
from hyperscale.figures.axes import percent_axis
from hyperscale.figures.style import LEGEND_LETTERS, LEGEND_LINE, TEXT_WIDTH, lines, style, wrapped

ROW_HEIGHT = 2.2  # inches
MOST_TICKS = 6
SPREAD = 0.25  # octaves over which the curves of a panel stand beside each other at one place


@dataclass(frozen=True, slots=True)
class Growth:
    """Accuracy in 0..1 over a growing width or length, with its 95% interval at each place."""

    places: Sequence[int]
    accuracy: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class ScalingCurve:
    """One series: a method at a budget."""

    label: str
    by_width: Growth
    by_length: Growth


@dataclass(frozen=True, slots=True)
class ScalingPanel:
    """The series of one task and base model; widths grow at `length`, lengths at `width`."""

    title: str
    width: int
    length: int
    curves: Sequence[ScalingCurve]


def scaling(panels: Sequence[ScalingPanel]) -> Figure:
    """A row per panel: left, accuracy against chains per problem; right, against tokens per chain."""
    labels = list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves))
    looks = dict(zip(labels, lines(len(labels)), strict=True))
    columns = 3 if max(map(len, labels)) <= LEGEND_LETTERS else 1
    legend = LEGEND_LINE * ceil(len(labels) / columns)
    with style():
        figure = Figure(figsize=(TEXT_WIDTH, len(panels) * ROW_HEIGHT + 0.25 + legend), layout="constrained")
        grid = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
        for row, panel in zip(grid, panels, strict=True):
            for number, curve in enumerate(panel.curves):
                for axes, growth in zip(row, (curve.by_width, curve.by_length), strict=True):
                    _grow(axes, growth, curve.label, looks[curve.label].drawn(1), number, len(panel.curves))
            _doubling(row[0], [place for curve in panel.curves for place in curve.by_width.places], str)
            _doubling(row[1], [place for curve in panel.curves for place in curve.by_length.places], format_size)
            percent_axis(row[0])
            row[0].set(xlabel="W, chains per problem", ylabel="accuracy, %")
            row[0].set_title(f"{panel.title}\nL = {format_size(panel.length)}")
            row[1].set(xlabel="L, tokens per chain")
            row[1].set_title(f"\nW = {panel.width}")
        handles = {
            label: handle for axes in grid[:, 0] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        shown = [wrapped(label, 3 * LEGEND_LETTERS) for label in labels]
        figure.legend([handles[label] for label in labels], shown, loc="outside lower center", ncols=columns, handlelength=3.2)
    return figure


def _grow(axes: Axes, growth: Growth, label: str, drawn: dict[str, Any], number: int, count: int) -> None:
    aside = 2 ** (SPREAD * ((number + 0.5) / count - 0.5))  # so that the intervals of several curves stand beside each other
    places = [place * aside for place in growth.places]
    below = [accuracy - low for accuracy, low in zip(growth.accuracy, growth.low, strict=True)]
    above = [high - accuracy for accuracy, high in zip(growth.accuracy, growth.high, strict=True)]
    drawn = {name: value for name, value in drawn.items() if name != "markevery"}
    axes.errorbar(places, growth.accuracy, (below, above), label=label, elinewidth=0.6, capsize=1.5, capthick=0.6, **drawn)


def _doubling(axes: Axes, places: Sequence[int], written: Callable[[int], str]) -> None:
    ticks = sorted(set(places))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks[:: ceil(len(ticks) / MOST_TICKS)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: written(round(place))))
    axes.margins(x=0.12)
