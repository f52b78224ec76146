"""The command `hyperscale`."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Annotated, NoReturn

import typer

from hyperscale import __version__
from hyperscale.cli.check_policy import check_policy
from hyperscale.cli.compare import compare
from hyperscale.cli.doctor import doctor
from hyperscale.cli.errors import exit_code
from hyperscale.cli.export import export
from hyperscale.cli.gate import gate
from hyperscale.cli.grade import grade
from hyperscale.cli.methods import methods
from hyperscale.cli.models import models
from hyperscale.cli.plot import plot_app
from hyperscale.cli.report import report
from hyperscale.cli.retrofit import retrofit
from hyperscale.cli.run import run
from hyperscale.cli.score import score
from hyperscale.cli.sweep import sweep
from hyperscale.cli.tasks import tasks

DEBUG = "--debug"
PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Evaluate": (run, sweep, score, grade, check_policy),
    "Look at results": (report, compare, gate, export),
    "Train": (retrofit,),
    "What there is": (tasks, methods, models, doctor),
}
EPILOG = (
    "Exit codes: 0 done; 1 a gate or check failed; 2 a wrong option, found before anything was touched; 3 a file, model, "
    "disk, hub or machine refuses; 4 gate inconclusive; 70 a bug of hyperscale; 130 interrupted."
)


def main() -> NoReturn:
    """Run the command that the process was started with."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; never raises."""
    # taken out first, so that it may stand before and after the command
    words = [word for word in arguments if word != DEBUG]
    return exit_code(lambda: _invoke(words), debug=DEBUG in arguments)


def build_app() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", epilog=EPILOG)
    app.callback(invoke_without_command=True)(hyperscale)
    for panel, commands in PANELS.items():
        for command in commands:
            app.command(command.__name__.replace("_", "-"), rich_help_panel=panel)(command)
    app.add_typer(plot_app(), name="plot", rich_help_panel="Look at results")
    return app


def hyperscale(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show tracebacks; may also stand after the command.")] = False,
) -> None:
    """Evaluate reasoning models under inference-time hyper-scaling: accuracy against KV-cache reads.

    `hyperscale run` alone shows what it does, with a bundled model and benchmark.
    """
    if version:
        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        with redirect_stdout(sys.stderr):  # Typer prints while it gets
            print(context.get_help())
        raise typer.Exit(2)


def _invoke(words: Sequence[str]) -> None:
    command = typer.main.get_command(build_app())
    # not the command's own main(), which has exit codes of its own
    with command.make_context("hyperscale", list(words)) as context:
        command.invoke(context)
