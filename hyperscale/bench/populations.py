"""Populations of problems whose truth is known, for simulations of estimates."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, pi

import numpy as np

from hyperscale.analysis.point import Numbers

_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Population:
    """Problems whose chance p of a right chain follows a Beta(a, b) distribution; a and b at least one half."""

    name: str
    a: float
    b: float

    def draw(self, random: np.random.Generator, trials: int, problems: int) -> Numbers:
        """The chances of the problems of each trial, ``[trials, problems]``."""
        return random.beta(self.a, self.b, (trials, problems))

    def mean(self, score: Callable[[Numbers], Numbers]) -> float:
        """The mean of a function of p over the population.

        By midpoints over the angle with p = sin^2, in which the density has no poles.
        """
        angle = (np.arange(_STEPS) + 0.5) / _STEPS * pi / 2
        weight = np.sin(angle) ** (2 * self.a - 1) * np.cos(angle) ** (2 * self.b - 1)
        return float((score(np.sin(angle) ** 2) * weight).sum() / weight.sum())


EASY, HARD, MIXED = Population("easy", 8, 1), Population("hard", 1, 8), Population("mixed", 0.5, 0.5)
POPULATIONS = (EASY, HARD, MIXED)


def vote(right: Numbers, chains: int) -> Numbers:
    """The vote when `right` of the chains are right and all others agree on one wrong answer; a tie scores one half."""
    return np.heaviside(2 * right - chains, 0.5)


def vote_chance(p: Numbers, chains: int) -> Numbers:
    """The expected vote of chains that are right with chance p."""
    votes = vote(np.arange(chains + 1.0), chains).tolist()
    chance = np.zeros_like(p)
    for right, score in enumerate(votes):
        chance += score * comb(chains, right) * p**right * (1 - p) ** (chains - right)
    return chance
