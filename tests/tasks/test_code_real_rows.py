"""Code tasks on real rows, where a machine has them."""

import os
from pathlib import Path

import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.code_tests import CodeStyle, CodeTest, CodeTests
from hyperscale.tasks.problem import ProblemSet

REAL = Path(os.environ.get("HYPERSCALE_DATA") or Path(__file__).parents[3] / "shared" / "data")


def real(*parts: str) -> Path:
    path = REAL.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"{path.name} is not on this machine; HYPERSCALE_DATA may name the folder that holds it")
    return path


def _tests(problems: ProblemSet) -> dict[str, CodeTests]:
    return {problem.id: problem.tests.load() for problem in problems.problems if problem.tests is not None}


def test_complete_rows_load_and_decode() -> None:
    file = real("livecodebench", "lcb_complete_rows_3.jsonl")
    card = load_card("livecodebench")
    with pytest.raises(Refusal, match="no row lies in the date window"):
        load_problems(card, data=file)
    loaded = load_problems(card, data=file, since="2023-01-01")
    tests = _tests(loaded)
    assert {name: (found.style, len(found)) for name, found in tests.items()} == {
        "1873_A": (CodeStyle.STDIN, 1 + 4),
        "2727": (CodeStyle.CALL, 2 + 12),
        "abc301_a": (CodeStyle.STDIN, 3 + 12),
    }
    assert tests["2727"].function == "countSeniors"
    assert tests["abc301_a"].cases[0] == CodeTest("5\nTTAAT\n", "T\n")
    assert not loaded.partial_tests
    assert [p.id for p in load_problems(card, data=file, since="2023-08-21", until="2023-08-22").problems] == ["1873_A"]


def test_recovered_rows_load_only_when_parts_are_allowed() -> None:
    file = real("livecodebench", "lcb_partial_rows_recovered_tests.jsonl.gz")
    card = load_card("livecodebench")
    with pytest.raises(Refusal, match="--allow-partial-tests"):
        load_problems(card, data=file)
    loaded = load_problems(card, data=file, since="2023-01-01", until="2026-01-01", allow_partial_tests=True)
    assert len(loaded.problems) == 1002
    assert loaded.partial_tests
    assert all(source.partial for source in _tests(loaded).values())
    assert card.code is not None
    by_title = {name for name in card.code.errata if not name.startswith("abc")}
    assert by_title <= {problem.id for problem in loaded.problems}, "ids that had to be looked up are ids of problems"


def test_real_humaneval_loads() -> None:
    loaded = load_problems(load_card("humaneval"), data=real("humaneval", "HumanEval.jsonl.gz"))
    assert len(loaded.problems) == 164
    for tests in _tests(loaded).values():
        assert f"def {tests.function}(" in tests.setup
        assert "def check(candidate)" in tests.check
