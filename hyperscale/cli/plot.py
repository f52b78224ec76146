"""hyperscale plot"""

from pathlib import Path
from typing import Annotated

import typer

from hyperscale.cli.report import Runs

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where PNG, SVG and PDF go.")]
Folders = Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders that hyperscale retrofit wrote to.")]


def plot_app() -> typer.Typer:
    """The sub-commands, one per figure."""
    app = typer.Typer(help="Draw a figure.", rich_markup_mode="rich")
    for command in (retention, retrofit):
        app.command(command.__name__)(command)
    return app


def retention(runs: Runs = None, out: Out = Path("plots")) -> None:
    """Share held by layer and head, and compression along the chains."""
    from hyperscale.cli.output import results_only

    with results_only():
        from hyperscale.commands.plot import plot_retention

        paths = plot_retention(runs or [Path("results")], out)
    _say(paths)


def retrofit(folders: Folders, out: Out = Path("plots")) -> None:
    """Loss and compression of a retrofit, step by step."""
    from hyperscale.cli.output import results_only

    with results_only():
        from hyperscale.commands.plot import plot_retrofit

        paths = plot_retrofit(folders, out)
    _say(paths)


def _say(paths: list[Path]) -> None:
    for path in paths:
        print(path)
