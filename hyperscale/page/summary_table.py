"""SummaryTable: the report's table in plain texts."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class SummaryTable:
    """`title` says what all rows share, `notes` what the columns mean."""

    title: str
    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: str

    @classmethod
    def of(cls, table: Table, labels: Sequence[str]) -> "SummaryTable":
        """What a terminal's table says, with the runs' labels in front where method and budget do not tell them apart."""
        columns = [(str(column.header), column.justify == "right", [*map(_plain, column.cells)]) for column in table.columns]
        cells = {header: texts for header, _, texts in columns}
        if [f"{method} {budget}" for method, budget in zip(cells["method"], cells["budget"], strict=True)] != list(labels):
            columns.insert(0, ("run", False, list(labels)))
        headers, numeric, texts = zip(*columns, strict=True)
        return cls(_plain(table.title or ""), headers, numeric, tuple(zip(*texts, strict=True)), _plain(table.caption or ""))


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
