"""Suggestions for mistyped names."""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from hyperscale.errors import UsageError

Word = TypeVar("Word", bound=StrEnum)


def one_of(kind: type[Word], text: str, what: str) -> Word:
    """The member of `kind` that is written so (UsageError where there is none)."""
    try:
        return kind(text)
    except ValueError:
        raise unknown(what, text, kind) from None


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest one that does."""
    choices = sorted(map(str, known))  # enums as the words they stand for
    nearest = get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UsageError(f"There is no {kind} {name!r}.{hint} Known: {', '.join(choices)}.")
