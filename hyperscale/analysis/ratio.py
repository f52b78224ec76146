"""How many times the baseline's cost the candidate's is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperscale.analysis.point import Numbers
from hyperscale.analysis.quantile import LEVEL, TWO_SIDED, widened

RESAMPLES = 10_000
_BLOCK = 1 << 22  # draws held in memory at once


@dataclass(frozen=True, slots=True)
class Ratio:
    """Candidate's cost over baseline's, a ratio of sums over the problems both have.

    Attributes
    ----------
    low, high : float
        Two-sided 95% interval.
    at_least, at_most : float
        One-sided 95% bounds: with that confidence each, the ratio is not lower, and not higher.
    """

    ratio: float
    low: float
    high: float
    at_least: float
    at_most: float
    method: str
    estimand: str = "ratio of mean costs on problems of this kind (question sampling)"


def cost_ratios(
    pairs: Sequence[tuple[Numbers, Numbers]], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Ratio | None, ...]:
    """The ratio of each pair (candidate's costs, baseline's costs), ``[problems]`` each, over two problems or more.

    Problems are resampled jointly for both sides and all pairs, as what a problem costs one it costs the other. The percentiles
    of the log ratio are read where `widened` says. None where a side costs nothing.
    """
    columns = np.stack([column for pair in pairs for column in pair], axis=1)  # [problems, 2 pairs]
    sums = _resampled_sums(columns, seed, resamples)  # [resamples, 2 pairs]
    return tuple(_ratio(columns[:, i : i + 2], sums[:, i : i + 2], seed) for i in range(0, columns.shape[1], 2))


def _ratio(costs: Numbers, sums: Numbers, seed: int) -> Ratio | None:
    n = len(costs)
    candidate, baseline = costs.sum(axis=0)
    if candidate <= 0 or baseline <= 0:
        return None
    if np.array_equal(costs[:, 0], costs[:, 1]):
        return Ratio(1.0, 1.0, 1.0, 1.0, 1.0, "equal on every problem")
    drawn = sums[(sums > 0).all(axis=1)]
    at = [widened(probability, n) for probability in (1 - TWO_SIDED, TWO_SIDED, 1 - LEVEL, LEVEL)]
    low, high, at_least, at_most = np.exp(np.quantile(np.log(drawn[:, 0] / drawn[:, 1]), at))
    method = f"bootstrap of the log ratio over problems, widened percentiles, {len(sums)} resamples, seed {seed}"
    return Ratio(float(candidate / baseline), float(low), float(high), float(at_least), float(at_most), method)


def _resampled_sums(columns: Numbers, seed: int, resamples: int) -> Numbers:
    n = len(columns)
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // n)
    draws = (min(block, resamples - done) for done in range(0, resamples, block))
    return np.concatenate([random.multinomial(n, np.full(n, 1 / n), size=size) @ columns for size in draws])
