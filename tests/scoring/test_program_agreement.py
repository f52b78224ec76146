"""Agreement with the verdicts that were recorded for 400 programs of a model on the public tests of LiveCodeBench."""

import json
from typing import Any

import pytest

from hyperscale.code_tests import CodeStyle, CodeTest, CodeTests
from hyperscale.sandbox import Sandbox
from hyperscale.scoring.code import CodeGrader
from hyperscale.scoring.verdict import Grade, Verdict
from tests.scoring.shared_files import shared_rows
from tests.scoring.test_code import Held

DISAGREEMENTS = {
    # its time is the limit, so that the machine decides
    "abc301_e": (Verdict.TIME_LIMIT, "5.9 to 6.0 s of CPU time on a machine of 2024"),
    "abc324_d": (
        Verdict.TIME_LIMIT,
        "counts in 3 million squares, one Counter each: 6 to 9 s of CPU time, recorded under another limit",
    ),
}


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
def test_agrees_with_the_recorded_verdicts_but_for_the_judged_ones_and_does_so_again() -> None:
    rows = shared_rows("generations", "lcb", "mavencoder_lcb400_gpt-4.1-nano.jsonl.gz")
    grades = graded(rows)
    assert len(grades) == len(rows) == 400
    differing = {
        row["task_id"]: grades[row["task_id"]] for row in rows if grades[row["task_id"]].correct != row["passing_public_tests"]
    }
    assert differing.keys() <= DISAGREEMENTS.keys()  # a program at its time limit passes on a fast machine
    assert all(grade.verdict is DISAGREEMENTS[name][0] for name, grade in differing.items())
    again = graded(rows)
    assert {name for name in grades if grades[name].verdict is not again[name].verdict} <= DISAGREEMENTS.keys()
