"""W-L-CR configurations, in either order of the literature where there is no doubt which one it is."""

import re
from dataclasses import dataclass
from enum import StrEnum

from hyperscale.budget import Budget, format_size, parse_budget, parse_size
from hyperscale.errors import UsageError

USUAL_WIDTH = 256  # of two plain numbers, the first is a width only up to here,
USUAL_LENGTH = 64  # and the second a length only from here on

_UNIT = re.compile(r"2\^[0-9]+|.*[kKM]")
_LETTER = re.compile(r"([wWlL])(.*)")


class Order(StrEnum):
    """How width and length follow each other in what was written."""

    WIDTH_FIRST = "W-L-CR"  # as the published paper writes it
    LENGTH_FIRST = "L-W-CR"  # as its first preprint does


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point of a sweep, written W-L-CR as in ``8-16k-8x``.

    Attributes
    ----------
    width : int
        W, chains per problem.
    length : int
        L, most tokens a chain may generate.
    budget : Budget
        What each chain's cache may hold.
    """

    width: int
    length: int
    budget: Budget

    def __post_init__(self) -> None:
        if self.width < 1 or self.length < 1:
            raise UsageError(f"A configuration has a width and a length of at least 1, not {self.width} and {self.length}.")

    @property
    def label(self) -> str:
        """Canonical text, which `read_configuration` reads back; with letters only where plain numbers would be doubtful."""
        width, length = str(self.width), format_size(self.length)
        if _order(width, length, self.width, self.length) is not Order.WIDTH_FIRST:
            width, length = f"W{width}", f"L{length}"
        return f"{width}-{length}-{self.budget.label}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text means as a configuration, and the order it was taken to be in."""

    text: str
    configuration: Configuration
    order: Order


def read_configuration(text: str) -> Reading:
    """Read ``8-16k-8x`` (W-L-CR: 8 chains of up to 16384 tokens at 8x compression) or ``16k-8-8x`` (L-W-CR: the same).

    The first of these that says something decides on the order:

    * a letter, as in ``W8-L16k-8x``;
    * a unit (``16k``, ``1M``, ``2^14``) where exactly one of the two numbers has one and is the larger: it is the length;
    * two plain numbers are W-L-CR where the first is at most 256, and the second at least 64 and larger than the first.

    Otherwise both orders could be meant, and neither is guessed.

    Raises
    ------
    UsageError
        If it has not three parts, one of them is malformed, or the order is in doubt; both readings are spelt out then.
    """
    parts = [part.strip() for part in text.strip().split("-")]
    if len(parts) != 3:
        raise UsageError(f"{text!r} is not a configuration. Write width-length-compression, for example 8-16k-8x.")
    first, second, order = _without_letters(text, parts[0], parts[1])
    width_first = order is not Order.LENGTH_FIRST
    one = parse_size(first, "width" if width_first else "length")
    other = parse_size(second, "length" if width_first else "width")
    budget = parse_budget(parts[2])
    order = order or _order(first, second, one, other)
    if order is None:
        raise _doubtful(text, one, other, budget)
    width, length = (one, other) if order is Order.WIDTH_FIRST else (other, one)
    return Reading(text, Configuration(width, length, budget), order)


def _without_letters(text: str, first: str, second: str) -> tuple[str, str, Order | None]:
    """The two numbers without the letters W and L, and the order that the letters say, if there are any."""
    found = [_LETTER.fullmatch(part) for part in (first, second)]
    letters = [match[1].upper() if match else "" for match in found]
    numbers = [match[2] if match else part for match, part in zip(found, (first, second), strict=True)]
    if letters in (["W", "W"], ["L", "L"]):
        raise UsageError(f"{text!r} says {letters[0]} twice. Write for example W8-L16k-8x.")
    if not any(letters):
        return numbers[0], numbers[1], None
    width_first = letters[0] == "W" or letters[1] == "L"
    return numbers[0], numbers[1], Order.WIDTH_FIRST if width_first else Order.LENGTH_FIRST


def _order(first: str, second: str, one: int, other: int) -> Order | None:
    """The order that two numbers without letters can only be in; None where it is in doubt."""
    if one == other:
        return Order.WIDTH_FIRST  # both orders say the same
    units = [_UNIT.fullmatch(part) is not None for part in (first, second)]
    if units == [False, True] and other > one:
        return Order.WIDTH_FIRST
    if units == [True, False] and one > other:
        return Order.LENGTH_FIRST
    if units == [False, False] and one <= USUAL_WIDTH and other >= USUAL_LENGTH and other > one:
        return Order.WIDTH_FIRST
    return None


def _doubtful(text: str, one: int, other: int, budget: Budget) -> UsageError:
    readings = [
        f"{Configuration(width, length, budget).label} if it is {order} ({width} chains of up to {length} tokens)"
        for order, width, length in ((Order.WIDTH_FIRST, one, other), (Order.LENGTH_FIRST, other, one))
    ]
    thousands = ""
    if one < USUAL_LENGTH and other < USUAL_LENGTH:
        thousands = f" Lengths are in tokens: if thousands are meant, write {one}-{other}k-{budget.label}."
    return UsageError(f"{text!r} can be read in two ways. Write {readings[0]}, or {readings[1]}.{thousands}")
