"""The figures of a page."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from matplotlib.figure import Figure

from hyperscale.commands.pareto_plot import Question, pareto_of
from hyperscale.commands.plot import retention_figure
from hyperscale.commands.run_points import RunPoints, load_points
from hyperscale.commands.scaling_plot import scaling_of
from hyperscale.errors import Refusal
from hyperscale.page.svg import svg_text

Note = Callable[[str], None]


def report_figures(runs: Iterable[Path | str], note: Note) -> list[str]:
    """Frontiers, scaling and retention of the runs as SVG texts; a figure that they do not give is left out, and noted."""
    paths = list(runs)

    @cache
    def loaded() -> list[RunPoints]:
        return load_points(paths, note)

    drawings: tuple[tuple[str, Callable[[], Figure]], ...] = (
        ("Accuracy against KV reads", lambda: pareto_of(loaded(), Question(), note=note).figure()),
        ("Accuracy against width and length", lambda: scaling_of(loaded())),
        ("What is held, and compression along the chains", lambda: retention_figure(paths)),
    )
    found = []
    for title, draw in drawings:
        try:
            found.append(svg_text(draw(), title))
        except Refusal as reason:
            note(f'without the figure "{title}": {reason}')
    return found
