"""Points from one run: worked by hand, against runs that were made shorter, and against votes by enumeration."""

import operator
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import hyperscale
from hyperscale.analysis.point import Panel, Point, Series
from hyperscale.analysis.prefix import points
from hyperscale.engine.sampler import Sampling
from hyperscale.errors import Refusal
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord
from hyperscale.store.run_folder import RunFolder
from tests.analysis.made_points import same
from tests.analysis.stored import Life, MadeRun, made_run
from tests.engine.harness import CASES, plan, records, seamed, tasks
from tests.store.samples import manifest

HAND = {
    "a": [
        Life(60, "7", True, kv=[10.0] * 400, held=range(400)),
        Life(64, "7", True, kv=[10.0] * 400, aux=[1.0] * 400, held=range(400)),
        Life(65, "8", False, kv=[10.0] * 400, held=range(400)),
        Life(200, "7", True, kv=[10.0] * 400, held=range(400)),
    ],
    "b": [Life(300, "1", True, kv=[20.0] * 400, held=[5.0] * 400) for _ in range(4)],
}


def table(found: list[Point]) -> dict[tuple[int, int], Point]:
    return {(point.width, point.length): point for point in found}


def test_points_worked_by_hand() -> None:
    found = points(made_run(HAND, length=256, width=4), operator.eq, tokens_per_s=100.0)
    assert [(point.length, point.width) for point in found] == [(n, w) for n in (64, 128, 256) for w in (1, 2, 4)]
    assert {(point.panel, point.series, point.chains) for point in found} == {
        (Panel("modchain", "abacus"), Series("tova", "4x", "abacus"), 4)
    }
    assert [point.derived for point in found] == [True] * 8 + [False]
    at = table(found)
    one = at[1, 64]
    assert one.problems == ("a", "b")
    # at 64 tokens two of a's chains have answered (one with its last token), both with 7; b's have not
    assert one.accuracy.tolist() == [0.5, 0.0]
    assert one.average.tolist() == [0.5, 0.0]
    # forwards: 59, 63, 63 and 63, of which the second chain's read one more entry of metadata
    assert at[4, 64].kv_reads.tolist() == [10.0 * (59 + 63 + 63 + 63), 20.0 * 4 * 63]
    assert one.kv_reads.tolist() == [10.0 * 248 / 4, 20.0 * 63]
    assert at[2, 64].aux_reads.tolist() == [31.5, 0.0]
    assert at[4, 64].peak.tolist() == [58.0 + 62 + 62 + 62, 20.0]
    assert at[4, 64].accuracy.tolist() == [1.0, 0.0]  # 7, 7 and two that abstain
    assert at[2, 64].accuracy.tolist() == [pytest.approx(5 / 6), 0.0]  # of six pairs, one of two that abstain
    assert one.seconds == pytest.approx(fmean([(60 + 64 + 64 + 64) / 4, 64]) / 100)
    # at 128, the one with 8 has answered
    assert at[1, 128].accuracy.tolist() == [0.5, 0.0]
    assert at[2, 128].accuracy.tolist() == [pytest.approx((1 + 2 * 0.5 + 2 * 1 + 0) / 6), 0.0]
    assert at[4, 128].accuracy.tolist() == [1.0, 0.0]
    assert at[1, 256].average.tolist() == [0.75, 0.0]
    assert at[4, 256].seconds == pytest.approx(fmean([60 + 64 + 65 + 200, 4 * 256]) / 100)


def test_widths_and_lengths_as_asked() -> None:
    run = made_run(HAND, length=256, width=4)
    found = points(run, operator.eq, widths=[3, 1], lengths=[256, 192])
    assert [(point.width, point.length) for point in found] == [(1, 192), (3, 192), (1, 256), (3, 256)]
    assert all(point.seconds is None for point in found)
    for wrong, message in (
        ({"widths": [5]}, "has 4 chains per problem: it cannot say what 5 would do"),
        ({"widths": [0]}, "cannot say what 0"),
        ({"lengths": [100]}, "multiples of 64 up to 256, not of 100"),
        ({"lengths": [320]}, "not of 320"),
        ({"lengths": [0]}, "not of 0"),
    ):
        with pytest.raises(ValueError, match=message):
            points(run, operator.eq, **wrong)


def test_the_run_itself_may_have_any_width_and_length() -> None:
    lives = {"a": [*HAND["a"][:3]]}
    found = points(made_run(lives, length=100, width=3), operator.eq)
    assert [(point.width, point.length) for point in found] == [(1, 64), (2, 64), (3, 64), (1, 100), (2, 100), (3, 100)]
    short = points(made_run(lives, length=40, width=3), operator.eq, widths=[1])
    assert [(point.length, point.accuracy.tolist()) for point in short] == [(40, [0.0])]


def test_where_decisions_depend_on_the_length_only_widths_are_derived() -> None:
    run = made_run(HAND, length=256, width=4, prefix_safe=False)
    assert [(point.width, point.length) for point in points(run, operator.eq)] == [(1, 256), (2, 256), (4, 256)]
    with pytest.raises(ValueError, match="tells of length 256 alone, not of 128"):
        points(run, operator.eq, lengths=[128])
    unknown = replace(run, manifest=manifest(width=4, max_len=256))
    assert {point.length for point in points(unknown, operator.eq)} == {256}


def test_a_purse_tells_of_its_own_width_and_length_alone() -> None:
    run = made_run(HAND, length=256, width=4)
    configured = {**run.manifest.configuration, "width": 4, "reads": 9000}
    capped = replace(run, manifest=replace(run.manifest, configuration=configured))
    (point,) = points(capped, operator.eq)
    assert (point.width, point.length, point.derived) == (4, 256, False)
    with pytest.raises(ValueError, match="split its purse over 4 chains"):
        points(capped, operator.eq, widths=[1])
    with pytest.raises(ValueError, match="alone"):
        points(capped, operator.eq, lengths=[64])


def test_a_chain_that_ran_out_of_its_purse_is_graded_as_it_was() -> None:
    run = made_run({"a": HAND["a"][:2]}, length=256, width=2)
    out = replace(run.records[0], finish_reason=FinishReason.READS)
    grades = [ScoreRecord("a", 0, None, "no_answer", False, "g"), *run.grades[1:]]
    configured = {**run.manifest.configuration, "width": 2, "reads": 9000}
    capped = MadeRun(replace(run.manifest, configuration=configured), [out, run.records[1]], grades)
    (point,) = points(capped, operator.eq)
    assert (point.accuracy.tolist(), point.average.tolist()) == ([1.0], [0.5])


def test_problems_that_are_not_finished_or_not_graded_are_left_out() -> None:
    lives = dict.fromkeys(("whole", "short", "ungraded", "unwanted"), HAND["a"])
    run = made_run(lives, length=256, width=4, problem_ids=["whole", "short", "ungraded", "never begun"])
    kept = replace(
        run,
        records=[record for record in run.records if record.key != ("short", 3)],
        grades=[grade for grade in run.grades if grade.key != ("ungraded", 0)],
    )
    assert {point.problems for point in points(kept, operator.eq)} == {("whole",)}
    assert points(replace(run, records=[], grades=[]), operator.eq) == []
    assert {point.problems for point in points(made_run(lives, length=256, width=3), operator.eq)} == {tuple(sorted(lives))}


def test_errors_and_faults_cost_but_do_not_vote() -> None:
    lives = {
        "error": [*HAND["a"][:3], Life(100, None, False, fails=True, kv=[10.0] * 400)],
        "fault": [*HAND["a"][:3], Life(70, "9", False, verdict="crashed", kv=[10.0] * 400)],
        "sound": HAND["a"],
    }
    at = table(points(made_run(lives, length=256, width=4), operator.eq, widths=[1, 3, 4]))
    assert at[4, 256].problems == ("sound",)  # three chains cannot say what four would do
    assert at[3, 256].problems == ("error", "fault", "sound")
    assert at[3, 256].average.tolist() == [pytest.approx(2 / 3), pytest.approx(2 / 3), 0.75]
    assert at[3, 256].kv_reads.tolist()[0] == 10.0 * (59 + 63 + 64 + 99) * 3 / 4
    # a run of 64 tokens would have cut both off before anything went wrong
    assert at[4, 64].problems == ("error", "fault", "sound")
    assert at[4, 64].average.tolist() == [0.5, 0.5, 0.5]


def test_an_error_instead_of_the_token_after_the_last_is_a_chain_cut_off() -> None:
    lives = {"a": [HAND["a"][0], Life(128, None, False, fails=True)]}
    at = table(points(made_run(lives, length=256, width=2), operator.eq))
    assert (2, 256) not in at
    assert at[1, 256].average.tolist() == [1.0]
    assert at[2, 128].average.tolist() == [0.5]


def test_a_broken_trace_is_refused() -> None:
    run = made_run({"a": HAND["a"]}, length=256, width=4)
    lame = [replace(record, trace=replace(record.trace, kv_reads=())) for record in run.records]
    with pytest.raises(Refusal, match=r"the trace of chain 1 of problem a ends|the trace of chain 2 of problem a ends"):
        points(replace(run, records=lame), operator.eq)
    with pytest.raises(Refusal, match="does not say its 'max_len'"):
        points(replace(run, manifest=replace(run.manifest, configuration={"seed": 0})), operator.eq)


def test_programs_count_where_any_passes() -> None:
    lives = {"a": [Life(10, "x", False), Life(10, "y", True), Life(10, "x", False), Life(10, "z", False)]}
    at = table(points(made_run(lives, length=64, width=4, kind="code"), pytest.fail, widths=[1, 2, 4]))
    assert [at[width, 64].accuracy[0] for width in (1, 2, 4)] == [0.25, pytest.approx(0.5), 1.0]


def test_the_series_may_be_named() -> None:
    named = Series("tova (prefill=stepwise)", "4x", "abacus")
    assert {point.series for point in points(made_run(HAND, length=256, width=4), operator.eq, series=named)} == {named}


LIVES = st.builds(
    Life,
    tokens=st.one_of(st.integers(1, 260), st.sampled_from([64, 128, 192, 256])),
    answer=st.sampled_from([None, "1", "01", "2", "3"]),
    correct=st.booleans(),
    fails=st.booleans(),
    verdict=st.sampled_from(["equal", "equal", "different", "crashed"]),
    kv=st.integers(0, 3).map(lambda step: [float(number % 17 + step) for number in range(300)]),
    aux=st.integers(0, 3).map(lambda step: [float(number % 5 * step) for number in range(300)]),
    held=st.integers(1, 90).map(lambda most: [min(number, most) / 3 for number in range(300)]),
)


def as_numbers(a: str, b: str) -> bool:
    return int(a) == int(b)


@settings(max_examples=60, deadline=None)
@given(
    lives=st.integers(1, 5).flatmap(
        lambda width: st.dictionaries(
            st.sampled_from("abc"), st.lists(LIVES, min_size=width, max_size=width), min_size=1, max_size=3
        )
    ),
    kind=st.sampled_from(["math", "code"]),
    length=st.sampled_from([64, 128, 192]),
)
def test_derived_points_equal_those_of_a_shorter_run_and_votes_by_enumeration(
    lives: dict[str, list[Life]], kind: str, length: int
) -> None:
    width = len(next(iter(lives.values())))
    every_width = range(1, width + 1)
    derived = points(made_run(lives, 256, width, kind=kind), as_numbers, every_width, [length], tokens_per_s=7.0)
    direct = made_run(lives, length, width, kind=kind)
    made = points(direct, as_numbers, every_width, [length], tokens_per_s=7.0)
    assert [(point.width, point.problems) for point in derived] == [(point.width, point.problems) for point in made]
    assert all(same(one, other) for one, other in zip(derived, made, strict=True))
    for point in derived:
        for row, problem in enumerate(point.problems):
            assert point.accuracy[row] == pytest.approx(enumerated(direct, problem, point.width, kind))


def enumerated(run: MadeRun, problem: str, width: int, kind: str) -> float:
    """The mean score of all subsets of a problem's grades, one by one."""
    grades = [grade for grade in run.grades if grade.problem_id == problem and grade.verdict != "crashed"]
    return fmean(subset_score(subset, kind) for subset in combinations(grades, width))


def subset_score(grades: tuple[ScoreRecord, ...], kind: str) -> float:
    if kind == "code":
        return float(any(grade.correct for grade in grades))
    by_value: dict[int, list[bool]] = {}
    for grade in grades:
        if grade.extracted is not None:
            by_value.setdefault(int(grade.extracted), []).append(grade.correct)
    most = max(map(len, by_value.values()), default=0)
    return fmean([fmean(marks) for marks in by_value.values() if len(marks) == most]) if by_value else 0.0


@pytest.mark.parametrize("end", [FinishReason.STOP, FinishReason.ERROR])
def test_the_engine_ends_a_chain_at_a_mark_as_is_assumed_here(end: FinishReason) -> None:
    """A stop with, and a failure after, what would be the last token of the shorter run."""
    model, shared = seamed("llama"), plan(CASES["tova"].policy(), "20t", 150, sampling=Sampling())
    chains = tasks((6, 9), width=16)
    prompts = {token for task in chains for token in task.prompt_ids}
    key, last = next(
        (key, record.token_ids[63])
        for key, record in records(model, chains, shared).items()
        if record.token_ids[63] not in prompts.union(record.token_ids[:63])
    )
    if end is FinishReason.STOP:
        model.module.generation_config.eos_token_id = last
        model = replace(model)  # which looks up its end tokens again
    with torch.no_grad():
        model.module.model.embed_tokens.weight[last] = torch.nan  # of a stop, no forward sees it
    long, short = (records(model, chains, replace(shared, max_len=length)) for length in (150, 64))
    assert (long[key].finish_reason, long[key].tokens) == (end, 64)
    assert short[key].finish_reason == (FinishReason.STOP if end is FinishReason.STOP else FinishReason.LENGTH)
    derived, direct = (
        points(told(made, length), operator.eq, lengths=[64], tokens_per_s=9.0) for made, length in ((long, 150), (short, 64))
    )
    assert {point.width for point in direct} >= {1, 2, 4, 8}  # the poison ends some chains of either problem
    assert all(same(one, other) for one, other in zip(derived, direct, strict=True))


def told(made: dict[tuple[str, int], ChainRecord], length: int) -> MadeRun:
    return MadeRun(manifest(width=16, max_len=length, prefix_safe=True), list(made.values()), graded(made))


def graded(made: dict[tuple[str, int], ChainRecord]) -> list[ScoreRecord]:
    """Grades as graders give them: whoever stopped has an answer."""
    grades = []
    for key, record in made.items():
        if record.finish_reason is FinishReason.ERROR:
            continue
        stopped = record.finish_reason is FinishReason.STOP
        answer = str(record.tokens % 3) if stopped else None
        grades.append(ScoreRecord(*key, answer, "equal" if stopped else "no_answer", stopped, "g"))
    return grades


WANTED: dict[str, dict[str, Any]] = {
    "vanilla": {"method": "vanilla", "model": "abacus"},
    "dms": {"method": "dms", "model": "abacus-dms-8x"},
    "tova": {"method": "tova", "budget": "64t", "model": "abacus"},
}


@pytest.mark.parametrize("method", WANTED)
def test_derived_equals_directly_generated(method: str, tmp_path: Path) -> None:
    hold_against_shorter_runs(method, tmp_path, limit=12, whole=256, shorter=[192])


@pytest.mark.slow
@pytest.mark.parametrize("method", WANTED)
def test_derived_equals_directly_generated_also_for_longer_chains(method: str, tmp_path: Path) -> None:
    hold_against_shorter_runs(method, tmp_path, limit=16, whole=512, shorter=[64, 256, 384])


def hold_against_shorter_runs(method: str, out: Path, limit: int, whole: int, shorter: list[int]) -> None:
    def made(length: int) -> tuple[RunFolder, dict[str, Any]]:
        options = {**WANTED[method], "limit": limit, "width": 2, "dtype": "float32", "workers": 1}
        summary = hyperscale.run(**options, max_len=length, out=out)
        return RunFolder.read(Path(summary["run"])), summary

    run, summary = made(whole)
    assert any(record.finish_reason is FinishReason.STOP for record in run.chains().values())
    for length in shorter:
        direct = [point for point in points(made(length)[0], operator.eq, tokens_per_s=50.0) if point.length == length]
        derived = points(run, operator.eq, lengths=[length], tokens_per_s=50.0)
        assert [point.derived for point in direct] == [True, False]  # widths 1 and 2
        assert len(direct[0].problems) == limit
        assert all(same(one, other) for one, other in zip(direct, derived, strict=True))
    largest = points(run, operator.eq)[-1]
    columns = {
        "accuracy": largest.accuracy, "accuracy_avg": largest.average, "kv_reads": largest.kv_reads,
        "aux_reads": largest.aux_reads, "peak_tokens": largest.peak,
    }  # fmt: skip
    assert {name: column.mean() for name, column in columns.items()} == pytest.approx({name: summary[name] for name in columns})


def test_a_large_run_takes_seconds() -> None:
    random = np.random.default_rng(0)
    answers, ends = random.integers(0, 6, (100, 8)), random.integers(100, 1200, (100, 8))
    lives = {
        f"p{row:02}": [Life(int(end), str(answer), answer == 0) for answer, end in zip(answers[row], ends[row], strict=True)]
        for row in range(100)
    }
    run = made_run(lives, length=1024, width=8)
    twenty = [str(copy) for copy in range(20)]
    large = MadeRun(
        run.manifest,
        [replace(record, problem_id=record.problem_id + copy) for copy in twenty for record in run.records],
        [replace(grade, problem_id=grade.problem_id + copy) for copy in twenty for grade in run.grades],
    )
    started = time.process_time()
    assert len(points(large, operator.eq)) == 5 * 4
    assert time.process_time() - started < 8
