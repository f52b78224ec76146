"""hyperscale plot"""

from pathlib import Path
from typing import Annotated

import typer

from hyperscale.cli.options import Json, Mixed
from hyperscale.cli.report import Runs
from hyperscale.errors import UsageError

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where PNG, SVG and PDF go.")]
Folders = Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders that hyperscale retrofit wrote to.")]
CostName = Annotated[str, typer.Option(metavar="NAME", help="reads, peak, or latency (seconds, of runs on one machine).")]
AxisName = Annotated[str, typer.Option(metavar="NAME", help="How gains weigh costs: log2 or linear.")]
AccountingName = Annotated[str, typer.Option(metavar="NAME", help="full: aux reads count; paper: they do not.")]
Reference = Annotated[str, typer.Option(metavar="METHOD", help="The method that gains are measured over.")]
Overlay = Annotated[str | None, typer.Option(metavar="NAME", help="paper: published gains beside ours.")]
Terminal = Annotated[bool, typer.Option("--terminal", help="Draw with letters, here, instead of files.")]


def plot_app() -> typer.Typer:
    """The sub-commands, one per figure."""
    app = typer.Typer(help="Draw a figure.", rich_markup_mode="rich")
    for command in (pareto, scaling, latency, retention, retrofit):
        app.command(command.__name__)(command)
    return app


def pareto(
    runs: Runs = None,
    out: Out = Path("plots"),
    cost: CostName = "reads",
    axis: AxisName = "log2",
    accounting: AccountingName = "full",
    reference: Reference = "vanilla",
    overlay: Overlay = None,
    terminal: Terminal = False,
    mixed: Mixed = False,
    json: Json = False,
) -> None:
    """Accuracy against cost: the frontier of each method, its band, and what it gains over the reference.

    Every run gives the points of all smaller widths too, and of shorter lengths where its method does not depend on them.
    """
    from hyperscale.cli.output import note, print_json, results_only, stdout

    if terminal and json:
        raise UsageError("--terminal and --json exclude each other. Keep one.")
    with results_only():
        from hyperscale.commands.pareto_plot import ask, pareto_plot

        question = ask(cost, axis, accounting, reference, overlay)
        plot = pareto_plot(runs or [Path("results")], question, mixed=mixed, note=note)
        paths = [] if terminal or json else plot.save(out)
    if json:
        print_json(plot.to_json())
    elif terminal:
        console = stdout()
        console.print(plot.text(console.width))
    _say(paths)


def scaling(runs: Runs = None, out: Out = Path("plots"), mixed: Mixed = False) -> None:
    """Accuracy against width and against length."""
    from hyperscale.cli.output import note, results_only

    with results_only():
        from hyperscale.commands.scaling_plot import plot_scaling

        paths = plot_scaling(runs or [Path("results")], out, mixed, note)
    _say(paths)


def latency(runs: Runs = None, out: Out = Path("plots"), mixed: Mixed = False) -> None:
    """Generation time against KV reads: what of the saving a machine turns into time."""
    from hyperscale.cli.output import note, results_only

    with results_only():
        from hyperscale.commands.latency_plot import plot_latency

        paths = plot_latency(runs or [Path("results")], out, mixed, note)
    _say(paths)


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
