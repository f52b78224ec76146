"""Figures as SVG texts."""

import io

from matplotlib.figure import Figure

from hyperscale.figures.style import style


def svg_text(figure: Figure, title: str) -> str:
    """A figure as SVG; the same figure gives the same text. The title is what those hear who cannot see it."""
    content = io.StringIO()
    with style():
        figure.savefig(content, format="svg", metadata={"Date": None, "Title": title})
    return content.getvalue()
