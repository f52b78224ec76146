"""Rows inside a card's date window."""

import re
from datetime import date, datetime

from hyperscale.errors import Refusal
from hyperscale.tasks.rows import Row
from hyperscale.tasks.task_card import Window


def inside(window: Window, row: Row, where: str) -> bool:
    """Whether a row's date lies in the window; raises Refusal where it has none."""
    day = _day(row.get(window.column))
    if day is None:
        found = row.get(window.column)
        raise Refusal(f"{where}: column {window.column!r} holds {found!r}, which is no date. Write 2024-08-01.")
    return _holds(window, day)


def surely_outside(window: Window, line: bytes) -> bool:
    """Whether a line of JSON can be passed over unread, for its date lies outside the window.

    Parsing a row of tens of MB takes long. In valid JSON, a name between bare quotes and followed by a colon can only be a key
    (inside a text, quotes are escaped); a line where it occurs more than once is not judged here.
    """
    name = b'"%s"' % re.escape(window.column).encode()
    if line.count(b'"%s"' % window.column.encode()) != 1:
        return False
    found = re.search(name + rb'\s*:\s*"([0-9T:. +-]{1,40})"', line)
    day = _day(found[1].decode()) if found else None
    return day is not None and not _holds(window, day)


def _day(value: object) -> date | None:
    if not isinstance(value, date):
        try:
            value = datetime.fromisoformat(str(value))
        except ValueError:
            return None
    return value.date() if isinstance(value, datetime) else value


def _holds(window: Window, day: date) -> bool:
    return not (window.since and day < window.since) and not (window.until and day >= window.until)
