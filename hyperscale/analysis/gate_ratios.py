"""Checks that weigh accuracy against reads: per read, and at the same reads."""

from collections.abc import Sequence
from dataclasses import replace
from math import expm1, log1p

import numpy as np

from hyperscale.analysis.bands import resampled_means
from hyperscale.analysis.check import Change, Check, Outcome, Score, Terms, decided, reason_for
from hyperscale.analysis.estimate import FEW_OUTCOMES
from hyperscale.analysis.frontier import Axis, Frontier, frontier
from hyperscale.analysis.point import Cost, Numbers, Point
from hyperscale.analysis.power import detectable
from hyperscale.analysis.quantile import LEVEL, widened
from hyperscale.analysis.staircase import climb, level

MREAD = 1 << 20
NEW_PROBLEMS = "on problems of this kind (question sampling)"
AT_READS = "accuracy at the same reads"
AT_READS_ESTIMAND = f"difference from the baseline's frontier at the same reads {NEW_PROBLEMS}"


def accuracy_per_read(candidate: Point, baseline: Point, terms: Terms) -> Check:
    """Accuracy per read as a multiple of the baseline's; both are points on the same problems.

    Problems are resampled jointly: reads and accuracy go together.
    """
    sides = (candidate, baseline)
    scores = np.stack([side.accuracy if terms.score is Score.VOTE else side.average for side in sides], 1)
    reads = np.stack([side.cost(Cost.READS, terms.accounting) for side in sides], 1)
    (mine, theirs), (spent, they_spent) = scores.mean(0).tolist(), reads.mean(0).tolist()
    values = [score / cost * MREAD if cost else 0.0 for score, cost in ((theirs, they_spent), (mine, spent))]
    name, estimand = "accuracy per read", f"ratio of accuracy per read {NEW_PROBLEMS}"
    if np.array_equal(scores[:, 0], scores[:, 1]) and np.array_equal(reads[:, 0], reads[:, 1]):
        return _check(values, Change(0.0, 0.0, 0.0), terms, name, estimand, relative=True)
    if not (spent > 0 and they_spent > 0):
        return _undecided(values, terms, name, estimand, "a side that reads nothing has no ratio", relative=True)
    if (right := float(scores[:, 1].sum())) < FEW_OUTCOMES:
        reason = f"the baseline is right on {right:.3g} problems' worth, and a ratio needs {FEW_OUTCOMES}"
        return _undecided(values, terms, name, estimand, reason, relative=True)
    drawn = resampled_means(np.concatenate([scores, reads], 1), terms.resamples, terms.seed)  # [R, 4]
    sound = drawn[(drawn[:, 1:] > 0).all(1)]
    changes = sound[:, 0] / sound[:, 1] * sound[:, 3] / sound[:, 2] - 1
    change = _change(values[1] / values[0] - 1, changes, len(scores))
    return _check(values, change, terms, name, estimand, relative=True)


def accuracy_at_reads(candidate: Point, known: Sequence[Point], terms: Terms) -> Check:
    """The candidate's vote against the frontier of the baseline's points at what the candidate cost; all on the same problems.

    Right of the frontier its best point stands for it: more reads bring no more accuracy there. Left of it its cheapest point
    does, which costs more: a candidate that holds its own against that passes, one that does not proves nothing.
    """
    if all(point is candidate for point in known):  # the same chains
        score = float(candidate.accuracy.mean())
        return _check([score, score], Change(0.0, 0.0, 0.0), terms, AT_READS, AT_READS_ESTIMAND, relative=False)
    whole = frontier(known, Cost.READS, terms.accounting)
    cost, accuracy = float(candidate.cost(Cost.READS, terms.accounting).mean()), float(candidate.accuracy.mean())
    height = _height(whole, cost)
    everything = [candidate, *known]
    columns = [*(p.cost(Cost.READS, terms.accounting) for p in everything), *(p.accuracy for p in everything)]
    costs, votes = np.split(resampled_means(np.stack(columns, 1), terms.resamples, terms.seed), 2, axis=1)  # [R, points] each
    change = _change(accuracy - height, _distances(costs, level(votes)), len(candidate.problems))
    check = _check([height, accuracy], change, terms, AT_READS, AT_READS_ESTIMAND, relative=False)
    if cost < whole.costs[0] and check.outcome is Outcome.FAIL:
        reason = f"fewer reads than the cheapest configuration of the baseline has ({whole.costs[0]:.4g})"
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=reason)
    return check


def _distances(costs: Numbers, votes: Numbers) -> Numbers:
    """How far the first point is above the frontier of the others, ``[R, points]`` -> ``[R]``."""
    order, steps = climb(costs[:, 1:], votes[:, 1:])
    found = []
    for row, chosen in enumerate(steps):
        points = order[row, chosen] + 1
        found.append(votes[row, 0] - _height(Frontier(costs[row, points], votes[row, points]), costs[row, 0]))
    return np.array(found)


def _height(whole: Frontier, cost: float) -> float:
    if cost < whole.costs[0]:
        return float(whole.accuracies[0])
    return float(whole.accuracies[-1] if cost >= whole.costs[-1] else whole.accuracy_at(cost, Axis.LOG2))


def _change(value: float, drawn: Numbers, problems: int) -> Change:
    at_least, at_most = np.quantile(drawn, [widened(1 - LEVEL, problems), widened(LEVEL, problems)])
    return Change(value, float(at_least), float(at_most))


def _check(values: Sequence[float], change: Change, terms: Terms, name: str, estimand: str, *, relative: bool) -> Check:
    outcome = decided(change, -terms.margin)
    baseline, candidate = values
    return Check(
        name=name,
        outcome=outcome,
        baseline=baseline,
        candidate=candidate,
        change=change,
        limit=-terms.margin,
        detectable=_detectable(change, terms, relative=relative),
        relative=relative,
        estimand=estimand,
        reason=reason_for(outcome),
    )


def _detectable(change: Change, terms: Terms, *, relative: bool) -> float | None:
    """The spread of a ratio is that of its logarithm; None without any, or where the candidate may be worth nothing at all."""
    if not change.spread or (relative and change.at_least <= -1):
        return None
    if not relative:
        return -(terms.margin + detectable(change.spread))
    logarithm = Change(log1p(change.value), log1p(change.at_least), log1p(change.at_most))
    return expm1(log1p(-terms.margin) - detectable(logarithm.spread))


def _undecided(values: Sequence[float], terms: Terms, name: str, estimand: str, reason: str, *, relative: bool) -> Check:
    baseline, candidate = values
    limit = -terms.margin
    return Check(name, Outcome.INCONCLUSIVE, baseline, candidate, None, limit, None, relative, estimand, reason)
