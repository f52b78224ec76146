import json
from collections.abc import Sequence

import pytest

from hyperscale.analysis.summary import FAULTS, Accounting, any_passes, dense_reads, summarize
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord
from tests.store.samples import chain, score

FIELDS = {
    "task": "modchain",
    "model": "abacus-dms-8x",
    "base_model": "abacus",
    "method": "dms",
    "budget": "8x",
    "max_len": 1024,
}


def by_key(records: Sequence) -> dict:
    return {record.key: record for record in records}


def mean_vote(grades: Sequence[ScoreRecord]) -> float:
    return sum(grade.correct for grade in grades) / len(grades)


def summary(chains: list[ChainRecord], scores: list[ScoreRecord], width: int = 2, **options: object) -> dict:
    ids = list(dict.fromkeys(record.problem_id for record in chains))
    return summarize(FIELDS, ids, by_key(chains), by_key(scores), width, options.pop("vote", any_passes), **options)


CHAINS = [
    chain("a", 0, prompt_tokens=10, tokens=4, kv_reads=30.0, aux_reads=2.0, peak_tokens=12.0),
    chain(
        "a", 1, prompt_tokens=10, tokens=5, kv_reads=40.0, aux_reads=3.0, peak_tokens=13.0, finish_reason=FinishReason.LENGTH
    ),
    chain("b", 0, prompt_tokens=20, tokens=3, kv_reads=25.0, aux_reads=1.0, peak_tokens=11.0),
    chain("b", 1, prompt_tokens=20, tokens=1, kv_reads=0.0, aux_reads=0.0, peak_tokens=0.0, finish_reason=FinishReason.READS),
]
SCORES = [score("a", 0), score("a", 1, correct=False), score("b", 0, correct=False), score("b", 1, correct=False)]


def test_a_summary_worked_by_hand() -> None:
    found = summary(CHAINS, SCORES, run="results/x", tokens_per_s=5120.0)
    # dense: a0 11+12+13, a1 11+12+13+14, b0 21+22, b1 nothing
    assert found == {
        **FIELDS,
        "width": 2,
        "problems": 2,
        "chains": 4,
        "accuracy": 0.5,
        "accuracy_ci95": pytest.approx([0.0945, 0.9055], abs=1e-4),
        "accuracy_ci95_method": "Wilson: accuracy of a vote over 2 chains on problems of this kind (question sampling)",
        "accuracy_ci95_caution": "Problems are few (2): 95% intervals were found to cover from 30 on.",
        "accuracy_avg": 0.25,
        "pass_at": {"1": 0.25, "2": 0.5},
        "kv_reads": 47.5,
        "aux_reads": 3.0,
        "peak_tokens": 18.0,
        "realised_cr": (36 + 50 + 43) / (95 + 6),
        "accuracy_per_mread": pytest.approx(0.5 / (50.5 / 2**20)),
        "tokens": 6.5,
        "truncated": 0.5,
        "errors": 0,
        "tokens_per_s": 5120.0,
        "hit_rate": None,
        "run": "results/x",
        "incomplete": 0,
        "accounting": "full",
    }
    json.dumps(found, allow_nan=False)


def test_a_caution_is_there_only_where_the_interval_may_not_cover() -> None:
    ids = [f"p{number}" for number in range(40)]
    chains = [chain(problem, 0) for problem in ids]

    def cautions(right: int) -> bool:
        found = summary(chains, [score(problem, 0, correct=place < right) for place, problem in enumerate(ids)], width=1)
        return "accuracy_ci95_caution" in found

    assert [cautions(right) for right in (0, 2, 3, 20, 37, 38)] == [True, True, False, False, False, True]


def test_the_paper_accounting_leaves_aux_out_of_the_cost_only() -> None:
    found = summary(CHAINS, SCORES, accounting=Accounting.PAPER)
    assert found["realised_cr"] == 129 / 95
    assert found["accuracy_per_mread"] == pytest.approx(0.5 / (47.5 / 2**20))
    assert found["aux_reads"] == 3.0
    assert found["accounting"] == "paper"


def test_the_realised_compression_is_a_ratio_of_sums_not_a_mean_of_ratios() -> None:
    chains = [
        chain("a", 0, prompt_tokens=10, tokens=2, kv_reads=11.0),  # 1x
        chain("b", 0, prompt_tokens=999, tokens=2, kv_reads=100.0),  # 10x
    ]
    found = summary(chains, [score("a"), score("b")], width=1)
    assert found["realised_cr"] == pytest.approx(1011 / 111)
    assert found["realised_cr"] != pytest.approx(5.5)


@pytest.mark.parametrize("tokens", range(6))
def test_dense_reads_equal_the_sum_over_decode_forwards(tokens: int) -> None:
    assert dense_reads(7, tokens) == sum(7 + t for t in range(1, tokens))


def test_problems_without_all_their_chains_or_grades_do_not_count() -> None:
    chains = [*CHAINS, chain("c", 0), chain("d", 0), chain("d", 1)]
    scores = [*SCORES, score("c", 0), score("d", 0)]
    found = summary(chains, scores)
    assert (found["problems"], found["chains"], found["incomplete"]) == (2, 4, 2)
    assert {key: found[key] for key in ("accuracy", "kv_reads", "truncated")} == {
        "accuracy": 0.5,
        "kv_reads": 47.5,
        "truncated": 0.5,
    }


def test_a_smaller_width_looks_at_the_first_chains_only() -> None:
    found = summary(CHAINS, SCORES, width=1)
    assert (found["chains"], found["accuracy"], found["tokens"], found["pass_at"]) == (2, 0.5, 3.5, {"1": 0.5})


def test_the_vote_sees_the_grades_of_one_problem_in_order() -> None:
    seen: list[list[tuple[str, int]]] = []

    def vote(grades: Sequence[ScoreRecord]) -> float:
        seen.append([grade.key for grade in grades])
        return mean_vote(grades)

    assert summary(CHAINS, list(reversed(SCORES)), vote=vote)["accuracy"] == 0.25
    assert seen == [[("a", 0), ("a", 1)], [("b", 0), ("b", 1)]]


def test_chains_that_ended_in_an_error_cost_but_are_in_no_accuracy() -> None:
    failed = chain("b", 1, finish_reason=FinishReason.ERROR, kv_reads=9.0)
    found = summary([*CHAINS[:3], failed], SCORES[:3], vote=mean_vote)
    assert found["errors"] == 1
    assert found["problems"] == 2
    assert found["accuracy_avg"] == pytest.approx(1 / 3)
    assert found["accuracy"] == 0.25
    assert found["pass_at"] == {"1": 0.25, "2": 1.0}  # only problem a has two chains to look at
    assert found["kv_reads"] == (30 + 40 + 25 + 9) / 2


@pytest.mark.parametrize("verdict", sorted(FAULTS))
def test_faults_of_the_grader_are_errors_not_wrong_answers(verdict: str) -> None:
    scores = [*SCORES[:3], score("b", 1, correct=False, verdict=verdict)]
    found = summary(CHAINS, scores)
    assert (found["errors"], found["accuracy_avg"]) == (1, pytest.approx(1 / 3))


def test_a_problem_with_nothing_but_errors_has_no_accuracy() -> None:
    failed = [chain("b", n, finish_reason=FinishReason.ERROR) for n in range(2)]
    found = summary([*CHAINS[:2], *failed], SCORES[:2])
    assert (found["problems"], found["accuracy"], found["errors"]) == (2, 1.0, 2)


def test_a_run_with_nothing_finished_has_no_numbers_rather_than_zeros() -> None:
    found = summarize(FIELDS, ["a", "b"], {}, {}, 4, any_passes)
    names = ("accuracy", "accuracy_ci95", "accuracy_avg", "kv_reads", "realised_cr", "accuracy_per_mread", "truncated")
    assert [found[name] for name in names] == [None] * len(names)
    assert found["pass_at"] == {"1": None, "4": None}
    assert (found["problems"], found["incomplete"]) == (0, 2)


def test_chains_that_never_read_have_no_ratios() -> None:
    found = summary([chain("a", 0, tokens=1, kv_reads=0.0)], [score("a", 0)], width=1)
    assert (found["realised_cr"], found["accuracy_per_mread"]) == (None, None)


def test_the_base_model_is_the_model_unless_said_otherwise() -> None:
    fields = {key: value for key, value in FIELDS.items() if key != "base_model"}
    assert summarize(fields, [], {}, {}, 1, any_passes)["base_model"] == "abacus-dms-8x"
