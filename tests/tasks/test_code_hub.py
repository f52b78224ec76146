"""Raw files of a code task from a hub, in processes of their own: the hub's client reads its settings when it is imported."""

import hashlib
from pathlib import Path

import pytest

from hyperscale.tasks.cards import load_card, load_problems
from tests.card_files import write_rows
from tests.code_files import call_row, stdin_row, write_code_card
from tests.fake_hub import REVISION, Repository, serving
from tests.fresh_process import Answers, answers_of

LOAD = """
import json, sys
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.errors import HyperscaleError
answers = {}
for path in sys.argv[1:]:
    notes = []
    try:
        loaded = load_problems(load_card(path), note=notes.append)
    except HyperscaleError as error:
        answers[path] = {"exit_code": error.exit_code, "message": str(error), "notes": notes}
    else:
        tests = {problem.id: len(problem.tests.load()) for problem in loaded.problems}
        answers[path] = {"tests": tests, "hash": loaded.data_hash, "revision": loaded.revision, "origin": loaded.origin}
        answers[path]["notes"] = notes
print(json.dumps(answers))
"""


FILES = {"one.jsonl": [stdin_row("echo")], "two.jsonl": [call_row("plus")], "three.jsonl": [stdin_row("third")]}


def raw_card(folder: Path, name: str, pins: dict[str, str], release: str = "v2", revision: str = REVISION) -> Path:
    folder.mkdir()
    files = "\n".join(f'"{file}" = "{pin}"' for file, pin in pins.items())
    code = (
        f'release = "{release}"\n[code.releases]\nv1 = ["one.jsonl"]\nv2 = ["one.jsonl", "two.jsonl"]\n'
        f'v3 = ["one.jsonl", "two.jsonl", "three.jsonl"]\n'
        f'[code.sizes]\n"one.jsonl" = 1500000000\n"two.jsonl" = 700000000\n'
    )
    return write_code_card(folder, source=f'hub = "{name}"\nrevision = "{revision}"', files=files, code=code)


def load(cards: list[Path], work: Path, **variables: str) -> Answers:
    return answers_of(LOAD, cards, work, **variables)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """What the cards give with the hub, and then without it from the cache the first process left."""
    work = tmp_path_factory.mktemp("hub")
    content = {name: write_rows(work / name, rows).read_bytes() for name, rows in FILES.items()}
    pins = {name: hashlib.sha256(text).hexdigest() for name, text in content.items()}
    script = {"code_generation_lite.py": b"raise SystemExit", "README.md": b"# programs\n"}
    repositories = [
        Repository("some/programs", content | script),
        Repository("some/damaged", content | {"two.jsonl": content["two.jsonl"][:-30]}),
        Repository("some/lacking", {"one.jsonl": content["one.jsonl"]}),
        Repository("some/closed", content, gated=True),
        Repository("some/broken", {}, broken=True),
        Repository("some/denied", content, failing=("two.jsonl",)),
        Repository("some/table", {"test.jsonl": content["one.jsonl"]}),
    ]
    cards = [raw_card(work / repository.name.split("/")[1], repository.name, pins) for repository in repositories[:-1]]
    (work / "table").mkdir()
    cards.append(write_code_card(work / "table", source=f'hub = "some/table"\nconfig = "default"\nrevision = "{REVISION}"'))
    cards.append(raw_card(work / "unknown", "some/unknown", pins))
    cards.append(raw_card(work / "moved", "some/programs", pins, revision="f" * 40))
    whole = raw_card(work / "whole", "some/programs", pins, release="v3")
    with serving(*repositories) as endpoint:
        online = load(cards, work, HF_ENDPOINT=endpoint)
    return online, load([*cards, whole], work, HF_HUB_OFFLINE="1")


def test_the_files_of_the_release_are_read_as_they_are_and_stay_usable_offline(
    tmp_path: Path, answers: tuple[Answers, Answers]
) -> None:
    rows = [*FILES["one.jsonl"], *FILES["two.jsonl"]]
    local = load_problems(load_card(write_code_card(tmp_path)), data=write_rows(tmp_path / "local.jsonl", rows))
    expected = {
        "tests": {"echo": 3, "plus": 2},
        "hash": local.data_hash,
        "revision": REVISION,
        "origin": f"hub some/programs@{REVISION}",
    }
    online, offline = answers
    assert {"notes": ["downloading one.jsonl, two.jsonl of some/programs (2.2 GB)"], **expected} == online["programs"]
    assert {"notes": [], **expected} == offline["programs"]


def test_a_card_without_releases_takes_its_rows_from_the_table_on_the_hub(
    tmp_path: Path, answers: tuple[Answers, Answers]
) -> None:
    local = load_problems(load_card(write_code_card(tmp_path)), data=write_rows(tmp_path / "local.jsonl", FILES["one.jsonl"]))
    for answer in (answers[0]["table"], answers[1]["table"]):
        assert (answer["tests"], answer["hash"], answer["revision"]) == ({"echo": 3}, local.data_hash, REVISION)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("lacking", ["some/lacking", "does not give", "two.jsonl", "--data PATH"]),
        ("closed", ["conditions", "HF_TOKEN", "datasets/some/closed", "--data PATH"]),
        ("broken", ["some/broken", "answered with an error", "500", "--data PATH"]),
        ("denied", ["some/denied", "does not give", "two.jsonl", "--data PATH"]),
        ("unknown", ["some/unknown", "does not know it", "--data PATH"]),
        ("moved", ["no such revision", "f" * 40, "--data PATH"]),
        ("damaged", ["two.jsonl is not the published file", "expected sha256", "found"]),
    ],
)
def test_a_hub_that_gives_no_such_files_is_refused_in_one_message(
    answers: tuple[Answers, Answers], folder: str, words: list[str]
) -> None:
    answer = answers[0][folder]
    assert answer["exit_code"] == 3
    for word in words:
        assert word in answer["message"]


@pytest.mark.parametrize("folder", ["whole", "unknown", "lacking"])
def test_offline_what_the_cache_lacks_is_refused(answers: tuple[Answers, Answers], folder: str) -> None:
    answer = answers[1][folder]
    assert answer["exit_code"] == 3
    assert "HF_HUB_OFFLINE" in answer["message"]
    assert answer["notes"] == [], "nothing is announced that does not happen"
