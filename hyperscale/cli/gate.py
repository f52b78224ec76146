"""hyperscale gate"""

from pathlib import Path
from typing import Annotated, Any

import typer

from hyperscale.cli.options import Json, Mixed

CODES = {"pass": 0, "fail": 1, "inconclusive": 4}


def _side(text: str) -> Any:
    return typer.Option(metavar="RUN", help=f"{text}: a run folder, a folder of runs, or an exported file.")


Baseline = Annotated[Path, _side("What it is held against")]
Candidate = Annotated[Path, _side("What may have got worse")]
MetricName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="per-read (accuracy and reads, neither worse), accuracy, kv_reads, peak, accuracy-at-reads (against the "
        "baseline's frontier), ratio (accuracy / reads).",
    ),
]
Margin = Annotated[
    float, typer.Option(metavar="X", help="How much worse is allowed: points of accuracy, or percent of a cost or ratio.")
]
ReadsMargin = Annotated[float, typer.Option(metavar="X", help="How many percent more reads per-read allows.")]
ScoreName = Annotated[str, typer.Option(metavar="NAME", help="Accuracy: average over chains, or their vote.")]
AccountingName = Annotated[str, typer.Option(metavar="NAME", help="full: aux reads count; paper: they do not.")]
Inconclusive = Annotated[
    str, typer.Option(metavar="NAME", help="What undecided counts as: inconclusive (exit 4), fail (1) or pass (0).")
]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")]
SummaryFile = Annotated[Path | None, typer.Option("--summary", metavar="FILE", help="Write Markdown for a pull request.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of the resamples.")]


def gate(
    baseline: Baseline,
    candidate: Candidate,
    metric: MetricName = "per-read",
    margin: Margin = 5.0,
    reads_margin: ReadsMargin = 5.0,
    score: ScoreName = "average",
    accounting: AccountingName = "full",
    inconclusive: Inconclusive = "inconclusive",
    junit: JunitFile = None,
    summary: SummaryFile = None,
    seed: Seed = 0,
    mixed: Mixed = False,
    json: Json = False,
) -> None:
    """Fail where accuracy per memory read got worse. Exit codes: 0 passed, 1 failed, 4 inconclusive."""
    from hyperscale.cli.output import note, print_json, results_only, stdout

    with results_only():
        from hyperscale.commands.gate import gate as command

        found = command(
            baseline,
            candidate,
            metric=metric,
            margin=margin,
            reads_margin=reads_margin,
            score=score,
            accounting=accounting,
            inconclusive=inconclusive,
            junit_file=junit,
            summary_file=summary,
            seed=seed,
            mixed=mixed,
            note=note,
        )
    if json:
        print_json(found.to_json())
    else:
        from hyperscale.cli.gate_table import gate_tables

        console = stdout()
        for part in gate_tables(found, console.width):
            console.print(part)
    raise typer.Exit(CODES[found.decision])
