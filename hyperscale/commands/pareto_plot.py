"""`hyperscale plot pareto`: accuracy against cost, from runs to a figure, a text and numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.text import Text

from hyperscale.analysis import bands as resampled
from hyperscale.analysis.frontier import Axis
from hyperscale.analysis.point import Cost
from hyperscale.analysis.published_results import published_results
from hyperscale.analysis.summary import Accounting
from hyperscale.commands.figure_files import written
from hyperscale.commands.pareto_panel import DENSE, Note, PanelNumbers, Question, pareto_panel
from hyperscale.commands.run_points import RunPoints, by_panel, load_points, one_machine
from hyperscale.errors import Refusal
from hyperscale.figures.axes import Amounts
from hyperscale.figures.pareto import ParetoPanel, pareto
from hyperscale.figures.terminal import text_plot
from hyperscale.names import one_of, unknown

PAPER = "paper"
AXES = {
    Cost.READS: "KV reads per problem",
    Cost.PEAK: "peak KV entries per problem",
    Cost.LATENCY: "seconds of generation per problem",
}


@dataclass(frozen=True, slots=True)
class ParetoPlot:
    """A figure of frontiers, and the numbers behind it."""

    question: Question
    panels: tuple[ParetoPanel, ...]
    numbers: tuple[PanelNumbers, ...]

    def figure(self) -> Figure:
        return pareto(self.panels, AXES[self.question.cost], self._unit)

    def text(self, width: int = 80) -> Text:
        """The panels for a terminal of `width` columns."""
        return Text("\n\n").join(text_plot(panel, self._unit, width, cost=AXES[self.question.cost]) for panel in self.panels)

    def save(self, out: Path) -> list[Path]:
        """Write ``pareto-reads.png``, ``.svg`` and ``.pdf`` (or ``-peak``, ``-latency``) to the folder `out`."""
        return written(self.figure(), out, f"pareto-{self.question.cost}")

    def to_json(self) -> dict[str, Any]:
        """Points and gains as one JSON object, as `--json` prints it."""
        question = {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self.question).items()}
        return question | {
            "resamples": resampled.RESAMPLES,
            **({"citation": str(published_results().citation)} if self.question.paper else {}),
            "panels": [
                {
                    **asdict(its.panel),
                    "problems": its.problems,
                    "points": [dict(point) for point in its.points],
                    "gains": {method: asdict(gain) for method, gain in its.gains.items()},
                    "remarks": list(its.remarks),
                }
                for its in self.numbers
            ],
        }

    @property
    def _unit(self) -> Amounts:
        return Amounts(binary=self.question.cost is not Cost.LATENCY)


def pareto_plot(
    runs: Iterable[Path | str],
    question: Question | None = None,
    *,
    mixed: bool = False,
    note: Note = lambda text: None,
) -> ParetoPlot:
    """Accuracy against cost, one panel per task and base model; every run gives all the points that its chains tell of.

    Frontiers, gains over the reference, and bands use only the configurations and problems that all methods of a panel have;
    what that leaves out is noted, and drawn without a line.

    Raises
    ------
    Refusal
        There is no run, one cannot be read or has no finished problem, or runs of a panel do not belong together.
    """
    return pareto_of(load_points(runs, note), question or Question(), mixed=mixed, note=note)


def pareto_of(
    loaded: Sequence[RunPoints], question: Question, *, mixed: bool = False, note: Note = lambda text: None
) -> ParetoPlot:
    """`pareto_plot` of runs whose points are there already; raises as it does."""
    if question.cost is Cost.LATENCY:
        one_machine(loaded)
    _check_reference(loaded, question.reference, note)
    parts = [pareto_panel(panel, points, question, note) for panel, points in by_panel(loaded, mixed=mixed).items()]
    return ParetoPlot(question, tuple(drawn for drawn, _ in parts), tuple(numbers for _, numbers in parts))


def _check_reference(loaded: Sequence[RunPoints], reference: str, note: Note) -> None:
    methods = sorted({run.whole.series.method for run in loaded})
    if reference in methods:
        return
    if reference != DENSE:
        raise Refusal(f"None of these runs is of {reference}, which gains are wanted over. There are {', '.join(methods)}.")
    note(f"no gains: none of these runs is of {DENSE}, which methods are held against (--reference)")


def plot_pareto(
    runs: Iterable[Path | str],
    out: Path | str = Path("plots"),
    cost: str = "reads",
    axis: str = "log2",
    accounting: str = "full",
    reference: str = DENSE,
    overlay: str | None = None,
    mixed: bool = False,
    note: Note = lambda text: None,
) -> list[Path]:
    """Draw `pareto_plot` as ``pareto-reads.png``, ``.svg`` and ``.pdf`` (or ``-peak``, ``-latency``) in the folder `out`."""
    return pareto_plot(runs, ask(cost, axis, accounting, reference, overlay), mixed=mixed, note=note).save(Path(out))


def ask(
    cost: str = "reads", axis: str = "log2", accounting: str = "full", reference: str = DENSE, overlay: str | None = None
) -> Question:
    """The words of ``hyperscale plot pareto`` as a question (UsageError where there is no such word)."""
    if overlay not in (None, PAPER):
        raise unknown("overlay", overlay, [PAPER])
    return Question(
        one_of(Cost, cost, "cost"),
        one_of(Axis, axis, "axis"),
        one_of(Accounting, accounting, "accounting"),
        reference,
        paper=overlay == PAPER,
    )
