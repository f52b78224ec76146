"""Difference: how much more often the candidate is right than the baseline, on the problems both have."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hyperscale.analysis.estimate import fixed_bounds
from hyperscale.analysis.point import Numbers
from hyperscale.analysis.power import detectable
from hyperscale.analysis.quantile import LEVEL, TWO_SIDED, normal_quantile
from hyperscale.analysis.skewed import SkewedMean

AVERAGE = "difference of accuracy_avg"
SAMPLED = "on problems of this kind (question sampling)"
FIXED = "on exactly these problems with new chains (fixed questions)"


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline, in shares of 0..1, over the problems both have.

    Attributes
    ----------
    candidate, baseline : float
        Their means over these problems.
    low, high : float
        Two-sided 95% interval.
    at_least, at_most : float
        One-sided 95% bounds: with that confidence each, the difference is not lower, and not higher.
    standard_error : float
    detectable : float
        Minimum detectable effect: a one-sided test at 5% finds it in 80% of repetitions.
    """

    problems: int
    candidate: float
    baseline: float
    mean: float
    low: float
    high: float
    at_least: float
    at_most: float
    standard_error: float
    detectable: float
    method: str
    estimand: str


def paired_difference(candidate: Mapping[str, float], baseline: Mapping[str, float]) -> Difference:
    """Compare the averages of two runs, by problem.

    Raises
    ------
    ValueError
        They share fewer than two problems.
    """
    shared = sorted(candidate.keys() & baseline.keys())
    if len(shared) < 2:
        raise ValueError(f"a paired difference needs two problems that both runs have, there are {len(shared)}")
    above, below = (np.array([side[problem] for problem in shared]) for side in (candidate, baseline))
    return sampled_difference(above, below, f"{AVERAGE}, {SAMPLED}")


def sampled_difference(candidate: Numbers, baseline: Numbers, estimand: str) -> Difference:
    """The difference on new problems of the kind, from both sides' scores, ``[problems]`` each, paired by problem.

    Bounds are those of `SkewedMean`; of its rivals (t, percentile bootstrap) only it errs in 5% or less on either side where
    a few problems in a hundred break (docs/statistics.md has the simulation).
    """
    mean = SkewedMean.of(candidate - baseline)
    low, at_least, at_most, high = (
        min(1.0, max(-1.0, mean.bound(confidence))) for confidence in (1 - TWO_SIDED, 1 - LEVEL, LEVEL, TWO_SIDED)
    )
    return Difference(
        problems=len(candidate),
        candidate=float(candidate.mean()),
        baseline=float(baseline.mean()),
        mean=mean.mean,
        low=low,
        high=high,
        at_least=at_least,
        at_most=at_most,
        standard_error=mean.standard_error,
        detectable=detectable(mean.standard_error, mean.freedom),
        method="paired by problem, t with two imaginary problems and Hall's correction for skewness",
        estimand=estimand,
    )


def fixed_difference(candidate: Numbers, baseline: Numbers, chains: tuple[int, int]) -> Difference | None:
    """The difference of averages on exactly these problems, with new chains; None where a side has one chain per problem.

    The variance is the sum of both sides' within-question variances. Both sides' intervals are joined as Newcombe (1998,
    Statist. Med. 17, 873-890, method 10) joins two Wilson intervals: the lower arm is the root of the squared distances to the
    candidate's lower and the baseline's upper bound. The standard error is half the 90% interval over its normal quantile, so
    that it is never zero.

    Parameters
    ----------
    candidate, baseline : array
        ``[problems]``, shares of right chains.
    chains : (int, int)
        Chains per problem, of candidate and baseline.
    """
    if min(chains) < 2:
        return None
    low, high = _joined(candidate, baseline, chains, TWO_SIDED)
    at_least, at_most = _joined(candidate, baseline, chains, LEVEL)
    standard_error = (at_most - at_least) / (2 * normal_quantile(LEVEL))
    return Difference(
        problems=len(candidate),
        candidate=float(candidate.mean()),
        baseline=float(baseline.mean()),
        mean=float((candidate - baseline).mean()),
        low=low,
        high=high,
        at_least=at_least,
        at_most=at_most,
        standard_error=standard_error,
        detectable=detectable(standard_error),
        method="Newcombe, effective chains",
        estimand=f"{AVERAGE}, {FIXED}",
    )


def no_difference(scores: Numbers, estimand: str) -> Difference:
    """What a run differs from itself."""
    mean = float(scores.mean())
    return Difference(len(scores), mean, mean, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "the same chains", estimand)


def _joined(candidate: Numbers, baseline: Numbers, chains: tuple[int, int], confidence: float) -> tuple[float, float]:
    mean = float((candidate - baseline).mean())
    above, below = float(candidate.mean()), float(baseline.mean())
    above_low, above_high = fixed_bounds(candidate, chains[0], confidence)
    below_low, below_high = fixed_bounds(baseline, chains[1], confidence)
    return (
        max(-1.0, mean - math.hypot(above - above_low, below_high - below)),
        min(1.0, mean + math.hypot(above_high - above, below - below_low)),
    )
