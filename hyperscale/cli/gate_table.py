"""A gate's checks for a terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from hyperscale.analysis.check import Outcome
from hyperscale.commands.gate import Gate, Gated
from hyperscale.commands.gate_summary import HEADERS, held_against_each_other, legend, remarks, row

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "yellow"}


def gate_tables(gate: Gate, width: int) -> Iterator[Table | Text]:
    """A table per candidate for a terminal of `width` columns, then the decision; what does not fit is left out, not cut."""
    for run in gate.runs:
        yield _table(run, gate, width)
    yield Text.assemble("gate: ", (str(gate.decision), STYLES[gate.decision]), _remark(gate))


def _table(run: Gated, gate: Gate, width: int) -> Table:
    verdict = run.verdict
    table = Table(
        title=Text(f"{run.title}, {held_against_each_other(verdict)}"),
        caption=Text(" ".join([*remarks(verdict), legend(gate.terms, verdict.checks)])),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    rows = [HEADERS, *(row(check, str(check.outcome)) for check in verdict.checks)]
    shown = _fitting(rows, width)
    for place in shown:
        table.add_column(HEADERS[place], justify="left" if place < 2 else "right", no_wrap=True)
    for cells, check in zip(rows[1:], verdict.checks, strict=True):
        table.add_row(*(Text(cells[place], style=STYLES[check.outcome] if place == 1 else "") for place in shown))
    return table


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns that fit, the outcome last to go."""
    shown = list(range(len(HEADERS)))
    for dispensable in (6, 5, 2, 3, 4):
        if sum(max(cell_len(row[place]) for row in rows) + 2 for place in shown) <= width:
            break
        shown.remove(dispensable)
    return shown


def _remark(gate: Gate) -> str:
    return "" if gate.decision is gate.outcome else f" (inconclusive, which counts as {gate.decision} here)"
