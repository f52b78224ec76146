import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hyperscale.cli.main import execute
from hyperscale.commands.export import export
from hyperscale.commands.html_report import has_private_questions, html_report
from hyperscale.commands.report import report
from hyperscale.errors import Refusal, UsageError
from hyperscale.page.drawing import Drawing
from hyperscale.page.plain_table import PlainTable
from hyperscale.store.run_folder import RunFolder
from hyperscale.tasks.cards import load_card
from tests.card_files import CARD
from tests.commands.page_runs import DENSE, HOSTILE, SPARSE, make_pair, make_run
from tests.store.samples import chain, manifest

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="100pt" height="50pt"><style>*{color:red}</style></svg>'
NUMBERS = PlainTable("Points <1>", ("method", "accuracy %"), (False, True), (("dms", "71.5"),), "All of them.")
FIGURE = Drawing("Reads & accuracy", SVG, "How to <read> it.", (NUMBERS,))


class Read(HTMLParser):
    """What a browser would find in a page, by means of another parser."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.contents: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self._inside = ""
        self.feed(self.source)
        self.data: dict[str, Any] = json.loads(self.script("data"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.contents:
            self._inside = tag
            self.contents[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.contents[self._inside][-1] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def script(self, name: str) -> str:
        found = [attributes.get("id") for attributes in self.all("script")]
        return self.contents["script"][found.index(name)]

    def chains(self, problem: str) -> list[list[dict[str, Any]] | None]:
        """The chains of a problem, run by run."""
        values: list[Any] = []
        for number in range(len(self.data["starts"])):
            values += json.loads(zlib.decompress(base64.b64decode(self.script(f"block-{number}"))))
        sides = values[self.data["problems"].index(problem)]
        names = self.data["chainFields"]
        return [None if side is None else [dict(zip(names, row, strict=True)) for row in side] for side in sides]

    def column(self, run: int, name: str) -> dict[str, Any]:
        return dict(zip(self.data["problems"], self.data["runs"][run][name], strict=True))

    def outcomes(self, run: int) -> dict[str, str | None]:
        names = self.data["outcomes"]
        return {problem: None if place is None else names[place] for problem, place in self.column(run, "outcome").items()}


@pytest.fixture
def page(tmp_path: Path) -> Read:
    return Read(html_report(make_pair(tmp_path), tmp_path / "page.html", [FIGURE]))


def test_each_problem_has_its_outcome_in_each_run(page: Read) -> None:
    assert page.data["problems"] == ["p1", "p2", "p3", "p10", "p11", "p12", "p20"]
    assert [run["label"] for run in page.data["runs"]] == ["vanilla 1x", "dms 8x"]
    assert list(page.outcomes(0).values()) == ["right", "tie", "wrong", "no answer", "error", "unfinished", None]
    assert list(page.outcomes(1).values()) == ["wrong", "right", "wrong", "right", "right", None, "right"]


def test_each_problem_has_its_counts_and_its_cost(page: Read) -> None:
    assert list(page.column(0, "right").values()) == [2, 1, 0, 0, 0, 1, None]
    assert list(page.column(0, "graded").values()) == [2, 2, 2, 2, 0, 1, None]
    # chains n = 0, 1 of problem m read 100 (m + 1) + n, and 1 of metadata each
    assert list(page.column(0, "reads").values()) == [203, 403, 603, 803, 1003, 1203, None]


def test_reads_of_missing_chains_are_not_made_up(tmp_path: Path) -> None:
    make_run(tmp_path / "run", {"p1": "= =", "p2": "="})
    page = Read(html_report([tmp_path / "run"], tmp_path / "page.html"))
    assert page.column(0, "reads") == {"p1": 203, "p2": None}
    assert page.outcomes(0)["p2"] == "unfinished"
    assert "1 problems unfinished" in page.text


def test_a_chain_is_there_with_what_it_cost(page: Read) -> None:
    dense, sparse = page.chains("p10")
    assert dense is not None
    assert sparse is not None
    assert dense[1] == {
        "number": 1, "kind": "no answer", "ended": "length", "tokens": 7, "kv_reads": 401.0, "aux_reads": 1.0, "peak": 14.0,
        "cr": 1.0, "answer": None, "verdict": "no_answer", "detail": "", "text": "so",
    }  # fmt: skip
    assert [one["kind"] for one in sparse] == ["right", "no answer"]
    assert page.chains("p20")[0] is None
    assert [one["kind"] for one in page.chains("p12")[0] or []] == ["right", "unfinished"]


def test_hashes_are_short_and_whole_when_asked_for(tmp_path: Path) -> None:
    whole = hashlib.sha256(b"weights").hexdigest()
    make_run(tmp_path / "run", {"p1": "= ="}, weights_hash=whole, prompt_hash="0f009edc3cc88c78")
    page = Read(html_report([tmp_path / "run"], tmp_path / "page.html"))
    assert {"title": whole} in page.all("td")
    assert f"weights_hash {whole[:12]}… " in page.text
    assert whole not in page.text
    assert "prompt_hash 0f009edc3cc88c78 " in page.text


def test_no_number_that_json_lacks_is_written(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", manifest(kind="math", width=1)) as folder:
        folder.add_chain(chain(realised_cr=float("inf"), tokens=1))
    page = Read(html_report([tmp_path / "run"], tmp_path / "page.html"))
    assert (page.chains("p0")[0] or [{}])[0]["cr"] is None


def test_the_summary_is_the_reports(page: Read, tmp_path: Path) -> None:
    table = report([tmp_path]).table(10_000)
    for column in table.columns:
        assert str(column.header) in page.text
        for cell in column.cells:
            assert str(cell) in page.text
    assert str(table.caption) in page.text


def test_the_configuration_is_whole(page: Read) -> None:
    for words in (
        "vanilla 1x dms 8x model abacus abacus-dms-8x method vanilla dms budget 1x 8x",
        "sampling.top_p 1.0",
        "seed 0",
    ):
        assert words in page.text
    assert "The same in all runs" in page.text


def test_stamps_are_seen(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"p1": "= ="}, kind="code", partial_tests=True)
    summary = report([tmp_path / "run"]).rows[0]
    run.write_summary({**summary, "sandbox": "unsafe-none"})
    text = Read(html_report([tmp_path / "run"], tmp_path / "page.html")).text
    assert "tova 4x: only part of the tests, graded without a sandbox." in text


def test_a_page_refers_to_nothing_outside(page: Read) -> None:
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert name not in ("style", "onclick", "onload", "onerror", "srcset", "action"), tag
            if name in ("src", "href"):
                assert (value or "").startswith(("data:", "#")), (tag, value)
    script = page.contents["script"][-1]
    assert not re.search(r"https?:", script)
    assert not re.search(r"\b(fetch|XMLHttpRequest|innerHTML|outerHTML|insertAdjacentHTML|eval|import)\b", script)


def test_the_policy_names_the_script_and_the_style_and_nothing_else(page: Read) -> None:
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy") or ""
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"

    def digest(content: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert rules["script-src"] == digest(page.contents["script"][-1])
    assert rules["style-src"] == digest(page.contents["style"][0])
    assert rules["img-src"] == "data:"


def test_figures_are_pictures_with_a_description(page: Read) -> None:
    (image,) = page.all("img")
    assert image["alt"] == "Reads & accuracy; its numbers are in a table below"
    assert base64.b64decode((image["src"] or "").partition("base64,")[2]).decode() == SVG
    assert "color:red" not in page.source
    assert "Reads & accuracy. How to <read> it." in page.text


def test_figures_have_their_numbers_beside_them(page: Read) -> None:
    start = [tag for tag, _ in page.tags].index("figure")
    inside = [tag for tag, _ in page.tags[start : start + 14]]
    assert inside[:5] == ["figure", "figcaption", "strong", "div", "img"]
    assert inside[5:10] == ["details", "summary", "div", "table", "caption"]
    assert "Numbers of this figure Points <1> method accuracy % dms 71.5 All of them." in page.text


def test_all_figures_are_shown_at_one_scale(tmp_path: Path) -> None:
    make_run(tmp_path / "run", {"p1": "= ="})
    double = Drawing("Double", SVG.replace("100pt", "200pt").replace("50pt", "100pt"))
    sizeless = Drawing("Sizeless", "<svg></svg>")
    images = Read(html_report([tmp_path / "run"], tmp_path / "page.html", [FIGURE, double, sizeless])).all("img")
    widths, heights = ([int(image.get(side) or 0) for image in images] for side in ("width", "height"))
    assert widths == [165, 330, 0]
    assert [2 * height for height in heights] == pytest.approx(widths, abs=1)
    assert images[1]["alt"] == "Double"


def test_a_figure_must_be_svg() -> None:
    with pytest.raises(ValueError, match="SVG"):
        Drawing("A figure", "figure.png")


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    name = "</script><b>\u2028"
    make_run(tmp_path / "run", {name: "= ="}, [HOSTILE], model=f"<i>{HOSTILE}", licence=HOSTILE)
    page = Read(html_report([tmp_path / "run"], tmp_path / "page.html"))
    assert (page.chains(name)[0] or [{}])[0]["text"] == HOSTILE
    assert [attributes.get("id") for attributes in page.all("script")] == ["data", "block-0", None]
    assert not {"img", "b", "i"} & {tag for tag, _ in page.tags}
    assert len(page.all("style")) == 1
    assert not {"\x1b", "\u202e", "\u2028", "\x00", "?"} & set(page.text)
    assert "<U+202E>npg.exe<U+202C>".replace("npg", "gnp") in page.text


def test_the_same_runs_give_the_same_page(tmp_path: Path) -> None:
    runs = make_pair(tmp_path)
    first = html_report(runs, tmp_path / "page.html").read_bytes()
    assert html_report(reversed(runs), tmp_path / "deep" / "er" / "other.HTML").read_bytes() == first


def test_an_exported_file_shows_the_same_problems(tmp_path: Path, page: Read) -> None:
    archive = export([tmp_path / "dense", tmp_path / "sparse"], tmp_path / "both.parquet")
    again = Read(html_report([archive], tmp_path / "again.html"))
    assert again.data == page.data
    assert [again.chains(problem) for problem in DENSE | SPARSE] == [page.chains(problem) for problem in DENSE | SPARSE]


def test_problems_of_two_tasks_are_kept_apart(tmp_path: Path) -> None:
    make_run(tmp_path / "a", {"p1": "= ="}, task="modchain")
    make_run(tmp_path / "b", {"p1": "8 8"}, task="aime24")
    page = Read(html_report([tmp_path], tmp_path / "page.html"))
    assert page.data["problems"] == ["p1", "p1"]
    assert page.data["groups"] == ["aime24 (version 2)", "modchain (version 2)"]
    assert [run["outcome"] for run in page.data["runs"]] == [[2, None], [None, 0]]


def test_only_the_wanted_chains_are_shown(tmp_path: Path) -> None:
    make_run(tmp_path / "run", {"p1": "= = 8 8"}, width=2)
    page = Read(html_report([tmp_path / "run"], tmp_path / "page.html"))
    assert len(page.chains("p1")[0] or []) == 2
    assert page.outcomes(0) == {"p1": "right"}


QUOTED = "ZQUESTION, they ask"


def test_what_may_quote_private_questions_is_left_out(tmp_path: Path) -> None:
    make_run(tmp_path / "gpqa", {"rec1": "= ="}, [QUOTED], task="gpqa_diamond", kind="choice")
    make_run(tmp_path / "open", {"p1": "= ="}, ["mine"], task="modchain")
    page = Read(html_report([tmp_path], tmp_path / "page.html"))
    assert [one["text"] for one in page.chains("rec1")[0] or []] == [None, None]
    assert [one["kind"] for one in page.chains("rec1")[0] or []] == ["right", "right"]
    assert [one["text"] for one in page.chains("p1")[1] or []] == ["mine", "mine"]
    assert [run["hidden"] for run in page.data["runs"]] == [True, False]
    assert "--show-questions" in page.text
    assert "Keep it to yourself" not in page.text


def test_they_are_there_for_those_who_ask(tmp_path: Path) -> None:
    make_run(tmp_path / "gpqa", {"rec1": "= ="}, [QUOTED], task="gpqa_diamond", kind="choice")
    page = Read(html_report([tmp_path], tmp_path / "page.html", show_questions=True))
    assert [one["text"] for one in page.chains("rec1")[0] or []] == [QUOTED, QUOTED]
    assert "Keep it to yourself" in page.text


def test_a_page_of_open_tasks_says_nothing_of_questions(page: Read) -> None:
    assert "questions" not in page.text


@pytest.mark.parametrize(
    ("fields", "private"),
    [
        ({"task": "modchain", "kind": "math"}, False),
        ({"task": "modchain"}, False),
        ({"task": "gpqa_diamond", "kind": "choice"}, True),
        ({"task": "gpqa_diamond"}, True),
        ({"task": "mine", "kind": "choice", "card": "gone.toml"}, True),
        ({"task": "mine", "kind": "math", "card": "gone.toml"}, False),
        ({"task": "mine", "card": "gone.toml"}, True),
        ({}, True),
    ],
)
def test_which_questions_are_private(fields: dict[str, str], private: bool) -> None:
    assert has_private_questions(fields) is private


def test_encrypted_rows_are_private_whatever_their_kind(tmp_path: Path) -> None:
    text = CARD.format(source="", columns="", tail="")
    (tmp_path / "open.toml").write_text(text)
    (tmp_path / "secret.toml").write_text(text.replace('["test.jsonl"]', '["rows.zip"]\nmember = "test.jsonl"\npassword = "x"'))
    fields = {"task": "sums", "kind": "math"}
    assert load_card(tmp_path / "secret.toml").local.member is not None
    assert not has_private_questions({**fields, "card": str(tmp_path / "open.toml")})
    assert has_private_questions({**fields, "card": str(tmp_path / "secret.toml")})


def test_a_page_has_the_name_of_a_page(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"results\.html"):
        html_report([tmp_path / "nowhere"], tmp_path / "results")


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "run", {"p1": "= ="})
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="file"):
        html_report([tmp_path / "run"], tmp_path / "file" / "page.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(Refusal, match=r"folder\.html"):
        html_report([tmp_path / "run"], tmp_path / "folder.html")


def test_without_runs_no_page_is_written(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no runs"):
        html_report([tmp_path], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--html", "page.html", "--json"], 2, "exclude each other"),
        (["--html", "page.html", "--markdown"], 2, "exclude each other"),
        (["--html", "results"], 2, "results.html"),
        (["--html", "page.txt", "nowhere"], 2, "page.html"),
        (["--html", "."], 2, "page.html"),
        (["--show-questions"], 2, "Add --html FILE"),
        (["--html", "page.html", "nowhere"], 3, "nowhere"),
    ],
)
def test_wrong_commands(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["report", *arguments]) == code
    told = " ".join(capfd.readouterr().err.split())
    assert words in told
    assert code == 3 or "without the figure" not in told  # nothing was tried before the command was understood


def test_the_command_prints_where_the_page_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_pair(tmp_path / "results")
    assert execute(["report", "--html", "page.html"]) == 0
    assert capfd.readouterr().out == "page.html\n"
    assert Read(tmp_path / "page.html").data["problems"][0] == "p1"
