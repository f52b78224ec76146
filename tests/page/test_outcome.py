from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.analysis.summary import summarize
from hyperscale.commands.grading import vote
from hyperscale.page.outcome import Outcome, outcome_of
from hyperscale.store.records import FinishReason, ScoreRecord
from tests.store.samples import chain, manifest, score

ANSWERS = {
    "right": score(),
    "wrong": score(correct=False),
    "other": score(correct=False, extracted="9"),
    "silent": score(correct=False, extracted=None, verdict="no_answer"),
    "crashed": score(correct=False, extracted="7", verdict="crashed"),
    "ungraded": None,
    "broken": None,
}


def majority(grades: Sequence[ScoreRecord]) -> float:
    return vote("math", str.__eq__, grades)


def passes(grades: Sequence[ScoreRecord]) -> float:
    return vote("code", str.__eq__, grades)


def outcome(words: str, width: int | None = None, by: object = majority) -> str:
    """The outcome of chains that ended as the words say."""
    names = words.split()
    ends = [FinishReason.ERROR if name == "broken" else FinishReason.STOP for name in names]
    chains = [chain(number=number, finish_reason=end) for number, end in enumerate(ends)]
    return outcome_of(chains, [ANSWERS[name] for name in names], width or len(names), by).value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("right", "right"),
        ("right right wrong", "right"),
        ("wrong wrong right", "wrong"),
        ("right wrong", "tie"),
        ("wrong other", "wrong"),  # a tie, but no way to be right
        ("wrong other right", "tie"),
        ("silent silent", "no answer"),
        ("silent silent right", "right"),  # abstentions do not vote
        ("silent wrong", "wrong"),
        ("broken broken", "error"),
        ("broken crashed", "error"),
        ("broken crashed right", "right"),
        ("crashed silent", "no answer"),
        ("right ungraded", "unfinished"),
    ],
)
def test_an_outcome_is_what_the_vote_came_to(words: str, wanted: str) -> None:
    assert outcome(words) == wanted


def test_a_missing_chain_leaves_a_problem_unfinished() -> None:
    assert outcome("right right", width=3) == "unfinished"


def test_only_chains_that_disagree_are_voted_on() -> None:
    asked = []

    def noted(grades: Sequence[ScoreRecord]) -> float:
        asked.append(len(grades))
        return majority(grades)

    wanted = {"right right": "right", "wrong other": "wrong", "wrong silent": "wrong", "right broken": "right"}
    assert {words: outcome(words, by=noted) for words in wanted} == wanted
    assert asked == []
    assert outcome("right silent right wrong", by=noted) == "right"
    assert asked == [4]


def test_one_program_that_passes_is_enough() -> None:
    assert outcome("wrong wrong right", by=passes) == "right"
    assert outcome("wrong silent", by=passes) == "wrong"


@settings(deadline=None)  # a first bootstrap, on a busy machine
@given(st.lists(st.lists(st.sampled_from(sorted(ANSWERS)), min_size=3, max_size=3), min_size=1, max_size=8))
def test_outcomes_add_up_to_the_summary(problems: list[list[str]]) -> None:
    chains, scores, found = {}, {}, []
    for place, names in enumerate(problems):
        for number, name in enumerate(names):
            key = (str(place), number)
            end = FinishReason.ERROR if name == "broken" else FinishReason.STOP
            chains[key] = chain(*key, finish_reason=end)
            if (grade := ANSWERS[name]) is not None:
                scores[key] = score(*key, correct=grade.correct, extracted=grade.extracted, verdict=grade.verdict)
        found.append(Outcome(outcome(" ".join(names))))
    ids = [str(place) for place in range(len(problems))]
    summary = summarize(manifest().fields, ids, chains, scores, 3, majority)
    assert found.count(Outcome.UNFINISHED) == summary["incomplete"]
    voted = len(found) - found.count(Outcome.UNFINISHED) - found.count(Outcome.ERROR)
    right, ties = found.count(Outcome.RIGHT), found.count(Outcome.TIE)
    if summary["accuracy"] is None:
        assert voted == 0
    else:
        # of three chains, a tie has two sides or three, and one of them is right
        assert ties / 3 - 1e-9 <= summary["accuracy"] * voted - right <= ties / 2 + 1e-9
