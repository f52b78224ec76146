"""How all figures look: sizes, colours that survive colour-blindness and black-and-white print, files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

TEXT_WIDTH = 5.5  # inches: a page of one column, or two columns of a page of two
COLUMN_WIDTH = 3.4  # one column of a page of two
LEGEND_LETTERS = 17  # of a label in a legend, where two of them stand side by side in a column
LEGEND_LINE = 0.15  # inches
FORMATS = ("png", "svg", "pdf")
GREY = "0.45"

# Okabe and Ito's colours without yellow, which vanishes on white; told apart in print by dash and marker
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_BUNDLED = {"dms": 0, "tova": 1, "h2o": 2, "vanilla": 3, "quest": 4, "window": 5, "dmc": 6}  # method: place among the lines

_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # fonts that a publisher's checks accept
    "svg.hashsalt": "hyperscale",  # the same figure, the same file
}


@dataclass(frozen=True, slots=True)
class Line:
    """How one of several lines looks."""

    color: str
    linestyle: str
    marker: str

    def drawn(self, points: int, turn: float = 0.0) -> dict[str, Any]:
        """Keywords of `Axes.plot` for a line of so many points; `turn` (0..1) keeps the markers of several lines apart."""
        apart = max(1, points // 6)
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "marker": self.marker,
            "markevery": (int(turn * apart), apart),
        }


def lines(count: int) -> list[Line]:
    """`count` lines that differ in colour, and in dash and marker too; beyond 64 they repeat."""
    looks = [
        Line(colour, _DASHES[(number + turn) % len(_DASHES)], _MARKERS[(number + turn) % len(_MARKERS)])
        for turn, (number, colour) in product(range(len(_MARKERS)), enumerate(_COLOURS))
    ]
    return list(islice((look for _ in range(1 + count // len(looks)) for look in looks), count))


def looks_of(methods: Iterable[str]) -> dict[str, Line]:
    """A look for each method, the same in all figures for those that come with the program."""
    names = list(dict.fromkeys(methods))
    strange = [name for name in names if name not in _BUNDLED]
    looks = lines(len(_BUNDLED) + len(strange))
    return {name: looks[_BUNDLED[name] if name in _BUNDLED else len(_BUNDLED) + strange.index(name)] for name in names}


def wrapped(text: str, letters: int) -> str:
    """`text` in lines of so many letters; words are split at hyphens only where they would not fit otherwise."""
    return fill(text, letters, break_on_hyphens=max(map(len, text.split()), default=0) > letters)


@contextmanager
def style() -> Iterator[None]:
    """Make figures, and save them, in the house's style."""
    # asking for the backend would make matplotlib look for a display
    default = {name: value for name, value in mpl.rcParamsDefault.items() if "backend" not in name}
    with mpl.rc_context({**default, **_STYLE}):
        yield


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as ``stem.png``, ``stem.svg`` and ``stem.pdf``; the same figure gives the same bytes."""
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    paths = []
    with style():
        for kind in FORMATS:
            paths.append(stem.with_name(f"{stem.name}.{kind}"))
            figure.savefig(paths[-1], format=kind, metadata=undated[kind])
    return paths
