import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.scoring.answer import Extraction, extract, extract_boxed, last_number
from hyperscale.store.records import FinishReason
from hyperscale.tasks.task_card import Fallback


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{42}.", "42"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{\frac{\sqrt{3}}{3}}$", r"\frac{\sqrt{3}}{3}"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}"),
        (r"\boxed{\left\{x \right.}", r"\left\{x \right."),
        (r"\boxed{1} or \boxed{2", "1"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{x = \boxed{5}}", r"x = \boxed{5}"),
        (r"\boxed{3}, as \boxed{} asks", "3"),
        (r"\fbox{7}", "7"),
        (r"\boxed {9}", "9"),
        (r"$\boxed 25.$", "25"),
        (r"$\boxed\frac{1}{2}$", r"\frac{1}{2}"),
        (r"so, \\boxed{8}", "8"),
        ("\\boxed{\n 12 \n}", "12"),
        (r"f(x) = { \boxed{4} }", "4"),
        (r"stray } here \boxed{4}", "4"),
        (r"no box, 42", None),
        (r"\boxed{}", None),
        (r"\boxedfoo{3}", None),
        ("", None),
    ],
)
def test_takes_the_last_balanced_box(text: str, answer: str | None) -> None:
    assert extract_boxed(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"<think>\boxed{1}</think>\boxed{2}", "2"),
        (r"\boxed{1}</think> so it is 2", None),
        (r"\boxed{1}</think>\boxed{2}</think>\boxed{3}", "3"),
        (r"\boxed{1}</think>\boxed{2}</think>so it is 3", None),
        (r"<think>\boxed{1}", "1"),
    ],
)
def test_boxes_inside_the_reasoning_do_not_count(text: str, answer: str | None) -> None:
    assert extract_boxed(text) == answer


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.READS, FinishReason.ERROR])
def test_a_chain_that_was_cut_off_has_no_answer(reason: FinishReason) -> None:
    assert extract(r"\boxed{42} wait", reason, Fallback.LAST_NUMBER) == Extraction(None)


@pytest.mark.parametrize(
    ("text", "number"),
    [("so 1,234 in all.", "1,234"), ("from 3 to -4.5 m", "-4.5"), ("7</think>none", None), ("1,2,3", "3"), ("x", None)],
)
def test_last_number(text: str, number: str | None) -> None:
    assert last_number(text) == number


def test_fallback_is_used_only_without_a_box_and_is_flagged() -> None:
    assert extract("it is 18", fallback=Fallback.LAST_NUMBER) == Extraction("18", by_fallback=True)
    assert extract("it is 18") == Extraction(None)
    assert extract(r"\boxed{17} or 18", fallback=Fallback.LAST_NUMBER) == Extraction("17")


def test_degenerate_text_costs_linear_time() -> None:
    started = time.perf_counter()
    assert extract_boxed("\\boxed{" * 40_000 + "1") is None
    assert extract_boxed("\\boxed{" * 40_000 + "1" + "}" * 40_000) is not None
    assert time.perf_counter() - started < 10


@given(st.text(alphabet="\\{}boxed 5</think>", max_size=80))
def test_never_fails_and_answers_are_part_of_the_text(text: str) -> None:
    answer = extract_boxed(text)
    assert answer is None or (answer and answer in text)
