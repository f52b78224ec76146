"""Tests of "no difference" that assume nothing but that labels could be swapped, and their correction for many tasks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.point import Numbers

DRAWS = 50_000
_FINEST_GRID = 1024
_CONVOLUTION = 1 << 28  # additions
_ENUMERATED = 20  # problems, 2^20 sign flips
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Significance:
    """The chance `p` of a result at least as far from zero as the one seen, either way, if there were no difference."""

    p: float
    method: str


def sign_flip(differences: Numbers, seed: int = 0) -> Significance:
    """Test whether paired differences are symmetric around zero, as they are when candidate and baseline are the same.

    Which run is which could be swapped problem by problem, so every choice of signs is as likely as the one seen; `p` is the
    share of choices whose sum is at least as far from zero. Exact where the differences lie on a grid (votes do), by convolving
    problem after problem, or where few are not zero, by listing all choices. Otherwise from 50,000 random choices, as
    (b + 1) / (m + 1), which never claims more than was drawn. On differences of -1, 0 and 1 it is McNemar's exact test.

    Parameters
    ----------
    differences : array
        ``[problems]``.
    seed : int
        Of the random choices, where they are needed; then it is named in the method.
    """
    sizes = np.abs(differences)
    sizes = sizes[sizes > _ROUNDING]
    seen = abs(float(differences.sum()))
    if not len(sizes):
        return Significance(1.0, "sign-flip, no problem differs")
    grid = _grid(sizes)
    if grid is not None and len(sizes) * float(sizes.sum()) * grid <= _CONVOLUTION:
        return Significance(_convolved(np.rint(sizes * grid).astype(int), round(seen * grid)), "sign-flip, exact")
    if len(sizes) <= _ENUMERATED:
        return Significance(_enumerated(sizes, seen), "sign-flip, exact")
    return Significance(_drawn(sizes, seen, seed), f"sign-flip, {DRAWS} random flips, seed {seed}")


def mcnemar(candidate: Numbers, baseline: Numbers) -> Significance | None:
    """McNemar's exact test; None unless every outcome is 0 or 1.

    Under no difference, each problem that only one side solved is as likely to be the other's: twice the smaller tail of a
    binomial with p = 1/2.
    """
    if not np.isin(np.concatenate([candidate, baseline]), (0.0, 1.0)).all():
        return None
    won, lost = int((candidate > baseline).sum()), int((candidate < baseline).sum())
    tail = sum(math.comb(won + lost, i) for i in range(min(won, lost) + 1))
    return Significance(min(1.0, 2 * tail / 2 ** (won + lost)), f"McNemar, exact, {won} won and {lost} lost")


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment: p-values that may each be held against 5% although there are several of them.

    The smallest is multiplied by their number, the next by one less, and so on; none may be smaller than one before it.

    Raises
    ------
    ValueError
        A p-value does not lie in 0..1.
    """
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        if not 0 <= p <= 1:
            raise ValueError(f"{p} of {name} is no p-value")
        least = max(least, min(1.0, (len(p_values) - place) * p))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def _grid(sizes: Numbers) -> int | None:
    """The smallest whole number that makes all sizes whole; votes with ties among two or three answers lie on sixths."""
    distinct = np.unique(sizes)
    for grid in range(1, _FINEST_GRID + 1):
        scaled = distinct * grid
        if np.abs(scaled - np.rint(scaled)).max() < _ROUNDING * grid:
            return grid
    return None


def _convolved(steps: npt.NDArray[np.int_], seen: int) -> float:
    total = int(steps.sum())
    chance = np.zeros(total + 1)  # that the steps taken upwards add up to its index
    chance[0] = 1.0
    for step in steps:
        chance *= 0.5
        chance[step:] += chance[: total + 1 - step].copy()
    sums = np.abs(2 * np.arange(total + 1) - total)
    return min(1.0, float(chance[sums >= seen].sum()))


def _enumerated(sizes: Numbers, seen: float) -> float:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return float((np.abs(sums) >= seen - _ROUNDING).mean())


def _drawn(sizes: Numbers, seen: float, seed: int) -> float:
    """Problems with equal sizes share one binomial draw of how many of them point upwards."""
    values, counts = np.unique(sizes, return_counts=True)
    random = np.random.default_rng(seed)
    block = max(1, (1 << 22) // len(values))
    extreme = 0
    for done in range(0, DRAWS, block):
        upwards = random.binomial(counts, 0.5, size=(min(block, DRAWS - done), len(values)))
        extreme += int((np.abs((2 * upwards - counts) @ values) >= seen - _ROUNDING).sum())
    return (extreme + 1) / (DRAWS + 1)
