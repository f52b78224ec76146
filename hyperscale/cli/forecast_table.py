"""How `sweep --dry-run` shows what is going to be run."""

from rich.table import Table
from rich.text import Text

from hyperscale.cli.sweep_row import counted
from hyperscale.cli.tally import clock
from hyperscale.commands.forecast import RESTS_ON
from hyperscale.commands.plain_table import plain_table
from hyperscale.commands.report_table import amount
from hyperscale.commands.stage import Stage
from hyperscale.commands.sweep_forecast import Foreseen, SweepForecast

_BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def forecast_table(found: SweepForecast) -> Table:
    """One line per planned run: the configurations it covers, chains to generate, and what they are going to cost."""
    table = plain_table(_title(found), RESTS_ON)
    table.add_column("run", no_wrap=True)
    table.add_column("covers")
    for heading in ("chains", "tokens", "reads", "memory", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found.runs:
        table.add_row(*map(Text, _cells(each)))
    return table


def calibration_lines(found: SweepForecast) -> list[str]:
    """What the predictions rest on, once each."""
    runs = [(each.prospect.run, each.source) for each in found.runs if each.source]
    sources = [f"{run.checkpoint.name}, {run.request.method}: calibrated with {source}" for run, source in runs]
    return list(dict.fromkeys(sources))


def bytes_text(count: int) -> str:
    """A number of bytes in three digits or so: 1.5 GiB, 19 MiB."""
    for size, unit in _BYTES:
        if count >= size:
            value = count / size
            return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"
    return f"{count} B"


def _title(found: SweepForecast) -> str:
    done = sum(each.prospect.stage is Stage.DONE for each in found.runs)
    there = f" ({done} {'is' if done == 1 else 'are'} there)" if done else ""
    return f"{counted(len(found.runs), 'run')}{there}, about {clock(found.seconds)} of generation"


def _cells(each: Foreseen) -> tuple[str, ...]:
    prospect, expected = each.prospect, each.forecast
    standing = prospect.standing
    covers = ", ".join(configuration.label for configuration in prospect.run.covers)
    if standing is None or expected is None:
        return prospect.label, covers, str(prospect.stage), "", "", "", ""
    there = f"{standing.missing}" if not standing.present else f"{standing.missing} of {standing.wanted}"
    reads = amount(expected.kv_reads + expected.aux_reads)
    costs = (amount(expected.tokens), reads, bytes_text(expected.memory), clock(expected.seconds))
    return prospect.label, covers, there, *costs
