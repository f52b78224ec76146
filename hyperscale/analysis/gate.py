"""The gate: whether a candidate is no worse than a baseline, problem by problem.

Every check has three outcomes. Of accuracy, *pass* and *fail* are shown with 95% confidence each, one-sided; of a cost only
*fail* is, and it passes up to the limit as measured. Where neither holds the check is *inconclusive*. Each says how large a
change it could have found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, log, log1p

from hyperscale.analysis.check import Change, Check, Metric, Outcome, Score, Terms, decided, reason_for, worst
from hyperscale.analysis.compare import Comparison, compare_points
from hyperscale.analysis.gate_ratios import accuracy_at_reads, accuracy_per_read
from hyperscale.analysis.point import Cost, Point
from hyperscale.analysis.power import detectable
from hyperscale.analysis.ratio import Ratio


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks of one candidate against its baseline, and what follows from them."""

    checks: tuple[Check, ...]
    problems: int
    unshared: tuple[int, int]
    widths: tuple[int, int]
    chains: tuple[int, int]
    identical: bool
    notes: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        return worst([check.outcome for check in self.checks])


def judge(
    candidate: Point, baseline: Point, terms: Terms, baseline_points: Sequence[Point] = (), wanted: int | None = None
) -> Verdict:
    """Hold a candidate against a baseline, on the problems that both have.

    Parameters
    ----------
    baseline_points : sequence of Point
        All configurations known of the baseline: the frontier that `Metric.ACCURACY_AT_READS` needs.
    wanted : int, optional
        Problems that the candidate should have: where some are missing, the rest proves nothing, and the outcome is at best
        inconclusive.

    Raises
    ------
    TooFewProblems
        They share fewer than two problems, and are not the same chains.
    """
    found = compare_points(candidate, baseline, terms.seed, accounting=terms.accounting, resamples=terms.resamples)
    whole = len(candidate.problems)
    shared = sorted(set(candidate.problems) & set(baseline.problems))
    candidate, baseline = candidate.on(shared), baseline.on(shared)
    known = [point.on(shared) for point in baseline_points if set(shared) <= set(point.problems)]
    checks = _checks(found, candidate, baseline, known or [baseline], terms)
    if wanted is not None and whole < wanted:
        checks += (_missing(whole, wanted),)
    return Verdict(checks, found.problems, found.unshared, found.widths, found.chains, found.identical, found.notes)


def _checks(found: Comparison, candidate: Point, baseline: Point, known: Sequence[Point], terms: Terms) -> tuple[Check, ...]:
    match terms.metric:
        case Metric.PER_READ:
            return _accuracy(found, terms), _cost("KV reads", found.reads, candidate, baseline, Cost.READS, terms)
        case Metric.ACCURACY:
            return (_accuracy(found, terms),)
        case Metric.KV_READS:
            return (_cost("KV reads", found.reads, candidate, baseline, Cost.READS, terms),)
        case Metric.PEAK:
            return (_cost("peak", found.peak, candidate, baseline, Cost.PEAK, terms),)
        case Metric.RATIO:
            return (accuracy_per_read(candidate, baseline, terms),)
        case Metric.ACCURACY_AT_READS:
            return (accuracy_at_reads(candidate, [candidate] if found.identical else known, terms),)


def _missing(there: int, wanted: int) -> Check:
    reason = f"{wanted - there} of the candidate's {wanted} problems are unfinished or have chains that ended in an error"
    return Check("problems", Outcome.INCONCLUSIVE, wanted, there, None, 0, None, relative=False, estimand="", reason=reason)


def _accuracy(found: Comparison, terms: Terms) -> Check:
    """Shares of right chains on these very problems where there are several chains: then only chains are drawn by chance."""
    difference = found.accuracy if terms.score is Score.VOTE else found.fixed or found.average
    change = Change(difference.mean, difference.at_least, difference.at_most)
    outcome = decided(change, -terms.margin)
    return Check(
        name="accuracy",
        outcome=outcome,
        baseline=difference.baseline,
        candidate=difference.candidate,
        change=change,
        limit=-terms.margin,
        detectable=None if found.identical else -(terms.margin + difference.detectable),
        relative=False,
        estimand=difference.estimand,
        reason=reason_for(outcome),
    )


def _cost(name: str, ratio: Ratio | None, candidate: Point, baseline: Point, kind: Cost, terms: Terms) -> Check:
    """A cost fails where it is shown to be above the limit, and passes where it was not above it.

    Unlike accuracy, a cost is measured without error on the chains there are; only which chains were drawn is left to chance.
    To ask for proof here too would leave gates of ordinary size undecided, as what a chain reads grows with its length squared.
    """
    limit = terms.reads_margin if terms.metric is Metric.PER_READ else terms.margin
    there, here = (float(side.cost(kind, terms.accounting).mean()) for side in (baseline, candidate))
    if ratio is None:
        outcome = Outcome.PASS if here <= there else Outcome.FAIL
        reason = "the candidate costs nothing" if here <= there else "the baseline costs nothing, the candidate something"
        return Check(name, outcome, there, here, None, limit, None, relative=True, estimand="", reason=reason)
    change = Change(ratio.ratio - 1, ratio.at_least - 1, ratio.at_most - 1)
    spread = Change(log(ratio.ratio), log(ratio.at_least), log(ratio.at_most)).spread
    outcome = Outcome.PASS if change.value <= limit else Outcome.FAIL if change.at_least > limit else Outcome.INCONCLUSIVE
    return Check(
        name=name,
        outcome=outcome,
        baseline=there,
        candidate=here,
        change=change,
        limit=limit,
        detectable=expm1(log1p(limit) + detectable(spread)) if spread else None,
        relative=True,
        estimand=ratio.estimand,
        reason=reason_for(outcome),
    )
