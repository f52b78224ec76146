import pytest

from hyperscale.figures.scaling import Growth, ScalingCurve, ScalingPanel, scaling
from tests.figures.legible import collisions

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


def test_two_panels_share_a_legend() -> None:
    figure = scaling([panel(2), panel(3)])
    assert not collisions(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == LABELS[:3]


def test_a_single_width_and_length_has_its_place() -> None:
    one = ScalingCurve("dms 8x", growth([1], 0.3), growth([1024], 0.3))
    assert not collisions(scaling([ScalingPanel("t", 1, 1024, [one])]))
