"""Where a cache keeps what it keeps: by layer and head, and along a chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from hyperscale.analysis.compression import LengthBucket
from hyperscale.figures.style import COLUMN_WIDTH, GREY, series_looks, style
from hyperscale.figures.words import GAP, HANDLE, LegendWords, fitted, legend_words

COLOURS = "cividis"  # grows lighter evenly: for the colour-blind, and in black and white
TITLE_WIDTH = {1: 2.6, 2: 1.35, 3: 0.92}  # inches, by columns of heat maps
WRITTEN_CELLS = 32  # of heat maps whose numbers are written into them
TITLE_LINE, TITLE_SIZE = 0.13, 7.0  # inches, points
CURVES_HEIGHT = 2.1  # inches


@dataclass(frozen=True, slots=True)
class RetentionCurve:
    """One run: its name in the figure, the share held by layer and KV head (empty where none was recorded), its buckets.

    `method` gives it the look of the other figures; without it the label does.
    """

    label: str
    share: Sequence[Sequence[float]]
    buckets: Sequence[LengthBucket]
    method: str = ""


def retention(runs: Sequence[RetentionCurve]) -> Figure:
    """Above, the share of tokens seen that each head holds, a heat map per run; below, realised compression along chains.

    There are no heat maps if no run recorded what its heads hold.
    """
    columns = 1 if len(runs) == 1 else 2 if len(runs) <= 4 else 3
    rows = ceil(len(runs) / columns)
    with style():
        titles = [fitted(run.label, TITLE_WIDTH[columns], TITLE_SIZE) for run in runs]
        words = legend_words([run.label for run in runs], COLUMN_WIDTH - 0.1)
        curves = CURVES_HEIGHT + words.height
        if not any(run.share for run in runs):
            figure = Figure(figsize=(COLUMN_WIDTH, curves), layout="constrained")
            _curves(figure, runs, words)
            return figure
        maps = 0.75 + rows * (1.05 + TITLE_LINE * max(title.count("\n") for title in titles))
        figure = Figure(figsize=(COLUMN_WIDTH, maps + curves), layout="constrained")
        halves: Any = figure.subfigures(2, 1, height_ratios=(maps, curves))
        _heat_maps(halves[0], runs, titles, rows, columns)
        _curves(halves[1], runs, words)
    return figure


def _heat_maps(part: Any, runs: Sequence[RetentionCurve], titles: Sequence[str], rows: int, columns: int) -> None:
    shares = [np.array(run.share) for run in runs]
    largest = max((float(share.max()) for share in shares if share.size), default=1.0)
    top = max(1, ceil(round(10 * largest, 6))) / 10  # a whole tenth, so that the scale ends on a round number
    grid = part.subplots(rows, columns, squeeze=False)
    image = None
    for number, (axes, title, share) in enumerate(zip(grid.flat, titles, shares, strict=False)):
        axes.set_title(title, fontsize=TITLE_SIZE)
        image = _heat_map(axes, share, top) or image
        if number % columns == 0:
            axes.set_ylabel("layer")
        if number + columns >= len(runs):
            axes.set_xlabel("KV head")
    for axes in grid.flat[len(runs) :]:
        axes.set_axis_off()
    if image is not None:
        bar = part.colorbar(image, ax=grid, location="bottom", aspect=30, pad=0.02, fraction=0.06)
        bar.set_label("share of tokens seen that is held")
        bar.outline.set_linewidth(0.4)
        bar.locator = MaxNLocator(5, steps=[1, 2, 5, 10])


def _heat_map(axes: Axes, share: np.ndarray[Any, Any], top: float) -> Any:
    if not share.size:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not recorded", ha="center", va="center", color=GREY, transform=axes.transAxes)
        return None
    image = axes.imshow(share, cmap=COLOURS, vmin=0, vmax=top, aspect="auto", interpolation="nearest")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.tick_params(length=2)
    if share.size <= WRITTEN_CELLS and share.shape[1] <= 4:
        for (layer, head), value in np.ndenumerate(share):
            color = "black" if value > 0.55 * top else "white"
            axes.text(head, layer, f"{value:.2f}", ha="center", va="center", fontsize=6, color=color)
    return image


def _curves(part: Any, runs: Sequence[RetentionCurve], words: LegendWords) -> None:
    axes = part.subplots()
    axes.axhline(1, color=GREY, linewidth=0.6, zorder=0)
    looks = series_looks([(run.method or run.label, run.label) for run in runs])
    for number, (run, label, look) in enumerate(zip(runs, words.texts, looks, strict=True)):
        if run.buckets:
            places = [(bucket.start + bucket.end) / 2 for bucket in run.buckets]
            ratios = [bucket.realised_cr for bucket in run.buckets]
            axes.plot(places, ratios, label=label, **look.drawn(len(places), number / len(runs)))
    axes.margins(y=0.08)
    axes.set(xlabel="tokens generated", ylabel="realised compression")
    axes.set(xlim=(0, None), ylim=(max(0, axes.get_ylim()[0]), None))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}x"))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if len(runs) > 1 and axes.get_legend_handles_labels()[0]:
        part.legend(loc="outside lower center", ncols=words.columns, handlelength=HANDLE, columnspacing=GAP, borderaxespad=0.2)
