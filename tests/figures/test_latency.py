from hyperscale.figures.latency import PROMISE, LatencyPanel, Timed, latency
from tests.figures.legible import collisions, misplaced, squeezed

DENSE = Timed("vanilla", "8-1k-1x", 4.0 * 2**20, 2.2)
RUNS = [DENSE, Timed("dms", "8-1k-8x", 0.7 * 2**20, 1.1), Timed("tova", "8-1k-4x", 2.0 * 2**20, 1.9)]
LONG = "aime24 · deepseek-ai/DeepSeek-R1-Distill-Qwen-7B · NVIDIA H100 80GB HBM3"
METHODS = ["vanilla", "dms", "tova", "h2o", "quest", "window", "MyPolicyWithALongName alpha=0.1"]


def test_all_words_can_be_read() -> None:
    for panels in ([LatencyPanel(LONG, RUNS, DENSE)], [LatencyPanel("t", RUNS[1:]), LatencyPanel(LONG, RUNS[1:])]):
        figure = latency(panels)
        assert not collisions(figure)
        assert not squeezed(figure)
        assert not [wrong for axes in figure.get_axes() for wrong in misplaced(axes)]


def test_every_method_is_named_in_the_legend_and_every_run_beside_its_point() -> None:
    runs = [
        Timed(method, f"8-1k-{ratio}x", (1 + number) * 2.0**20 / ratio, 1 + (number * 5 + ratio) % 7)
        for number, method in enumerate(METHODS)
        for ratio in (2, 8)
    ]
    figure = latency([LatencyPanel("t", runs, runs[0])])
    assert not collisions(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == METHODS
    assert sorted(text.get_text() for text in figure.get_axes()[0].texts) == sorted(run.label for run in runs)


def test_runs_that_read_or_took_nothing_are_drawn() -> None:
    nothing = Timed("vanilla", "8-1k-1x", 0.0, 0.0)
    for runs in ([nothing], [nothing, RUNS[1]], [Timed("dms", "8-1k-8x", 0.0, 2.0), Timed("dms", "4-1k-8x", 5.0, 0.0)]):
        figure = latency([LatencyPanel("t", runs, runs[0])])
        assert not collisions(figure)
        (axes,) = figure.get_axes()
        assert axes.get_xlim()[0] == axes.get_ylim()[0] == 0


def test_the_thin_line_goes_through_the_origin_and_the_dense_run() -> None:
    (axes,) = latency([LatencyPanel("t", RUNS, DENSE)]).get_axes()
    (line,) = [line for line in axes.get_lines() if line.get_label() == PROMISE]
    (x0, y0), (x1, y1) = line.get_xydata()
    assert (x0, y0) == (0, 0)
    assert abs(y1 / x1 - DENSE.seconds / DENSE.reads) < 1e-12
    assert axes.get_xlim()[0] == axes.get_ylim()[0] == 0
