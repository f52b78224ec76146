"""Panels of one size, each under its title and over its legend and notes, whatever length these have.

Nothing is left to matplotlib's layout engines: they make axes pay for long words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from hyperscale.figures.style import COLUMN_WIDTH
from hyperscale.figures.words import GAP, HANDLE, fitted, legend_words

COLUMNS = 2
EDGE = 0.05  # inches that stay free around a panel
APART = 0.07  # inches between title, axes, legend and notes
TITLE_SIZE, NOTE_SIZE = 8.0, 6.0  # points


@dataclass(frozen=True, slots=True)
class Cell:
    """A panel: axes from top to bottom, what stands above them, the entries of its legend, and what explains its signs."""

    axes: Sequence[Axes]
    title: str
    entries: Sequence[tuple[Artist, str]]
    notes: str = ""


@dataclass(frozen=True, slots=True)
class _Rim:
    """Inches that ticks and names of axes take on each side."""

    left: float
    below: float
    right: float
    above: float


@dataclass(frozen=True, slots=True)
class _Words:
    title: Text
    legend: Legend
    notes: Text

    def heights(self) -> tuple[float, float, float]:
        """In inches."""
        figure = self.title.get_figure(root=True)
        assert figure is not None
        renderer = FigureCanvasAgg(figure).get_renderer()
        title, legend, notes = (part.get_window_extent(renderer).height for part in (self.title, self.legend, self.notes))
        return title / figure.dpi, legend / figure.dpi, notes / figure.dpi


def sheet(panels: int, stacked: int = 1) -> tuple[Figure, list[list[Axes]]]:
    """A figure, and of each panel its axes: draw them, then `arrange` puts them in their places."""
    figure = Figure(figsize=(COLUMN_WIDTH, COLUMN_WIDTH))
    return figure, [[figure.add_axes((0.15, 0.15, 0.8, 0.8)) for _ in range(stacked)] for _ in range(panels)]


def arrange(figure: Figure, cells: Sequence[Cell], height: float) -> None:
    """Put the panels beside each other, two in a row: axes `height` inches high, the figure as high as that takes."""
    rims = [_rim(figure, axes) for cell in cells for axes in cell.axes]
    rim = _Rim(*(max(getattr(one, side) for one in rims) for side in _Rim.__slots__))
    words = [_write(figure, cell) for cell in cells]
    rows = [range(start, min(start + COLUMNS, len(cells))) for start in range(0, len(cells), COLUMNS)]
    stack = len(cells[0].axes) * (rim.above + height + rim.below + APART) - APART
    titles = [max(words[number].heights()[0] for number in row) for row in rows]
    feet = [max(sum(words[number].heights()[1:]) for number in row) for row in rows]
    size = min(COLUMNS, len(cells)) * COLUMN_WIDTH, sum(titles) + sum(feet) + len(rows) * (stack + 3 * APART + 2 * EDGE)
    figure.set_size_inches(*size)
    top = size[1]
    for row, title, foot in zip(rows, titles, feet, strict=True):
        top -= EDGE + title + APART
        for column, number in enumerate(row):
            _put(cells[number], words[number], rim, (column * COLUMN_WIDTH, top), height)
        top -= stack + APART + foot + APART + EDGE


def _rim(figure: Figure, axes: Axes) -> _Rim:
    whole, inner = axes.get_tightbbox(FigureCanvasAgg(figure).get_renderer()), axes.bbox
    assert whole is not None
    sides = inner.x0 - whole.x0, inner.y0 - whole.y0, whole.x1 - inner.x1, whole.y1 - inner.y1
    return _Rim(*(max(0.0, side) / figure.dpi for side in sides))


def _write(figure: Figure, cell: Cell) -> _Words:
    room = COLUMN_WIDTH - 2 * EDGE
    title, notes = fitted(cell.title, room, TITLE_SIZE), fitted(cell.notes, room, NOTE_SIZE)
    shown = legend_words([label for _, label in cell.entries], room)
    legend = figure.legend(
        [handle for handle, _ in cell.entries],
        shown.texts,
        ncols=shown.columns,
        loc="upper left",
        bbox_transform=figure.dpi_scale_trans,
        handlelength=HANDLE,
        columnspacing=GAP,
        labelspacing=0.25,
        borderpad=0,
        borderaxespad=0,
    )
    return _Words(
        figure.text(0, 0, title, fontsize=TITLE_SIZE, ha="center", va="bottom", transform=figure.dpi_scale_trans),
        legend,
        figure.text(0, 0, notes, fontsize=NOTE_SIZE, va="top", transform=figure.dpi_scale_trans),
    )


def _put(cell: Cell, words: _Words, rim: _Rim, corner: tuple[float, float], height: float) -> None:
    """Below and right of `corner`, in inches; above it the title."""
    left, y = corner
    figure = words.title.get_figure(root=True)
    assert figure is not None
    across, up = figure.get_size_inches()
    words.title.set_position((left + COLUMN_WIDTH / 2, y + APART))
    start, width = left + EDGE + rim.left, COLUMN_WIDTH - rim.left - rim.right - 2 * EDGE
    for axes in cell.axes:
        y -= rim.above + height
        axes.set_position((start / across, y / up, width / across, height / up))
        y -= rim.below + APART
    words.legend.set_bbox_to_anchor((left + EDGE, y), figure.dpi_scale_trans)
    words.notes.set_position((left + EDGE, y - words.heights()[1] - APART))
