"""`hyperscale plot scaling`: accuracy against width and length, from runs to a figure."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from hyperscale.analysis.estimate import headline_interval
from hyperscale.analysis.point import Panel, Point, Series
from hyperscale.commands.figure_files import written
from hyperscale.commands.pareto_panel import DENSE
from hyperscale.commands.run_points import RunPoints, by_panel, load_points, shared_problems
from hyperscale.figures.scaling import Growth, ScalingCurve, ScalingPanel, scaling

Note = Callable[[str], None]


def plot_scaling(
    runs: Iterable[Path | str], out: Path | str = Path("plots"), mixed: bool = False, note: Note = lambda text: None
) -> list[Path]:
    """Accuracy against W at the largest L that all series have, and against L at the largest W: ``scaling.png``, ...

    Raises
    ------
    Refusal
        There is no run, one cannot be read or has no finished problem, or runs of a panel do not belong together.
    """
    return written(scaling_of(load_points(runs, note), mixed=mixed, note=note), Path(out), "scaling")


def scaling_of(loaded: Sequence[RunPoints], *, mixed: bool = False, note: Note = lambda text: None) -> Figure:
    """The figure of `plot_scaling`, of runs whose points are there already; raises as it does."""
    panels = by_panel(loaded, mixed=mixed)
    return scaling([_panel(panel, shared_problems(panel, points, note), note) for panel, points in panels.items()])


def _panel(panel: Panel, points: Sequence[Point], note: Note) -> ScalingPanel:
    series: dict[Series, list[Point]] = {}
    for point in sorted(points, key=_dense_first):
        series.setdefault(point.series, []).append(point)
    width = min(max(point.width for point in its) for its in series.values())
    length = _common_length(panel, series, note)
    curves = [
        ScalingCurve(
            _label(its, named=_ambiguous(its, series)),
            _growth([p for p in mine if p.length == length], lambda point: point.width),
            _growth([p for p in mine if p.width == width], lambda point: point.length),
            its.method,
        )
        for its, mine in series.items()
    ]
    problems = len(points[0].problems)
    return ScalingPanel(f"{panel.task} · {panel.base_model} · {problems} problems", width, length, curves)


def _dense_first(point: Point) -> tuple[bool, str, int, str]:
    method, budget = point.series.method, point.series.budget
    return method != DENSE, method, len(budget), budget


def _common_length(panel: Panel, series: dict[Series, list[Point]], note: Note) -> int:
    """The largest length that all series have, else the one that most have."""
    lengths = [{point.length for point in its} for its in series.values()]
    counts = {length: sum(length in its for its in lengths) for length in set().union(*lengths)}
    best = max(counts, key=lambda length: (counts[length], length))
    if counts[best] < len(lengths):
        note(f"{panel.task}, {panel.base_model}: not all methods have a length in common; widths are shown at {best}")
    return best


def _ambiguous(its: Series, series: Iterable[Series]) -> bool:
    return sum((other.method, other.budget) == (its.method, its.budget) for other in series) > 1


def _label(its: Series, *, named: bool) -> str:
    return f"{its.method} {its.budget}" + (f", {its.model}" if named else "")


def _growth(points: Sequence[Point], place: Callable[[Point], int]) -> Growth:
    ordered = sorted(points, key=place)
    intervals = [headline_interval(point.accuracy, point.width) for point in ordered]
    return Growth(
        [place(point) for point in ordered],
        [float(point.accuracy.mean()) for point in ordered],
        [interval.low for interval in intervals],
        [interval.high for interval in intervals],
    )
