"""The gate: three outcomes, in each direction, for each metric."""

from collections.abc import Sequence
from math import expm1, isclose, log

import numpy as np
import pytest

from hyperscale.analysis.check import Metric, Outcome, Score, Terms, worst
from hyperscale.analysis.compare import TooFewProblems
from hyperscale.analysis.gate import Verdict, judge
from hyperscale.analysis.point import Point
from tests.analysis.made_points import made_point

PROBLEMS = 1000


def run(right: float, reads: float = 1000.0, *, seed: int = 0, problems: int = PROBLEMS, chains: int = 8) -> Point:
    """Chains that are right with this probability, each problem costing about so many reads."""
    random = np.random.default_rng(seed)
    hits = random.binomial(chains, right, size=problems) / chains
    spent = reads * random.uniform(0.9, 1.1, problems)
    return made_point(hits, spent, width=chains, chains=chains, peak=np.full(problems, reads))


def outcomes(verdict: Verdict) -> list[Outcome]:
    return [check.outcome for check in verdict.checks]


BASELINE = run(0.5)


@pytest.mark.parametrize(
    ("candidate", "wanted"),
    [
        (run(0.5, seed=1), [Outcome.PASS, Outcome.PASS]),
        (run(0.7, 500, seed=1), [Outcome.PASS, Outcome.PASS]),
        (run(0.3, seed=1), [Outcome.FAIL, Outcome.PASS]),
        (run(0.5, 2000, seed=1), [Outcome.PASS, Outcome.FAIL]),
        (run(0.5, seed=1, problems=20), [Outcome.INCONCLUSIVE, Outcome.PASS]),
    ],
    ids=["no change", "better and cheaper", "worse", "dearer", "too few problems"],
)
def test_per_read_asks_for_both(candidate: Point, wanted: list[Outcome]) -> None:
    verdict = judge(candidate, BASELINE, Terms())
    assert outcomes(verdict) == wanted
    assert verdict.outcome == worst(wanted)


def test_a_run_passes_against_itself_without_any_margin() -> None:
    for metric in Metric:
        verdict = judge(BASELINE, BASELINE, Terms(metric, margin=0.0, reads_margin=0.0, resamples=500))
        assert verdict.identical
        assert verdict.outcome is Outcome.PASS, metric


def test_one_failure_fails_and_doubt_leaves_doubt() -> None:
    assert worst([Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL]) is Outcome.FAIL
    assert worst([Outcome.PASS, Outcome.INCONCLUSIVE]) is Outcome.INCONCLUSIVE
    assert worst([Outcome.PASS, Outcome.PASS]) is Outcome.PASS


def test_accuracy_is_of_these_problems_where_there_are_several_chains() -> None:
    (check,) = judge(run(0.5, seed=1), BASELINE, Terms(Metric.ACCURACY)).checks
    assert "these problems" in check.estimand
    single = [run(0.5, seed=seed, chains=1) for seed in (0, 1)]
    (check,) = judge(*single, Terms(Metric.ACCURACY)).checks
    assert "problems of this kind" in check.estimand


def test_votes_are_gated_on_request() -> None:
    votes = made_point([1.0, 0.0] * 50, [1.0] * 100, width=8, chains=8)
    candidate = votes.on(votes.problems)
    (check,) = judge(candidate, votes, Terms(Metric.ACCURACY, score=Score.VOTE)).checks
    assert "vote" in check.estimand or "accuracy" in check.estimand
    assert check.baseline == 0.5


@pytest.mark.parametrize(("metric", "name"), [(Metric.KV_READS, "KV reads"), (Metric.PEAK, "peak")])
@pytest.mark.parametrize(("factor", "wanted"), [(1.0, Outcome.PASS), (1.049, Outcome.PASS), (1.3, Outcome.FAIL)])
def test_costs_are_ratios(metric: Metric, name: str, factor: float, wanted: Outcome) -> None:
    (check,) = judge(run(0.5, 1000 * factor), BASELINE, Terms(metric)).checks
    assert (check.name, check.outcome) == (name, wanted)
    assert check.change is not None
    assert isclose(check.change.value, factor - 1, abs_tol=1e-9)


def test_a_cost_above_the_limit_that_chance_may_have_made_is_inconclusive() -> None:
    random = np.random.default_rng(5)
    lengths = random.lognormal(0, 1.5, (2, 40))
    baseline, candidate = (made_point([0.5] * 40, column, width=2) for column in lengths / lengths.mean(1, keepdims=True))
    candidate = made_point([0.5] * 40, candidate.kv_reads * 1.1, width=2)
    (check,) = judge(candidate, baseline, Terms(Metric.KV_READS)).checks
    assert check.outcome is Outcome.INCONCLUSIVE
    assert "raise --width" in check.reason


def test_costs_that_are_nothing_have_no_ratio() -> None:
    nothing, something = (made_point([0.5] * 3, [cost] * 3) for cost in (0.0, 1.0))
    assert judge(nothing, nothing.on(nothing.problems), Terms(Metric.KV_READS)).outcome is Outcome.PASS
    (check,) = judge(something, nothing, Terms(Metric.KV_READS)).checks
    assert (check.outcome, check.change, check.detectable) == (Outcome.FAIL, None, None)
    assert judge(nothing, something, Terms(Metric.KV_READS)).outcome is Outcome.PASS


def test_the_ratio_weighs_what_is_won_against_what_it_costs() -> None:
    for right, reads, wanted in ((0.5, 1000, Outcome.PASS), (0.45, 500, Outcome.PASS), (0.5, 1300, Outcome.FAIL)):
        terms = Terms(Metric.RATIO, resamples=1000)
        (check,) = judge(run(right, reads, seed=3, problems=2000), run(0.5, problems=2000), terms).checks
        assert check.outcome is wanted, (right, reads)
        assert check.change is not None
        assert isclose(check.change.value, right / 0.5 * 1000 / reads - 1, abs_tol=0.05)


def test_there_is_no_ratio_to_nothing() -> None:
    wrong, right = (made_point([score] * 5, [1.0] * 5) for score in (0.0, 1.0))
    (check,) = judge(right, wrong, Terms(Metric.RATIO)).checks
    assert (check.outcome, check.change) == (Outcome.INCONCLUSIVE, None)


def steps(accuracies: Sequence[float], costs: Sequence[float], problems: int = 200) -> list[Point]:
    """Points of these mean accuracies, with votes of 0 and 1."""
    made = []
    for accuracy, cost in zip(accuracies, costs, strict=True):
        votes = np.arange(problems) < round(accuracy * problems)
        made.append(made_point(votes.astype(float), [cost] * problems, width=1))
    return made


def test_the_same_reads_are_looked_up_on_the_baselines_frontier() -> None:
    known = steps([0.2, 0.4], [256, 1024])
    (candidate,) = steps([0.5], [512])
    (check,) = judge(candidate, known[1], Terms(Metric.ACCURACY_AT_READS), known).checks
    assert isclose(check.baseline, 0.3)  # halfway on a logarithmic axis
    assert check.change is not None
    assert isclose(check.change.value, 0.2)
    assert check.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("accuracy", "cost", "wanted"),
    [
        (0.45, 4096, Outcome.PASS),  # dearer than all of the frontier, whose end stands for it
        (0.1, 4096, Outcome.FAIL),
        (0.9, 100, Outcome.PASS),  # cheaper than all of it, and better
        (0.05, 100, Outcome.INCONCLUSIVE),  # cheaper, and worse
        (0.38, 1024, Outcome.INCONCLUSIVE),
    ],
)
def test_beyond_the_ends_of_a_frontier(accuracy: float, cost: float, wanted: Outcome) -> None:
    known = steps([0.2, 0.4], [256, 1024])
    (candidate,) = steps([accuracy], [cost])
    # other problems are right than the baseline's, so that the difference is not known exactly
    shuffled = made_point(np.random.default_rng(0).permutation(candidate.accuracy), candidate.kv_reads, width=1)
    assert judge(shuffled, known[1], Terms(Metric.ACCURACY_AT_READS), known).outcome is wanted


def test_one_problem_is_not_enough() -> None:
    one, other = made_point([1.0], [1.0]), made_point([0.5], [1.0])
    with pytest.raises(TooFewProblems, match="two problems"):
        judge(one, other, Terms())
    assert judge(one, one, Terms()).outcome is Outcome.PASS


def test_what_would_be_found_follows_from_bounds_and_limit() -> None:
    accuracy, reads = judge(run(0.5, seed=1), BASELINE, Terms(margin=0.02, reads_margin=0.1)).checks
    assert accuracy.change is not None
    assert isclose(accuracy.detectable or 0, -(0.02 + (1.6449 + 0.8416) * accuracy.change.spread), rel_tol=1e-3)
    assert reads.change is not None
    spread = log((1 + reads.change.at_most) / (1 + reads.change.at_least)) / (2 * 1.6449)
    assert isclose(reads.detectable or 0, expm1(log(1.1) + (1.6449 + 0.8416) * spread), rel_tol=1e-3)
