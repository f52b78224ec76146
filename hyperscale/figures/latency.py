"""Time against reads: how much of what a cache saves a machine turns into time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from hyperscale.figures.axes import Amounts
from hyperscale.figures.labels import Named, place_labels
from hyperscale.figures.sheet import Cell, arrange, sheet
from hyperscale.figures.style import GREY, Line, looks_of, style

HEIGHT = 2.1  # inches
MOST_TICKS = 5
ROOM = 1.2  # beyond the outermost runs, for their names
PROMISE = "line: time in proportion to reads, as from the dense cache"


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
    looks = looks_of(run.method for panel in panels for run in panel.runs)
    with style():
        figure, grid = sheet(len(panels))
        arrange(figure, [_draw(axes, panel, looks) for (axes,), panel in zip(grid, panels, strict=True)], HEIGHT)
        for (axes,), panel in zip(grid, panels, strict=True):
            groups: dict[str, list[Named]] = {}
            for run in sorted(panel.runs, key=lambda run: run.reads):
                groups.setdefault(run.method, []).append(Named(run.reads, run.seconds, run.label, looks[run.method].color))
            promise = [[(0.0, 0.0), _promised(panel)]] if panel.dense else []
            place_labels(axes, [*groups.values()], [(run.reads, run.seconds) for run in panel.runs], promise)
    return figure


def _draw(axes: Axes, panel: LatencyPanel, looks: Mapping[str, Line]) -> Cell:
    entries = []
    for method in dict.fromkeys(run.method for run in panel.runs):
        places = zip(*((run.reads, run.seconds) for run in panel.runs if run.method == method), strict=True)
        look = looks[method]
        (drawn,) = axes.plot(*places, linestyle="none", marker=look.marker, color=look.color, zorder=3, clip_on=False)
        entries.append((drawn, method))
    reads, seconds = _ends(panel)
    axes.set(xlim=(0, reads), ylim=(0, seconds), xlabel="KV reads per problem", ylabel="seconds per problem")
    axes.xaxis.set_major_locator(MultipleLocator(2.0 ** ceil(log2(reads / MOST_TICKS))))  # so that ticks are whole k and M
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: Amounts(binary=True)(value)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if panel.dense:
        line = Line2D([0, _promised(panel)[0]], [0, _promised(panel)[1]], color=GREY, linewidth=0.6, zorder=1, label=PROMISE)
        axes.add_line(line)
    return Cell([axes], panel.title, entries, PROMISE if panel.dense else "")


def _ends(panel: LatencyPanel) -> tuple[float, float]:
    """Of the axes; 1 where there is nothing to show."""
    return ROOM * max(run.reads for run in panel.runs) or 1.0, ROOM * max(run.seconds for run in panel.runs) or 1.0


def _promised(panel: LatencyPanel) -> tuple[float, float]:
    """Where the line through the origin and the dense run leaves the panel."""
    assert panel.dense is not None
    reads, seconds = _ends(panel)
    widest = max(panel.dense.reads / reads, panel.dense.seconds / seconds)
    return (panel.dense.reads / widest, panel.dense.seconds / widest) if widest else (0.0, 0.0)
