"""`hyperscale plot latency`: generation time against reads, from runs to a figure."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hyperscale.analysis.point import Cost, Panel, Point
from hyperscale.analysis.summary import Accounting
from hyperscale.commands.figure_files import written
from hyperscale.commands.pareto_panel import DENSE
from hyperscale.commands.run_points import by_panel, load_points, one_machine, shared_problems
from hyperscale.figures.latency import LatencyPanel, Timed, latency

Note = Callable[[str], None]


def plot_latency(
    runs: Iterable[Path | str], out: Path | str = Path("plots"), mixed: bool = False, note: Note = lambda text: None
) -> list[Path]:
    """Seconds of generation against KV reads, per problem, of whole runs on one machine: ``latency.png``, ...

    Seconds are tokens over the tokens per second of the run, whose rows were busy together: they depend on rows and workers.

    Raises
    ------
    Refusal
        There is no run, one cannot be read, has no finished problem or was not timed; they were made on several machines; or
        runs of a panel do not belong together, unless `mixed` allows it.
    """
    loaded = load_points(runs, note, derive=False)
    machine = one_machine(loaded)
    drawn = [_panel(panel, points, machine, note) for panel, points in by_panel(loaded, mixed=mixed).items()]
    return written(latency(drawn), Path(out), "latency")


def _panel(panel: Panel, points: Sequence[Point], machine: str, note: Note) -> LatencyPanel:
    timed = [_timed(point) for point in shared_problems(panel, points, note)]
    dense = next((run for run in timed if run.method == DENSE), None)
    return LatencyPanel(f"{panel.task} · {panel.base_model} · {machine}", timed, dense)


def _timed(point: Point) -> Timed:
    reads = float(point.cost(Cost.READS, Accounting.FULL).mean())
    assert point.seconds is not None
    return Timed(point.series.method, point.label, reads, point.seconds)
