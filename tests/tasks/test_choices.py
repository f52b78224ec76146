import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks.card_file import read_card
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.choices import is_order, option_order, right_letter, user_turn
from hyperscale.tasks.problem import Problem
from tests.choice_files import MARKERS, OPTIONS, ROWS, csv_bytes, write_choices

DISTRACTORS = 'distractors = ["Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"]'
REPOSITORY = Path(__file__).parents[2]
REAL = Path(os.environ.get("HYPERSCALE_DATA") or REPOSITORY.parent / "shared" / "data") / "gpqa_diamond"


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSCALE_DATA", raising=False)


def problem(identity: str, count: int = 4) -> Problem:
    return Problem(identity, "?", "0", {}, tuple(map(str, range(count))))


# --- the order of the options


def test_orders_are_what_they_always_were() -> None:
    """Golden: a change here makes earlier runs incomparable."""
    assert [option_order(0, problem(f"rec{number}")) for number in range(4)] == GOLDEN_ORDERS
    assert option_order(1, problem("rec0")) == (3, 2, 1, 0)
    assert option_order(0, problem("é数")) == (1, 3, 0, 2)
    assert option_order(0, problem("rec0", 0)) == ()


GOLDEN_ORDERS = [(2, 1, 3, 0), (2, 1, 0, 3), (2, 0, 1, 3), (0, 3, 1, 2)]


def test_all_orders_are_equally_likely() -> None:
    drawn = Counter(option_order(0, problem(f"id{number}")) for number in range(24_000))
    assert set(drawn) == set(permutations(range(4)))
    chi_squared = sum((count - 1000) ** 2 / 1000 for count in drawn.values())
    assert chi_squared < 49.7  # 23 degrees of freedom, p = 0.001
    letters = Counter(right_letter(option_order(seed, problem("rec1"))) for seed in range(4000))
    assert sum((count - 1000) ** 2 / 1000 for count in letters.values()) < 16.3  # 3 degrees of freedom


def test_orders_do_not_depend_on_the_process_or_its_random_state() -> None:
    code = (
        "import random, numpy; random.seed(7); numpy.random.seed(7)\n"
        "from hyperscale.tasks.choices import option_order; from hyperscale.tasks.problem import Problem\n"
        "print([option_order(0, Problem(f'rec{n}', '', '', {}, tuple('abcd'))) for n in range(4)])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == str(GOLDEN_ORDERS)


def test_the_right_letter_is_where_option_0_stands() -> None:
    assert [right_letter(order) for order in ((0, 1, 2, 3), (3, 0, 1, 2), (1, 2, 3, 0))] == ["A", "B", "D"]


@pytest.mark.parametrize("order", [(), (0, 1, 2), (0, 1, 2, 2), (1, 2, 3, 4), (0, 1, 2, "3"), (0, 1, 2, 3.0), (True, 0, 2, 3)])
def test_what_is_no_order_of_four_options(order: tuple[Any, ...]) -> None:
    assert not is_order(order, 4)


# --- prompts


def test_the_prompt_shows_the_options_in_their_order_and_literally() -> None:
    card = load_card("gpqa_diamond")
    asked = Problem("rec1", "what {options} \\1 {question}?", "r", {}, ("r {question}", "w1", "w2", "w3"))
    order = option_order(5, asked)
    lines = [f"{letter}) {asked.options[option]}" for letter, option in zip("ABCD", order, strict=True)]
    assert user_turn(card, asked, 5).endswith(f"\n\n{asked.question}\n\n" + "\n".join(lines))
    assert user_turn(card, asked, 5, "deepseek-r1").startswith(f"{asked.question}\n\n{lines[0]}\n")


def test_the_presets_ask_for_a_letter() -> None:
    card = load_card("gpqa_diamond")
    assert "'Answer: $LETTER' (without quotes) where LETTER is one of ABCD" in card.prompt()
    assert "\\boxed{}" in card.prompt("deepseek-r1")


def test_tasks_without_options_are_asked_as_ever() -> None:
    card = load_card("aime24")
    asked = Problem("1", "1 + {options}", "2", {})
    assert user_turn(card, asked, 3) == card.render(asked.question)
    assert "{options}" in user_turn(card, asked, 3)


# --- cards


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('distractors = ["Incorrect', 'distractor = ["Incorrect', r"did you mean 'distractors'"),
        (DISTRACTORS, "", "distractors must name the columns of the wrong options"),
        ('extraction = "letter"', 'extraction = "boxed"', r'\[scorer\] extraction must be "letter" in a choice task'),
        ('extraction = "letter"', 'extraction = "letter"\nfallback = "last_number"', "fallback is for math tasks"),
        ('kind = "choice"', 'kind = "math"', "distractors is for kind"),
        ("\n\n{options}'''\n#", "'''\n#", r"presets.open-r1 must hold \{options\} exactly once"),
        ('branch = "main"', f'branch = "main"\nrevision = "{"0" * 40}"', "branch and revision exclude each other"),
        ('branch = "main"', "", r'revision must pin .* write branch = "main"'),
        ('member = "dataset/gpqa_diamond.csv"', "", "member names the file inside a zip"),
        ('files = ["dataset.zip"]', "", "member names the file inside a zip"),
    ],
)
def test_a_wrong_choice_card_is_refused_by_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = load_card("gpqa_diamond").path.read_text()
    assert text.count(old) == 1
    (tmp_path / "own.toml").write_text(text.replace(old, new))
    with pytest.raises(Refusal, match=words):
        read_card(tmp_path / "own.toml")


# --- rows


@pytest.mark.parametrize("name", ["own.zip", "own.csv", "folder"])
def test_questions_come_from_zips_and_plain_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "own.zip":
        write_choices(path)
    elif name == "folder":
        path.mkdir()
        (path / "gpqa_diamond.csv").write_bytes(csv_bytes())
    else:
        path.write_bytes(csv_bytes())
    loaded = load_problems(load_card("gpqa_diamond"), data=path)
    problems = {problem.id: problem for problem in loaded.problems}
    assert set(problems) == {f"rec{number:02}" for number in range(6)}
    assert problems["rec03"].options == ("ZRIGHT3", "ZWRONG1 of 3", "ZWRONG2 of 3", "ZWRONG3 of 3")
    assert problems["rec03"].gold == "ZRIGHT3"
    assert problems["rec03"].metadata == {"Subdomain": "sums", "High-level domain": "mathematics"}


def test_a_folder_without_the_zip_is_refused_with_both_names(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"holds no dataset\.zip, and without it: .*gpqa_diamond\.csv"):
        load_problems(load_card("gpqa_diamond"), data=tmp_path)


@pytest.mark.parametrize("column", OPTIONS)
def test_the_hash_covers_every_option(tmp_path: Path, column: str) -> None:
    card = load_card("gpqa_diamond")
    changed = [{**ROWS[0], column: "another"}, *ROWS[1:]]
    before = load_problems(card, data=write_choices(tmp_path / "a.zip")).data_hash
    assert load_problems(card, data=write_choices(tmp_path / "b.zip", changed)).data_hash != before


def test_equal_wrong_options_are_let_through(tmp_path: Path) -> None:
    rows = [{**ROWS[0], OPTIONS[3]: ROWS[0][OPTIONS[1]]}]
    (loaded,) = load_problems(load_card("gpqa_diamond"), data=write_choices(tmp_path / "own.zip", rows)).problems
    assert loaded.options[1] == loaded.options[3]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (OPTIONS[0], " ", "'Correct Answer' is empty"),
        (OPTIONS[2], "\n", "'Incorrect Answer 2' is empty"),
        (OPTIONS[3], "ZRIGHT1 ", "'Incorrect Answer 3' repeats the right option"),
        ("Question", "", "'Question' is empty"),
    ],
)
def test_a_row_whose_options_do_not_work_is_refused_by_line_without_its_text(
    tmp_path: Path, column: str, value: str, words: str
) -> None:
    rows = [ROWS[0], {**ROWS[1], column: value}]
    with pytest.raises(Refusal, match=words) as caught:
        load_problems(load_card("gpqa_diamond"), data=write_choices(tmp_path / "own.zip", rows))
    assert re.search(r"own\.zip, line \d:", str(caught.value))
    assert not any(marker in str(caught.value) for marker in MARKERS)


@pytest.mark.parametrize("missing", ["Question", *OPTIONS])
def test_a_missing_column_is_named_without_those_that_are_there(tmp_path: Path, missing: str) -> None:
    row = {name: value for name, value in ROWS[0].items() if name != missing}
    with pytest.raises(Refusal, match=f"no column '{missing}' among 8"):
        load_problems(load_card("gpqa_diamond"), data=write_choices(tmp_path / "own.zip", [row]))
    headless = tmp_path / "headless.csv"
    headless.write_bytes(csv_bytes().split(b"\n", 1)[1])
    with pytest.raises(Refusal, match="no column 'Question'") as caught:
        load_problems(load_card("gpqa_diamond"), data=headless)
    assert not any(marker in str(caught.value) for marker in MARKERS)


# --- the published questions


@dataclass(frozen=True)
class Published:
    """What a test may know, and so may show when it fails: nothing that a question says."""

    id: str
    order: tuple[int, ...]
    options: int
    different: int
    right_first: bool


@pytest.fixture(scope="module")
def published() -> list[Published]:
    if not (REAL / "dataset.zip").is_file():
        pytest.skip("the published dataset.zip is not on this machine; HYPERSCALE_DATA may name the folder that holds it")
    return [
        Published(p.id, option_order(0, p), len(p.options), len(set(p.options)), p.options[0] == p.gold)
        for p in load_problems(load_card("gpqa_diamond"), data=REAL).problems
    ]


def test_the_published_zip_holds_198_questions_with_ids(published: list[Published]) -> None:
    assert len(published) == 198
    assert len({found.id for found in published}) == 198
    assert all(found.id.startswith("rec") and len(found.id) == 17 and found.id.isalnum() for found in published)
    assert all(found.options == 4 and found.right_first for found in published)
    assert {found.id for found in published if found.different < 4} == {"recZSGUkn56v9kEp1", "recnGEpF1srQpaqWq"}


def test_the_published_questions_keep_their_orders(published: list[Published]) -> None:
    assert [(found.id, found.order) for found in published[:4]] == [
        ("reczQ4I0VpENdMtIj", (0, 1, 2, 3)),
        ("recyPffUDqC2k7ZZO", (1, 2, 0, 3)),
        ("recVEXvhYxAhELVqB", (1, 0, 3, 2)),
        ("recs3PLPUEMiqg4P8", (1, 3, 2, 0)),
    ]
    letters = Counter(right_letter(found.order) for found in published)
    assert sum((count - 49.5) ** 2 / 49.5 for count in letters.values()) < 16.3


def test_only_the_password_of_the_card_opens_the_published_zip(published: list[Published]) -> None:
    card = load_card("gpqa_diamond")
    assert card.local.member is not None
    wrong = replace(card, local=replace(card.local, member=replace(card.local.member, password="another")))
    assert "another" not in repr(wrong)
    with pytest.raises(Refusal, match="the password in the card"):
        load_problems(wrong, data=REAL)
