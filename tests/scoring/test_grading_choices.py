from pathlib import Path
from typing import Any

import pytest

from hyperscale.commands.grade import grade
from hyperscale.errors import Refusal
from hyperscale.scoring.verdict import Verdict
from tests.scoring.test_grading_completions import jsonl

TASK = "gpqa_diamond"
ABSENT = Path("absent.zip")


def test_rows_carry_the_letter_or_the_order_of_the_options_and_need_no_data() -> None:
    rows: list[dict[str, Any]] = [
        {"gold": "B", "text": "Answer: B"},
        {"gold": "b", "text": "<think>Answer: B</think>Answer: C"},
        {"problem_id": "rec1", "permutation": [2, 3, 0, 1], "text": r"\boxed{C}"},
        {"problem_id": "rec2", "permutation": "[2, 3, 0, 1]", "text": "Answer: D"},
        {"permutation": [0, 1, 2, 3], "text": "The answer is (A)."},
        {"gold": "A", "permutation": [1, 0, 2, 3], "text": "Answer: A"},
        {"gold": "A", "text": "Answer: A", "finish_reason": "length"},
        {"gold": "A", "text": "Answer: A or B"},
        {"gold": "none", "text": "Answer: A"},
    ]
    report = grade(TASK, rows, data=ABSENT)
    assert [row.grade.verdict.value for row in report.rows] == [
        *("equal", "different", "equal", "different", "equal", "equal", "no_answer", "no_answer", "unparsed_gold")
    ]
    assert [row.problem_id for row in report.rows] == [None, None, "rec1", "rec2", *[None] * 5]
    assert [row.grade.extracted for row in report.rows] == ["B", "C", "C", "D", "A", "A", None, None, "A"]
    assert report.counts[Verdict.EQUAL] == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Answer: A"}, "neither gold nor permutation"),
        ({"problem_id": "rec1", "text": "Answer: A"}, "neither gold nor permutation"),
        ({"gold": "A"}, r"no text to grade.*permutation"),
        ({"gold": ["A"], "text": "Answer: A"}, "gold holds a list"),
        ({"permutation": [0, 1, 2], "text": "Answer: A"}, "permutation must be a list of the numbers 0 to 3"),
        ({"permutation": [1, 2, 3, 4], "text": "Answer: A"}, "permutation must be"),
        ({"permutation": [0, 0, 1, 2], "text": "Answer: A"}, "permutation must be"),
        ({"permutation": ["A", "B", "C", "D"], "text": "Answer: A"}, "permutation must be"),
        ({"permutation": "ABCD", "text": "Answer: A"}, "permutation must be"),
        ({"permutation": "0123", "text": "Answer: A"}, "permutation must be"),
        ({"permutation": {"A": 0}, "text": "Answer: A"}, "permutation must be"),
        ({"permutation": 3, "text": "Answer: A"}, "permutation must be"),
    ],
)
def test_a_bad_row_is_refused_by_file_and_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    made = jsonl(tmp_path / "made.jsonl", [{"gold": "A", "text": "Answer: A"}, row])
    with pytest.raises(Refusal, match=message) as refusal:
        grade(TASK, made)
    assert "made.jsonl, line 2" in str(refusal.value)


def test_letters_that_no_option_stands_under_are_no_gold(tmp_path: Path) -> None:
    assert grade(TASK, [{"gold": "E", "text": "Answer: E"}]).rows[0].grade.verdict is Verdict.UNPARSED_GOLD
