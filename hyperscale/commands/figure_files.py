"""Figures as files."""

from pathlib import Path

from matplotlib.figure import Figure

from hyperscale.figures.style import save
from hyperscale.store.disk import refusing


def written(figure: Figure, out: Path, name: str) -> list[Path]:
    """``name.png``, ``.svg`` and ``.pdf`` in the folder `out`, made if need be; raises Refusal where it cannot be written."""
    with refusing(out):
        out.mkdir(parents=True, exist_ok=True)
        return save(figure, out / name)
