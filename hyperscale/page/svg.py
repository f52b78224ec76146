"""Figures as SVG texts, and what a page makes of them."""

import base64
import html
import io
import re

from matplotlib.figure import Figure

from hyperscale.figures.style import style

_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def svg_text(figure: Figure, title: str) -> str:
    """A figure as SVG; the same figure gives the same text. The title is what those hear who cannot see it."""
    content = io.StringIO()
    with style():
        figure.savefig(content, format="svg", metadata={"Date": None, "Title": title})
    return content.getvalue()


def picture(svg: str, fallback: str) -> str:
    """An image element holding the SVG.

    Not the SVG itself: its style sheet and ids would be the page's, and as an image it can neither run nor load anything.
    """
    if "<svg" not in svg:
        raise ValueError("a figure must be the text of an SVG")
    found = _TITLE.search(svg)
    title = html.unescape(found[1]).strip() if found else ""
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode()
    return f'<img alt="{html.escape(title or fallback)}" src="data:image/svg+xml;base64,{data}">'
