"""Estimates from graded chains, with intervals that say what they estimate.

Every estimate here looks at problems as the sample: chains are never resampled inside a vote, which would bias votes down.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = Sequence[float] | npt.NDArray[np.floating[Any]]

LEVEL = 0.95
FEW_PROBLEMS = 50
FEW_OUTCOMES = 5
_BLOCK = 1 << 22  # draws held in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval: from `low` to `high`, how it was made, and what it is an interval for."""

    low: float
    high: float
    method: str
    estimand: str


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
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(max(0.0, low), min(1.0, high), "Wilson", estimand)


def bootstrap_mean(scores: Scores, seed: int = 0, resamples: int = 10_000, estimand: str = "mean over problems") -> Interval:
    """Percentile bootstrap interval for a mean, resampling problems."""
    low, high = np.quantile(bootstrap_means(scores, seed, resamples), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), f"bootstrap, {resamples} resamples", estimand)


def bootstrap_means(scores: Scores, seed: int = 0, resamples: int = 10_000) -> npt.NDArray[np.float64]:
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
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean - half, mean + half, "t", estimand)


def headline_interval(scores: Scores, chains: int, seed: int = 0) -> Interval:
    """The interval of a run's accuracy, from one score in 0..1 per problem (a vote over its `chains` chains).

    Bootstrap over problems; Wilson instead with one chain, with fewer than 50 problems, or with fewer than 5 problems' worth
    of right or of wrong answers. The choice was made by simulation (tests/analysis/test_coverage.py): there, Wilson covers
    90% to 99% of the time, from 10 problems on and at rates from 5% to 95%, also for votes with ties, whose fractions make it
    a little wide. The t interval and the bootstrap fall to 40% (10 problems at 5%): all scores may be the same.
    """
    values = _checked(scores)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("scores must lie in 0..1")
    kind = "accuracy of one chain" if chains == 1 else f"accuracy of a vote over {chains} chains"
    estimand = f"{kind} on problems of this kind (question sampling)"
    right = float(values.sum())
    few = len(values) < FEW_PROBLEMS or min(right, len(values) - right) < FEW_OUTCOMES
    if chains == 1 or few:
        return wilson(min(right, float(len(values))), len(values), estimand)
    return bootstrap_mean(values, seed, estimand=estimand)


def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t with a whole number of degrees of freedom, for probabilities in (0.5, 1).

    By bisection over the angle theta with t = sqrt(freedom) tan(theta), in which the distribution function is a finite sum
    (Abramowitz and Stegun 26.7.3 and 26.7.4).
    """
    low, high = 0.0, math.pi / 2
    for _ in range(100):
        middle = (low + high) / 2
        if _t_within(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _t_within(theta: float, freedom: int) -> float:
    """Chance that |t| stays below sqrt(freedom) tan(theta)."""
    odd = freedom % 2
    cosine = math.cos(theta)
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for i in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (i - 1) / i
        total += term
    total *= math.sin(theta)
    return 2 / math.pi * (theta + total) if odd else total


def _checked(scores: Scores) -> npt.NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError("an interval needs at least one score")
    return values
