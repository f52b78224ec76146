import gzip
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.code_loading import StoredTests
from hyperscale.tasks.code_rows import MOST_FILE
from hyperscale.tasks.code_tests import CodeStyle, CodeTest
from hyperscale.tasks.problem import ProblemSet
from hyperscale.tasks.task_card import TaskCard
from tests.card_files import write_rows
from tests.code_files import call_row, listed, packed, stdin_row, write_code_card

ROWS = [stdin_row("echo"), call_row("plus"), stdin_row("third", difficulty="hard")]
FORMATS = ("jsonl", "json", "csv", "parquet", "jsonl.gz", "json.gz", "csv.gz", "parquet.gz")


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSCALE_DATA", raising=False)


@pytest.fixture
def card(tmp_path: Path) -> TaskCard:
    return load_card(write_code_card(tmp_path))


def stored(problems: ProblemSet) -> dict[str, StoredTests]:
    sources = {problem.id: problem.tests for problem in problems.problems}
    assert all(isinstance(source, StoredTests) for source in sources.values())
    return sources  # type: ignore[return-value]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_problems_and_tests(tmp_path: Path, card: TaskCard, ending: str) -> None:
    loaded = load_problems(card, data=write_rows(tmp_path / f"test.{ending}", ROWS))
    plain = load_problems(card, data=write_rows(tmp_path / "plain.jsonl", ROWS))
    assert [problem.id for problem in loaded.problems] == [problem.id for problem in plain.problems]
    assert loaded.data_hash == plain.data_hash
    assert not loaded.partial_tests
    for source in stored(loaded).values():
        assert source.load() == source.load(), "as often as wanted"
    assert {name: source.load() for name, source in stored(loaded).items()} == {
        name: source.load() for name, source in stored(plain).items()
    }
    plus = next(problem for problem in loaded.problems if problem.id == "plus")
    assert (plus.question, plus.starter) == (ROWS[1]["question_content"], ROWS[1]["starter_code"])
    assert plus.metadata == {"difficulty": "easy", "contest_date": "2024-09-01T00:00:00"}
    assert len(plus.gold) == 64


def test_nothing_of_the_tests_stays_in_memory(tmp_path: Path, card: TaskCard) -> None:
    rows = [stdin_row(private_test_cases=packed(listed([("x" * 3_000_000, "y")])))]
    for ending in ("jsonl", "jsonl.gz", "parquet"):
        loaded = load_problems(card, data=write_rows(tmp_path / f"t.{ending}", rows))
        assert len(pickle.dumps(loaded)) < 10_000
        assert pickle.loads(pickle.dumps(loaded)) == loaded
        assert len(stored(loaded)["echo"].load().cases[1].input) == 3_000_000


def test_gold_covers_the_tests_and_the_hash_covers_all_of_the_window(tmp_path: Path, card: TaskCard) -> None:
    whole = load_problems(card, data=write_rows(tmp_path / "a.jsonl", ROWS))
    part = load_problems(card, data=tmp_path / "a.jsonl", limit=1)
    assert part.problems == whole.problems[:1]
    assert part.data_hash == whole.data_hash
    by_hash = sorted(("echo", "plus", "third"), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert [problem.id for problem in whole.problems] == by_hash
    changed = [ROWS[0], ROWS[1], ROWS[2] | {"private_test_cases": packed(listed([("2", "3")]))}]
    assert load_problems(card, data=write_rows(tmp_path / "b.jsonl", changed)).data_hash != whole.data_hash
    outside = [*ROWS, stdin_row("old", day="2024-07-31")]
    assert load_problems(card, data=write_rows(tmp_path / "c.jsonl", outside)).data_hash == whole.data_hash
    assert load_problems(card, data=write_rows(tmp_path / "d.jsonl", ROWS[::-1])).data_hash == whole.data_hash


def test_only_the_tests_of_kept_rows_are_decoded(tmp_path: Path, card: TaskCard) -> None:
    file = write_rows(tmp_path / "t.jsonl", [*ROWS[:2], stdin_row("third", private_test_cases="!!!")])
    last = max(("echo", "plus", "third"), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert last == "third", "the names are chosen so"
    assert len(load_problems(card, data=file, limit=2).problems) == 2
    with pytest.raises(Refusal, match=r"t\.jsonl, line 3 \(third\).*cannot be decoded"):
        load_problems(card, data=file)


# --- dates and filters

DATED = [
    stdin_row("old", contest_date="2024-07-31T23:59:00"),
    stdin_row("first", contest_date="2024-08-01T00:00:00"),
    stdin_row("last", contest_date="2025-01-31"),
    stdin_row("new", contest_date="2025-02-01T00:00:00"),
]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize(
    ("since", "until", "ids"),
    [
        (None, None, {"first", "last"}),
        ("2024-07-31", None, {"old", "first", "last"}),
        (None, "2025-02-02", {"first", "last", "new"}),
        ("2025-01-31", "2025-02-01", {"last"}),
    ],
)
def test_the_window_is_half_open(
    tmp_path: Path, card: TaskCard, ending: str, since: str | None, until: str | None, ids: set[str]
) -> None:
    file = write_rows(tmp_path / f"t.{ending}", DATED)
    assert {problem.id for problem in load_problems(card, data=file, since=since, until=until).problems} == ids


def test_rows_outside_the_window_are_not_even_parsed(tmp_path: Path, card: TaskCard) -> None:
    lines = [json.dumps(row) for row in DATED]
    lines[0] = '{"contest_date": "2020-01-01T00:00:00", nonsense'
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert {problem.id for problem in load_problems(card, data=tmp_path / "t.jsonl").problems} == {"first", "last"}


@pytest.mark.parametrize(
    "row",
    [
        stdin_row("first", question_content='Print "contest_date": "2020-01-01T00:00:00".'),
        stdin_row("first", question_content="contest_date"),
        stdin_row("first", metadata={"contest_date": "2020-01-01"}),
        {"metadata": {"contest_date": "2020-01-01"}} | stdin_row("first", metadata={"contest_date": "2020-01-01"}),
    ],
)
def test_a_date_elsewhere_in_a_row_is_not_taken_for_its_own(tmp_path: Path, card: TaskCard, row: dict[str, Any]) -> None:
    assert len(load_problems(card, data=write_rows(tmp_path / "t.jsonl", [row])).problems) == 1


@pytest.mark.parametrize("day", ["soon", "", None, 7])
def test_a_row_without_a_readable_date_is_refused(tmp_path: Path, card: TaskCard, day: object) -> None:
    with pytest.raises(Refusal, match=r"line 2.*'contest_date' holds"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", [*ROWS[:1], stdin_row("x", contest_date=day)]))


def test_an_empty_window_is_refused(tmp_path: Path, card: TaskCard) -> None:
    with pytest.raises(Refusal, match="no row lies in the date window"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", DATED), since="2025-03-01", until="2025-04-01")


def test_a_card_filters_by_column(tmp_path: Path) -> None:
    card = load_card(write_code_card(tmp_path, code='[code.only]\ndifficulty = ["hard", "harder"]'))
    loaded = load_problems(card, data=write_rows(tmp_path / "t.jsonl", ROWS))
    assert [problem.id for problem in loaded.problems] == ["third"]
    with pytest.raises(Refusal, match="there is no column 'difficulty'"):
        load_problems(card, data=write_rows(tmp_path / "u.jsonl", [{k: v for k, v in ROWS[0].items() if k != "difficulty"}]))


# --- bad input


@pytest.mark.parametrize("count", [2, 7])
def test_repeated_ids_are_refused(tmp_path: Path, card: TaskCard, count: int) -> None:
    with pytest.raises(Refusal, match="duplicate ids echo"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", ROWS[:1] * count))


def test_a_row_without_an_id_is_named_by_its_question(tmp_path: Path, card: TaskCard) -> None:
    row = stdin_row(question_content="a", question_id="")
    assert load_problems(card, data=write_rows(tmp_path / "t.jsonl", [row])).problems[0].id == "ca978112ca1b"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.jsonl", b"", ["no rows"]),
        ("t.jsonl", b"\n\n", ["no rows"]),
        ("t.jsonl", b'{"question_id": 1\n', ["line 1", "bad JSON"]),
        ("t.jsonl", b"[1]\n", ["line 1", "JSON object"]),
        ("t.jsonl", b"\xff\n", ["line 1", "UTF-8"]),
        ("t.jsonl", b'{"contest_date": "2024-09-01"}\n', ["line 1", "question_content"]),
        ("t.jsonl.gz", b"no gzip", ["no intact gzip"]),
        ("t.jsonl.gz", gzip.compress(json.dumps(ROWS[0]).encode(), mtime=0)[:-9], ["no intact gzip"]),
        ("t.jsonl.gz", gzip.compress(b"", mtime=0), ["no rows"]),
        ("t.parquet", b"no parquet", ["no intact Parquet"]),
        ("t.json.gz", gzip.compress(b" " * (MOST_FILE + 1), mtime=0), ["more than", "JSON lines"]),
        ("t.txt", b"x", ["unknown format"]),
    ],
)
def test_bad_files_are_refused_by_name_and_line(
    tmp_path: Path, card: TaskCard, name: str, content: bytes, words: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refusal) as caught:
        load_problems(card, data=tmp_path / name)
    for word in [name, *words]:
        assert word in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path, card: TaskCard) -> None:
    for name in ("t.jsonl", "t.parquet", "t.json", "t.jsonl.gz"):
        with pytest.raises(Refusal, match=f"There is no data file or folder .*{name}"):
            load_problems(card, data=tmp_path / name)


def test_an_endless_line_is_refused(tmp_path: Path, card: TaskCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperscale.tasks.code_rows.MOST_LINE", 1 << 20)
    (tmp_path / "t.jsonl").write_bytes(json.dumps(ROWS[0]).encode() + b"\n" + b"x" * (2 << 20))
    with pytest.raises(Refusal, match="line 2: the row has more than 1 MiB"):
        load_problems(card, data=tmp_path / "t.jsonl")


def test_rows_that_change_while_they_are_used_are_refused(tmp_path: Path, card: TaskCard) -> None:
    file = write_rows(tmp_path / "t.jsonl", ROWS)
    source = stored(load_problems(card, data=file))["plus"]
    file.write_bytes(file.read_bytes().replace(b'"1\\\\n2\\"', b'"1\\\\n3\\"'))
    with pytest.raises(Refusal, match=r"line 2 \(plus\): the row changed"):
        source.load()
    file.write_bytes(b"short")
    with pytest.raises(Refusal, match=r"t\.jsonl"):
        source.load()
    file.unlink()
    with pytest.raises(Refusal, match=r"t\.jsonl can no longer be read"):
        source.load()


def pinned_card(folder: Path, content: bytes) -> TaskCard:
    pins = f'"test.jsonl" = "{hashlib.sha256(content).hexdigest()}"'
    code = 'release = "v1"\n[code.releases]\nv1 = ["test.jsonl"]\n'
    revision = "1" * 40
    return load_card(write_code_card(folder, source=f'hub = "a/b"\nrevision = "{revision}"', files=pins, code=code))


def test_a_file_under_a_pinned_name_must_be_the_pinned_file(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "test.jsonl", ROWS)
    card = pinned_card(tmp_path, file.read_bytes())
    assert load_problems(card, data=tmp_path).revision == "1" * 40
    own = write_rows(tmp_path / "own.jsonl", ROWS[:1])
    assert load_problems(card, data=own).revision is None, "rows of one's own are taken as they are"
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Refusal, match=rf"expected sha256 {wanted}, found {hashlib.sha256(file.read_bytes()).hexdigest()}"):
        load_problems(card, data=tmp_path)


def test_a_folder_needs_all_files_of_the_release(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"holds no test\.jsonl"):
        load_problems(load_card("livecodebench"), data=tmp_path)


def test_parquet_with_dates_and_lists_loads(tmp_path: Path, card: TaskCard) -> None:
    from datetime import datetime

    tests = [{"input": "1", "output": "1", "testtype": "stdin"}]
    row = stdin_row(contest_date=datetime(2024, 9, 1), public_test_cases=tests, private_test_cases=tests)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "t.parquet")
    loaded = load_problems(card, data=tmp_path / "t.parquet")
    assert stored(loaded)["echo"].load().cases == (CodeTest("1", "1"),) * 2


# --- HumanEval


def test_humaneval_rows_become_checks(tmp_path: Path) -> None:
    row = {"task_id": "T/0", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "x", "test": "def check(f): ..."}
    loaded = load_problems(load_card("humaneval"), data=write_rows(tmp_path / "t.jsonl", [row]))
    tests = stored(loaded)["T/0"].load()
    assert (tests.style, tests.function, tests.setup, tests.check) == (CodeStyle.CHECK, "f", row["prompt"], row["test"])
    for column in ("prompt", "entry_point", "test"):
        with pytest.raises(Refusal, match=column):
            load_problems(load_card("humaneval"), data=write_rows(tmp_path / "u.jsonl", [row | {column: None}]))
