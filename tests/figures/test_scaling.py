from math import log2

import pytest

from hyperscale.figures.scaling import Growth, ScalingCurve, ScalingPanel, scaling
from tests.figures.legible import collisions, squeezed

LABELS = ["vanilla 1x", "dms 8x", "dms 4x", "tova 4x", "h2o 4x", "quest 4x", "window 4x", "mine 8x"]


def growth(places: list[int], start: float) -> Growth:
    heights = [start + 0.1 * number for number in range(len(places))]
    return Growth(places, heights, [height - 0.03 for height in heights], [height + 0.03 for height in heights])


def panel(count: int, extra: str = "") -> ScalingPanel:
    curves = [
        ScalingCurve(label + extra, growth([1, 2, 4, 8], 0.3 - 0.02 * n), growth([256, 512, 1024], 0.2 - 0.02 * n))
        for n, label in enumerate(LABELS[:count])
    ]
    return ScalingPanel("modchain · abacus · 300 problems", 8, 1024, curves)


@pytest.mark.parametrize("extra", ["", ", DeepSeek-R1-Distill-Qwen-1.5B"])
@pytest.mark.parametrize("count", [1, 4, 8])
def test_all_words_can_be_read(count: int, extra: str) -> None:
    assert not collisions(scaling([panel(count, extra)]))


def test_two_panels_stand_beside_each_other() -> None:
    long = "aime24 · deepseek-ai/DeepSeek-R1-Distill-Qwen-7B · 40 problems"
    figure = scaling([panel(2), ScalingPanel(long, 8, 1024, panel(3).curves)])
    assert not collisions(figure)
    assert not squeezed(figure)
    assert [[text.get_text() for text in legend.get_texts()] for legend in figure.legends] == [LABELS[:2], LABELS[:3]]


@pytest.mark.parametrize("count", [1, 8])
def test_a_single_width_and_length_has_its_place(count: int) -> None:
    curves = [ScalingCurve(label, growth([1], 0.3), growth([1024], 0.3)) for label in LABELS[:count]]
    figure = scaling([ScalingPanel("t", 1, 1024, curves)])
    assert not collisions(figure)
    for axes, place in zip(figure.get_axes(), (1, 1024), strict=True):
        low, high = axes.get_xlim()
        assert low <= place / 2
        assert high >= place * 2
        drawn = [log2(x / place) for line in axes.get_lines() for x in line.get_xdata()]
        assert max(map(abs, drawn)) < 0.25  # octaves: all at their place


def test_bars_are_explained_and_a_place_that_a_method_lacks_is_empty() -> None:
    none = Growth([], [], [], [])
    figure = scaling([ScalingPanel("t", 8, 1024, [ScalingCurve("dms 8x", growth([1, 2], 0.3), none), panel(1).curves[0]])])
    assert figure.texts[-1].get_text().startswith("bars: 95%")
    assert not collisions(figure)


def test_intervals_that_end_at_their_estimate_may_be_rounded() -> None:
    hair = Growth([1, 2], [1.0, 0.0], [1.0 + 1e-16, 0.0], [1.0 - 1e-16, 0.0])
    bottom, top = scaling([ScalingPanel("t", 1, 64, [ScalingCurve("dms", hair, hair)])]).get_axes()[0].get_ylim()
    assert -0.05 < bottom < 0 < 1 < top < 1.05
