"""Accuracy against cost: the frontier of each method, with its band."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hyperscale.figures.axes import Amounts, cost_axis, percent_axis
from hyperscale.figures.labels import Named, Place, place_labels
from hyperscale.figures.sheet import Cell, arrange, sheet
from hyperscale.figures.style import GREY, Line, looks_of, style

HEIGHT = 2.2  # inches
DENSE: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "linestyle": (0, (1, 2))}
HOLLOW: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.6, "markersize": 2.6, "alpha": 0.65}
FAINT: dict[str, Any] = {"markeredgewidth": 0, "markersize": 3.0, "alpha": 0.35}
NOTHING = "no point has a cost above 0"


@dataclass(frozen=True, slots=True)
class Mark:
    """One configuration: its cost, its accuracy in 0..1, its name, and whether it is on its method's frontier.

    Attributes
    ----------
    shared : bool
        Whether all methods of the panel have it: those that are not take no part in frontiers.
    """

    cost: float
    accuracy: float
    label: str
    on_frontier: bool
    shared: bool = True


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

    def drawable(self) -> "ParetoPanel":
        """The panel without what a logarithmic axis has no place for: points that cost nothing."""
        return replace(self, curves=[_drawable(curve) for curve in self.curves])


def pareto(panels: Sequence[ParetoPanel], cost: str, unit: Amounts) -> Figure:
    """One panel per task and base model; frontiers are joined linearly in the logarithm of the cost, as gains measure them.

    Points that cost nothing are left out.

    Parameters
    ----------
    cost
        Name of the horizontal axis.
    unit
        How its numbers are written.
    """
    looks = looks_of(curve.method for panel in panels for curve in panel.curves)
    panels = [panel.drawable() for panel in panels]
    with style():
        figure, grid = sheet(len(panels))
        arrange(figure, [_draw(axes, panel, looks, cost, unit) for (axes,), panel in zip(grid, panels, strict=True)], HEIGHT)
        for (axes,), panel in zip(grid, panels, strict=True):
            _name_points(axes, panel, looks)
    return figure


def _drawable(curve: Curve) -> Curve:
    band = curve.band
    if band:
        rows = [row for row in zip(band.costs, band.low, band.high, strict=True) if row[0] > 0]
        band = Band(*map(list, zip(*rows, strict=True))) if rows else None
    return replace(curve, marks=[mark for mark in curve.marks if mark.cost > 0], band=band)


def _draw(axes: Axes, panel: ParetoPanel, looks: Mapping[str, Line], cost: str, unit: Amounts) -> Cell:
    entries = []
    for curve in panel.curves:
        look = looks[curve.method]
        _draw_curve(axes, curve, look)
        handle = Line2D([], [], color=look.color, linestyle=look.linestyle, marker=look.marker)
        entries.append((handle, f"{curve.method}{': ' if curve.remark else ''}{curve.remark}"))
    if panel.dense:
        axes.axhline(panel.dense.accuracy, zorder=0.5, **DENSE)
        entries.append((Line2D([], [], **DENSE), dense_text(panel.dense)))
    costs = [mark.cost for curve in panel.curves for mark in curve.marks]
    if costs:
        cost_axis(axes, axes.xaxis, min(costs), max(costs), unit)
    else:
        axes.set_xticks([])
        axes.text(0.5, 0.5, NOTHING, ha="center", va="center", color=GREY, transform=axes.transAxes)
    percent_axis(axes, _heights(panel))
    axes.set(xlabel=cost, ylabel="accuracy, %")
    return Cell([axes], "\n".join([panel.title, *panel.notes]), entries, _explained(panel))


def _draw_curve(axes: Axes, curve: Curve, look: Line) -> None:
    if curve.band and len(curve.band.costs) > 1:
        axes.fill_between(
            curve.band.costs, curve.band.low, curve.band.high, color=look.color, alpha=0.13, linewidth=0, zorder=1
        )
    for bar in _bars(curve):
        axes.plot(*zip(*bar, strict=True), color=look.color, linewidth=0.7, marker="_", markersize=3, zorder=1)
    below = [mark for mark in curve.marks if not mark.on_frontier]
    for marks, how in (([mark for mark in below if mark.shared], HOLLOW), ([mark for mark in below if not mark.shared], FAINT)):
        axes.plot(*_places(marks), linestyle="none", marker=look.marker, color=look.color, zorder=2, **how)
    kept: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle, "marker": look.marker}
    axes.plot(*_places(curve.frontier), label=curve.method, zorder=3, **kept)


def _bars(curve: Curve) -> list[list[Place]]:
    """The interval of a frontier that is one point, as a line: a band would have no width."""
    band = curve.band
    return [[(band.costs[0], band.low[0]), (band.costs[0], band.high[0])]] if band and len(band.costs) == 1 else []


def _places(marks: Sequence[Mark]) -> tuple[list[float], list[float]]:
    return [mark.cost for mark in marks], [mark.accuracy for mark in marks]


def _heights(panel: ParetoPanel) -> Iterator[float]:
    yield from (mark.accuracy for curve in panel.curves for mark in curve.marks)
    yield from chain.from_iterable((*curve.band.low, *curve.band.high) for curve in panel.curves if curve.band)
    if panel.dense:
        yield panel.dense.accuracy


def _name_points(axes: Axes, panel: ParetoPanel, looks: Mapping[str, Line]) -> None:
    """Those of the frontiers, never those below."""
    groups = [
        [Named(mark.cost, mark.accuracy, mark.label, looks[curve.method].color) for mark in curve.frontier]
        for curve in panel.curves
    ]
    lines = [[(named.x, named.y) for named in group] for group in groups] + [
        bar for curve in panel.curves for bar in _bars(curve)
    ]
    if panel.dense:
        lines.append([(cost, panel.dense.accuracy) for cost in axes.get_xlim()])
    place_labels(axes, groups, [(mark.cost, mark.accuracy) for curve in panel.curves for mark in curve.marks], lines)


def _explained(panel: ParetoPanel) -> str:
    """What the signs of the panel mean, of those that are there."""
    bands = [curve.band for curve in panel.curves if curve.band]
    below = [mark for curve in panel.curves for mark in curve.marks if not mark.on_frontier]
    intervals = {
        "shade": any(len(band.costs) > 1 for band in bands),
        "bars": any(len(band.costs) == 1 for band in bands),
        "[ ]": any("[" in curve.remark for curve in panel.curves),
    }
    notes = {
        f"{', '.join(name for name, there in intervals.items() if there)}: 95%": any(intervals.values()),
        "hollow: below its method's frontier": any(mark.shared for mark in below),
        "faint: not shared by all methods": not all(mark.shared for mark in below),
    }
    return " · ".join(name for name, there in notes.items() if there)


def dense_text(dense: Mark) -> str:
    return f"dense cache, {dense.label}: {100 * dense.accuracy:.1f}%"
