"""The figures of a page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hyperscale.commands.pareto_panel import Question
from hyperscale.commands.pareto_plot import pareto_of
from hyperscale.commands.plot import retention_figure
from hyperscale.commands.report_table import amount, percent
from hyperscale.commands.run_points import RunPoints, load_points
from hyperscale.commands.scaling_plot import scaling_of
from hyperscale.errors import Refusal
from hyperscale.page.drawing import Drawing
from hyperscale.page.plain_table import PlainTable
from hyperscale.page.svg import svg_text
from hyperscale.shown import shown

Note = Callable[[str], None]
Made = TypeVar("Made")

FRONTIERS = "Accuracy against KV reads"
SCALING = "Accuracy against width and length"
RETENTION = "What is held, and compression along the chains"
_HEADERS = ("method", "configuration", "KV reads", "accuracy %", "frontier")
_NUMERIC = (False, False, True, True, False)
_FAILURES = (Refusal, ValueError, ArithmeticError)  # of one figure: a page is worth having without it


def report_figures(runs: Iterable[Path | str], note: Note) -> list[Drawing]:
    """Frontiers, scaling and retention of the runs; a figure that they do not give, or that fails, is left out, and noted."""
    paths = list(runs)
    points = _tried(f"{FRONTIERS}; {SCALING}", lambda: load_points(paths, note), note)
    drawn = []
    if points is not None:
        drawn.append(_tried(FRONTIERS, lambda: _frontiers(points, note), note))
        drawn.append(_tried(SCALING, lambda: _scaling(points), note))
    drawn.append(_tried(RETENTION, lambda: _retention(paths), note))
    return [drawing for drawing in drawn if drawing is not None]


def _tried(title: str, make: Callable[[], Made], note: Note) -> Made | None:
    try:
        return make()
    except _FAILURES as error:
        reason = str(error) if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
        note(shown(f'without the figure "{title}": {reason}'))
        return None


def _frontiers(points: Sequence[RunPoints], note: Note) -> Drawing:
    plot = pareto_of(points, Question(), note=note)
    numbers = plot.to_json()
    caption = (
        "Each mark is a configuration W-L-CR, filled where it is on its method's frontier; bands hold 95% of the frontiers of "
        f"resampled problems. Gain: mean difference to {shown(numbers['reference'])}, in points of accuracy, over the costs "
        "that both have."
    )
    tables = [table for panel in numbers["panels"] for table in _tables(panel, numbers["reference"])]
    return Drawing(FRONTIERS, svg_text(plot.figure(), FRONTIERS), caption, tuple(tables))


def _scaling(points: Sequence[RunPoints]) -> Drawing:
    caption = "Over the chains per problem (W), and over the tokens per chain (L); bars are 95% intervals."
    return Drawing(SCALING, svg_text(scaling_of(points), SCALING), caption)


def _retention(paths: Sequence[Path | str]) -> Drawing:
    caption = "The share of the tokens seen that each head holds, run by run; and dense over measured reads as chains grow."
    return Drawing(RETENTION, svg_text(retention_figure(paths), RETENTION), caption)


def _tables(panel: Mapping[str, Any], reference: str) -> list[PlainTable]:
    """A panel's gains, and its points, method by method from the cheapest."""
    title = shown(f"{panel['task']}, {panel['base_model']}, {panel['problems']} problems")
    points = sorted(panel["points"], key=lambda point: (point["method"] != reference, point["method"]))
    rows, remarks = tuple(map(_point, points)), panel["remarks"]
    notes = shown(" ".join(["Frontiers and gains are without some points.", *remarks])) if remarks else ""
    found = [PlainTable(title, _HEADERS, _NUMERIC, rows, notes)]
    if panel["gains"]:
        gains = tuple(_gain(method, gain) for method, gain in panel["gains"].items())
        over = shown(f"Gains over {reference}: {title}")
        found.insert(0, PlainTable(over, ("method", "gain, points", "95% interval"), (False, True, True), gains))
    return found


def _point(point: Mapping[str, Any]) -> tuple[str, ...]:
    place = "on it" if point["on_frontier"] else "below"
    return shown(point["method"]), shown(point["configuration"]), amount(point["cost"]), percent(point["accuracy"]), place


def _gain(method: str, gain: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = gain["low"], gain["high"]
    interval = "-" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    return shown(method), "NA" if gain["gain"] is None else f"{100 * gain['gain']:+.1f}", interval
