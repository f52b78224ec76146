"""hyperscale compare"""

from pathlib import Path
from typing import Annotated

import typer

from hyperscale.cli.options import Json, Mixed, OneRun
from hyperscale.errors import UsageError

Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of the resamples.")]
AccountingName = Annotated[str, typer.Option(metavar="NAME", help="full: aux reads count; paper: they do not.")]


def compare(
    baseline: OneRun,
    candidate: OneRun,
    seed: Seed = 0,
    accounting: AccountingName = "full",
    mixed: Mixed = False,
    markdown: Markdown = False,
    json: Json = False,
) -> None:
    """Hold one run against another, problem by problem: differences with intervals, p-values, what could have been found.

    Both may be run folders, folders of runs or exported files; several runs are paired by task, method, budget and length.
    """
    from hyperscale.cli.output import note, print_json, results_only, stdout

    if json and markdown:
        raise UsageError("--json and --markdown exclude each other. Keep one.")
    with results_only():
        from hyperscale.commands import compare_table
        from hyperscale.commands.compare import compare as command

        pairs = command(Path(baseline), Path(candidate), seed, accounting, mixed, note)
    if json:
        print_json({"pairs": [pair.to_json() for pair in pairs]})
    elif markdown:
        print(compare_table.markdown(pairs), end="")
    else:
        console = stdout()
        for pair in pairs:
            console.print(compare_table.rich_table(pair))
