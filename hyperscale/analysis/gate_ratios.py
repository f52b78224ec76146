"""Checks that weigh accuracy against reads: per read, and at the same reads."""

from collections.abc import Sequence

import numpy as np

from hyperscale.analysis.bands import resampled_means
from hyperscale.analysis.check import Change, Check, Outcome, Score, Terms, decided, reason_for
from hyperscale.analysis.frontier import Axis, Frontier, frontier
from hyperscale.analysis.point import Cost, Numbers, Point
from hyperscale.analysis.power import detectable
from hyperscale.analysis.quantile import LEVEL, widened
from hyperscale.analysis.staircase import climb, level

MREAD = 1 << 20
NEW_PROBLEMS = "on problems of this kind (question sampling)"


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
    if not (theirs > 0 and spent > 0 and they_spent > 0):
        reason = "a side without reads, or a baseline without right chains"
        return _undecided(values, terms, name, estimand, reason, relative=True)
    if np.array_equal(scores[:, 0], scores[:, 1]) and np.array_equal(reads[:, 0], reads[:, 1]):
        return _check(values, Change(0.0, 0.0, 0.0), terms, name, estimand, relative=True)
    drawn = resampled_means(np.concatenate([scores, reads], 1), terms.resamples, terms.seed)  # [R, 4]
    sound = drawn[(drawn[:, 1:] > 0).all(1)]
    changes = sound[:, 0] / sound[:, 1] * sound[:, 3] / sound[:, 2] - 1
    change = _change(values[1] / values[0] - 1, changes, len(scores))
    return _check(values, change, terms, name, estimand, relative=True)


def accuracy_at_reads(candidate: Point, known: Sequence[Point], terms: Terms) -> Check:
    """The candidate's vote against the frontier of the baseline's points at what the candidate cost; all on the same problems.

    Right of the frontier its best point stands for it: more reads bring no more accuracy there. Left of it there is nothing to
    hold the candidate against.
    """
    whole = frontier(known, Cost.READS, terms.accounting)
    cost, accuracy = float(candidate.cost(Cost.READS, terms.accounting).mean()), float(candidate.accuracy.mean())
    name, estimand = "accuracy at the same reads", f"difference from the baseline's frontier at the same reads {NEW_PROBLEMS}"
    height = _height(whole, cost)
    if height is None:
        reason = f"fewer reads than the cheapest configuration of the baseline has ({whole.costs[0]:.4g})"
        return _undecided([0.0, accuracy], terms, name, estimand, reason, relative=False)
    everything = [candidate, *known]
    columns = [*(p.cost(Cost.READS, terms.accounting) for p in everything), *(p.accuracy for p in everything)]
    costs, votes = np.split(resampled_means(np.stack(columns, 1), terms.resamples, terms.seed), 2, axis=1)  # [R, points] each
    change = _change(accuracy - height, _distances(costs, level(votes)), len(candidate.problems))
    return _check([height, accuracy], change, terms, name, estimand, relative=False)


def _distances(costs: Numbers, votes: Numbers) -> Numbers:
    """How far the first point is above the frontier of the others, ``[R, points]`` -> ``[<= R]``."""
    order, steps = climb(costs[:, 1:], votes[:, 1:])
    found = []
    for row, chosen in enumerate(steps):
        points = order[row, chosen] + 1
        height = _height(Frontier(costs[row, points], votes[row, points]), costs[row, 0])
        if height is not None:
            found.append(votes[row, 0] - height)
    return np.array(found)


def _height(whole: Frontier, cost: float) -> float | None:
    if cost < whole.costs[0]:
        return None
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
        detectable=-(terms.margin + detectable(change.spread)),
        relative=relative,
        estimand=estimand,
        reason=reason_for(outcome),
    )


def _undecided(values: Sequence[float], terms: Terms, name: str, estimand: str, reason: str, *, relative: bool) -> Check:
    baseline, candidate = values
    limit = -terms.margin
    return Check(name, Outcome.INCONCLUSIVE, baseline, candidate, None, limit, None, relative, estimand, reason)
