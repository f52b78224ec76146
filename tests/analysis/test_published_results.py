"""The paper's numbers, as its tables have them."""

import pytest

from hyperscale.analysis.published_results import PublishedResults, published_results
from hyperscale.tasks.cards import card_names

SMALL, MIDDLE, LARGE = (f"deepseek-ai/DeepSeek-R1-Distill-Qwen-{size}" for size in ("1.5B", "7B", "32B"))


@pytest.fixture(scope="module")
def paper() -> PublishedResults:
    return published_results()


def test_the_citation(paper: PublishedResults) -> None:
    assert str(paper.citation) == (
        "Adrian Łańcucki, Konrad Staniszewski, Piotr Nawrot, Edoardo M. Ponti: "
        "Inference-Time Hyper-Scaling with KV Cache Compression. NeurIPS 2025, arXiv 2506.05345"
    )


def test_gains(paper: PublishedResults) -> None:
    gains = {(row.cost, row.method, row.reference, row.task, row.base_model): row.gain for row in paper.gains}
    assert len(gains) == len(paper.gains) == 7 * 4 * 3
    assert gains["reads", "dms", "vanilla", "aime24", MIDDLE] == 0.15
    assert gains["reads", "quest", "vanilla", "aime24", SMALL] == -0.068
    assert gains["reads", "quest", "vanilla", "math500", LARGE] is None
    assert gains["peak", "dms", "tova", "math500", LARGE] == -0.001
    assert gains["throughput", "dms", "vanilla", "livecodebench", LARGE] == 0.132
    assert sum(gain is None for gain in gains.values()) == 6


def test_accuracies(paper: PublishedResults) -> None:
    rows = {(row.task, row.base_model, row.method, row.budget, row.length): row.accuracy for row in paper.accuracies}
    assert len(rows) == len(paper.accuracies) == 4 * 5 * 3 + 2 * 7
    assert rows["livecodebench", SMALL, "tova", "4x", 16384] == pytest.approx(0.149)
    assert rows["aime24", MIDDLE, "quest", "4x", 32768] == pytest.approx(0.555)
    assert rows["gpqa_diamond", LARGE, "dms", "8x", 32768] == pytest.approx(0.646)
    assert rows["math500", "Qwen/Qwen3-8B", "dms", "8x", 131072] == pytest.approx(0.955)
    assert all(0 < accuracy < 1 for accuracy in rows.values())
    sums = {name: sum(value for (_, _, *mine, length), value in rows.items() if mine == name.split() and length < 1 << 17)
            for name in ("vanilla 1x", "dms 4x", "dms 8x", "quest 4x", "tova 4x")}  # fmt: skip
    # 12 cells each, added up from the printed table
    assert sums == pytest.approx({"vanilla 1x": 6.882, "dms 4x": 6.832, "dms 8x": 6.578, "quest 4x": 6.834, "tova 4x": 6.596})


def test_panels(paper: PublishedResults) -> None:
    panels = {(panel.cost, panel.task, panel.base_model): panel for panel in paper.panels}
    assert len(panels) == len(paper.panels) == (4 + 3 + 2) * 3
    assert panels["reads", "aime24", SMALL].span == (24, 30)
    assert panels["reads", "aime24", LARGE].labels[:3] == ((8, 16384), (1, 32768), (4, 16384))
    assert panels["peak", "livecodebench", LARGE].labels[-1] == (1, 16384)
    assert panels["reads", "math500", SMALL].labels == ()
    assert {len(panel.labels) for panel in paper.panels if panel.task == "livecodebench" and panel.cost == "reads"} == {
        9,
        13,
        14,
    }
    assert all(low < high for panel in paper.panels for low, high in [panel.span])


def test_tasks_are_called_as_here(paper: PublishedResults) -> None:
    assert {row.task for row in (*paper.gains, *paper.panels)} <= set(card_names())
