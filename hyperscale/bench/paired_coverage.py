"""How often the bounds of a comparison err: `python -m hyperscale.bench.paired_coverage [TRIALS]`.

Each trial draws problems from a population with a known truth, changes some for the candidate, and draws k chains of each
for both sides. A one-sided 95% bound should err in at most 5% of trials, whatever the change.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from hyperscale.analysis.estimate import bootstrap_means
from hyperscale.analysis.paired import fixed_difference, sampled_difference
from hyperscale.analysis.point import Numbers
from hyperscale.analysis.quantile import LEVEL, t_quantile
from hyperscale.analysis.ratio import cost_ratios
from hyperscale.bench.populations import EASY, MIXED, Population, vote, vote_chance

TRIALS = 2000
PROBLEMS = (30, 100, 300)
ALLOWED, LEAST = 0.06, 0.94  # 5% and 95%, give or take two standard errors of 2000 trials
_RESAMPLES, _RIVAL_RESAMPLES = 1000, 200
_COST_TRIALS = 4  # resampling hundreds of problems is slow: one trial in four
_COST_SPREADS = (0.7, 0.8)  # standard deviations of log reads, dms 8x and vanilla on modchain
_COST_CORRELATION = 0.98
_ROUNDING = 1e-9
_HEADER = """\
| problems | set, change | chains | score | truth | too high % | by t | by bootstrap | too low % | interval covers % |
| ---: | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
_FIXED_HEADER = """\
| problems | set, change | chains | too high % | too low % | interval covers % |
| ---: | --- | ---: | ---: | ---: | ---: |
"""
_COST_HEADER = """\
| problems | too high % | too low % | interval covers % |
| ---: | ---: | ---: | ---: |
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the chance p of a right chain, to a `share` of the problems."""

    name: str
    share: float
    apply: Callable[[Numbers], Numbers]


@dataclass(frozen=True, slots=True)
class Case:
    """A population, what the candidate does to it, and what is measured."""

    population: Population
    change: Change
    chains: int
    problems: int

    @property
    def name(self) -> str:
        return f"{self.population.name}, {self.change.name}"

    def truth(self, score: Callable[[Numbers], Numbers]) -> float:
        """The difference over the population of a score that is a function of p."""
        return self.change.share * self.population.mean(lambda p: score(self.change.apply(p)) - score(p))

    def draw(self, random: np.random.Generator, trials: int) -> tuple[Numbers, Numbers]:
        """Chances of candidate and baseline, ``[trials, problems]`` each."""
        before = self.population.draw(random, trials, self.problems)
        changed = random.random(before.shape) < self.change.share
        return np.where(changed, self.change.apply(before), before), before


@dataclass(frozen=True, slots=True)
class Errors:
    """Shares of trials in which a lower bound lay above the truth, an upper one below, and the interval held it."""

    above: float
    below: float
    covers: float

    @classmethod
    def count(cls, bounds: Numbers, truth: Numbers | float) -> "Errors":
        """From rows of (at_least, at_most, low, high), ``[trials, 4]``."""
        at_least, at_most, low, high = bounds.T
        held = (low <= truth + _ROUNDING) & (high >= truth - _ROUNDING)
        above, below = at_least > truth + _ROUNDING, at_most < truth - _ROUNDING
        return cls(float(above.mean()), float(below.mean()), float(held.mean()))

    def cells(self) -> list[str]:
        return [alarmed(self.above), alarmed(self.below), f"{100 * self.covers:.1f}{'' if self.covers >= LEAST else ' *'}"]


SAME = Change("no change", 0.0, lambda p: p)
BREAKS = Change("5% of problems break", 0.05, np.zeros_like)
SLIPS = Change("5 points lower", 1.0, lambda p: np.maximum(p - 0.05, 0.0))
UNIFORM = Population("uniform", 1, 1)
CASES = tuple(
    Case(population, change, chains, 0)
    for population, change, chains in [
        *product((MIXED,), (SAME,), (1, 8, 64)),
        (EASY, SAME, 8),
        *product((EASY,), (BREAKS,), (1, 8, 64)),
        (UNIFORM, SLIPS, 8),
    ]
)


def alarmed(share: float) -> str:
    """In percent, starred where it is more than 5% and chance."""
    return f"{100 * share:.1f}{'' if share <= ALLOWED else ' *'}"


def sampled_rows(case: Case, trials: int = TRIALS, seed: int = 0) -> Iterator[str]:
    """Bounds for new problems, of votes and of averages, beside what t and the percentile bootstrap would have done."""
    sides = _right_chains(case, trials, seed)
    for score, measure, expected in _scores(case.chains):
        truth = case.truth(expected)
        candidates, baselines = (measure(side) for side in sides[:2])
        bounds = [_sampled(*pair) for pair in zip(candidates, baselines, strict=True)]
        differences = candidates - baselines
        rivals = [(_t_bound(row), _bootstrap_bound(row, number)) for number, row in enumerate(differences)]
        by_t, by_bootstrap = (np.array(rivals) > truth + _ROUNDING).mean(axis=0)
        errors = Errors.count(np.array(bounds), truth).cells()
        rival = [alarmed(float(by_t)), alarmed(float(by_bootstrap))]
        facts = [str(case.problems), case.name, str(case.chains), score, f"{100 * truth:+.1f}"]
        yield _row([*facts, errors[0], *rival, *errors[1:]])


def fixed_row(case: Case, trials: int = TRIALS, seed: int = 0) -> str:
    """Bounds for exactly these problems, of averages."""
    right, before, chances, chances_before = _right_chains(case, trials, seed)
    chains = (case.chains, case.chains)
    pairs = zip(right / case.chains, before / case.chains, strict=True)
    made = [fixed_difference(*pair, chains) for pair in pairs]
    bounds = np.array([(one.at_least, one.at_most, one.low, one.high) for one in made if one is not None])
    truth = (chances - chances_before).mean(axis=1)
    return _row([str(case.problems), case.name, str(case.chains), *Errors.count(bounds, truth).cells()])


def cost_row(problems: int, trials: int = TRIALS, seed: int = 0) -> str:
    """Bounds for the ratio of costs, log-normal as those of dms 8x and vanilla on modchain are."""
    random = np.random.default_rng([seed, problems])
    shared, own = random.standard_normal((2, trials, problems))
    both = _COST_CORRELATION * shared + math.sqrt(1 - _COST_CORRELATION**2) * own
    candidates, baselines = np.exp(_COST_SPREADS[0] * both), np.exp(_COST_SPREADS[1] * shared)
    bounds = []
    for number, pair in enumerate(zip(candidates, baselines, strict=True)):
        (ratio,) = cost_ratios([pair], number, _RESAMPLES)
        assert ratio is not None
        bounds.append((ratio.at_least, ratio.at_most, ratio.low, ratio.high))
    truth = math.exp((_COST_SPREADS[0] ** 2 - _COST_SPREADS[1] ** 2) / 2)
    return _row([str(problems), *Errors.count(np.array(bounds), truth).cells()])


def _right_chains(case: Case, trials: int, seed: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """How many chains are right, and their chances: candidate's and baseline's each, ``[trials, problems]``."""
    random = np.random.default_rng([seed, case.problems, case.chains])
    chances, before = case.draw(random, trials)
    right, right_before = (random.binomial(case.chains, p).astype(float) for p in (chances, before))
    return right, right_before, chances, before


Measure = Callable[[Numbers], Numbers]


def _scores(chains: int) -> list[tuple[str, Measure, Measure]]:
    """What is measured: its name, the score of so many right chains, and its expectation at a chance p."""
    votes = ("vote", lambda right: vote(right, chains), lambda p: vote_chance(p, chains))
    return [votes] if chains == 1 else [votes, ("average", lambda right: right / chains, lambda p: p)]


def _sampled(candidate: Numbers, baseline: Numbers) -> tuple[float, float, float, float]:
    made = sampled_difference(candidate, baseline, "")
    return made.at_least, made.at_most, made.low, made.high


def _t_bound(differences: Numbers) -> float:
    n = len(differences)
    return float(differences.mean() - t_quantile(LEVEL, n - 1) * differences.std(ddof=1) / np.sqrt(n))


def _bootstrap_bound(differences: Numbers, seed: int) -> float:
    return float(np.quantile(bootstrap_means(differences, seed, _RIVAL_RESAMPLES), 1 - LEVEL))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the three tables."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    cases = [replace(case, problems=problems) for problems in PROBLEMS for case in CASES]
    print(_HEADER + "\n".join(row for case in cases for row in sampled_rows(case, trials)))
    print("\n" + _FIXED_HEADER + "\n".join(fixed_row(case, trials) for case in cases if case.chains > 1))
    print("\n" + _COST_HEADER + "\n".join(cost_row(problems, trials // _COST_TRIALS) for problems in PROBLEMS))


if __name__ == "__main__":
    main()
