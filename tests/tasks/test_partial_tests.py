from pathlib import Path
from typing import Any

import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.task_card import TaskCard
from tests.card_files import write_rows
from tests.code_files import stdin_row, write_code_card


@pytest.fixture
def card(tmp_path: Path) -> TaskCard:
    return load_card(write_code_card(tmp_path))


PARTS = [
    stdin_row("whole"),
    stdin_row("public", private_test_cases="[]"),
    stdin_row("marked", _recovered_status=["confirmed"]),
    stdin_row("none", private_test_cases="[]", public_test_cases="[]", _recovered_status=[]),
]


@pytest.mark.parametrize("row", PARTS[1:3])
def test_parts_of_tests_are_refused(tmp_path: Path, card: TaskCard, row: dict[str, Any]) -> None:
    file = write_rows(tmp_path / "t.jsonl", [PARTS[0], row])
    with pytest.raises(Refusal, match=rf"line 2 \({row['question_id']}\): only part.*--allow-partial-tests"):
        load_problems(card, data=file)
    assert len(load_problems(card, data=write_rows(tmp_path / "u.jsonl", [PARTS[0]])).problems) == 1


def test_a_row_without_any_test_is_refused_as_such(tmp_path: Path, card: TaskCard) -> None:
    file = write_rows(tmp_path / "t.jsonl", [PARTS[0], PARTS[3]])
    with pytest.raises(Refusal, match=r"line 2 \(none\): the row has no tests.*--allow-partial-tests") as caught:
        load_problems(card, data=file)
    assert "only part" not in str(caught.value)


@pytest.mark.parametrize("allowed", [False, True])
def test_columns_that_are_not_there_are_named_whatever_is_allowed(tmp_path: Path, card: TaskCard, allowed: bool) -> None:
    row = {("tests" if name == "private_test_cases" else name): value for name, value in PARTS[3].items()}
    with pytest.raises(Refusal, match=r"there is no column 'private_test_cases', only .*'tests'"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", [row]), allow_partial_tests=allowed)


@pytest.mark.parametrize("count", [1, 2])
def test_where_no_row_has_a_test_that_is_said_and_not_that_dates_are_wrong(tmp_path: Path, card: TaskCard, count: int) -> None:
    rows = [PARTS[3] | {"question_id": f"none-{number}"} for number in range(count)]
    with pytest.raises(Refusal, match=rf"t\.jsonl: none of the {count} rows.*has a test") as caught:
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", rows), allow_partial_tests=True)
    assert "date" not in str(caught.value)


def test_parts_of_tests_load_when_they_are_allowed_and_say_so(tmp_path: Path, card: TaskCard) -> None:
    notes: list[str] = []
    file = write_rows(tmp_path / "t.jsonl", PARTS)
    loaded = load_problems(card, data=file, allow_partial_tests=True, note=notes.append)
    assert {problem.id: problem.tests and problem.tests.load().partial for problem in loaded.problems} == {
        "whole": False,
        "public": True,
        "marked": True,
    }
    assert loaded.partial_tests
    assert notes == ["rows without any test, which are left out: 1"]
    whole = load_problems(card, data=write_rows(tmp_path / "u.jsonl", PARTS[:1]), allow_partial_tests=True)
    assert not whole.partial_tests


def test_parts_outside_the_window_do_not_matter(tmp_path: Path, card: TaskCard) -> None:
    rows = [stdin_row(), stdin_row("public", day="2020-01-01", private_test_cases="[]")]
    assert not load_problems(card, data=write_rows(tmp_path / "t.jsonl", rows)).partial_tests


def test_a_row_without_tests_is_refused_even_if_it_is_not_kept(tmp_path: Path) -> None:
    # HumanEval's format knows no parts: a row without its only test is simply damaged
    card = load_card("humaneval")
    row = {"task_id": "T/1", "prompt": "def f():\n", "entry_point": "f", "test": " "}
    with pytest.raises(Refusal, match=r"\(T/1\).*no tests"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", [row | {"task_id": "T/0", "test": "def check(f): ..."}, row]))
