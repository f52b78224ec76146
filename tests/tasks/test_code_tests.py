import json
from pathlib import Path
from typing import Any

import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks.card_file import read_card
from hyperscale.tasks.code_card import CodeCard
from hyperscale.tasks.code_formats import digest, is_partial, read_tests, without_tests
from hyperscale.tasks.code_tests import CodeStyle, CodeTest, CodeTests
from tests.code_files import call_row, listed, packed, stdin_row, write_code_card


@pytest.fixture
def code(tmp_path: Path) -> CodeCard:
    card = read_card(write_code_card(tmp_path, code='partial_files = ["some.jsonl"]'))
    assert card.code is not None
    return card.code


def decoded(code: CodeCard, row: dict[str, Any]) -> CodeTests:
    return read_tests(code, "question_content", row, "file, line 7 (echo)")


def test_public_tests_come_first_and_repeated_ones_stay(code: CodeCard) -> None:
    tests = decoded(code, stdin_row())
    one, two = CodeTest("1\n", "1\n"), CodeTest("2\n", "2\n")
    assert (tests.style, tests.cases, tests.function, tests.partial) == (CodeStyle.STDIN, (one, two, one), None, False)
    assert len(tests) == 3


def test_a_function_is_called_where_the_row_names_one(code: CodeCard) -> None:
    tests = decoded(code, call_row())
    assert (tests.style, tests.function) == (CodeStyle.CALL, "plus")
    assert tests.cases == (CodeTest("1\n2", "3"), CodeTest("[1]\n[2]", "[1, 2]"))


@pytest.mark.parametrize("metadata", ["", "{}", "null", None, {}, '{"func_name": null}', {"func_name": None}])
def test_without_a_function_programs_read_stdin(code: CodeCard, metadata: object) -> None:
    assert decoded(code, stdin_row(metadata=metadata)).style is CodeStyle.STDIN


def test_private_tests_may_be_plain_json_or_a_list(code: CodeCard) -> None:
    row = stdin_row()
    text = listed([("2\n", "2\n"), ("1\n", "1\n")])
    for private in (text, f" {text}", json.loads(text)):
        assert decoded(code, row | {"private_test_cases": private}) == decoded(code, row)
    assert decoded(code, call_row(metadata={"func_name": "plus"})) == decoded(code, call_row())
    untyped = json.dumps([{"input": "1\n", "output": "1\n"}])
    assert decoded(code, row | {"public_test_cases": untyped}) == decoded(code, row)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"private_test_cases": "!!!"}, ["private_test_cases", "cannot be decoded", "not base64"]),
        ({"private_test_cases": packed("[")}, ["private_test_cases", "no readable JSON"]),
        ({"private_test_cases": packed("{}")}, ["private_test_cases", "holds a dict"]),
        ({"private_test_cases": "[1"}, ["private_test_cases", "no readable JSON"]),
        ({"private_test_cases": "[" * 100_000}, ["private_test_cases", "no readable JSON"]),
        ({"private_test_cases": "1234"}, ["private_test_cases", "cannot be decoded"]),
        ({"private_test_cases": 7}, ["private_test_cases", "holds a int"]),
        ({"private_test_cases": [1]}, ["test 1 of column 'private_test_cases'", '"input" and "output"']),
        ({"private_test_cases": [{"input": "1"}]}, ["test 1", '"input" and "output"']),
        ({"private_test_cases": [{"input": 1, "output": "1"}]}, ["test 1", '"input" and "output"']),
        ({"public_test_cases": listed([("1", "1")], "functional")}, ["test 1", "'functional'", "names no function"]),
        ({"metadata": '{"func_name": "plus"}'}, ["test 1", "'stdin'", "names a function"]),
        ({"metadata": "plus"}, ["metadata", "no readable JSON"]),
        ({"metadata": "[]"}, ["metadata", "func_name"]),
        ({"metadata": '{"func_name": "os.system"}'}, ["metadata", "func_name"]),
        ({"metadata": '{"func_name": 3}'}, ["metadata", "func_name"]),
        (
            {"public_test_cases": '[{"input": "\\ud800\\n", "output": ""}]'},
            ["test 1 of column 'pub", "half of a surr"],
        ),
        (
            {"private_test_cases": packed(listed([("1", "1"), ("1", "\udc80")]))},
            ["test 2 of column 'priv", "half of a surr"],
        ),
        ({"public_test_cases": "[]", "private_test_cases": ""}, ["no tests", "every program would pass"]),
        ({"public_test_cases": "[]", "private_test_cases": packed("[]")}, ["no tests", "every program would pass"]),
        ({"public_test_cases": None, "private_test_cases": []}, ["no tests"]),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_row_and_never_an_empty_list(
    code: CodeCard, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(Refusal) as caught:
        decoded(code, stdin_row() | changes)
    for word in ["line 7 (echo)", *words]:
        assert word in str(caught.value)


def test_tests_are_never_none() -> None:
    with pytest.raises(ValueError, match="would pass them all"):
        CodeTests(CodeStyle.STDIN)
    with pytest.raises(ValueError, match="would pass them all"):
        CodeTests(CodeStyle.CHECK, (CodeTest("1", "1"),), "f", check=" ")
    with pytest.raises(ValueError, match="call take a function"):
        CodeTests(CodeStyle.CALL, (CodeTest("1", "1"),))
    with pytest.raises(ValueError, match="stdin take no function"):
        CodeTests(CodeStyle.STDIN, (CodeTest("1", "1"),), "f")
    assert len(CodeTests(CodeStyle.CHECK, function="f", check="def check(f): ...")) == 1


def test_which_rows_hold_part_of_their_tests(code: CodeCard) -> None:
    assert not is_partial(code, stdin_row(), "all.jsonl")
    assert is_partial(code, stdin_row(_recovered_status=[]), "all.jsonl")
    assert is_partial(code, stdin_row(), "some.jsonl")
    for blank in ("", "[]", " [] ", None, []):
        assert is_partial(code, stdin_row(private_test_cases=blank), "all.jsonl")
        assert not without_tests(code, stdin_row(private_test_cases=blank))
        assert without_tests(code, stdin_row(private_test_cases=blank, public_test_cases=blank))


@pytest.mark.parametrize("column", ["public_test_cases", "private_test_cases", "metadata", "starter_code"])
def test_the_digest_covers_everything_about_the_tests(code: CodeCard, column: str) -> None:
    row = stdin_row()
    assert digest(code, row | {column: row[column] + " "}, "here") != digest(code, row, "here")
    assert digest(code, row | {"difficulty": "hard"}, "here") == digest(code, row, "here")
    del row[column]
    with pytest.raises(Refusal, match=f"there is no column '{column}'"):
        digest(code, row, "here")


def test_columns_do_not_run_into_each_other_in_the_digest(code: CodeCard) -> None:
    one = stdin_row(public_test_cases="ab", private_test_cases="c")
    other = stdin_row(public_test_cases="a", private_test_cases="bc")
    assert digest(code, one, "here") != digest(code, other, "here")


# --- the card


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('format = "livecodebench"', 'format = "apps"', ["[code] format", "livecodebench, humaneval"]),
        ('tests = ["public_test_cases", "private_test_cases"]', 'tests = ["a"]', ["[code] tests", "2 columns"]),
        ('format = "livecodebench"', 'format = "humaneval"', ["[code] tests", "1 column "]),
        ('function = "metadata"', "", ["[code] function is missing"]),
        ('function = "metadata"', 'function = "metadata"\nfuncion = "x"', ["[code] funcion", "function"]),
        ('stdin = "Read stdin."', "", ["[code] formats", "stdin and starter"]),
        ("{starter}", "it", ["[code] formats.starter", "{starter} exactly once"]),
        ("\n{format}", "", ["[prompt] presets.plain", "{format} exactly once"]),
        ('kind = "code"', 'kind = "math"', ["code", "only there"]),
        ('function = "metadata"', 'function = "metadata"\nrelease = "v9"', ["[code] release", "v9"]),
        ("[code.formats]", '[code.releases]\nv1 = ["a"]\n[code.formats]', ["[code] release is missing", "v1"]),
        (
            "[code.formats]",
            'release = "v1"\n[code.releases]\nv1 = ["a.jsonl"]\n[code.formats]',
            ["[code] releases", "'a.jsonl'", "sha256"],
        ),
        ("[code.formats]", "[code.only]\ndifficulty = []\n[code.formats]", ["[code.only] difficulty", "empty"]),
        ('extraction = "fence"', 'extraction = "boxed"', ["extraction"]),
    ],
)
def test_a_wrong_code_card_is_refused_by_key(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    path = write_code_card(tmp_path)
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(Refusal) as caught:
        read_card(path)
    for word in [*words, "programs.toml"]:
        assert word in str(caught.value)


def test_a_code_task_without_its_table_is_refused(tmp_path: Path) -> None:
    path = write_code_card(tmp_path)
    text = path.read_text()
    path.write_text(text[: text.index("[code]")] + text[text.index("[prompt]") :])
    with pytest.raises(Refusal, match="code must hold how"):
        read_card(path)


def test_the_prompt_says_what_form_the_answer_has_and_takes_all_literally(tmp_path: Path) -> None:
    card = read_card(write_code_card(tmp_path))
    assert card.render("A {format}\\1 {starter}?") == "A {format}\\1 {starter}?\nRead stdin."
    starter = "class Solution:\n    def f(self):\n        # {question} {starter}"
    assert card.render("Q", starter=starter) == f"Q\nStart from:\n{starter}"
    assert card.render("Q", starter="  \n") == "Q\nRead stdin."


def test_a_changed_answer_format_is_another_prompt(tmp_path: Path) -> None:
    path = write_code_card(tmp_path)
    before = read_card(path).prompt_parts()
    path.write_text(path.read_text().replace("Read stdin.", "Read standard input."))
    assert read_card(path).prompt_parts() != before
