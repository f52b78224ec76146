"""One method looks the same in every figure, whatever else is in it."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hyperscale.analysis.compression import LengthBucket
from hyperscale.figures.axes import Amounts
from hyperscale.figures.latency import LatencyPanel, Timed, latency
from hyperscale.figures.pareto import Curve, Mark, ParetoPanel, pareto
from hyperscale.figures.retention import RetentionCurve, retention
from hyperscale.figures.scaling import Growth, ScalingCurve, ScalingPanel, scaling
from hyperscale.figures.style import COLUMN_WIDTH, contrast, ink, lines, looks_of, series_looks

RUNS = [("vanilla", "1x"), ("tova", "4x"), ("tova", "8x"), ("dms", "8x"), ("Mine", "4x"), ("Another a=1", "4x")]
METHODS = list(dict.fromkeys(method for method, _ in RUNS))
GROWTH = Growth([1, 2, 4], [0.2, 0.3, 0.4], [0.1, 0.2, 0.3], [0.3, 0.4, 0.5])
BUCKETS = [LengthBucket(64 * n, 64 * n + 64, 5, 1.0 + n, 1.0) for n in range(4)]


def figures() -> dict[str, Figure]:
    marks = {method: [Mark(1e4 * (n + 1), 0.3, "1-1k-8x", True)] for n, method in enumerate(METHODS)}
    curves = [ScalingCurve(f"{method} {budget}", GROWTH, GROWTH, method) for method, budget in RUNS]
    held = [RetentionCurve(f"{method} {budget}", [[1.0]], BUCKETS, method) for method, budget in reversed(RUNS)]
    timed = [Timed(method, "8-1k-8x", 1e6 * (n + 1), 2.0) for n, (method, _) in enumerate(RUNS)]
    return {
        "pareto": pareto([ParetoPanel("t", [Curve(*item) for item in marks.items()])], "KV reads", Amounts(binary=True)),
        "scaling": scaling([ScalingPanel("t", 4, 4, curves)]),
        "retention": retention(held),
        "latency": latency([LatencyPanel("t", timed)]),
    }


def shown(figure: Figure) -> Mapping[str, Line2D]:
    """Samples in the legend, by what stands beside them."""
    legends = [*figure.legends, *(legend for part in figure.subfigs for legend in part.legends)]
    return {
        text.get_text(): handle
        for legend in legends
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
        if isinstance(handle, Line2D)
    }


def test_a_method_has_one_colour_and_one_marker_in_all_figures() -> None:
    looks: dict[str, set[tuple[str, str]]] = {method: set() for method in METHODS}
    for name, figure in figures().items():
        samples = shown(figure)
        assert len(samples) == len(METHODS if name in ("pareto", "latency") else RUNS)
        for text, sample in samples.items():
            method = next(method for method in METHODS if text.startswith(method))
            looks[method].add((sample.get_color(), sample.get_marker()))
    assert all(len(its) == 1 for its in looks.values())
    assert len(set.union(*looks.values())) == len(METHODS)


def test_the_legend_shows_what_is_drawn() -> None:
    for figure in figures().values():
        drawn = {(line.get_color(), line.get_marker()) for axes in figure.get_axes() for line in axes.get_lines()}
        assert {(sample.get_color(), sample.get_marker()) for sample in shown(figure).values()} <= drawn


def test_budgets_of_a_method_differ_in_dash_and_fill() -> None:
    for name in ("scaling", "retention"):
        samples = shown(figures()[name])
        one, other = samples["tova 4x"], samples["tova 8x"]
        assert one.get_linestyle() != other.get_linestyle()
        assert one.get_markerfacecolor() != other.get_markerfacecolor()
    many = series_looks([("dms", f"{n}x") for n in range(16)])
    assert len({(look.linestyle, look.fill) for look in many}) == 16
    assert len({(look.color, look.marker) for look in many}) == 1


def test_company_changes_nothing() -> None:
    assert looks_of(["dms", "tova"])["dms"] == looks_of(["mine", "vanilla", "dms"])["dms"]
    names = ["vanilla", "dms", "tova", "h2o", "quest", "window", "mine", "yours"]
    looks = looks_of(names)
    assert looks_of(names[::-1]) == looks
    assert len({look.color for look in looks.values()}) >= 7
    assert len({(look.color, look.marker) for look in looks.values()}) == 8


def test_words_in_a_methods_colour_can_be_read_on_white() -> None:
    for look in lines(8):
        assert contrast(ink(look.color)) >= 4.5
    assert ink("#000000") == "#000000"
    assert contrast("#ffffff") == 1
    assert round(contrast("#767676"), 2) == 4.54  # the lightest grey that the W3C's guide lets pass


def test_figures_fit_a_column_with_letters_that_can_be_read() -> None:
    for figure in figures().values():
        assert figure.get_figwidth() == COLUMN_WIDTH
        texts = [text for axes in figure.get_axes() for text in (axes.xaxis.label, axes.yaxis.label, axes.title, *axes.texts)]
        legends = [*figure.legends, *(legend for part in figure.subfigs for legend in part.legends)]
        texts += [text for legend in legends for text in legend.get_texts()]
        assert min(text.get_fontsize() for text in texts) >= 5.5
