from typing import Any

import numpy as np
import pytest

from hyperscale.figures.learning_curve import learning_curve
from tests.figures.legible import collisions


def log(steps: int, loss: float = 0.5, spread: float = 1.0) -> list[dict[str, Any]]:
    rows = []
    for step in range(1, steps + 1):
        marked = 0.75 * step / steps
        kl = loss * spread ** -(step / steps)
        rows.append(
            {"step": step, "kl": kl, "marked": marked, "wanted": marked, "ratio": 1 / (1 - marked), "seconds": 1.0 * step}
        )
    return rows


@pytest.mark.parametrize("spread", [1.0, 50.0, 5000.0])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_all_words_can_be_read(count: int, spread: float) -> None:
    labels = [f"abacus-dms-{n}x-w16" for n in range(count)] if count > 1 else []
    assert not collisions(learning_curve(*[log(400, 0.1 + n, spread) for n in range(count)], labels=labels))


@pytest.mark.parametrize("steps", [1, 2, 39, 40])
def test_a_short_log_is_drawn(steps: int) -> None:
    above, below = learning_curve(log(steps)).get_axes()
    assert above.get_lines()[-1].get_ydata().tolist() == pytest.approx([row["kl"] for row in log(steps)])
    assert below.get_lines()[-1].get_ydata().tolist() == pytest.approx([row["ratio"] for row in log(steps)])


def test_losses_are_averaged_over_their_neighbours() -> None:
    rows = log(200)
    for row in rows[::2]:
        row["kl"] = 1.5
    raw, smooth = learning_curve(rows).get_axes()[0].get_lines()
    assert np.ptp(raw.get_ydata()) == 1.0
    assert smooth.get_ydata()[0] == pytest.approx((1.5 + 0.5 + 1.5) / 3)
    assert np.ptp(smooth.get_ydata()[5:-5]) < 0.25


def test_compression_is_averaged_as_what_is_held() -> None:
    rows = log(160)
    for number, row in enumerate(rows):
        row["ratio"] = 2.0 if number % 5 else 10.0  # half or a tenth is held
    line = learning_curve(rows).get_axes()[1].get_lines()[-1]
    assert line.get_ydata()[80] == pytest.approx(1 / ((4 * 0.5 + 0.1) / 5))


def test_the_schedule_is_drawn_as_compression() -> None:
    rows = log(10)
    scheduled = learning_curve(rows).get_axes()[1].get_lines()[0]
    assert scheduled.get_label() == "scheduled"
    assert scheduled.get_ydata()[-1] == pytest.approx(4.0)


def test_widely_spread_losses_get_a_logarithmic_axis() -> None:
    assert learning_curve(log(50, spread=100.0)).get_axes()[0].get_yscale() == "log"
    assert learning_curve(log(50, spread=10.0)).get_axes()[0].get_yscale() == "linear"
