"""Replicas: runs that differ in nothing but the seed, as if they were one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from hyperscale.analysis.point import Numbers, Panel, Point, Series

_Configuration = tuple[Panel, Series, int, int]


def merged(runs: Iterable[tuple[int, Sequence[Point]]]) -> list[Point]:
    """Make one point per configuration of the points of several runs, each given with its seed.

    Accuracies and costs are means over the seeds, on the problems that all seeds have; chains add up. Points of one seed tell
    of the same chains, e.g. where a run of a smaller length lies beside the run that its points can be derived from: of these
    the one with the most chains counts, then the one with the most problems, then the one that is not derived. Points that
    differ in more than the seed must be of different series.

    Returns
    -------
    list of Point
        By length and then width, series in the order in which they came.

    Raises
    ------
    ValueError
        Two seeds of a configuration have no problem in common.
    """
    best: dict[_Configuration, dict[int, Point]] = {}
    for seed, points in runs:
        for point in points:
            seeds = best.setdefault((point.panel, point.series, point.width, point.length), {})
            seeds[seed] = max((seeds[seed], point), key=_worth) if seed in seeds else point
    series = {key[:2]: number for number, key in reversed(list(enumerate(best)))}
    order = sorted(best, key=lambda key: (series[key[:2]], key[3], key[2]))
    return [_mean([best[key][seed] for seed in sorted(best[key])]) for key in order]


def _worth(point: Point) -> tuple[int, int, bool]:
    return point.chains, len(point.problems), not point.derived


def _mean(points: Sequence[Point]) -> Point:
    if len(points) == 1:
        return points[0]
    shared = set(points[0].problems).intersection(*(point.problems for point in points))
    if not shared:
        raise ValueError(f"the runs of {points[0].series.method} {points[0].label} have no problem in common")
    alike = [point.on(sorted(shared)) for point in points]
    seconds = [point.seconds for point in points if point.seconds is not None]

    def mean(column: Callable[[Point], Numbers]) -> Numbers:
        means: Numbers = np.mean([column(point) for point in alike], axis=0)
        return means

    return replace(
        alike[0],
        accuracy=mean(lambda point: point.accuracy),
        average=mean(lambda point: point.average),
        kv_reads=mean(lambda point: point.kv_reads),
        aux_reads=mean(lambda point: point.aux_reads),
        peak=mean(lambda point: point.peak),
        seconds=fmean(seconds) if len(seconds) == len(points) else None,
        chains=sum(point.chains for point in points),
        derived=any(point.derived for point in points),
    )
