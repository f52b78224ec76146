import json
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.abacus import modchain
from hyperscale.errors import Refusal, UsageError
from hyperscale.tasks import cards
from hyperscale.tasks.cards import card_names, load_card, load_problems
from tests.card_files import write_card

REAL = Path(os.environ.get("HYPERSCALE_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSCALE_DATA", raising=False)


# --- cards


def test_every_built_in_card_loads_under_its_own_name() -> None:
    assert {"aime24", "gsm8k", "math500", "modchain"} <= set(card_names())
    for name in card_names():
        card = load_card(name)
        assert card.name == name
        assert card.licence
        assert card.source.bundled or (card.source.hub and (card.source.revision or card.source.branch))


def test_an_installed_package_finds_the_cards_it_carries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_cards").mkdir()
    write_card(tmp_path / "_cards")
    monkeypatch.setattr(cards, "PACKAGE", tmp_path)
    assert card_names() == ("sums",)
    assert load_card("sums").name == "sums"


def test_a_missing_card_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "PACKAGE", tmp_path / "hyperscale")
    with pytest.raises(Refusal, match="Install hyperscale again"):
        card_names()


def test_an_unknown_task_is_a_usage_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'aime24'\?.*\.toml"):
        load_card("aime-24")


def test_a_missing_card_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"no task card .*own\.toml"):
        load_card(tmp_path / "own.toml")


def test_malformed_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('name = "a"\nversion = = 1\n')
    with pytest.raises(Refusal, match=r"own\.toml is not valid TOML: .*line 2"):
        load_card(path)
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(Refusal, match="not UTF-8"):
        load_card(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("max_len = 64", "max_length = 64", ["[generation] max_len is missing"]),
        ("max_len = 64", "max_len = 64\nmax_lem = 3", ["[generation] max_lem", "did you mean 'max_len'?"]),
        ("max_len = 64", "max_len = 0", ["[generation] max_len", "at least 1"]),
        ("max_len = 64", "max_len = true", ["[generation] max_len", "whole number"]),
        ("max_len = 64", 'max_len = "16k"', ["[generation] max_len", "whole number", "'16k'"]),
        ("temperature = 0.6", "temperature = -1", ["[generation] temperature"]),
        ("temperature = 0.6", "temperature = nan", ["[generation] temperature"]),
        ("top_p = 0.95", "top_p = 1.5", ["[generation] top_p"]),
        ('kind = "math"', 'kind = "maths"', ["kind must be one of math, choice, code", "'maths'"]),
        ('name = "sums"', 'name = "../sums"', ["name", "'../sums'"]),
        ("version = 1", 'version = 1\ncolour = "red"', ["colour is no key"]),
        ('defects = ["tiny"]', "defects = [1]", ["defects must be a list of texts"]),
        ("[source]", '[source]\nhub = "a/b"', ["[source] revision must pin"]),
        ("[source]", f'[source]\nhub = "a/b"\nrevision = "{"0" * 40}"\nbundled = "modchain"', ["[source] hub and bundled"]),
        ("[source]", '[source]\nfiles = { a = "123" }', ["[source] files", "sha256"]),
        ('folder = "sums"', 'folder = "../.."', ["[local] folder must be plain names"]),
        ('question = "task"', "", ["[columns] question is missing"]),
        ('plain = "{question}"', 'plain = "solve it"', ["[prompt] presets.plain", "{question} exactly once"]),
        ('default = "plain"', 'default = "fancy"', ["[prompt] default is 'fancy'", "plain"]),
        ('extraction = "boxed"', 'extraction = "magic"', ["[scorer] extraction must be one of boxed"]),
        ('extraction = "boxed"', 'extraction = "boxed"\n[window]\nsince = 2024-01-01', ["[window] column is missing"]),
        (
            'extraction = "boxed"',
            'extraction = "boxed"\n[window]\ncolumn = "day"\nsince = 2024-01-01T00:00:00',
            ["[window] since must be a date without"],
        ),
    ],
)
def test_a_wrong_card_is_refused_by_file_and_key(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    path = write_card(tmp_path)
    text = path.read_text()
    assert text.count(old) == 1 or old == "[source]"
    path.write_text(text.replace(old, new, 1))
    tomllib.loads(path.read_text())
    with pytest.raises(Refusal) as caught:
        load_card(path)
    for word in [*words, "sums.toml"]:
        assert word in str(caught.value)


def test_an_unknown_generator_is_refused(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path, source='bundled = "riddles"'))
    with pytest.raises(Refusal, match=r"'riddles'.*modchain"):
        load_problems(card)


# --- prompts


@settings(deadline=None, max_examples=30)
@given(st.text())
def test_questions_enter_prompts_literally(question: str) -> None:
    card = load_card("aime24")
    assert card.render(question).endswith("\n\n" + question)
    assert card.render(question, "deepseek-r1").startswith(question + "\n")
    assert load_card("modchain").render(question) == question


def test_the_presets_of_the_paper_tasks_say_what_was_published() -> None:
    for name in ("aime24", "math500", "gsm8k"):
        card = load_card(name)
        assert card.default_prompt == "open-r1"
        assert "'Therefore, the final answer is: $\\boxed{ANSWER}$. I hope it is correct' (without quotes)" in card.prompt()
        assert card.prompt("deepseek-r1").endswith("Please reason step by step, and put your final answer within \\boxed{}.")


def test_an_unknown_prompt_is_a_usage_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="'deepseek-r1'"):
        load_card("aime24").prompt("deepseek")


# --- the built-in tasks' rows


def test_modchain_is_the_generated_benchmark() -> None:
    loaded = load_problems(load_card("modchain"))
    problems = {problem.id: problem for problem in loaded.problems}
    assert len(problems) == modchain.BENCHMARK_SIZE
    assert loaded.origin == "bundled"
    for generated in modchain.benchmark()[:20]:
        problem = problems[f"modchain-{generated.seed}"]
        assert (problem.question, problem.gold) == (generated.question, str(generated.answer))
        assert problem.metadata == {"length": generated.length}
    assert load_problems(load_card("modchain"), limit=7).problems == loaded.problems[:7]


@pytest.mark.parametrize(("name", "count"), [("aime24", 30), ("math500", 500), ("gsm8k", 1319)])
def test_real_rows_load(name: str, count: int) -> None:
    if not (REAL / name).is_dir():
        pytest.skip(f"the real rows of {name} are not here (HYPERSCALE_DATA)")
    card = load_card(name)
    loaded = load_problems(card, data=REAL / name)
    assert len(loaded.problems) == count
    if name == "gsm8k":
        assert all(problem.gold.lstrip("-").isdigit() for problem in loaded.problems)
        assert all(len(problem.id) == 12 for problem in loaded.problems)
    if name == "aime24":
        assert {problem.id for problem in loaded.problems} == {str(number) for number in range(60, 90)}
        assert all(0 <= int(problem.gold) <= 999 for problem in loaded.problems)
        assert "025" in {problem.gold for problem in loaded.problems}
    if name == "math500":
        assert loaded.revision == card.source.revision, "these are the pinned bytes"
        lines = (REAL / name / "test.jsonl").read_text(encoding="utf-8").splitlines()
        golds = {row["unique_id"]: row["answer"].strip() for row in map(json.loads, lines)}
        assert {problem.id: problem.gold for problem in loaded.problems} == golds
