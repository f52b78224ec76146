from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hyperscale.figures.labels import Named, Place, _crosses, _ends_first, place_labels
from tests.figures.legible import misplaced, named_boxes

places = st.tuples(st.floats(0, 1), st.floats(0, 1))


def drawn(groups: list[list[tuple[float, float]]]) -> Figure:
    figure = Figure(figsize=(3, 2))
    axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
    axes.set(xlim=(-0.1, 1.1), ylim=(-0.1, 1.1))
    for group in groups:
        axes.plot([x for x, _ in group], [y for _, y in group], marker="o", markersize=3)
    named = [[Named(x, y, f"{n}-1k-8x", "#56B4E9") for x, y in group] for n, group in enumerate(groups)]
    place_labels(axes, named, [place for group in groups for place in group], groups)
    return figure


@pytest.mark.parametrize("seed", range(12))
def test_names_stand_clear_and_nearest_to_their_own_mark(seed: int) -> None:
    random = Random(seed)
    groups = [sorted((random.random(), random.random()) for _ in range(random.randint(1, 8))) for _ in range(1 + seed % 4)]
    figure = drawn(groups)
    (axes,) = figure.get_axes()
    assert not misplaced(axes)
    boxes = [box for _, box in named_boxes(axes, FigureCanvasAgg(figure).get_renderer())]
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])


def test_a_name_that_another_point_is_almost_as_near_to_has_a_line_to_its_mark() -> None:
    (axes,) = drawn([[(0.5, 0.5)], [(0.56, 0.56), (0.56, 0.44)], [(0.44, 0.44), (0.44, 0.56)]]).get_axes()
    (middle,) = [text for text in axes.texts if text.get_text().startswith("0-")] or [None]
    assert middle is None or middle.arrow_patch is not None
    (alone,) = drawn([[(0.5, 0.5)]]).get_axes()[0].texts
    assert alone.arrow_patch is None


def test_ends_come_first_then_what_lies_between_them() -> None:
    named = [Named(float(n), 0, str(n), "k") for n in range(9)]
    assert [entry.name for entry in _ends_first(named)] == list("084261357")
    assert [entry.name for entry in _ends_first(named[:1])] == ["0"]
    assert _ends_first([]) == []


boxes = st.tuples(places, places).map(lambda two: np.array([*map(min, *two), *map(max, *two)]))


@settings(deadline=None)
@given(st.tuples(places, places), boxes)
def test_crossing_agrees_with_points_along_the_segment(ends: tuple[Place, Place], box: np.ndarray) -> None:
    start, end = np.array(ends)
    along = start + np.linspace(0, 1, 501)[:, None] * (end - start)
    inside = ((along >= box[:2]) & (along <= box[2:])).all(1).any()
    crossing = bool(_crosses(np.hstack([start, end])[None], box)[0])
    near = ((along >= box[:2] - 0.01) & (along <= box[2:] + 0.01)).all(1).any()
    assert inside <= crossing <= near
