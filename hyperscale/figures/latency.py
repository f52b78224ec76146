"""Time against reads: how much of what a cache saves a machine turns into time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from hyperscale.figures.axes import Amounts
from hyperscale.figures.labels import Named, place_labels
from hyperscale.figures.style import COLUMN_WIDTH, GREY, looks_of, style

PANEL_HEIGHT = 2.6  # inches
MOST_TICKS = 5
ROOM = 1.2  # beyond the outermost runs, for their names
PROMISE = "time in proportion to reads"


@dataclass(frozen=True, slots=True)
class Timed:
    """One run: KV reads and seconds of generation, both per problem."""

    method: str
    label: str
    reads: float
    seconds: float


@dataclass(frozen=True, slots=True)
class LatencyPanel:
    """The runs of one task and base model on one machine; `dense` is the one that the others are held against, if any."""

    title: str
    runs: Sequence[Timed]
    dense: Timed | None = None


def latency(panels: Sequence[LatencyPanel]) -> Figure:
    """On the thin line through the origin and the dense cache, time falls as reads do."""
    columns = min(2, len(panels))
    looks = looks_of([run.method for panel in panels for run in panel.runs])
    with style():
        size = (columns * COLUMN_WIDTH, ceil(len(panels) / columns) * PANEL_HEIGHT)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(ceil(len(panels) / columns), columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(axes, panel)
            for run in panel.runs:
                look = looks[run.method]
                axes.plot([run.reads], [run.seconds], linestyle="none", marker=look.marker, color=look.color, zorder=3)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid.flat, panels, strict=False):
            names = [Named(run.reads, run.seconds, run.label, looks[run.method].color) for run in panel.runs]
            place_labels(axes, names, [(run.reads, run.seconds) for run in panel.runs])
    return figure


def _draw(axes: Axes, panel: LatencyPanel) -> None:
    most = max(run.reads for run in panel.runs), max(run.seconds for run in panel.runs)
    axes.set(xlim=(0, ROOM * most[0]), ylim=(0, ROOM * most[1]))
    step = 2.0 ** ceil(log2(ROOM * most[0] / MOST_TICKS))  # so that ticks are whole k and M
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: Amounts(binary=True)(value)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel="KV reads per problem", ylabel="seconds per problem", title=panel.title)
    if panel.dense:
        slope = panel.dense.seconds / panel.dense.reads
        axes.plot([0, 2 * most[0]], [0, 2 * most[0] * slope], color=GREY, linewidth=0.6, zorder=1, label=PROMISE)
        axes.legend(loc="upper left", handlelength=1.5)
