"""hyperscale grade"""

from pathlib import Path
from typing import Annotated

import typer

from hyperscale.cli.options import AllowPartialTests, Data, Json, Since, UnsafeNoSandbox, Until

Task = Annotated[str, typer.Option(metavar="NAME", help="A task (hyperscale tasks), or a card: path/to/card.toml.")]
Completions = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="Rows {problem_id or gold, text}; of choice tasks {gold or permutation, text}, of code tasks {problem_id, text}. "
        "A .jsonl, .json, .csv or .parquet, or one of these with .gz.",
    ),
]
Workers = Annotated[int | None, typer.Option(metavar="N", min=1, help="Processes that grade; by default one for each core.")]


def grade(
    task: Task,
    completions: Completions,
    data: Data = None,
    since: Since = None,
    until: Until = None,
    allow_partial_tests: AllowPartialTests = False,
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Grade completions made elsewhere."""
    from hyperscale.cli.grade_table import grade_table
    from hyperscale.cli.grading_progress import GradingProgress
    from hyperscale.cli.output import print_json, results_only, stdout

    with results_only(), GradingProgress() as progress:
        from hyperscale.commands.grade import grade as command

        report = command(
            task,
            completions,
            data,
            since=since,
            until=until,
            allow_partial_tests=allow_partial_tests,
            unsafe_no_sandbox=unsafe_no_sandbox,
            workers=workers,
            progress=progress,
            note=progress.note,
        )
    if json:
        print_json(report.to_dict())
        return
    stdout().print(grade_table(report))
