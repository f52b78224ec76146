"""Sizes and memory budgets, and how each is written on a command line."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from hyperscale.errors import UsageError

UNITS = {"": 1, "k": 1 << 10, "M": 1 << 20}
MAX_SIZE = 1 << 62  # totals of reads are kept in int64
MAX_RATIO = 1 << 16
MAX_SLOTS = 1 << 40

_POWER = re.compile(r"2\^([0-9]{1,2})")
_SCALED = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kKM]?)")
_RATIO = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*[xX]")
_SLOTS = re.compile(r"([0-9]\S*?)\s*t")


def parse_size(text: str, what: str = "size") -> int:
    """Read a positive whole number written ``512``, ``16k``, ``1.5M`` or ``2^26`` (k = 1024, M = 2^20).

    Parameters
    ----------
    text : str
        As typed.
    what : str
        What the number is, for the message: an option or the name of a quantity.

    Raises
    ------
    UsageError
        If it is malformed, zero, no whole number, or above 2^62.
    """
    power, scaled = _POWER.fullmatch(text.strip()), _SCALED.fullmatch(text.strip())
    if power:
        value = Fraction(1 << int(power[1]))
    elif scaled:
        value = Fraction(scaled[1]) * UNITS[scaled[2].replace("K", "k")]
    else:
        raise UsageError(f"{what} {text!r} is not a size. Write 512, 16k, 64M or 2^26 (k = 1024, M = 2^20).")
    if value.denominator != 1 or value < 1:
        raise UsageError(f"{what} {text!r} is not a whole number of at least 1. Write for example 512, 16k, 64M or 2^26.")
    if value > MAX_SIZE:
        raise UsageError(f"{what} {text!r} is too large: the most is 2^62.")
    return int(value)


def format_size(value: int) -> str:
    """The shortest spelling that `parse_size` reads back: 16384 is ``16k``, 1000 is ``1000``."""
    for suffix in ("M", "k"):
        if value and value % UNITS[suffix] == 0:
            return f"{value // UNITS[suffix]}{suffix}"
    return str(value)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much KV cache a chain may hold: a compression ratio or a number of slots per KV head, never both.

    Attributes
    ----------
    ratio : float or None
        Nominal compression CR, at least 1.
    slots : int or None
        Capacity C in entries.
    """

    ratio: float | None = None
    slots: int | None = None

    def __post_init__(self) -> None:
        if (self.ratio is None) == (self.slots is None):
            raise UsageError("A budget is either a compression ratio (8x) or a number of slots (512t).")
        if self.ratio is not None and not 1 <= self.ratio <= MAX_RATIO:
            raise UsageError(
                f"A compression ratio lies between 1x and {MAX_RATIO}x, not {self.ratio}x. Write for example 8x or 512t."
            )
        if self.slots is not None and not 1 <= self.slots <= MAX_SLOTS:
            raise UsageError(f"A budget has at least 1 slot and at most 2^40, not {self.slots}. Write for example 512t or 8x.")

    @property
    def label(self) -> str:
        """Canonical text: ``8x``, ``2.5x`` or ``512t``."""
        if self.ratio is None:
            return f"{self.slots}t"
        return f"{int(self.ratio)}x" if self.ratio == int(self.ratio) else f"{self.ratio!r}x"

    def capacity(self, prompt_tokens: int, max_len: int) -> int:
        """Slots C of a chain: ``ceil((P + L) / CR)`` (arXiv 2506.05345, H.1), or the slots asked for.

        Parameters
        ----------
        prompt_tokens : int
            P, tokens of the rendered prompt.
        max_len : int
            L, most tokens the chain may generate.
        """
        if self.slots is not None:
            return self.slots
        # exact: in floating point 1100 / 1.1 is a hair above 1000 and its ceiling 1001
        return math.ceil((prompt_tokens + max_len) / Fraction(repr(self.ratio)))


def parse_budget(text: str) -> Budget:
    """Read ``8x`` (compression ratio) or ``512t``, ``4kt`` (slots).

    Raises
    ------
    UsageError
        If it is malformed or out of range; examples are quoted.
    """
    ratio, slots = _RATIO.fullmatch(text.strip()), _SLOTS.fullmatch(text.strip())
    if ratio:
        return Budget(ratio=float(ratio[1]))
    if slots:
        return Budget(slots=parse_size(slots[1], "budget"))
    raise UsageError(f"{text!r} is not a budget. Write a compression ratio such as 8x or 2.5x, or slots such as 512t or 4kt.")
