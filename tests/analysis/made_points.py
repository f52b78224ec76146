"""Points made of numbers."""

from collections.abc import Sequence

import numpy as np

from hyperscale.analysis.point import Panel, Point, Series

PANEL = Panel("modchain", "abacus")


def made_point(
    accuracy: Sequence[float],
    reads: Sequence[float],
    *,
    width: int = 1,
    length: int = 64,
    method: str = "tova",
    budget: str = "8x",
    problems: Sequence[str] | None = None,
    aux: Sequence[float] | None = None,
    peak: Sequence[float] | None = None,
    seconds: float | None = None,
    chains: int | None = None,
    panel: Panel = PANEL,
    derived: bool = False,
) -> Point:
    """A point with these numbers per problem; what is not said is nothing much."""
    names = tuple(problems or (f"p{number:04}" for number in range(len(accuracy))))
    return Point(
        panel=panel,
        series=Series(method, budget, "abacus"),
        width=width,
        length=length,
        problems=names,
        accuracy=np.array(accuracy, dtype=float),
        average=np.array(accuracy, dtype=float),
        kv_reads=np.array(reads, dtype=float),
        aux_reads=np.zeros(len(names)) if aux is None else np.array(aux, dtype=float),
        peak=np.ones(len(names)) if peak is None else np.array(peak, dtype=float),
        seconds=seconds,
        chains=chains or width,
        derived=derived,
    )


def same(a: Point, b: Point) -> bool:
    """Whether two points are equal number for number, however they came about."""
    columns = ("accuracy", "average", "kv_reads", "aux_reads", "peak")
    rest = ("panel", "series", "width", "length", "problems", "seconds", "chains")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in columns) and all(
        getattr(a, name) == getattr(b, name) for name in rest
    )
