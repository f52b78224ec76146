import gzip
import hashlib
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.errors import Refusal, UsageError
from hyperscale.tasks.cards import load_card, load_problems
from tests.card_files import FORMATS, ROWS, write_card, write_rows


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSCALE_DATA", raising=False)


def by_hash(rows: list[dict[str, Any]]) -> list[str]:
    return sorted((str(row["key"]) for row in rows), key=lambda name: hashlib.sha256(name.encode()).hexdigest())


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_problems(tmp_path: Path, ending: str) -> None:
    card = load_card(write_card(tmp_path))
    file = write_rows(tmp_path / f"test.{ending}")
    loaded = load_problems(card, data=file)
    assert [problem.id for problem in loaded.problems] == by_hash(ROWS)
    for problem in loaded.problems:
        row = next(row for row in ROWS if row["key"] == problem.id)
        assert (problem.question, problem.gold, problem.metadata) == (row["task"], row["result"], {"level": row["level"]})
    assert loaded.data_hash == load_problems(card, data=write_rows(tmp_path / "again.jsonl")).data_hash
    assert loaded.origin == str(file)
    assert load_problems(card, data=tmp_path).data_hash == loaded.data_hash, "a folder is searched for the card's file"


def test_json_lines_under_the_name_json_are_read(tmp_path: Path) -> None:
    lines = write_rows(tmp_path / "lines.jsonl").rename(tmp_path / "lines.json")
    assert len(load_problems(load_card(write_card(tmp_path)), data=lines).problems) == 3


def test_problem_sets_travel_between_processes(tmp_path: Path) -> None:
    loaded = load_problems(load_card(write_card(tmp_path)), data=write_rows(tmp_path / "test.jsonl"))
    assert pickle.loads(pickle.dumps(loaded)) == loaded


def test_numbers_become_text_and_whole_ones_lose_the_fraction_that_gaps_give_them(tmp_path: Path) -> None:
    rows = [{"key": 7.0, "task": "a", "result": 25}, {"key": 8.0, "task": "b", "result": 2.5}]
    problems = load_problems(load_card(write_card(tmp_path)), data=write_rows(tmp_path / "t.jsonl", rows)).problems
    assert {(problem.id, problem.gold) for problem in problems} == {("7", "25"), ("8", "2.5")}


@pytest.mark.parametrize("rows", [[{"task": "a", "result": "1"}], [{"key": None, "task": "a", "result": "1"}]])
def test_a_row_without_an_id_is_named_by_its_question(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    problems = load_problems(load_card(write_card(tmp_path)), data=write_rows(tmp_path / "t.jsonl", rows)).problems
    assert problems[0].id == "ca978112ca1b"  # sha256 of "a"


def test_gold_is_what_follows_the_marker_without_separators(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path, columns='answer_after = "####"\nanswer_drop = [",", "$"]'))
    rows = [{"key": 1, "task": "a", "result": "so #### 3, no\n#### $1,234 "}]
    assert load_problems(card, data=write_rows(tmp_path / "t.jsonl", rows)).problems[0].gold == "1234"
    rows = [{"key": 1, "task": "a", "result": "1234"}]
    with pytest.raises(Refusal, match=r"line 1.*'result' has no '####'"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", rows))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(), limit=st.integers(1, 40))
def test_limit_and_hash_do_not_depend_on_row_order(tmp_path_factory: pytest.TempPathFactory, seed: int, limit: int) -> None:
    folder = tmp_path_factory.mktemp("order")
    card = load_card(write_card(folder))
    rows = [{"key": f"id{number}", "task": f"task {number}", "result": number} for number in range(30)]
    whole = load_problems(card, data=write_rows(folder / "a.jsonl", rows))
    random.Random(seed).shuffle(rows)
    part = load_problems(card, data=write_rows(folder / "b.jsonl", rows), limit=limit)
    assert part.problems == whole.problems[:limit]
    assert part.data_hash == whole.data_hash
    assert [problem.id for problem in whole.problems] == by_hash(rows)


@pytest.mark.parametrize("column", ["key", "task", "result"])
def test_the_hash_covers_ids_questions_and_golds(tmp_path: Path, column: str) -> None:
    card = load_card(write_card(tmp_path))
    changed = [{**ROWS[0], column: "other"}, *ROWS[1:]]
    before = load_problems(card, data=write_rows(tmp_path / "a.jsonl"))
    assert load_problems(card, data=write_rows(tmp_path / "b.jsonl", changed)).data_hash != before.data_hash


def bad_file(tmp_path: Path, name: str, content: bytes) -> str:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refusal) as caught:
        load_problems(load_card(write_card(tmp_path)), data=tmp_path / name)
    assert name in str(caught.value)
    return str(caught.value)


GOOD = b'{"key": "a", "task": "t", "result": "1"}\n'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.jsonl", b"", ["no rows"]),
        ("t.json", b"[]", ["no rows"]),
        ("t.csv", b"key,task,result\n", ["no rows"]),
        ("t.jsonl", GOOD + b"\n" + b'{"key": "b", "task"\n', ["line 3", "bad JSON"]),
        ("t.json", b'[\n{"key": "a"},\n{"key" 2}]', ["line 3", "bad JSON"]),
        ("t.jsonl", GOOD + b"[1, 2]\n", ["line 2", "JSON object", "list"]),
        ("t.jsonl", b"[" * 100_000, ["line 1", "cannot be read"]),
        ("t.jsonl", b'{"key": "a", "task": "t", "result": ' + b"9" * 5000 + b"}", ["line 1", "cannot be read"]),
        ("t.jsonl", GOOD + b'{"key": "b", "task": "\xff", "result": "1"}\n', ["line 2", "UTF-8"]),
        ("t.jsonl", b'{"key": "a", "task": "\\ud800", "result": "1"}\n', ["line 1", "'task'", "surrogate"]),
        ("t.jsonl", b'{"key": "a", "question": "t", "result": "1"}\n', ["'task'", "'key', 'question', 'result'"]),
        ("t.csv", b"key,task\na,t\n", ["'result'", "'key', 'task'"]),
        ("t.csv", b"key,task,result\na,t,1\nb,t\n", ["line 3", "3 fields"]),
        ("t.csv", b"key,task,result\na,t,1,2\n", ["line 2", "3 fields"]),
        ("t.csv", b'key,task,result\na,"t"x,1\n', ["line 2", "bad CSV"]),
        ("t.jsonl", GOOD + b'{"key": "b", "task": "  ", "result": "1"}\n', ["line 2", "'task' is empty"]),
        ("t.jsonl", GOOD + b'{"key": "b", "task": "t", "result": null}\n', ["line 2", "'result' is empty"]),
        ("t.jsonl", GOOD + b'{"key": "b", "task": "t", "result": NaN}\n', ["line 2", "'result' is empty"]),
        ("t.jsonl", GOOD + b'{"key": "b", "task": "t", "result": ["1"]}\n', ["line 2", "'result' holds a list"]),
        ("t.jsonl", GOOD + GOOD, ["duplicate ids a"]),
        ("t.parquet", b"PAR1 and nothing", ["Parquet"]),
        ("t.jsonl.gz", b"not gzip", ["gzip"]),
        ("t.jsonl.gz", gzip.compress(GOOD * 100, mtime=0)[:-9], ["gzip"]),
        ("t.yaml", b"a: 1", ["unknown format", ".jsonl", ".parquet"]),
    ],
)
def test_bad_files_are_refused_by_name_and_place(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    message = bad_file(tmp_path, name, content)
    for word in words:
        assert word in message


def test_equal_questions_without_ids_are_duplicates(tmp_path: Path) -> None:
    assert "duplicate ids ca978112ca1b" in bad_file(tmp_path, "t.jsonl", b'{"task": "a", "result": 1}\n' * 2)


def test_a_missing_file_or_folder_is_refused(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path))
    for name in ("none.jsonl", "none"):
        with pytest.raises(Refusal, match=f"no data file or folder .*{name}"):
            load_problems(card, data=tmp_path / name)


def test_a_folder_without_the_files_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(GOOD)
    with pytest.raises(Refusal, match=r"holds no test\.jsonl.*\.parquet"):
        load_problems(load_card(write_card(tmp_path)), data=tmp_path)


# --- which source wins


def test_the_environment_folder_is_used_and_data_wins_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = load_card(write_card(tmp_path))
    (tmp_path / "env" / "sums").mkdir(parents=True)
    write_rows(tmp_path / "env" / "sums" / "test.csv.gz", ROWS[:2])
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path / "env"))
    assert len(load_problems(card).problems) == 2
    assert len(load_problems(card, data=write_rows(tmp_path / "own.jsonl", ROWS[:1])).problems) == 1
    with pytest.raises(Refusal, match=r"missing\.jsonl"):
        load_problems(card, data=tmp_path / "missing.jsonl")


def test_a_task_folder_without_its_file_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modchain").mkdir()
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path))
    with pytest.raises(Refusal, match=r"modchain holds no test\.jsonl"):
        load_problems(load_card("modchain"))


def test_an_environment_folder_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(Refusal, match=r"HYPERSCALE_DATA names .*nowhere"):
        load_problems(load_card("modchain"))


def test_a_card_with_local_files_only_asks_for_them(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"--data PATH.*HYPERSCALE_DATA"):
        load_problems(load_card(write_card(tmp_path)))


def test_the_revision_is_claimed_only_for_the_pinned_bytes(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "test.jsonl")
    pin = hashlib.sha256(file.read_bytes()).hexdigest()
    revision = "1" * 40
    source = f'hub = "a/b"\nrevision = "{revision}"\nfiles = {{ "test.jsonl" = "{pin}" }}'
    card = load_card(write_card(tmp_path, source=source))
    assert load_problems(card, data=file).revision == revision
    assert load_problems(card, data=write_rows(tmp_path / "test.jsonl", ROWS[:2])).revision is None


# --- limits and dates


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_a_usage_error_before_any_file(tmp_path: Path, limit: int) -> None:
    with pytest.raises(UsageError, match="--limit"):
        load_problems(load_card("modchain"), data=tmp_path / "missing.jsonl", limit=limit)


def test_dates_for_a_task_without_them_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="modchain has no dates"):
        load_problems(load_card("modchain"), since="2024-01-01")


DATED = [
    {"key": "old", "task": "a", "result": 1, "day": "2024-07-31T23:59:00"},
    {"key": "first", "task": "b", "result": 1, "day": "2024-08-01T00:00:00"},
    {"key": "last", "task": "c", "result": 1, "day": "2025-01-31"},
    {"key": "new", "task": "d", "result": 1, "day": "2025-02-01"},
]
WINDOW = '[window]\ncolumn = "day"\nsince = 2024-08-01\nuntil = 2025-02-01'


@pytest.mark.parametrize(
    ("since", "until", "ids"),
    [
        (None, None, {"first", "last"}),
        ("2024-07-31", None, {"old", "first", "last"}),
        (None, "2025-02-02", {"first", "last", "new"}),
        ("2025-01-01", "2025-01-31", set()),
    ],
)
def test_the_date_window_is_half_open_and_can_be_overridden(
    tmp_path: Path, since: str | None, until: str | None, ids: set[str]
) -> None:
    card, file = load_card(write_card(tmp_path, tail=WINDOW)), write_rows(tmp_path / "t.jsonl", DATED)
    if not ids:
        with pytest.raises(Refusal, match="no row lies in the date window"):
            load_problems(card, data=file, since=since, until=until)
    else:
        assert {problem.id for problem in load_problems(card, data=file, since=since, until=until).problems} == ids


@pytest.mark.parametrize(("since", "until"), [("yesterday", None), ("2025-02-30", None), ("2025-03-01", None)])
def test_malformed_or_empty_windows_are_usage_errors(tmp_path: Path, since: str | None, until: str | None) -> None:
    card = load_card(write_card(tmp_path, tail=WINDOW))
    with pytest.raises(UsageError):
        load_problems(card, data=tmp_path / "missing", since=since, until=until)


def test_a_row_without_a_readable_date_is_refused(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path, tail=WINDOW))
    with pytest.raises(Refusal, match=r"line 1.*'day' holds 'soon'"):
        load_problems(card, data=write_rows(tmp_path / "t.jsonl", [{**DATED[0], "day": "soon"}]))
