"""How all figures look: sizes, colours that survive colour-blindness and black-and-white print, files."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from hyperscale.figures.words import LEGEND_SIZE

COLUMN_WIDTH = 3.4  # inches: one column of a page of two
FORMATS = ("png", "svg", "pdf")
GREY = "0.45"
LEAST_CONTRAST = 4.5  # of small words on their ground, W3C's WCAG 2.2, 1.4.3

# Okabe and Ito's colours without yellow, which vanishes on white; told apart in print by dash and marker
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_FILLS = ("full", "none", "left", "bottom")

_BUNDLED = {"dms": 0, "tova": 1, "h2o": 2, "vanilla": 3, "quest": 4, "window": 5, "dmc": 6}  # method: place among the lines

_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": LEGEND_SIZE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "text.parse_math": False,  # names may hold dollar signs
    "pdf.fonttype": 42,  # fonts that a publisher's checks accept
    "svg.hashsalt": "hyperscale",  # the same figure, the same file
}


@dataclass(frozen=True, slots=True)
class Line:
    """How one of several lines looks; `fill` is the part of a marker that has its colour, as matplotlib calls it."""

    color: str
    linestyle: str
    marker: str
    fill: str = "full"

    def drawn(self, points: int, turn: float = 0.0) -> dict[str, Any]:
        """Keywords of `Axes.plot` for a line of so many points; `turn` (0..1) keeps the markers of several lines apart."""
        apart = max(1, points // 6)
        # a marker that is not filled hides the line behind it all the same
        filled = (
            {"markerfacecolor": "white"} if self.fill == "none" else {"fillstyle": self.fill, "markerfacecoloralt": "white"}
        )
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "marker": self.marker,
            "markevery": (int(turn * apart), apart),
            **({"markerfacecolor": "white"} if self.fill == "none" else filled),
        }


def lines(count: int) -> list[Line]:
    """`count` lines that differ in colour, and in dash and marker too; beyond 64 they repeat."""
    looks = [
        Line(colour, _DASHES[(number + turn) % len(_DASHES)], _MARKERS[(number + turn) % len(_MARKERS)])
        for turn, (number, colour) in product(range(len(_MARKERS)), enumerate(_COLOURS))
    ]
    return list(islice((look for _ in range(1 + count // len(looks)) for look in looks), count))


def looks_of(methods: Iterable[str]) -> dict[str, Line]:
    """Colour and marker of each method; those of the program's own are the same in all figures."""
    names = set(methods)
    strange = sorted(names - _BUNDLED.keys())
    looks = lines(len(_BUNDLED) + len(strange))
    places = _BUNDLED | {name: place for place, name in enumerate(strange, len(_BUNDLED))}
    return {name: replace(looks[places[name]], linestyle="-") for name in names}


def series_looks(series: Sequence[tuple[str, str]]) -> list[Line]:
    """Looks of series, each a method and what tells it from others of that method: these differ in dash and fill."""
    looks = looks_of(method for method, _ in series)
    variants: dict[str, list[str]] = {}
    for method, variant in dict.fromkeys(series):
        variants.setdefault(method, []).append(variant)
    found = []
    for method, variant in series:
        turn, place = divmod(variants[method].index(variant), len(_FILLS))
        found.append(replace(looks[method], linestyle=_DASHES[place], fill=_FILLS[(place + turn) % len(_FILLS)]))
    return found


def ink(color: str) -> str:
    """A colour for small words on white: the same, as much darker as it takes to read them."""
    while contrast(color) < LEAST_CONTRAST:
        color = to_hex([0.95 * part for part in to_rgb(color)])
    return color


def contrast(color: str) -> float:
    """Contrast of a colour with white, 1 to 21, as the W3C defines it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (luminance + 0.05)


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
