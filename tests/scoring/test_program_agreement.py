"""Agreement with the verdicts that were recorded for 400 programs of a model on the public tests of LiveCodeBench."""

import json
from typing import Any

import pytest

from hyperscale.sandbox import Sandbox
from hyperscale.scoring.code import CodeGrader
from hyperscale.scoring.verdict import Grade
from hyperscale.tasks.code_tests import CodeStyle, CodeTest, CodeTests
from tests.scoring.shared_files import shared_rows
from tests.scoring.test_code import Held


def public_tests(row: dict[str, Any]) -> CodeTests:
    stated = json.loads(row["public_test_cases"]["input_output"])
    cases = tuple(map(CodeTest, stated["inputs"], stated["outputs"]))
    return CodeTests(CodeStyle.CALL if stated["fn_name"] else CodeStyle.STDIN, cases, function=stated["fn_name"])


def graded(rows: list[dict[str, Any]]) -> dict[str, Grade]:
    grader = CodeGrader[str](Sandbox.open(), workers=2)
    for row in rows:
        # tildes, for programs may hold backticks
        grader.submit(row["task_id"], Held(public_tests(row)), f"~~~~~~~~python\n{row['solution']}\n~~~~~~~~")
    grades = dict(grader.drain())
    grader.close()
    return grades


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_agrees_with_every_recorded_verdict_and_does_so_again() -> None:
    rows = shared_rows("generations", "lcb", "mavencoder_lcb400_gpt-4.1-nano.jsonl.gz")
    grades = graded(rows)
    assert len(grades) == len(rows) == 400
    recorded = {row["task_id"]: row["passing_public_tests"] for row in rows}
    assert {name: grade for name, grade in grades.items() if grade.correct != recorded[name]} == {}
    again = graded(rows)
    assert {name for name in grades if grades[name].verdict is not again[name].verdict} == set()
