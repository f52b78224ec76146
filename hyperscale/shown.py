"""Shown: names that others chose, as they may stand in a terminal, a table or a page."""

import re
import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, marks without a shape, halves of surrogate pairs, separators of lines
_JOINERS = "\u200c\u200d"  # of emoji, and of letters in several scripts
_SUSPECT = re.compile(r"[^\x20-\x7e]")


def shown(name: str) -> str:
    """A name on one line, with what cannot be seen, or would change what is seen around it, by its number: ``<U+001B>``.

    These are controls (a terminal obeys them), what turns the direction of writing, other characters without a shape of
    their own, separators of lines, and halves of surrogate pairs, which no file can hold.
    """
    return _SUSPECT.sub(_numbered, name)


def _numbered(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in _JOINERS or unicodedata.category(letter) not in _HIDDEN:
        return letter
    return f"<U+{ord(letter):04X}>"
