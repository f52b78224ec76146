"""Estimates from graded chains, with intervals that say what they estimate.

Under question sampling problems are the sample: chains are never resampled inside a vote, which would bias votes down. On fixed
questions chains are the sample. docs/statistics.md tells how often each interval covers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.quantile import LEVEL as LEVEL
from hyperscale.analysis.quantile import TWO_SIDED, normal_quantile, t_quantile, widened

Scores = Sequence[float] | npt.NDArray[np.floating[Any]]

RESAMPLES = 10_000
FEW_PROBLEMS = 50
FEW_OUTCOMES = 20
_SIMULATED_FROM = 30
_COARSE = 3
_BLOCK = 1 << 22  # draws held in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval: from `low` to `high`, how it was made, and what it is an interval for."""

    low: float
    high: float
    method: str
    estimand: str


def headline_interval(scores: Scores, chains: int, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The interval of a run's accuracy on new problems of the kind, from one score in 0..1 per problem.

    Bootstrap over problems. `score_interval` instead with one chain, with fewer than 50 problems, where all scores are 0 or 1,
    and with fewer than 20 problems' worth of right or of wrong answers: resampled means then jump from problem to problem,
    and the bootstrap covers as little as 19% of the time. `python -m hyperscale.bench.coverage` simulates this choice; its
    table is in docs/statistics.md. `caution` tells where no choice is good.

    Parameters
    ----------
    scores : sequence of float
        One per problem, e.g. its vote.
    chains : int
        Chains in a vote.
    seed, resamples : int
        Of the bootstrap, which names both.
    """
    values = _shares(scores)
    kind = "accuracy of one chain" if chains == 1 else f"accuracy of a vote over {chains} chains"
    estimand = f"{kind} on problems of this kind (question sampling)"
    if chains == 1 or len(values) < FEW_PROBLEMS or _binary(values) or _rarer(values) < FEW_OUTCOMES:
        return score_interval(values, estimand)
    return bootstrap_mean(values, seed, resamples, estimand)


def average_interval(averages: Scores, chains: int) -> Interval:
    """The interval of avg@k on new problems of the kind, from the share of right chains of each problem."""
    return score_interval(averages, f"avg@{chains} on problems of this kind (question sampling)")


def fixed_interval(averages: Scores, chains: int) -> Interval:
    """The interval of avg@k on exactly these problems, were they run again with new chains.

    Problems are not the sample here, chains are: the variance of the mean is the mean of the problems' within variances
    ``average (1 - average) k / (k - 1)`` over ``n k``. Wilson's interval with as many independent chains as have that variance
    (effective sample size) keeps it in 0..1 and wide enough where nearly all chains are right, or wrong. Two imaginary chains
    that stray from the others of their problems are counted in: where a handful stray the next run may well have none or twice
    as many. Where none strays, which proves little, all chains count as independent.

    Parameters
    ----------
    averages : sequence of float
        Share of right chains, one per problem, in 0..1.
    chains : int
        k, chains per problem; two or more.

    Raises
    ------
    ValueError
        With one chain per problem, which cannot show how chains of one problem differ.
    """
    estimand = f"avg@{chains} on exactly these problems, new chains (fixed questions)"
    return Interval(*fixed_bounds(averages, chains, TWO_SIDED), "Wilson, effective chains", estimand)


def caution(scores: Scores) -> str | None:
    """What to print beside an interval that cannot be trusted to cover 95%; None where simulation found it to."""
    values = _shares(scores)
    n = len(values)
    if n < _SIMULATED_FROM:
        return f"Problems are few ({n}): 95% intervals were found to cover from {_SIMULATED_FROM} on."
    if _rarer(values) < _COARSE:
        kind = "right" if values.mean() < 0.5 else "wrong"
        return (
            f"Fewer than {_COARSE} of {n} problems' worth are {kind}: one problem more or less moves the 95% interval so much "
            "that it covers between 84% and 99% of the time."
        )
    return None


def pass_at(n: int, c: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of `k` chains is right, when `c` of `n` were.

    1 - C(n-c, k) / C(n, k), as a product (Chen et al. 2021, arXiv 2107.03374).

    Raises
    ------
    ValueError
        If k > n: chains that do not exist cannot be divided by.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} right chains of {n} cannot be")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {max(k, 1)} chains, there are {n}")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))


def wilson(successes: float, n: int, estimand: str = "success rate") -> Interval:
    """Wilson's score interval for a rate.

    `successes` may be fractional (votes score ties with a fraction): a mean of scores in 0..1 varies at most as much as a
    rate does, so the interval then errs on the wide side.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} cannot be")
    return Interval(*score_bounds(successes / n, n, normal_quantile(TWO_SIDED)), "Wilson", estimand)


def score_interval(scores: Scores, estimand: str) -> Interval:
    """Wilson's interval for the mean of scores in 0..1, one per problem: votes, averages, pass@k.

    Scores that are all 0 or 1 are a rate. Others vary less than a rate does: n becomes the number of problems whose rate would
    vary as much (effective sample size), and the quantile Student's, as the spread is estimated. Equal fractions show no
    spread, which proves none: they count as a rate.
    """
    values = _shares(scores)
    n, mean = len(values), min(1.0, float(values.mean()))
    variance = float(values.var(ddof=1)) if n > 1 else 0.0
    if _binary(values) or variance == 0:
        return Interval(*score_bounds(mean, n, normal_quantile(TWO_SIDED)), "Wilson", estimand)
    bounds = score_bounds(mean, n * mean * (1 - mean) / variance, t_quantile(TWO_SIDED, n - 1))
    return Interval(*bounds, "Wilson, effective problems", estimand)


def score_bounds(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's bounds around a rate in 0..1 seen in `n` trials, which need not be a whole number.

    Each is the rate from which the one seen is `quantile` of its standard errors away.
    """
    z = quantile
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return 0.0 if rate <= 0 else max(0.0, centre - half), 1.0 if rate >= 1 else min(1.0, centre + half)


def fixed_bounds(averages: Scores, chains: int, confidence: float) -> tuple[float, float]:
    """Bounds for avg@k on exactly these problems, each one-sided at this confidence; see `fixed_interval`."""
    shares = _shares(averages)
    if chains < 2:
        raise ValueError("one chain per problem does not show how much chains of a problem differ; two or more are needed")
    rate = min(1.0, float(shares.mean()))
    spread, two_strays = float((shares * (1 - shares)).sum()), 2 * (1 - 1 / chains) / chains
    independent = chains * len(shares)
    trials = rate * (1 - rate) * (chains - 1) * len(shares) ** 2 / (spread + two_strays) if spread > 0 else float(independent)
    return score_bounds(rate, trials, normal_quantile(confidence))


def bootstrap_mean(scores: Scores, seed: int = 0, resamples: int = RESAMPLES, estimand: str = "mean over problems") -> Interval:
    """Percentile bootstrap interval for a mean, resampling problems, two or more; percentiles are read where `widened` says."""
    values = _checked(scores)
    at = [widened(probability, len(values)) for probability in (1 - TWO_SIDED, TWO_SIDED)]
    low, high = np.quantile(bootstrap_means(values, seed, resamples), at)
    return Interval(float(low), float(high), f"bootstrap, {resamples} resamples, seed {seed}", estimand)


def bootstrap_means(scores: Scores, seed: int = 0, resamples: int = RESAMPLES) -> npt.NDArray[np.float64]:
    """Means of resampled problems, ``[resamples]``.

    Resampling n problems is a multinomial draw over the distinct scores, which are few.
    """
    values, counts = np.unique(_checked(scores), return_counts=True)
    n = int(counts.sum())
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(values))
    means = [
        random.multinomial(n, counts / n, size=min(block, resamples - done)) @ values / n for done in range(0, resamples, block)
    ]
    return np.concatenate(means)


def t_interval(scores: Scores, estimand: str = "mean over problems") -> Interval:
    """Student's t interval for a mean; needs two scores or more, raises ValueError otherwise."""
    values = _checked(scores)
    if len(values) < 2:
        raise ValueError("a t interval needs at least two scores")
    mean = float(values.mean())
    half = t_quantile(TWO_SIDED, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean - half, mean + half, "t", estimand)


def _checked(scores: Scores) -> npt.NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError("an interval needs at least one score")
    return values


def _shares(scores: Scores) -> npt.NDArray[np.float64]:
    values = _checked(scores)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("scores must lie in 0..1")
    return values


def _binary(values: npt.NDArray[np.float64]) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _rarer(values: npt.NDArray[np.float64]) -> float:
    """How many problems' worth are right, or wrong, whichever is less."""
    right = float(values.sum())
    return min(right, len(values) - right)
