"""One panel of `hyperscale plot pareto`: from points to curves and numbers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.analysis import bands as resampled
from hyperscale.analysis.common_grid import CommonGrid, common_grid
from hyperscale.analysis.estimate import FEW_PROBLEMS
from hyperscale.analysis.frontier import Axis
from hyperscale.analysis.point import Cost, Panel, Point
from hyperscale.analysis.published_results import published_results
from hyperscale.analysis.summary import Accounting
from hyperscale.commands.gate_summary import signed
from hyperscale.commands.report_table import amount
from hyperscale.commands.run_points import shared_problems
from hyperscale.figures.pareto import Band, Curve, Mark, ParetoPanel
from hyperscale.shown import shown

DENSE = "vanilla"
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is drawn against what, and how it is counted."""

    cost: Cost = Cost.READS
    axis: Axis = Axis.LOG2
    accounting: Accounting = Accounting.FULL
    reference: str = DENSE
    seed: int = 0
    paper: bool = False  # published gains beside ours

    def of(self, point: Point) -> float:
        """Mean cost of a point."""
        return float(point.cost(self.cost, self.accounting).mean())


@dataclass(frozen=True, slots=True)
class PanelNumbers:
    """One panel of the figure in numbers: its points, and each method's gain over the reference, in accuracy, 0..1."""

    panel: Panel
    problems: int
    points: tuple[Mapping[str, Any], ...]
    gains: Mapping[str, resampled.GainBand]
    remarks: tuple[str, ...]


def pareto_panel(panel: Panel, points: Sequence[Point], question: Question, note: Note) -> tuple[ParetoPanel, PanelNumbers]:
    """What one panel shows of its points, and the numbers behind it; `note` hears what a reader must know."""
    points = shared_problems(panel, points, note)
    by_method = _by_method(points)
    grid = common_grid(by_method)
    found = _resampled(grid, question)
    where = shown(f"{panel.task}, {panel.base_model}")
    if any(question.of(point) == 0 for point in points):
        note(f"{where}: points that cost nothing have no place on a logarithmic axis and are left out")
    for remark in grid.remarks:
        note(f"{where}: frontiers and gains without some points. {remark}")
    for remark in _cautions(by_method, len(points[0].problems)):
        note(f"{where}: {remark}")
    gains = {
        method: found.gains[method, question.reference] for method in by_method if (method, question.reference) in found.gains
    }
    rows = _rows(points, found, question)
    beside = published_texts(panel, question.cost, question.reference) if question.paper else {}
    if question.paper and not beside:
        note(f"{shown(panel.task)}: the paper has no gains over {question.reference} for it")
    if beside:
        note(f"paper: {published_results().citation}")
    remarks = {
        method: "; ".join(
            [*_models(points_of, panel), *([_gain_text(gains[method])] if method in gains else []), *beside.get(method, ())]
        )
        for method, points_of in by_method.items()
    }
    curves = [_curve(method, rows, found.bands.get(method), remarks[method]) for method in by_method]
    problems = len(points[0].problems)
    title = shown(f"{panel.task} · {panel.base_model} · {problems} problem{'s' if problems > 1 else ''}")
    drawn = ParetoPanel(title, curves, _dense_chain(points, question))
    return drawn, PanelNumbers(panel, problems, tuple(rows), gains, tuple(grid.remarks))


def _resampled(grid: CommonGrid, question: Question) -> resampled.Bands:
    if not grid.problems:  # nothing that all methods have: points alone
        return resampled.Bands({}, {}, {}, {}, 0, question.seed)
    return resampled.bootstrap(
        grid.points, question.cost, seed=question.seed, accounting=question.accounting, axis=question.axis
    )


def _cautions(by_method: Mapping[str, Sequence[Point]], problems: int) -> Iterator[str]:
    budgets = {method: len({point.series.budget for point in points}) for method, points in by_method.items()}
    if len(set(budgets.values())) > 1:
        counts = ", ".join(f"{method} {count}" for method, count in budgets.items())
        yield f"the methods have different numbers of budgets ({counts}): a frontier over more points is higher by chance"
    if problems < FEW_PROBLEMS:
        yield f"bands and gains of {problems} problems are rough: from {FEW_PROBLEMS} on they can be trusted"


def _by_method(points: Iterable[Point]) -> dict[str, list[Point]]:
    """The dense cache first, as the others are held against it."""
    found: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: point.series.method != DENSE):
        found.setdefault(point.series.method, []).append(point)
    return found


def _rows(points: Sequence[Point], found: resampled.Bands, question: Question) -> list[dict[str, Any]]:
    """The points as JSON values, cheapest first; those outside the common grid have no standing."""
    standings = {_place(s.point): s for its in found.standings.values() for s in its}
    frontiers = {_place(point) for whole in found.frontiers.values() for point in whole.points}
    rows = []
    for point in sorted(points, key=question.of):
        standing = standings.get(_place(point))
        rows.append(
            {
                "method": point.series.method,
                "model": point.series.model,
                "budget": point.series.budget,
                "configuration": point.label,
                "width": point.width,
                "max_len": point.length,
                "chains": point.chains,
                "derived": point.derived,
                "cost": question.of(point),
                "accuracy": float(point.accuracy.mean()),
                "accuracy_avg": float(point.average.mean()),
                "on_frontier": _place(point) in frontiers,
                "share_on_own_frontier": standing.own if standing else None,
                "share_on_overall_frontier": standing.overall if standing else None,
            }
        )
    return rows


def _place(point: Point) -> tuple[Any, ...]:
    return point.series, point.width, point.length


def _curve(method: str, rows: Sequence[Mapping[str, Any]], band: resampled.Band | None, remark: str) -> Curve:
    mine = [row for row in rows if row["method"] == method]
    marks = [
        Mark(
            row["cost"],
            row["accuracy"],
            row["configuration"],
            row["on_frontier"],
            shared=row["share_on_own_frontier"] is not None,
        )
        for row in mine
    ]
    drawn = Band(band.costs.tolist(), band.low.tolist(), band.high.tolist()) if band is not None else None
    return Curve(method, marks, drawn, remark)


def published_texts(panel: Panel, cost: Cost, reference: str) -> dict[str, list[str]]:
    """The paper's gains on the panel's task, by method: of the panel's model where it has it, else of all it has."""
    gains = [
        gain
        for gain in published_results().gains
        if (gain.task, str(gain.cost), gain.reference) == (panel.task, str(cost), reference)
    ]
    own = [gain for gain in gains if gain.base_model.rpartition("/")[2] == panel.base_model.rpartition("/")[2]]
    texts: dict[str, list[str]] = {}
    for gain in own or gains:
        size = gain.base_model.rpartition("-")[2]
        texts.setdefault(gain.method, []).append(f"{'NA' if gain.gain is None else f'{100 * gain.gain:+.1f}'} ({size})")
    return {method: [f"paper {', '.join(each)}"] for method, each in texts.items()}


def _models(points: Sequence[Point], panel: Panel) -> list[str]:
    """The models of a method, where they are others than the panel's."""
    names = dict.fromkeys(point.series.model for point in points)
    return [", ".join(names)] if set(names) != {shown(panel.base_model)} else []


def _gain_text(gain: resampled.GainBand) -> str:
    if gain.gain is None:
        return "gain NA: no cost in common at what all methods have"
    interval = "" if gain.low is None or gain.high is None else f" [{signed(100 * gain.low)}, {signed(100 * gain.high)}]"
    sometimes = f" (NA in {100 * gain.undefined:.0f}% of resamples)" if gain.undefined >= 0.005 else ""
    span = f" over {amount(gain.span[0])}–{amount(gain.span[1])}" if gain.span else ""
    return f"gain {signed(100 * gain.gain)} points{interval}{span}{sometimes}"


def _dense_chain(points: Sequence[Point], question: Question) -> Mark | None:
    """One dense chain of the largest length: what most people would run."""
    single = [point for point in points if point.series.method == DENSE and point.width == 1]
    if not single:
        return None
    longest = max(single, key=lambda point: point.length)
    return Mark(question.of(longest), float(longest.accuracy.mean()), longest.label, on_frontier=False)
