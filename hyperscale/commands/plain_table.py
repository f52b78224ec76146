"""The one look of tables in a terminal."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

GAP = 2  # between two cells: one for padding, one for the divider

Key = TypeVar("Key")


def plain_table(title: str | None = None, caption: str | None = None, *, headed: bool = True) -> Table:
    """An empty table; title and caption are shown as they are, as what looks like markup in them may be part of a name."""
    return Table(
        title=None if title is None else Text(title, "bold"),
        caption=None if caption is None else Text(caption),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
        show_header=headed,
    )


def with_note(table: Table, note: str) -> Group:
    """A narrow table with a note below it that is not its caption, which would be as narrow."""
    return Group(table, Text(note))


def fitting(widths: Mapping[Key, int], least_first: Sequence[Key], room: int) -> list[Key]:
    """The columns of so many characters that fit a terminal of `room` columns, left out in the order of `least_first`."""
    left = list(widths)
    for dispensable in least_first:
        if sum(widths[column] + GAP for column in left) <= room:
            break
        left.remove(dispensable)
    return left
