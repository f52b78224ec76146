from hyperscale.figures.latency import PROMISE, LatencyPanel, Timed, latency
from tests.figures.legible import collisions

DENSE = Timed("vanilla", "vanilla 8-1k-1x", 4.0 * 2**20, 2.2)
RUNS = [DENSE, Timed("dms", "dms 8-1k-8x", 0.7 * 2**20, 1.1), Timed("tova", "tova 8-1k-4x", 2.0 * 2**20, 1.9)]


def test_all_words_can_be_read() -> None:
    for panels in ([LatencyPanel("modchain · abacus · cpu", RUNS, DENSE)], [LatencyPanel("t", RUNS[1:])] * 2):
        assert not collisions(latency(panels))


def test_the_thin_line_goes_through_the_origin_and_the_dense_run() -> None:
    (axes,) = latency([LatencyPanel("t", RUNS, DENSE)]).get_axes()
    (line,) = [line for line in axes.get_lines() if line.get_label() == PROMISE]
    (x0, y0), (x1, y1) = line.get_xydata()
    assert (x0, y0) == (0, 0)
    assert abs(y1 / x1 - DENSE.seconds / DENSE.reads) < 1e-12
    assert axes.get_xlim()[0] == axes.get_ylim()[0] == 0
