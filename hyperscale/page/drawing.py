"""Drawing: a figure of a page, with its numbers for those who cannot see it."""

import base64
import re
from dataclasses import dataclass
from html import escape

from hyperscale.page.plain_table import PlainTable, scroller

_PIXELS = 1.65  # of a page per point of a figure: letters of 8 points are nearly as large as the page's


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as the text of an SVG; `caption` says how to read it, `tables` hold its numbers."""

    title: str
    svg: str
    caption: str = ""
    tables: tuple[PlainTable, ...] = ()

    def __post_init__(self) -> None:
        if "<svg" not in self.svg:
            raise ValueError("a figure must be the text of an SVG")

    def html(self) -> str:
        """A figure element: what it shows, the picture in a box that scrolls, and its numbers, folded away."""
        words = f"<strong>{escape(self.title)}.</strong> {escape(self.caption)}"
        tables = "".join(table.html(table.title) for table in self.tables)
        numbers = f"<details><summary>Numbers of this figure</summary>{tables}</details>" if tables else ""
        box = scroller(self.title, self._picture(), "scroller paper")
        return f"<figure><figcaption>{words}</figcaption>{box}{numbers}</figure>"

    def _picture(self) -> str:
        """An image element holding the SVG, all figures of a page at one scale.

        Not the SVG itself: its style sheet and ids would be the page's, and as an image it can neither run nor load anything.
        """
        data = base64.b64encode(self.svg.encode("utf-8", "replace")).decode()
        where = "; its numbers are in a table below" if self.tables else ""
        return f'<img alt="{escape(self.title + where)}"{self._size()} src="data:image/svg+xml;base64,{data}">'

    def _size(self) -> str:
        found = {side: re.search(rf'<svg\b[^>]*\s{side}="([\d.]+)pt"', self.svg) for side in ("width", "height")}
        return "".join(f' {side}="{_PIXELS * float(size[1]):.0f}"' for side, size in found.items() if size)
