"""How much better or worse one run is than another, problem by problem."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from hyperscale.analysis.estimate import LEVEL, bootstrap_means
from hyperscale.analysis.summary import FAULTS, Chains, Scores
from hyperscale.store.records import FinishReason


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline, in accuracy, over the problems both have.

    Attributes
    ----------
    mean : float
    low, high : float
        95% interval for new problems of the kind: bootstrap over problems of the paired differences.
    at_least : float
        One-sided 95% bound: with that confidence the difference is not lower.
    standard_error : float
    """

    problems: int
    mean: float
    low: float
    high: float
    at_least: float
    standard_error: float
    estimand: str = "difference of accuracy_avg, question sampling"


def average_scores(chains: Chains, scores: Scores, width: int) -> dict[str, float]:
    """Share of right chains, by problem, of the problems whose chains ``0 .. width - 1`` are all finished and graded.

    Chains that ended in an error, or whose grader failed, are left out, as in a summary.
    """
    right: dict[str, list[bool]] = {}
    complete: dict[str, int] = {}
    for key, chain in chains.items():
        problem, number = key
        if number >= width:
            continue
        score = scores.get(key)
        failed = chain.finish_reason is FinishReason.ERROR
        if failed or score is not None:
            complete[problem] = complete.get(problem, 0) + 1
        if score is not None and not failed and score.verdict not in FAULTS:
            right.setdefault(problem, []).append(score.correct)
    return {problem: fmean(marks) for problem, marks in right.items() if complete[problem] == width}


def paired_difference(candidate: Mapping[str, float], baseline: Mapping[str, float], seed: int = 0) -> Difference:
    """Compare two runs by their scores per problem.

    Raises
    ------
    ValueError
        They share fewer than two problems.
    """
    shared = sorted(candidate.keys() & baseline.keys())
    if len(shared) < 2:
        raise ValueError(f"a paired difference needs two problems that both runs have, there are {len(shared)}")
    differences = [candidate[problem] - baseline[problem] for problem in shared]
    low, at_least, high = np.quantile(bootstrap_means(differences, seed), [(1 - LEVEL) / 2, 1 - LEVEL, (1 + LEVEL) / 2])
    return Difference(
        problems=len(shared),
        mean=fmean(differences),
        low=float(low),
        high=float(high),
        at_least=float(at_least),
        standard_error=stdev(differences) / math.sqrt(len(shared)),
    )
