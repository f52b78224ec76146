"""Quantiles that intervals are made of."""

import math
from functools import cache
from statistics import NormalDist

LEVEL = 0.95
TWO_SIDED = (1 + LEVEL) / 2
"""Quantile that bounds a two-sided interval above; one minus it bounds it below."""


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(probability)


@cache
def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t with a whole number of degrees of freedom.

    By bisection over the angle theta with t = sqrt(freedom) tan(theta), in which the distribution function is a finite sum
    (Abramowitz and Stegun 26.7.3 and 26.7.4).

    Raises
    ------
    ValueError
        The probability is not within (0, 1), or there are no degrees of freedom.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"no t quantile at {probability} with {freedom} degrees of freedom")
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, math.pi / 2
    for _ in range(100):
        middle = (low + high) / 2
        if _t_within(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def widened(probability: float, n: int) -> float:
    """Where to read a percentile bootstrap of `n` problems, to have what is wanted at `probability`.

    Resampled means vary by sqrt((n - 1) / n) too little and know no tails for an estimated spread. Percentiles read at
    Phi(sqrt(n / (n - 1)) t) instead make up for both, and leave the bootstrap its skewness (Hesterberg 2015, "expanded
    percentile interval", arXiv 1411.5279).
    """
    return NormalDist().cdf(math.sqrt(n / (n - 1)) * t_quantile(probability, n - 1))


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
