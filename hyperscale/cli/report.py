"""hyperscale report"""

from pathlib import Path
from typing import Annotated

import typer

from hyperscale.cli.options import Json
from hyperscale.errors import UsageError

Runs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[RUN...]", help="Run folders, folders of runs, exported files. Default: results", show_default=False
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print a Markdown table with all columns.")]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Write one page with figures, problems and chains; it opens offline.", show_default=False
    ),
]
ShowQuestions = Annotated[
    bool,
    typer.Option(
        "--show-questions",
        help="Also put in chains that may quote private questions (GPQA); the page is then not to be published.",
    ),
]


def report(
    runs: Runs = None, json: Json = False, markdown: Markdown = False, html: Html = None, show_questions: ShowQuestions = False
) -> None:
    """Show runs in one table, or as a page."""
    _check(json, markdown, html, show_questions)
    named = runs or [Path("results")]
    if html is not None:
        _write(named, html, show_questions)
    else:
        _print(named, json, markdown)


def _check(json: bool, markdown: bool, html: Path | None, show_questions: bool) -> None:
    chosen = [name for name, given in (("--json", json), ("--markdown", markdown), ("--html", html is not None)) if given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other. Keep one.")
    if show_questions and html is None:
        raise UsageError("--show-questions is about the page that --html writes. Add --html FILE, or leave it out.")


def _write(runs: list[Path], file: Path, show_questions: bool) -> None:
    from hyperscale.cli.output import note, results_only

    with results_only():
        from hyperscale.commands.html_report import html_report, page_path
        from hyperscale.commands.report_figures import report_figures

        path = page_path(file)
        html_report(runs, path, report_figures(runs, note), show_questions=show_questions)
    print(path)


def _print(runs: list[Path], json: bool, markdown: bool) -> None:
    from hyperscale.cli.output import print_json, results_only, stdout

    with results_only():
        from hyperscale.commands.report import report as command

        found = command(runs)
    if json:
        print_json(found.to_json())
    elif markdown:
        print(found.markdown(), end="")
    else:
        console = stdout()
        console.print(found.table(console.width))
