import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hyperscale.analysis.compression import LengthBucket
from hyperscale.figures.retention import RetentionCurve, retention
from hyperscale.figures.style import COLUMN_WIDTH, lines, save
from tests.figures.legible import collisions

NAMES = ["vanilla 1x", "dms 2x", "dms 4x", "dms 8x", "h2o 8x", "quest 8x", "tova 8x", "window 512t", "mine 8x"]


def curve(
    label: str, layers: int = 28, heads: int = 8, ratio: float = 4.0, buckets: int = 100, top: float = 1.0
) -> RetentionCurve:
    share = top * np.linspace(1, 0.1, layers * heads).reshape(layers, heads)
    places = [LengthBucket(64 * n, 64 * n + 64, 5, 1 + n * (ratio - 1) / buckets, 1.0) for n in range(buckets)]
    return RetentionCurve(label, share.tolist(), places)


@pytest.mark.parametrize("extra", ["", ", Qwen3-8B-DMS-8x", ", DeepSeek-R1-Distill-Qwen-1.5B, L=16k"])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
def test_all_words_can_be_read(count: int, extra: str) -> None:
    figure = retention([curve(name + extra, ratio=2.0 + n) for n, name in enumerate(NAMES[:count])])
    assert figure.get_figwidth() == COLUMN_WIDTH
    assert not collisions(figure)


def test_a_small_model_can_be_read_too() -> None:
    assert not collisions(retention([curve(name, 4, 2, buckets=16) for name in NAMES[:4]]))


def test_heat_maps_show_the_shares_on_one_scale() -> None:
    small, large = curve("a", 3, 2, top=0.23), curve("b", 3, 2, top=0.61)
    figure = retention([small, large])
    images = [image for axes in figure.get_axes() for image in axes.get_images()]
    assert [np.asarray(image.get_array()).tolist() for image in images] == [small.share, large.share]
    assert {image.get_clim() for image in images} == {(0.0, 0.7)}


def test_lines_show_the_ratio_of_each_bucket_in_its_middle() -> None:
    figure = retention([curve("a", buckets=3, ratio=4.0)])
    (drawn,) = [line for axes in figure.get_axes() for line in axes.get_lines() if line.get_label() == "a"]
    assert drawn.get_xdata().tolist() == [32, 96, 160]
    assert drawn.get_ydata().tolist() == [1, 2, 3]


def test_runs_without_retention_or_without_buckets_have_their_place() -> None:
    figure = retention([curve("a"), RetentionCurve("b", [], curve("b").buckets), RetentionCurve("c", curve("c").share, [])])
    words = [text.get_text() for axes in figure.get_axes() for text in axes.texts]
    assert words == ["not recorded"]
    assert not collisions(figure)


def test_what_no_run_recorded_takes_no_room() -> None:
    figure = retention([RetentionCurve(name, [], curve(name).buckets) for name in NAMES])
    assert not collisions(figure)
    assert len(figure.get_axes()) == 1


def test_compression_and_tokens_have_no_place_below_0() -> None:
    worse = RetentionCurve("a", [], [LengthBucket(0, 64, 5, 0.05, 1.0), LengthBucket(64, 128, 5, 40.0, 1.0)])
    single = RetentionCurve("b", [], [LengthBucket(0, 1, 5, 0.01, 1.0)])
    for runs in ([worse], [single], [worse, single], [RetentionCurve("c", [], [])]):
        axes = retention(runs).get_axes()[-1]
        assert axes.get_xlim()[0] == 0
        assert 0 <= axes.get_ylim()[0] <= 0.05 or not runs[0].buckets


def test_lines_differ_in_more_than_colour() -> None:
    looks = lines(64)
    assert len(set(looks)) == 64
    assert len({(look.linestyle, look.marker) for look in looks[:8]}) == 8
    assert len({look.color for look in looks[:8]}) == 8
    assert len(lines(100)) == 100


def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = (save(retention([curve("a")]), tmp_path / name) for name in ("a", "b"))
    assert [path.suffix for path in first] == [".png", ".svg", ".pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_no_display_is_looked_for(tmp_path: Path) -> None:
    script = f"""
import sys; from pathlib import Path
from hyperscale.figures.retention import RetentionCurve, retention; from hyperscale.figures.style import save
save(retention([RetentionCurve("a", [[1.0, 0.5]], [])]), Path({str(tmp_path / "a")!r}))
assert not any("pyplot" in name or "_tk" in name or "_qt" in name for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
