"""Accuracy against cost: the frontier of each method, with its band."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hyperscale.figures.axes import ROOM, Amounts, cost_axis, percent_axis
from hyperscale.figures.labels import Named, place_labels
from hyperscale.figures.style import COLUMN_WIDTH, GREY, LEGEND_LINE, Line, looks_of, style, wrapped

PANEL_HEIGHT = 2.3  # inches, without title and legend
LEGEND_WIDTH = 58  # letters of a legend's line in a column


@dataclass(frozen=True, slots=True)
class Mark:
    """One configuration: its cost, its accuracy in 0..1, its name, and whether it is on its method's frontier."""

    cost: float
    accuracy: float
    label: str
    on_frontier: bool


@dataclass(frozen=True, slots=True)
class Band:
    """A frontier's 95% band: at each cost, from `low` to `high`."""

    costs: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Curve:
    """One method: its marks, the band of its frontier, and what the legend says after its name, e.g. its gain."""

    method: str
    marks: Sequence[Mark]
    band: Band | None = None
    remark: str = ""

    @property
    def frontier(self) -> list[Mark]:
        return sorted((mark for mark in self.marks if mark.on_frontier), key=lambda mark: mark.cost)


@dataclass(frozen=True, slots=True)
class ParetoPanel:
    """What shares an axis: the methods on one task with one base model.

    Attributes
    ----------
    dense : Mark or None
        The reference of the thin line: what the dense cache does with one chain.
    """

    title: str
    curves: Sequence[Curve]
    dense: Mark | None = None
    notes: Sequence[str] = field(default=())


def pareto(panels: Sequence[ParetoPanel], cost: str, unit: Amounts) -> Figure:
    """One panel per task and base model; frontiers are joined linearly in the logarithm of the cost, as gains measure them.

    Parameters
    ----------
    cost
        Name of the horizontal axis.
    unit
        How its numbers are written.
    """
    looks = looks_of([curve.method for panel in panels for curve in panel.curves])
    columns = min(2, len(panels))
    rows = ceil(len(panels) / columns)
    entries = max(len(_legend_lines(panel)) for panel in panels)
    height = rows * (PANEL_HEIGHT + 0.45 + LEGEND_LINE * entries)
    with style():
        figure = Figure(figsize=(COLUMN_WIDTH if columns == 1 else 2 * COLUMN_WIDTH, height), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(axes, panel, looks, unit)
            axes.set_xlabel(cost)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid.flat, panels, strict=False):
            _name_points(axes, panel, looks)
    return figure


def _draw(axes: Axes, panel: ParetoPanel, looks: dict[str, Line], unit: Amounts) -> None:
    everything = [mark for curve in panel.curves for mark in curve.marks]
    for curve in panel.curves:
        _draw_curve(axes, curve, looks[curve.method])
    if panel.dense:
        axes.axhline(panel.dense.accuracy, color=GREY, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0.5)
        axes.plot([], [], color=GREY, linewidth=0.7, linestyle=(0, (1, 2)), label=_dense_text(panel.dense))
    cost_axis(axes, axes.xaxis, min(mark.cost for mark in everything), max(mark.cost for mark in everything), unit)
    axes.margins(y=ROOM)
    percent_axis(axes)
    axes.set_ylabel("accuracy, %")
    axes.set_title("\n".join([panel.title, *panel.notes]))
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), borderaxespad=0, handlelength=2.6, labelspacing=0.25)


def _draw_curve(axes: Axes, curve: Curve, look: Line) -> None:
    frontier = curve.frontier
    below = [mark for mark in curve.marks if not mark.on_frontier]
    if curve.band:
        axes.fill_between(
            curve.band.costs, curve.band.low, curve.band.high, color=look.color, alpha=0.13, linewidth=0, zorder=1
        )
    hollow: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.6, "markersize": 2.6, "alpha": 0.65}
    axes.plot(*_places(below), linestyle="none", marker=look.marker, color=look.color, zorder=2, **hollow)
    kept: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle, "marker": look.marker}
    axes.plot(*_places(frontier), label=_curve_text(curve), zorder=3, **kept)


def _places(marks: Sequence[Mark]) -> tuple[list[float], list[float]]:
    return [mark.cost for mark in marks], [mark.accuracy for mark in marks]


def _name_points(axes: Axes, panel: ParetoPanel, looks: dict[str, Line]) -> None:
    """The outermost frontier points first: they say what was run; then the others of the frontiers; never those below."""
    marks = [(mark.cost, mark.accuracy) for curve in panel.curves for mark in curve.marks]
    ends, others = [], []
    for curve in panel.curves:
        named = [Named(mark.cost, mark.accuracy, mark.label, looks[curve.method].color) for mark in curve.frontier]
        ends += named[:1] + named[1:][-1:]
        others += named[1:-1]
    place_labels(axes, [*ends, *sorted(others, key=lambda entry: -entry.y)], marks)


def _legend_lines(panel: ParetoPanel) -> list[str]:
    texts = [_curve_text(curve) for curve in panel.curves] + ([_dense_text(panel.dense)] if panel.dense else [])
    return [line for text in texts for line in text.splitlines()] + list(panel.notes)


def _curve_text(curve: Curve) -> str:
    return wrapped(f"{curve.method}{': ' if curve.remark else ''}{curve.remark}", LEGEND_WIDTH)


def _dense_text(dense: Mark) -> str:
    return f"dense cache, {dense.label}: {100 * dense.accuracy:.1f}%"
