"""Choice questions from a zip through a whole run: orders, grades, and not a word of them in any file."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

import hyperscale
from hyperscale.cli.main import execute
from hyperscale.commands.request import chain_tasks, encode_problems, understand
from hyperscale.errors import Refusal
from hyperscale.models import load_model
from hyperscale.store.run_folder import RunFolder
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.choices import option_order, right_letter
from tests.choice_files import MARKERS, csv_bytes, write_choices

SMALL: dict[str, Any] = {
    "task": "gpqa_diamond",
    "method": "tova",
    "budget": "4x",
    "limit": 3,
    "width": 2,
    "max_len": 12,
    "workers": 1,
}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_choices(tmp_path / "own.zip")


@pytest.fixture
def run(model: Path, data: Path, tmp_path: Path) -> Run:
    return lambda **changes: hyperscale.run(**{"model": str(model), "data": data, "out": tmp_path / "out", **SMALL, **changes})


def permutations_of(summary: dict[str, Any]) -> dict[tuple[str, int], tuple[int, ...]]:
    return {key: record.permutation for key, record in RunFolder.read(Path(summary["run"])).chains().items()}


def rewrite(summary: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> None:
    """Change every chain of a run on disk."""
    log = Path(summary["run"]) / "chains.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows:
        change(row)
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))


def answer(letter: str) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.update(text=f"hm</think>Answer: {letter}", finish_reason="stop")


def test_every_chain_stores_the_order_that_its_question_and_seed_give(run: Run, data: Path) -> None:
    problems = {problem.id: problem for problem in load_problems(load_card("gpqa_diamond"), data=data).problems}
    for seed in (0, 1):
        stored = permutations_of(run(seed=seed))
        assert len(stored) == 6
        assert stored == {key: option_order(seed, problems[key[0]]) for key in stored}


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_the_order_that_is_stored_is_the_one_that_the_prompt_shows(model: Path, data: Path, seed: int) -> None:
    card, loaded = load_card("gpqa_diamond"), load_model(str(model), "cpu", "auto")
    problems = load_problems(card, data=data).problems
    options = dict.fromkeys(inspect.signature(understand).parameters)
    request = understand(**{**options, "model": "tiny", "method": "vanilla", "width": 1, "seed": seed})  # type: ignore[arg-type]
    encoded = encode_problems(problems, card, None, loaded, request, 8)
    wanted = [(problem.id, chain) for problem in problems for chain in range(2)]
    tasks = chain_tasks(wanted, encoded, problems, card.name, seed)
    known = {problem.id: problem for problem in problems}
    for task in tasks:
        texts = known[task.problem_id].options
        shown = [f"{letter}) {texts[option]}" for letter, option in zip("ABCD", task.permutation, strict=True)]
        assert "\n".join(shown) in loaded.tokenizer.decode(task.prompt_ids)
    assert len({task.permutation for task in tasks}) > 1


def test_a_resumed_run_shows_the_same_orders(run: Run, tmp_path: Path) -> None:
    whole = permutations_of(run(out=tmp_path / "whole", width=3, limit=5))
    first = run(width=1, limit=2)
    assert permutations_of(run(width=3, limit=5)) == whole
    assert permutations_of(first).items() <= whole.items()


def test_chains_are_graded_by_the_order_that_is_stored(run: Run, data: Path) -> None:
    summary = run()
    rewrite(summary, answer("B"))
    (graded,) = hyperscale.score([Path(summary["run"])], data=data)
    expected = [right_letter(order) == "B" for order in permutations_of(summary).values()]
    assert graded["accuracy_avg"] == pytest.approx(sum(expected) / 6)
    rewrite(summary, lambda row: row.update(permutation=[3, 0, 1, 2]))
    (graded,) = hyperscale.score([Path(summary["run"])], data=data)
    assert (graded["accuracy"], graded["accuracy_avg"]) == (1.0, 1.0), "never drawn again"
    scores = RunFolder.read(Path(summary["run"])).scores().values()
    assert {(score.extracted, score.verdict, score.grader) for score in scores} == {("B", "equal", "choice-1")}


def test_votes_pool_by_letter_also_where_the_summary_is_gone(run: Run, data: Path) -> None:
    summary = run(width=3)

    def vote(row: dict[str, Any]) -> None:
        answer("BCB"[row["chain"]])(row)
        row["permutation"] = [3, 0, 1, 2]

    rewrite(summary, vote)
    (graded,) = hyperscale.score([Path(summary["run"])], data=data)
    assert (graded["accuracy"], graded["accuracy_avg"]) == (1.0, pytest.approx(2 / 3))
    (Path(summary["run"]) / "summary.json").unlink()
    (row,) = hyperscale.report([Path(summary["run"])]).rows
    assert (row["accuracy"], row["accuracy_avg"]) == (1.0, pytest.approx(2 / 3))


@pytest.mark.parametrize("order", [[], [0, 1, 2], [0, 0, 1, 2]])
def test_a_chain_without_its_order_cannot_be_graded(run: Run, data: Path, order: list[int]) -> None:
    summary = run()
    rewrite(summary, lambda row: row.update(permutation=order))
    with pytest.raises(Refusal, match=r"chain 0 of problem rec\d\d lacks the order of its 4 options"):
        hyperscale.score([Path(summary["run"])], data=data)


# --- not a word of the questions


def all_bytes(folder: Path) -> bytes:
    """Every byte of every file, and what compressed files unpack to."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    content = [path.read_bytes() for path in files]
    for path in files:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            content += [repr(table.to_pylist()).encode(), repr(table.schema.metadata).encode()]
    return b"\n".join([*content, *(str(path).encode() for path in files)])


def test_no_file_of_a_run_and_no_output_holds_a_word_of_the_questions(
    model: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--task",
        "gpqa_diamond",
        "--method",
        "tova",
        "--budget",
        "4x",
        "--limit",
        "4",
        "--width",
        "2",
        "--max-len",
        "70",
    ]
    out = tmp_path / "out"
    assert execute(["run", *options, "--model", str(model), "--data", str(data), "--out", str(out)]) == 0
    rewrite({"run": str(next(out.rglob("chains.jsonl")).parent)}, answer("B"))
    assert execute(["score", str(out), "--data", str(data)]) == 0
    assert execute(["report", str(out), "--markdown"]) == 0
    assert execute(["export", str(out), "--out", str(out / "base.parquet")]) == 0
    printed = capfd.readouterr()
    written = all_bytes(out) + printed.out.encode() + printed.err.encode()
    names = {path.name for path in out.rglob("*")}
    assert {"manifest.json", "chains.jsonl", "scores.jsonl", "summary.json", "telemetry.json", "base.parquet"} <= names
    assert b"rec0" in written, "ids are what is kept"
    assert all(marker.encode() in csv_bytes() for marker in MARKERS)
    for marker in (*MARKERS, "mathematics"):
        assert marker.encode() not in written


def test_refusals_hold_no_word_of_the_questions_either(
    model: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--task", "gpqa_diamond", "--model", str(model), "--data", str(data), "--out", str(tmp_path / "out")]
    assert execute([*run, "--method", "vanilla", "--max-len", "8k"]) == 3
    assert "positions, and problem rec0" in " ".join(capfd.readouterr().err.split())
    text = load_card("gpqa_diamond").path.read_text()
    (tmp_path / "own.toml").write_text(text.replace("deserted", "desserted"))
    run[2] = str(tmp_path / "own.toml")
    assert execute(["--debug", *run]) == 3
    printed = capfd.readouterr()
    assert "password" in printed.err
    assert not any(marker in printed.out + printed.err for marker in MARKERS)


def test_tasks_says_what_is_wrong_with_the_local_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gpqa_diamond").mkdir()
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path))
    (tmp_path / "gpqa_diamond" / "gpqa_diamond.csv").write_bytes(csv_bytes())
    assert listed(capfd) == (6, None)
    write_choices(tmp_path / "gpqa_diamond" / "dataset.zip")
    count, fault = listed(capfd)
    assert count is None
    assert fault is not None
    assert "expected sha256" in fault


def listed(capfd: pytest.CaptureFixture[str]) -> tuple[int | None, str | None]:
    assert execute(["tasks", "--json"]) == 0
    tasks = {task["name"]: task for task in json.loads(capfd.readouterr().out)["tasks"]}
    return tasks["gpqa_diamond"]["problems"], tasks["gpqa_diamond"]["fault"]
