"""Loading from a hub, in processes of their own: the hub's client reads its settings when it is imported."""

import socket
import time
from pathlib import Path

import pytest

from hyperscale.tasks.cards import load_card, load_problems
from tests.card_files import ROWS, write_card, write_rows
from tests.choice_files import ROWS as QUESTIONS
from tests.choice_files import csv_bytes
from tests.fake_hub import REVISION, Repository, serving
from tests.fresh_process import Answers, answers_of

LOAD = """
import json, sys
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.errors import HyperscaleError
answers = {}
for path in sys.argv[1:]:
    try:
        loaded = load_problems(load_card(path))
    except HyperscaleError as error:
        answers[path] = {"exit_code": error.exit_code, "message": str(error)}
    else:
        ids = [problem.id for problem in loaded.problems]
        answers[path] = {"ids": ids, "hash": loaded.data_hash, "revision": loaded.revision, "origin": loaded.origin}
print(json.dumps(answers))
"""


def hub_card(folder: Path, name: str, split: str = "test", revision: str = REVISION, called: str = "") -> Path:
    folder = folder / (called or name.replace("/", "-"))
    folder.mkdir()
    lines = f'hub = "{name}"\nconfig = "default"\nsplit = "{split}"\nrevision = "{revision}"'
    return write_card(folder, source=lines)


def branch_card(folder: Path, name: str, branch: str = "main", called: str = "") -> Path:
    path = hub_card(folder, name, called=called)
    path.write_text(path.read_text().replace(f'revision = "{REVISION}"', f'branch = "{branch}"'))
    return path


def choice_card(folder: Path, name: str) -> Path:
    """The built-in card of a gated set of questions, looking for them elsewhere."""
    path = folder / name.replace("/", "-") / "questions.toml"
    path.parent.mkdir()
    text = load_card("gpqa_diamond").path.read_text()
    path.write_text(text.replace("Idavidrein/gpqa", name).replace('config = "gpqa_diamond"', 'config = "default"'))
    return path


def load(cards: list[Path], work: Path, **variables: str) -> Answers:
    return answers_of(LOAD, cards, work, **variables)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """What the cards give with the hub, and then without it from the cache the first process left."""
    work = tmp_path_factory.mktemp("hub")
    lines = write_rows(work / "rows.jsonl").read_bytes()
    parquet = write_rows(work / "rows.parquet").read_bytes()
    shadow = work / "some" / "shadow"
    shadow.mkdir(parents=True)
    write_rows(shadow / "test.jsonl", [{**ROWS[0], "result": "666"}])
    repositories = [
        Repository("some/LINES-1", {"README.md": b"# sums\n", "test.jsonl": lines}),
        Repository("some/parquet", {"data/test-00000-of-00001.parquet": parquet}),
        Repository("some/shadow", {"test.jsonl": lines}),
        Repository("some/closed", {"test.jsonl": lines}, gated=True),
        Repository("some/broken", {}, broken=True),
        Repository("some/empty", {"README.md": b"#"}),
        Repository("some/nonsense", {"test.jsonl": b"{nonsense\n"}),
        Repository("some/branch", {"test.jsonl": lines}),
    ]
    cards = [hub_card(work, repository.name) for repository in repositories if repository.name != "some/branch"]
    cards.append(branch_card(work, "some/branch"))
    cards.append(branch_card(work, "some/branch", branch="other", called="other-branch"))
    cards.append(branch_card(work, "some/never", called="never-seen"))
    for name, gated in (("some/questions", False), ("some/gated-questions", True)):
        repositories.append(Repository(name, {"train.csv": csv_bytes()}, gated=gated))
        cards.append(choice_card(work, name))
    cards.append(hub_card(work, "some/unknown"))
    cards.append(hub_card(work, "some/LINES-1", split="train", called="other-split"))
    cards.append(hub_card(work, "some/LINES-1", revision="f" * 40, called="other-revision"))
    with serving(*repositories) as endpoint:
        online = load(cards, work, HF_ENDPOINT=endpoint)
    return online, load(cards, work, HF_HUB_OFFLINE="1")


@pytest.mark.parametrize(
    ("folder", "name"), [("some-LINES-1", "some/LINES-1"), ("some-parquet", "some/parquet"), ("some-branch", "some/branch")]
)
def test_hub_rows_equal_local_rows_and_stay_usable_offline(
    tmp_path: Path, answers: tuple[Answers, Answers], folder: str, name: str
) -> None:
    local = load_problems(load_card(write_card(tmp_path)), data=write_rows(tmp_path / "local.csv"))
    expected = {
        "ids": [problem.id for problem in local.problems],
        "hash": local.data_hash,
        "revision": REVISION,
        "origin": f"hub {name}@{REVISION}",
    }
    online, offline = answers
    assert online[folder] == expected
    assert offline[folder] == expected


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("some-closed", ["conditions", "HF_TOKEN", "datasets/some/closed"]),
        ("some-gated-questions", ["conditions", "HF_TOKEN", "https://huggingface.co/datasets/some/gated-questions"]),
        ("other-branch", ["no such revision other"]),
        ("some-unknown", ["some/unknown", "does not know it"]),
        ("some-broken", ["some/broken", "answered with an error", "500"]),
        ("some-empty", ["some/empty"]),
        ("some-nonsense", ["some/nonsense"]),
        ("other-split", ["some/LINES-1", "train"]),
        ("other-revision", ["no such revision", "f" * 40]),
        ("some-shadow", ["some/shadow", "Remove the folder"]),
    ],
)
def test_a_hub_that_gives_no_such_rows_is_refused_in_one_message(
    answers: tuple[Answers, Answers], folder: str, words: list[str]
) -> None:
    answer = answers[0][folder]
    assert answer["exit_code"] == 3
    for word in [*words, "--data PATH", "HYPERSCALE_DATA"]:
        assert word in answer["message"]


def test_questions_of_the_hub_are_those_of_a_file_at_the_commit_their_branch_is_at(
    tmp_path: Path, answers: tuple[Answers, Answers]
) -> None:
    (tmp_path / "own.csv").write_bytes(csv_bytes())
    local = load_problems(load_card("gpqa_diamond"), data=tmp_path / "own.csv")
    assert len(local.problems) == len(QUESTIONS)
    for answer in (found["some-questions"] for found in answers):
        assert answer["ids"] == [problem.id for problem in local.problems]
        assert answer["hash"] == local.data_hash
        assert answer["revision"] == REVISION
        assert answer["origin"] == f"hub some/questions@{REVISION}"


@pytest.mark.parametrize("folder", ["other-revision", "other-split", "some-unknown", "never-seen", "some-gated-questions"])
def test_offline_another_cached_revision_or_split_is_not_taken_for_the_wanted_one(
    answers: tuple[Answers, Answers], folder: str
) -> None:
    answer = answers[1][folder]
    assert answer["exit_code"] == 3
    assert "HF_HUB_OFFLINE" in answer["message"]


@pytest.mark.parametrize("listening", ["nobody listens", "nobody answers"])
def test_an_unreachable_hub_is_refused_within_seconds(tmp_path: Path, listening: str) -> None:
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if listening == "nobody answers":
            port.listen()
        start = time.monotonic()
        found = load([hub_card(tmp_path, "some/sums")], tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{port.getsockname()[1]}")
    assert time.monotonic() - start < 25
    answer = found["some-sums"]
    assert answer["exit_code"] == 3
    for word in ["some/sums", "cannot be reached", "HTTPS_PROXY", "--data PATH", "HYPERSCALE_DATA"]:
        assert word in answer["message"]
