"""A gate's checks for a terminal."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from hyperscale.analysis.check import Outcome
from hyperscale.commands.gate import Gate, Gated
from hyperscale.commands.gate_summary import HEADERS, held_against_each_other, legend, remarks, row
from hyperscale.commands.plain_table import fitting, plain_table

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "yellow"}
_LEAST_FIRST = (6, 5, 2, 3, 4)  # columns: the outcome stays


def gate_tables(gate: Gate, width: int) -> Iterator[Table | Text]:
    """A table per candidate for a terminal of `width` columns, then the decision; what does not fit is left out, not cut."""
    for run in gate.runs:
        yield _table(run, gate, width)
    yield Text.assemble("gate: ", (str(gate.decision), STYLES[gate.decision]), _remark(gate))


def _table(run: Gated, gate: Gate, width: int) -> Table:
    verdict = run.verdict
    table = plain_table(
        f"{run.title}, {held_against_each_other(verdict)}", " ".join([*remarks(verdict), legend(gate.terms, verdict.checks)])
    )
    rows = [HEADERS, *(row(check, str(check.outcome)) for check in verdict.checks)]
    widths = {place: max(cell_len(cells[place]) for cells in rows) for place in range(len(HEADERS))}
    shown = fitting(widths, _LEAST_FIRST, width)
    for place in shown:
        table.add_column(HEADERS[place], justify="left" if place < 2 else "right", no_wrap=True)
    for cells, check in zip(rows[1:], verdict.checks, strict=True):
        table.add_row(*(Text(cells[place], style=STYLES[check.outcome] if place == 1 else "") for place in shown))
    return table


def _remark(gate: Gate) -> str:
    return "" if gate.decision is gate.outcome else f" (inconclusive, which counts as {gate.decision} here)"
