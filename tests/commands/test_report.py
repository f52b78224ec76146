import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from hyperscale.analysis.summary import any_passes
from hyperscale.commands.export import export
from hyperscale.commands.load_runs import load_runs
from hyperscale.commands.report import Report, report
from hyperscale.commands.report_table import amount, markdown_cell
from hyperscale.commands.run_labels import run_labels
from hyperscale.errors import Refusal, UsageError
from hyperscale.shown import shown
from hyperscale.store.run_folder import RunFolder
from tests.store.samples import chain, manifest, score

ROW: dict[str, Any] = {
    "task": "modchain", "model": "abacus-dms-8x", "base_model": "abacus", "method": "dms", "budget": "8x", "width": 8,
    "max_len": 1024, "problems": 200, "chains": 1600, "accuracy": 0.715, "accuracy_ci95": [0.65, 0.78], "accuracy_avg": 0.652,
    "pass_at": {"1": 0.652, "8": 0.885}, "kv_reads": 412345.1, "aux_reads": 0.0, "peak_tokens": 1290.4, "realised_cr": 4.81,
    "accuracy_per_mread": 1.818, "tokens": 3721.0, "truncated": 0.041, "errors": 0, "tokens_per_s": 5120.0, "run": "results/a",
}  # fmt: skip
DENSE = {**ROW, "model": "abacus", "method": "vanilla", "budget": "1x", "kv_reads": 2.0 * 2**20, "realised_cr": 1.0}
QUEST = {**ROW, "model": "abacus", "method": "quest", "aux_reads": 90000.0, "errors": 2, "incomplete": 3}
OTHER = {**ROW, "task": "aime24", "max_len": 32768, "accuracy": None, "accuracy_ci95": None, "kv_reads": None}


def rendered(rows: list[dict[str, Any]], width: int) -> str:
    output = StringIO()
    Console(file=output, width=width).print(Report(tuple(rows)).table(width))
    return output.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("rows", [[DENSE, ROW], [DENSE, QUEST], [DENSE, ROW, QUEST, OTHER]])
def test_the_table_fits_the_terminal_and_cuts_no_cell(rows: list[dict[str, Any]], width: int) -> None:
    text = rendered(rows, width)
    assert "…" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for wanted in ("method", "accuracy %", "KV reads", "71.5 [65.0, 78.0]", "2.00M", "95%"):
        assert wanted in text


def test_a_wide_table_shows_every_column() -> None:
    text = rendered([DENSE, ROW, QUEST, OTHER], 200)
    header = next(line for line in text.splitlines() if "method" in line)
    wanted = "task model method budget W-L accuracy % avg % pass@W % KV reads aux peak CR acc/Mread tokens/s tokens truncated %"
    assert " ".join(header.split()) == wanted
    dms = next(line for line in text.splitlines() if " dms " in line)
    cells = "modchain abacus-dms-8x dms 8x 8-1k 71.5 [65.0, 78.0] 65.2 88.5 403k 0 1.26k 4.81x 1.82 5.00k 3.63k 4.1"
    assert " ".join(dms.split()) == cells
    assert "Not shown" not in text


def test_a_narrow_table_says_what_it_leaves_out() -> None:
    text = rendered([DENSE, ROW], 80)
    left_out = re.search(r"Not shown here: (.*?) \(", text.replace("\n", " "))
    assert left_out is not None
    assert "pass@W %" in left_out[1]
    assert "pass@W" not in text.split("Accuracy:")[0]


def test_what_all_rows_share_stands_above_the_table() -> None:
    lines = rendered([DENSE, {**DENSE, "method": "tova"}], 120).splitlines()
    assert lines[0].strip() == "modchain, abacus, 8-1k, 200 problems"
    assert "model" not in lines[2]


def test_errors_and_unfinished_problems_are_said() -> None:
    text = " ".join(rendered([DENSE, QUEST], 120).split())
    assert "Chains that ended in an error and are in no accuracy: 2." in text
    assert "Problems not finished and not counted: 3." in text
    assert "error" not in rendered([DENSE], 120)


def test_a_caution_is_printed_once_however_many_rows_it_is_about() -> None:
    doubtful = {**DENSE, "accuracy_ci95_caution": "Problems are few (2)."}
    text = " ".join(rendered([doubtful, {**doubtful, "method": "tova"}, QUEST], 120).split())
    assert text.count("Problems are few (2).") == 1
    assert "Problems are few" not in rendered([DENSE], 120)


def test_a_caution_says_which_runs_it_is_about() -> None:
    few, coarse = ({"accuracy_ci95_caution": words} for words in ("Problems are few (2).", "Fewer than 3 are right."))
    runs = [{**DENSE, **few}, {**DENSE, "method": "tova", **coarse}, QUEST, {**ROW, **few}]
    text = " ".join(rendered(runs, 120).split())
    assert "vanilla 1x, dms 8x: Problems are few (2). tova 1x: Fewer than 3 are right." in text
    assert "All runs: Problems are few (2)." in rendered([{**DENSE, **few}, {**ROW, **few}], 200)
    assert "interval. Problems" not in rendered([{**DENSE, **few}], 200)
    assert ": Problems" not in rendered([{**DENSE, **few}], 200)


FEW = {**ROW, "problems": 30}


@pytest.mark.parametrize("width", [80, 120, 200])
def test_different_numbers_of_problems_are_shown_and_said(width: int) -> None:
    text = rendered([DENSE, FEW], width)
    table, _, caption = text.partition("Accuracy:")
    assert re.findall(r"(\d+) +71\.5 \[", table) == ["200", "30"]
    assert "200 problems" not in text
    assert "Runs are on different numbers of problems" in " ".join(caption.split())


def test_equal_numbers_of_problems_are_in_the_title_alone() -> None:
    text = rendered([DENSE, ROW], 200)
    assert "200 problems" in text.splitlines()[0]
    assert text.count("problems") == 1
    assert "| problems |" not in Report((DENSE, ROW)).markdown()


def test_tasks_may_have_different_numbers_of_problems() -> None:
    text = rendered([DENSE, {**OTHER, "problems": 30}], 200)
    assert " problems " in next(line for line in text.splitlines() if "method" in line)
    assert "different numbers" not in text


def test_markdown_shows_different_numbers_of_problems() -> None:
    header, _, dense, few, *_, notes = Report((DENSE, FEW)).markdown().splitlines()
    place = header.split(" | ").index("problems")
    assert [line.split(" | ")[place] for line in (dense, few)] == ["200", "30"]
    assert "Runs are on different numbers of problems" in notes


@pytest.mark.parametrize("others", [[], [ROW]])
def test_markup_in_a_name_is_shown_as_it_is(others: list[dict[str, Any]]) -> None:
    assert "[bold]x" in rendered([{**DENSE, "model": "[bold]x"}, *others], 120)


HOSTILE = "m|x\n# h <img src=x onerror=alert(1)> [a](http://x) `c` *b* \x1b[31m \u202e"
NUMBERED = "m|x<U+000A># h <img src=x onerror=alert(1)> [a](http://x) `c` *b* <U+001B>[31m <U+202E>"


@pytest.mark.parametrize("field", ["task", "model", "method", "budget", "accuracy_ci95_caution"])
@pytest.mark.parametrize("others", [[], [ROW]])
def test_a_terminal_sees_no_control_of_a_name(field: str, others: list[dict[str, Any]]) -> None:
    text = rendered([{**DENSE, field: HOSTILE}, *others], 400)
    assert NUMBERED in " ".join(text.split())
    assert not {"\x1b", "\u202e"} & set(text)


class Words(HTMLParser):
    """The tags of a page and the words between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read_markdown(text: str) -> Words:
    """What a reader of Markdown, as pull requests have it, makes of a text."""
    return Words(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


def test_labels_of_runs_are_lines_that_differ() -> None:
    runs = [{**ROW, "method": method, "model": model} for method in ("a\n", "a<U+000A>") for model in ("m\u202e", "m")]
    labels = run_labels(runs)
    assert labels == [
        "a<U+000A> 8x, m<U+202E> (1)",
        "a<U+000A> 8x, m (1)",
        "a<U+000A> 8x, m<U+202E> (2)",
        "a<U+000A> 8x, m (2)",
    ]


@pytest.mark.parametrize("field", ["task", "model", "method", "budget", "accuracy_ci95_caution"])
def test_markdown_shows_a_name_as_it_is(field: str) -> None:
    text = Report((DENSE, {**ROW, field: HOSTILE})).markdown()
    assert not {"\x1b", "\u202e"} & set(text)
    found = read_markdown(text)
    assert found.tags == TABLE | {"p"}
    assert NUMBERED in "".join(found.words)


@given(st.text(st.sampled_from("ab_*`~|\\[]()<>&;#!$\n lt") | st.characters(exclude_categories=()), max_size=12))
@example("__a__ _b_ a_b_c a__b")
@example("[a][b] ![c](d) <e@f.gh> &lt; &#60; \\| \\\\| ``|``")
def test_a_cell_of_markdown_is_the_text_and_no_markup(name: str) -> None:
    found = read_markdown(f"| x | y |\n| --- | --- |\n| {markdown_cell(name)} | last |\n\n[b]: http://127.0.0.1/\n")
    assert found.tags == TABLE
    texts = [word for word in "".join(found.words).splitlines() if word]
    assert [text.strip() for text in texts] == [text for text in ("x", "y", shown(name).strip(), "last") if text]


@pytest.mark.parametrize("text", ["71.5 [65.0, 78.0]", "gpqa_diamond", "abacus-dms-8x", "W-L", "realised CR", "---:", "0.49"])
def test_usual_cells_of_markdown_stay_as_they_are(text: str) -> None:
    assert markdown_cell(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0"), (999.4, "999"), (1024, "1.00k"), (412345.1, "403k"), (2**20, "1.00M"), (1.5 * 2**30, "1.50G")],
)
def test_amounts_are_short(value: float | None, text: str) -> None:
    assert amount(value) == text


def make_run(path: Path, seed: int = 0, **facts: Any) -> RunFolder:
    with RunFolder.open(path, manifest(seed=seed, max_len=1024, **facts)) as folder:
        for problem in ("a", "b"):
            for number in range(2):
                folder.add_chain(chain(problem, number, seed=seed))
                folder.add_score(score(problem, number, correct=number == 0))
    return RunFolder.read(path)


def test_a_run_without_summary_is_summarized_from_its_records(tmp_path: Path) -> None:
    make_run(tmp_path / "a", problem_ids=["a", "b", "c"]).write_telemetry({"tokens_per_s": 7.0})
    row = report([tmp_path], vote_of=lambda fields: any_passes).rows[0]
    assert (row["task"], row["width"], row["accuracy"], row["accuracy_avg"]) == ("modchain", 2, 1.0, 0.5)
    assert (row["incomplete"], row["tokens_per_s"], row["run"]) == (1, 7.0, str(tmp_path / "a"))


def test_an_unfinished_run_is_reported_by_the_majority_of_what_it_has(tmp_path: Path) -> None:
    make_run(tmp_path / "a", problem_ids=["a", "b", "c"])
    row = report([tmp_path]).rows[0]
    assert (row["problems"], row["incomplete"], row["chains"]) == (2, 1, 4)


def test_a_manifest_without_its_names_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    content = {key: value for key, value in folder.manifest.to_json().items() if key != "method"}
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(Refusal, match="method"):
        report([tmp_path], vote_of=lambda fields: any_passes)


def test_a_moved_folder_is_reported_where_it_is(tmp_path: Path) -> None:
    make_run(tmp_path / "old").write_summary({**ROW, "run": str(tmp_path / "old")})
    (tmp_path / "old").rename(tmp_path / "new")
    assert report([tmp_path / "new"]).rows[0] == {**ROW, "run": str(tmp_path / "new")}


def test_json_is_one_object_with_the_summaries(tmp_path: Path) -> None:
    make_run(tmp_path / "a").write_summary(ROW)
    found = json.loads(json.dumps(report([tmp_path]).to_json()))
    assert found == {"runs": [{**ROW, "run": str(tmp_path / "a")}]}


def test_an_exported_file_reports_and_loads_like_the_folder(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        make_run(tmp_path / "runs" / name, seed).write_summary({**ROW, "run": str(tmp_path / "runs" / name)})
    out = export([tmp_path / "runs"], tmp_path / "out" / "baseline.parquet")
    assert report([out]).rows == report([tmp_path / "runs"]).rows
    exported, stored = load_runs(out), load_runs(tmp_path / "runs")
    pd.testing.assert_frame_equal(exported.drop(columns="token_ids"), stored.drop(columns="token_ids"))
    again = export([out], tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(load_runs(again), exported)


def test_an_unfinished_exported_run_is_summarized_too(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = export([tmp_path / "runs"], tmp_path / "baseline.parquet")
    assert report([out], vote_of=lambda fields: any_passes).rows == report([tmp_path / "runs"], lambda fields: any_passes).rows


def test_load_runs_joins_chains_grades_and_manifest(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    with RunFolder.reopen(tmp_path / "a") as folder:
        folder.add_chain(chain("z", 0))
    frame = load_runs(str(tmp_path))
    assert len(frame) == 5
    assert frame.groupby("problem_id")["correct"].sum().to_dict() == {"a": 1, "b": 1, "z": 0}
    assert frame["correct"].isna().sum() == 1
    first = frame.iloc[0]
    assert (first["task"], first["method"], first["chain"], first["kv_reads"], first["verdict"]) == (
        "modchain",
        "tova",
        0,
        50.0,
        "equal",
    )
    assert first["hash"] == RunFolder.read(tmp_path / "a").manifest.hash


def test_load_runs_of_a_run_without_chains_is_an_empty_frame(tmp_path: Path) -> None:
    RunFolder.open(tmp_path / "a", manifest()).close()
    assert load_runs(tmp_path / "a").empty
    assert "kv_reads" in load_runs(tmp_path / "a")


def test_export_wants_a_parquet_name_before_it_looks_at_anything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"base\.parquet"):
        export([tmp_path / "nowhere"], tmp_path / "base.csv")
