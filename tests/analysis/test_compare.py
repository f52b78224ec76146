"""Paired differences by hand, and how often their bound is right."""

import random

import pytest

from hyperscale.analysis.compare import average_scores
from hyperscale.analysis.paired import paired_difference
from hyperscale.store.records import FinishReason, ScoreRecord
from tests.store.samples import chain


def score(problem: str, number: int, correct: bool, verdict: str = "equal") -> ScoreRecord:
    return ScoreRecord(problem, number, "1", verdict if correct else "different", correct, "g")


def test_average_scores_leave_out_what_is_unfinished_and_what_failed() -> None:
    chains = {(problem, number): chain(problem, number) for problem in ("a", "b", "c") for number in range(3)}
    chains["c", 1] = chain("c", 1, finish_reason=FinishReason.ERROR)
    scores = {key: score(*key, correct=key[1] == 0) for key in chains if key not in (("b", 1), ("c", 1))}
    assert average_scores(chains, scores, 2) == {"a": 0.5, "c": 1.0}
    assert average_scores(chains, scores, 3) == {"a": pytest.approx(1 / 3), "c": 0.5}


def test_a_difference_by_hand() -> None:
    difference = paired_difference({"a": 0.5, "b": 1.0, "c": 0.25}, {"a": 0.25, "b": 1.0, "c": 0.5, "d": 0.0})
    assert difference.problems == 3
    assert difference.mean == pytest.approx(0.0)
    # five values, with the two imaginary ones: 0.25, 0, -0.25, 0.25, -0.25
    assert difference.standard_error == pytest.approx(0.05**0.5 / 5**0.5)
    assert difference.low < difference.at_least < 0 < difference.high


def test_equal_scores_leave_room_for_problems_not_met_yet() -> None:
    scores = {str(number): number % 3 / 2 for number in range(40)}
    difference = paired_difference(scores, scores)
    assert difference.mean == 0
    assert difference.low == pytest.approx(-difference.high)
    assert 0 < difference.high < 0.1


def test_too_little_to_compare() -> None:
    with pytest.raises(ValueError, match="two problems"):
        paired_difference({"a": 1.0}, {"a": 1.0})


def test_the_bound_holds_in_about_95_of_100_cases() -> None:
    rng, held = random.Random(0), 0
    for _ in range(300):
        pairs = {}
        for number in range(120):
            hard = rng.random()
            pairs[str(number)] = [sum(rng.random() < p for _ in range(8)) / 8 for p in (hard, max(0.0, hard - 0.05))]
        difference = paired_difference(
            {name: pair[1] for name, pair in pairs.items()}, {name: pair[0] for name, pair in pairs.items()}
        )
        held += difference.at_least <= -0.05 + 0.05**2 / 2  # the mean of max(0, h - 0.05) - h over h uniform in 0..1
    assert 0.92 <= held / 300 <= 0.98
