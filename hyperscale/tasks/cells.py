"""Texts out of the cells of a row."""

import math

from hyperscale.errors import Refusal
from hyperscale.tasks.rows import Row


def required(row: Row, column: str, where: str) -> str:
    """The text of a column that every row must have; raises Refusal where it is missing or blank."""
    if column not in row:
        found = ", ".join(map(repr, row))
        raise Refusal(
            f"{where}: there is no column {column!r}, only {found}. Rename it, or use a card that names your columns."
        )
    text = cell(row[column], column, where)
    if not text.strip():
        raise Refusal(f"{where}: column {column!r} is empty. Complete or remove the row.")
    return text


def cell(value: object, column: str, where: str) -> str:
    """A cell as text, empty where there is none; raises Refusal for anything but a text or number."""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        value = int(value) if value.is_integer() else value  # whole numbers become floats in columns with gaps
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refusal(f"{where}: column {column!r} holds a {type(value).__name__}, not a text or number.")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(f"{where}: column {column!r} holds half of a surrogate pair. Correct the text.") from None
    return text
