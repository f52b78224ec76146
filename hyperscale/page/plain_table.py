"""PlainTable: a table in plain texts, and what a page makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class PlainTable:
    """`title` says what all rows share, `notes` what is to be said of them, `numeric` which columns hold numbers."""

    title: str
    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: str = ""

    @classmethod
    def of_report(cls, table: Table, labels: Sequence[str]) -> "PlainTable":
        """What a terminal's table says, with the runs' labels in front where method and budget do not tell them apart."""
        columns = [(str(column.header), column.justify == "right", [*map(_plain, column.cells)]) for column in table.columns]
        cells = {header: texts for header, _, texts in columns}
        if [f"{method} {budget}" for method, budget in zip(cells["method"], cells["budget"], strict=True)] != list(labels):
            columns.insert(0, ("run", False, list(labels)))
        headers, numeric, texts = zip(*columns, strict=True)
        return cls(_plain(table.title or ""), headers, numeric, tuple(zip(*texts, strict=True)), _plain(table.caption or ""))

    def html(self, name: str) -> str:
        """The table in a box called `name` that scrolls, and its notes."""
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        heads = self._cells('<th scope="col"{}>{}</th>', self.headers)
        rows = "".join(f"<tr>{self._cells('<td{}>{}</td>', row)}</tr>" for row in self.rows)
        table = f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        notes = f'<p class="note">{escape(self.notes)}</p>' if self.notes else ""
        return scroller(name, table) + notes

    def _cells(self, pattern: str, texts: Sequence[str]) -> str:
        pairs = zip(texts, self.numeric, strict=True)
        return "".join(pattern.format(' class="number"' if numeric else "", escape(text)) for text, numeric in pairs)


def scroller(name: str, content: str, kind: str = "scroller") -> str:
    """A box called `name` that scrolls what is wider than the screen, by keyboard too."""
    return f'<div class="{kind}" role="region" aria-label="{escape(name)}" tabindex="0">{content}</div>'


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
