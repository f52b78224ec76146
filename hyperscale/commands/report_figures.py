"""The figures of a page."""

from collections.abc import Callable, Iterable
from pathlib import Path

from matplotlib.figure import Figure

from hyperscale.commands.pareto_plot import pareto_plot
from hyperscale.commands.plot import retention_figure
from hyperscale.commands.scaling_plot import scaling_figure
from hyperscale.errors import Refusal
from hyperscale.page.svg import svg_text

Note = Callable[[str], None]


def report_figures(runs: Iterable[Path | str], note: Note) -> list[str]:
    """Frontiers, scaling and retention of the runs as SVG texts; a figure that they do not give is left out, and noted."""
    paths = list(runs)
    drawings: tuple[tuple[str, Callable[[], Figure]], ...] = (
        ("Accuracy against KV reads", lambda: pareto_plot(paths).figure()),
        ("Accuracy against width and length", lambda: scaling_figure(paths)),
        ("What is held, and compression along the chains", lambda: retention_figure(paths)),
    )
    found = []
    for title, draw in drawings:
        try:
            found.append(svg_text(draw(), title))
        except Refusal as reason:
            note(f'without the figure "{title}": {reason}')
    return found
