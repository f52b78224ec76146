"""Words in figures: how wide they are, and where their lines break."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

INCH = 72  # points
HINTED = 1.03  # pixels make some words so much wider
LEGEND_SIZE = 7.0  # points
HANDLE, GAP = 2.6, 1.2  # sizes of the font: of a legend's sample line, and between its columns
BESIDE = HANDLE + 0.8 + GAP  # a column without its words
SEPARATORS = (
    ("", " · "),
    (";", " "),
    (":", " "),
    ("", " "),
)  # the best first: what ends a line, and what stood before the next one
BREAKS = "-/_.,:="  # where a word that is wider than its line may go on in the next one


def width_of(text: str, size: float) -> float:
    """Inches that a line takes in letters of `size` points."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return HINTED * float(width) / INCH


def fitted(text: str, inches: float, size: float) -> str:
    """`text` in lines no wider than that, broken where it means least; signs that the font lacks become question marks."""
    font = get_font(findfont(FontProperties()))
    shown = "".join(sign if font.get_char_index(ord(sign)) else "?" for sign in " ".join(text.split()))
    return "\n".join(_lines(shown, inches, size, SEPARATORS))


def _lines(text: str, inches: float, size: float, separators: Sequence[tuple[str, str]]) -> list[str]:
    if not separators or width_of(text, size) <= inches:
        return _split(text, inches, size)
    (end, between), *finer = separators
    *parts, last = text.split(end + between)
    lines: list[str] = []
    for part in [*(part + end for part in parts), last]:
        if lines and width_of(joined := lines[-1] + between + part, size) <= inches:
            lines[-1] = joined
        else:
            lines += _lines(part, inches, size, finer)
    return lines


def _split(word: str, inches: float, size: float) -> list[str]:
    """A word in pieces that fit, whole where it does; each piece has one sign at least."""
    pieces = []
    while width_of(word, size) > inches and len(word) > 1:
        fitting = next((end for end in range(len(word) - 1, 1, -1) if width_of(word[:end], size) <= inches), 1)
        end = max((place + 1 for place in range(fitting) if word[place] in BREAKS), default=fitting)
        pieces.append(word[:end])
        word = word[end:]
    return [*pieces, word]


@dataclass(frozen=True, slots=True)
class LegendWords:
    """The entries of a legend in as many columns as have room, and the inches that they are high."""

    texts: list[str]
    columns: int
    height: float


def legend_words(labels: Sequence[str], inches: float) -> LegendWords:
    """Fit a legend of at least one entry into a width."""
    beside = BESIDE * LEGEND_SIZE / INCH
    texts = [fitted(label, inches - beside, LEGEND_SIZE) for label in labels]
    widest = max(width_of(line, LEGEND_SIZE) for text in texts for line in (text.splitlines() or [""]))
    columns = max(1, min(len(texts), int(inches / (beside + widest))))
    rows = ceil(len(texts) / columns)
    lines = max(sum(1 + text.count("\n") for text in texts[start : start + rows]) for start in range(0, len(texts), rows))
    return LegendWords(texts, columns, 1.5 * LEGEND_SIZE / INCH * lines)
