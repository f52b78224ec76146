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
from hyperscale.figures.style import GREY, LEGEND_LETTERS, LEGEND_LINE, TEXT_WIDTH, lines, style, wrapped

COLOURS = "cividis"  # grows lighter evenly: for the colour-blind, and in black and white
LEFT, RIGHT = {1: 1.0, 2: 1.3, 3: 1.7}, 1.35  # widths of the halves, by columns of heat maps
TITLE_LETTERS = {1: 26, 2: 17, 3: 13}
WRITTEN_CELLS = 32  # of heat maps whose numbers are written into them
TITLE_LINE = 0.13  # inches


@dataclass(frozen=True, slots=True)
class RetentionCurve:
    """One run: its name in the figure, the share held by layer and KV head (empty where none was recorded), its buckets."""

    label: str
    share: Sequence[Sequence[float]]
    buckets: Sequence[LengthBucket]


def retention(runs: Sequence[RetentionCurve]) -> Figure:
    """Left, the share of tokens seen that each head holds, a heat map per run; right, realised compression along the chains."""
    columns = 1 if len(runs) == 1 else 2 if len(runs) <= 8 else 3
    rows = ceil(len(runs) / columns)
    titles = [wrapped(run.label, TITLE_LETTERS[columns]) for run in runs]
    maps = 0.75 + rows * (1.05 + TITLE_LINE * max(title.count("\n") for title in titles))
    side_by_side = max(len(run.label) for run in runs) <= LEGEND_LETTERS
    labels = [run.label if side_by_side else wrapped(run.label, 2 * LEGEND_LETTERS) for run in runs]
    legend = LEGEND_LINE * sum(1 + label.count("\n") for label in labels) / (1 + side_by_side)
    with style():
        figure = Figure(figsize=(TEXT_WIDTH, max(2.5, maps, 2.0 + legend)), layout="constrained")
        parts: Any = figure.subfigures(1, 2, width_ratios=(LEFT[columns], RIGHT))
        _heat_maps(parts[0], runs, titles, rows, columns)
        _curves(parts[1], runs, labels, 1 + side_by_side)
    return figure


def _heat_maps(part: Any, runs: Sequence[RetentionCurve], titles: Sequence[str], rows: int, columns: int) -> None:
    shares = [np.array(run.share) for run in runs]
    largest = max((float(share.max()) for share in shares if share.size), default=1.0)
    top = max(1, ceil(round(10 * largest, 6))) / 10  # a whole tenth, so that the scale ends on a round number
    grid = part.subplots(rows, columns, squeeze=False)
    image = None
    for number, (axes, title, share) in enumerate(zip(grid.flat, titles, shares, strict=False)):
        axes.set_title(title, fontsize=8 if columns == 1 else 7)
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


def _curves(part: Any, runs: Sequence[RetentionCurve], labels: Sequence[str], columns: int) -> None:
    axes = part.subplots()
    axes.axhline(1, color=GREY, linewidth=0.6, zorder=0)
    for number, (run, label, look) in enumerate(zip(runs, labels, lines(len(runs)), strict=True)):
        if run.buckets:
            places = [(bucket.start + bucket.end) / 2 for bucket in run.buckets]
            ratios = [bucket.realised_cr for bucket in run.buckets]
            axes.plot(places, ratios, label=label, **look.drawn(len(places), number / len(runs)))
    axes.set(xlabel="tokens generated", ylabel="realised compression", xlim=(0, None))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}x"))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.margins(y=0.08)
    if len(runs) > 1 and axes.get_legend_handles_labels()[0]:
        part.legend(loc="outside lower center", ncols=columns, handlelength=3.2, columnspacing=1.2)
