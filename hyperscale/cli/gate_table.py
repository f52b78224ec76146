"""A gate's checks for a terminal."""

from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from hyperscale.analysis.check import Check, Outcome
from hyperscale.commands.gate import Gate, Gated
from hyperscale.commands.gate_summary import HEADERS, cells, legend

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "yellow"}


def gate_tables(gate: Gate) -> Iterator[Table | Text]:
    """A table per candidate, then the decision."""
    for run in gate.runs:
        yield _table(run, gate)
    yield Text.assemble("gate: ", (str(gate.decision), STYLES[gate.decision]), _remark(gate))


def _table(run: Gated, gate: Gate) -> Table:
    verdict = run.verdict
    same = ", the same chains" if verdict.identical else ""
    table = Table(
        title=f"{run.title}, {verdict.problems} problems{same}",
        caption=Text(" ".join([*_reasons(verdict.checks), legend(gate.terms)])),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for header in HEADERS:
        table.add_column(header, justify="left" if header in ("check", "") else "right", no_wrap=header not in ("check", ""))
    for check in verdict.checks:
        table.add_row(*map(Text, cells(check)), Text(str(check.outcome), style=STYLES[check.outcome]))
    return table


def _reasons(checks: tuple[Check, ...]) -> list[str]:
    return [f"{check.name}: {check.reason}." for check in checks if check.outcome is not Outcome.PASS]


def _remark(gate: Gate) -> str:
    return "" if gate.decision is gate.outcome else f" (inconclusive, which counts as {gate.decision} here)"
