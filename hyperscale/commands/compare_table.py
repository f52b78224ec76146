"""How a comparison looks: one row per quantity, the two sides beside each other."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from hyperscale.analysis.paired import Difference
from hyperscale.analysis.ratio import Ratio
from hyperscale.commands.compare import Compared
from hyperscale.commands.gate_summary import signed
from hyperscale.commands.plain_table import plain_table
from hyperscale.commands.report_table import amount, markdown_cell

HEADERS = ("", "baseline", "candidate", "change [95% interval]", "detects")
Row = tuple[str, ...]


def rows(compared: Compared) -> list[Row]:
    """The cells of one pair's table, as `HEADERS` names them."""
    found, pair = compared.comparison, compared.pair
    there, here = pair.baseline.whole, pair.candidate.whole
    shared = sorted(set(there.problems) & set(here.problems))
    there, here = there.on(shared), here.on(shared)
    table = [_difference("vote, new", found.accuracy), _difference("average, new", found.average)]
    if found.fixed:
        table.append(_difference("average, these", found.fixed))
    costs = (("KV reads", found.reads, here.cost(), there.cost()), ("peak", found.peak, here.peak, there.peak))
    table += [_ratio(name, ratio, float(mine.mean()), float(theirs.mean())) for name, ratio, mine, theirs in costs]
    return table


def caption(compared: Compared) -> str:
    """What stands below the table."""
    found = compared.comparison
    sentences = [f"{found.problems} problems that both have, {found.chains[1]} and {found.chains[0]} chains."]
    if found.identical:
        sentences.append("Both are the same chains.")
    adjusted = f", {compared.adjusted:.3g} after Holm's correction" if compared.adjusted != found.sign_flip.p else ""
    sentences.append(f"Votes differ with p = {found.sign_flip.p:.3g}{adjusted} ({found.sign_flip.method}).")
    if found.mcnemar:
        sentences.append(f"McNemar: p = {found.mcnemar.p:.3g}.")
    sentences.append(
        "Average: over chains. New: on other problems of the kind; these: on these very problems, run with new chains. "
        "Changes of both are points; costs are entries per KV head and problem, summed over its chains."
    )
    sentences += found.notes
    sentences.append("Detects: the change that a one-sided test at 5% finds in 80% of repetitions.")
    return " ".join(sentences)


def rich_table(compared: Compared) -> Table:
    """For a terminal."""
    table = plain_table(compared.pair.title, caption(compared))
    for number, header in enumerate(HEADERS):
        table.add_column(header, justify="right" if number else "left", no_wrap=number > 0)
    for row in rows(compared):
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(pairs: Sequence[Compared]) -> str:
    """For a pull request."""
    parts = []
    for compared in pairs:
        lines = [HEADERS, ("---", *["---:"] * 4), *rows(compared)]
        table = "\n".join(f"| {' | '.join(map(markdown_cell, line))} |" for line in lines)
        parts.append(f"**{markdown_cell(compared.pair.title)}**\n\n{table}\n\n{caption(compared)}\n")
    return "\n".join(parts)


def _difference(name: str, found: Difference) -> Row:
    return (
        name,
        f"{100 * found.baseline:.1f}%",
        f"{100 * found.candidate:.1f}%",
        f"{signed(100 * found.mean)} [{signed(100 * found.low)}, {signed(100 * found.high)}]",
        f"±{100 * found.detectable:.1f}" if found.detectable else "-",
    )


def _ratio(name: str, found: Ratio | None, mine: float, theirs: float) -> Row:
    if found is None:
        return name, amount(theirs), amount(mine), "-", ""
    return name, amount(theirs), amount(mine), f"x {found.ratio:.3f} [{found.low:.3f}, {found.high:.3f}]", ""
