"""Configurations of a sweep that have no run of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from hyperscale.commands.plain_table import plain_table
from hyperscale.commands.report_table import amount, percent

Row = Mapping[str, Any]


def derived_table(rows: Sequence[Row]) -> Table | None:
    """Those of a sweep's configurations that were read off the chains of longer or wider runs; None if there are none."""
    derived = [row for row in rows if row["derived"] and row["accuracy"] is not None]
    if not derived:
        return None
    table = plain_table("Read off longer or wider runs")
    table.add_column("configuration", no_wrap=True)
    table.add_column("run", no_wrap=True, overflow="ellipsis")
    for heading in ("accuracy %", "avg %", "reads", "peak"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in derived:
        table.add_row(*map(Text, _cells(row)))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    reads = amount(row["kv_reads"] + row["aux_reads"])
    return (
        row["configuration"],
        row["label"],
        percent(row["accuracy"]),
        percent(row["accuracy_avg"]),
        reads,
        amount(row["peak_tokens"]),
    )
