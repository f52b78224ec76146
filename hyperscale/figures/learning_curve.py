"""How a retrofit learned: its loss and the compression it reached, step by step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from hyperscale.figures.style import COLUMN_WIDTH, lines, style
from hyperscale.figures.words import GAP, HANDLE, legend_words

Log = Sequence[Mapping[str, Any]]
Numbers = npt.NDArray[np.float64]

SMOOTHED = 40  # a line is averaged over this part of its steps
LARGE_SPREAD = 30.0  # of losses, beyond which they need a logarithmic axis
CROWD = 3  # from so many logs on, single steps are left out
BAND: dict[str, Any] = {"color": "0.78", "linewidth": 3.2, "solid_capstyle": "butt", "zorder": 1}  # wide, as others lie on it


def learning_curve(*logs: Log, labels: Sequence[str] = ()) -> Figure:
    """Above, the distillation loss; below, realised compression, with the one the schedule asks for as a thin line.

    Parameters
    ----------
    logs
        Of one retrofit or of several to compare: a mapping with `step`, `kl`, `marked`, `wanted` and `ratio` per step.
    labels
        Their names; one alone needs none.
    """
    with style():
        words = legend_words(labels or [""], COLUMN_WIDTH - 0.1)
        figure = Figure(figsize=(COLUMN_WIDTH, 3.2 + (words.height if labels else 0)), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        names = [*words.texts[: len(labels)], *[""] * (len(logs) - len(labels))]
        for number, (log, name, look) in enumerate(zip(logs, names, lines(len(logs)), strict=True)):
            drawn = look.drawn(len(log), number / len(logs))
            _loss(above, log, name, drawn, alone=len(logs) < CROWD)
            _compression(below, log, "realised" if len(logs) == 1 else "", drawn)
        wanted = below.get_lines()[0]
        wanted.set_label("scheduled")
        _finish(above, below, [row["kl"] for log in logs for row in log])
        below.legend(loc="upper left") if len(logs) == 1 else below.legend(handles=[wanted], loc="upper left")
        if any(names):
            figure.legend(
                *above.get_legend_handles_labels(),
                loc="outside lower center",
                ncols=words.columns,
                handlelength=HANDLE,
                columnspacing=GAP,
            )
    return figure


def _loss(axes: Axes, log: Log, name: str, drawn: Mapping[str, Any], alone: bool) -> None:
    steps, losses = _column(log, "step"), _column(log, "kl")
    if alone:
        axes.plot(steps, losses, color=drawn["color"], linewidth=0.5, alpha=0.3, zorder=1)
    axes.plot(steps, _smooth(losses), label=name, zorder=2, **drawn)


def _compression(axes: Axes, log: Log, name: str, drawn: Mapping[str, Any]) -> None:
    steps = _column(log, "step")
    axes.plot(steps, 1 / (1 - _column(log, "wanted").clip(max=1 - 1e-6)), **BAND)
    # the mean of ratios would be of no number of entries: what is held is averaged, then divided
    held = _smooth(1 / _column(log, "ratio"))
    axes.plot(steps, 1 / held, label=name, zorder=2, **drawn)


def _finish(above: Axes, below: Axes, losses: Sequence[float]) -> None:
    positive = [loss for loss in losses if loss > 0]
    if positive and max(positive) > LARGE_SPREAD * min(positive):
        above.set_yscale("log")
        above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(positive) < 1000 * min(positive) else (1,), numticks=9))
        above.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
        above.yaxis.set_minor_formatter(NullFormatter())
    else:
        above.set_ylim(bottom=0)
    above.set_ylabel("KL to the teacher")
    below.set(xlabel="step", ylabel="compression")
    below.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}x"))
    below.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    below.margins(y=0.1)


def _column(log: Log, name: str) -> Numbers:
    return np.array([row[name] for row in log], dtype=np.float64)


def _smooth(values: Numbers) -> Numbers:
    """A centred running mean; at the ends, over what there is."""
    half = len(values) // SMOOTHED // 2
    sums = np.concatenate([[0.0], values.cumsum()])
    place = np.arange(len(values))
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, len(values))
    smoothed: Numbers = (sums[high] - sums[low]) / (high - low)
    return smoothed
