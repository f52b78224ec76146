"""Comparison: how much better or worse one configuration is than another, problem by problem."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np

from hyperscale.analysis.paired import (
    AVERAGE,
    FIXED,
    SAMPLED,
    Difference,
    fixed_difference,
    no_difference,
    sampled_difference,
)
from hyperscale.analysis.point import Cost, Point
from hyperscale.analysis.randomization import Significance, mcnemar, sign_flip
from hyperscale.analysis.ratio import RESAMPLES, Ratio, cost_ratios
from hyperscale.analysis.summary import FAULTS, Accounting, Chains, Scores
from hyperscale.store.records import FinishReason

_MANY = 100
_FEW = (
    f"With fewer than {_MANY} problems, a change that breaks a few problems in a hundred may not have shown: "
    "bounds of averages then promise too much."
)
_ENOUGH_FOR_READS = 300
_FEW_FOR_READS = f"With fewer than {_ENOUGH_FOR_READS} problems, bounds of reads err up to twice as often as they say."
_ONE_CHAIN = "One chain per problem does not say how the same problems would turn out with new chains."
_Differences = tuple[Difference, Difference, Difference | None]


class TooFewProblems(ValueError):
    """Nothing can be said about a change from the problems there are."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate against baseline, on the problems both have; pairs hold the candidate's first.

    Attributes
    ----------
    problems : int
        How many both have.
    unshared : (int, int)
        How many only one of them has; they are in nothing below.
    widths, chains : (int, int)
        Chains in a vote; chains per problem that stand behind the estimates.
    accuracy : Difference
        Of votes, for new problems of the kind.
    average : Difference
        Of shares of right chains, for new problems of the kind.
    fixed : Difference or None
        Of shares of right chains, on exactly these problems with new chains; None where a side has one chain per problem.
    sign_flip : Significance
        Whether votes differ.
    mcnemar : Significance or None
        The same; None unless all votes are 0 or 1.
    reads, peak : Ratio or None
        Costs as multiples of the baseline's; None where one costs nothing.
    identical : bool
        Scores and costs agree on every problem: the same chains. All differences are then exactly 0.
    seed : int
        Of everything drawn: resamples, and sign flips where they cannot be counted.
    """

    problems: int
    unshared: tuple[int, int]
    widths: tuple[int, int]
    chains: tuple[int, int]
    accuracy: Difference
    average: Difference
    fixed: Difference | None
    sign_flip: Significance
    mcnemar: Significance | None
    reads: Ratio | None
    peak: Ratio | None
    identical: bool
    seed: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before the numbers, a sentence each."""
        (width, other_width), (chains, other_chains), left_out = self.widths, self.chains, sum(self.unshared)
        told = {
            f"The candidate votes with {width} chains, the baseline with {other_width}.": width != other_width,
            f"The candidate has {chains} chains per problem, the baseline {other_chains}.": chains != other_chains,
            f"Left out: {left_out} problem{'s' * (left_out > 1)} that only one side has.": left_out > 0,
            _ONE_CHAIN: self.fixed is None,
            _FEW: self.problems < _MANY and not self.identical,
            _FEW_FOR_READS: self.problems < _ENOUGH_FOR_READS and not self.identical,
        }
        return tuple(sentence for sentence, applies in told.items() if applies)


def compare_points(
    candidate: Point,
    baseline: Point,
    seed: int = 0,
    *,
    accounting: Accounting = Accounting.FULL,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two points on the problems they share.

    Widths, lengths and numbers of chains may differ; the result names them. Whether the points belong together (task, data,
    model) is for the caller to know.

    Parameters
    ----------
    seed : int
        Of the bootstrap and of random sign flips; the rest needs none.
    accounting : Accounting
        Whether auxiliary reads count.
    resamples : int
        Of problems, for the ratios of costs.

    Raises
    ------
    TooFewProblems
        They share fewer than two problems, and are not the same chains.
    """
    shared = sorted(set(candidate.problems) & set(baseline.problems))
    unshared = (len(candidate.problems) - len(shared), len(baseline.problems) - len(shared))
    alike = (candidate.on(shared), baseline.on(shared)) if shared else None
    identical = alike is not None and _identical(*alike)
    if alike is None or (len(shared) < 2 and not identical):
        raise TooFewProblems(f"a comparison needs two problems that both sides have, they share {len(shared) or 'none'}")
    candidate, baseline = alike
    costs = [(candidate.cost(kind, accounting), baseline.cost(kind, accounting)) for kind in (Cost.READS, Cost.PEAK)]
    reads, peak = cost_ratios(costs, seed, resamples)
    accuracy, average, fixed = (_nothing if identical else _differences)(candidate, baseline)
    return Comparison(
        problems=len(shared),
        unshared=unshared,
        widths=(candidate.width, baseline.width),
        chains=(candidate.chains, baseline.chains),
        accuracy=accuracy,
        average=average,
        fixed=fixed,
        sign_flip=sign_flip(candidate.accuracy - baseline.accuracy, seed),
        mcnemar=mcnemar(candidate.accuracy, baseline.accuracy),
        reads=reads,
        peak=peak,
        identical=identical,
        seed=seed,
    )


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


def _identical(candidate: Point, baseline: Point) -> bool:
    """Whether the same chains stand behind both: other chains of a run agree in scores at times, never in every cost."""
    names = ("accuracy", "average", "kv_reads", "aux_reads", "peak")
    return all(np.array_equal(getattr(candidate, name), getattr(baseline, name)) for name in names)


def _differences(candidate: Point, baseline: Point) -> _Differences:
    return (
        sampled_difference(candidate.accuracy, baseline.accuracy, _accuracy(candidate, baseline)),
        sampled_difference(candidate.average, baseline.average, f"{AVERAGE}, {SAMPLED}"),
        fixed_difference(candidate.average, baseline.average, (candidate.chains, baseline.chains)),
    )


def _nothing(candidate: Point, baseline: Point) -> _Differences:
    """What a run differs from itself."""
    few = min(candidate.chains, baseline.chains) < 2
    return (
        no_difference(candidate.accuracy, _accuracy(candidate, baseline)),
        no_difference(candidate.average, f"{AVERAGE}, {SAMPLED}"),
        None if few else no_difference(candidate.average, f"{AVERAGE}, {FIXED}"),
    )


def _accuracy(candidate: Point, baseline: Point) -> str:
    widths = dict.fromkeys((candidate.width, baseline.width))
    return f"difference of accuracy at width {' against '.join(map(str, widths))}, {SAMPLED}"
