"""How often the intervals of one run cover: `python -m hyperscale.bench.coverage [TRIALS]`, 40 s of one core for 2000.

Each trial draws problems from a population with a known truth, and k chains of each. All wrong chains of a problem agree on one
wrong answer, so that votes are right, wrong or tied. The truth of question sampling is the population's mean; that of
fixed questions the mean chance of the very problems drawn.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from hyperscale.analysis.estimate import (
    Interval,
    average_interval,
    bootstrap_mean,
    caution,
    fixed_interval,
    headline_interval,
)
from hyperscale.analysis.point import Numbers
from hyperscale.bench.populations import POPULATIONS, Population, vote, vote_chance

TRIALS = 2000
PROBLEMS = (30, 200, 500)
CHAINS = (1, 8, 64)
STRAYS = (1, 4, 6, 16)
WANTED = (0.93, 0.97)
_RESAMPLES = 1000
_ROUNDING = 1e-9
_HEADER = """\
| problems | chains | set | votes: truth % | votes | cautioned | votes, bootstrap alone | avg@k | avg@k, fixed questions |
| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
_SETTLED_HEADER = """\
| problems | chains | expected strays | avg@k, fixed questions |
| ---: | ---: | ---: | ---: |
"""


@dataclass(frozen=True, slots=True)
class Covered:
    """Shares of trials of one case.

    Attributes
    ----------
    votes, bootstrap : float
        In which the headline's interval of the vote held the truth, and in which a bootstrap would have.
    average, fixed : float, float or None
        In which that of avg@k did, for new problems and for exactly these; one chain per problem does not allow the latter.
    cautioned : float
        In which a report would print a caution.
    """

    problems: int
    chains: int
    population: str
    truth: float
    votes: float
    cautioned: float
    bootstrap: float
    average: float
    fixed: float | None

    def row(self) -> str:
        """As a row of the table; a star marks what lies outside of 93% to 97%."""
        shares = (self.bootstrap, self.average, self.fixed)
        cells = (
            *(str(self.problems), str(self.chains), self.population, f"{100 * self.truth:.1f}"),
            *(
                marked(self.votes),
                f"{100 * self.cautioned:.0f}",
                *("-" if share is None else marked(share) for share in shares),
            ),
        )
        return f"| {' | '.join(cells)} |\n"


def marked(share: float) -> str:
    """In percent, starred outside of 93% to 97%."""
    return f"{100 * share:.1f}{'' if WANTED[0] <= share <= WANTED[1] else ' *'}"


def simulate(population: Population, problems: int, chains: int, trials: int = TRIALS, seed: int = 0) -> Covered:
    """Draw runs of `problems` with `chains` each and count which intervals hold the truth."""
    random = np.random.default_rng([seed, problems, chains, round(2 * population.a)])
    chances = population.draw(random, trials, problems)
    right = random.binomial(chains, chances).astype(float)
    votes, averages = vote(right, chains), right / chains  # [trials, problems]
    truth = population.mean(lambda p: vote_chance(p, chains))
    mean, drawn = population.mean(lambda p: p), chances.mean(axis=1)

    def headline(scores: Numbers, number: int) -> Interval:
        return headline_interval(scores, chains, number, _RESAMPLES)

    return Covered(
        problems,
        chains,
        population.name,
        truth,
        votes=_held(headline, votes, [truth] * trials),
        cautioned=sum(caution(scores) is not None for scores in votes) / trials,
        bootstrap=_held(lambda scores, number: bootstrap_mean(scores, number, _RESAMPLES), votes, [truth] * trials),
        average=_held(lambda scores, _: average_interval(scores, chains), averages, [mean] * trials),
        fixed=None if chains < 2 else _held(lambda scores, _: fixed_interval(scores, chains), averages, drawn),
    )


def settled(problems: int, chains: int, strays: float, trials: int = TRIALS, seed: int = 0) -> float:
    """The share of trials whose interval for exactly these problems holds the truth.

    Every other problem is always right; the others are wrong but for so many expected stray chains.
    """
    random = np.random.default_rng([seed, problems, chains, round(10 * strays)])
    chances = np.where(np.arange(problems) % 2 == 0, 2 * strays / (problems * chains), 1.0)  # an even number of problems
    averages = random.binomial(chains, chances, (trials, problems)) / chains
    return _held(lambda scores, _: fixed_interval(scores, chains), averages, [float(chances.mean())] * trials)


def table(cases: Iterable[Covered]) -> str:
    """The cases as a Markdown table."""
    return _HEADER + "".join(case.row() for case in cases)


def _held(interval: Callable[[Numbers, int], Interval], scores: Numbers, truths: Sequence[float] | Numbers) -> float:
    """Share of trials, ``[trials, problems]``, whose interval holds its truth; the interval is given the trial's number."""
    made = (interval(row, number) for number, row in enumerate(scores))
    held = (one.low - _ROUNDING <= truth <= one.high + _ROUNDING for one, truth in zip(made, truths, strict=True))
    return float(np.mean(list(held)))


def main() -> None:
    """Print both tables."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    print(table(simulate(population, n, k, trials) for n in PROBLEMS for k in CHAINS for population in POPULATIONS))
    print(_SETTLED_HEADER, end="")
    for n, k, strays in product(PROBLEMS, CHAINS[1:], STRAYS):
        print(f"| {n} | {k} | {strays} | {marked(settled(n, k, strays, trials))} |")


if __name__ == "__main__":
    main()
