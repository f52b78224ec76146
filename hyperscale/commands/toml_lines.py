"""Where in a TOML file a key stands: tomllib tells lines of syntax errors only."""

import tomllib
from collections.abc import Mapping, Sequence

Key = Sequence[str | int]
"""The way to a value: names of tables and keys, and numbers into arrays, as in ``("run", 1, "method")``."""


def line_of(text: str, key: Key, item: str | None = None) -> int:
    """The line, from 1, on which the statement that defines `key` begins.

    Found with the parser itself: it is the line after the longest beginning of the file that parses and lacks the key.

    Parameters
    ----------
    text : str
        A file that parses.
    key
        Where a value is.
    item : str, optional
        A text inside that value; its own line where an array is spread over several.

    Raises
    ------
    KeyError
        If the file has no such key.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if not _has(tomllib.loads(text), key):
        raise KeyError(".".join(map(str, key)))
    complete = 0  # lines of the longest beginning that parses so far
    for count in range(1, len(lines) + 1):
        beginning = _parsed("\n".join(lines[:count]))
        if beginning is not None and _has(beginning, key):
            statement = lines[complete:count]
            quoted = {f'"{item}"', f"'{item}'"}
            inside = (number for number, line in enumerate(statement) if any(quote in line for quote in quoted))
            return complete + 1 + (next(inside, 0) if item is not None else 0)
        if beginning is not None:
            complete = count
    raise AssertionError("the whole file has the key")


def _parsed(text: str) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _has(value: object, key: Key) -> bool:
    for part in key:
        if isinstance(part, int):
            if not (isinstance(value, list) and part < len(value)):
                return False
            value = value[part]
        else:
            if not (isinstance(value, dict) and part in value):
                return False
            value = value[part]
    return True
