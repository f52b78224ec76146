import json
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

import hyperscale
from hyperscale.cli.main import execute
from hyperscale.commands import plot
from hyperscale.commands.export import export
from hyperscale.commands.run_labels import run_labels
from hyperscale.errors import Refusal
from hyperscale.figures.retention import RetentionCurve
from hyperscale.store.records import Trace
from hyperscale.store.run_folder import RunFolder
from tests.store.samples import chain, manifest

RETENTION = {"held": [[30, 60], [90, 120]], "seen": 120}


def make_run(path: Path, telemetry: dict[str, Any] | None = None, tokens: int = 65, **facts: Any) -> Path:
    with RunFolder.open(path, manifest(**facts)) as folder:
        trace = Trace(64, (1000.0,), (0.0,), (12.0,)) if tokens >= 64 else Trace(64, (), (), ())
        folder.add_chain(chain(tokens=tokens, kv_reads=1010.0, trace=trace))
        if telemetry is not None:
            folder.write_telemetry(telemetry)
    return path


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[RetentionCurve]:
    """The curves that the next figure is made of."""
    seen: list[RetentionCurve] = []
    draw = plot.retention
    monkeypatch.setattr(plot, "retention", lambda curves: seen.extend(curves) or draw(curves))
    return seen


def test_runs_are_drawn_into_three_files(tmp_path: Path, drawn: list[RetentionCurve]) -> None:
    make_run(tmp_path / "runs" / "a", {"tokens": 65, "retention": RETENTION}, method="dms", budget="8x")
    make_run(tmp_path / "runs" / "b", None, method="vanilla", budget="1x")
    paths = hyperscale.plot_retention([tmp_path / "runs"], tmp_path / "plots")
    assert paths == [tmp_path / "plots" / f"retention.{kind}" for kind in ("png", "svg", "pdf")]
    assert matplotlib.image.imread(paths[0]).std() > 0.05
    assert paths[1].read_text().lstrip().startswith("<?xml")
    assert paths[2].read_bytes().startswith(b"%PDF")
    dense, dms = drawn
    assert (dense.label, dense.share) == ("vanilla 1x", [])
    assert (dms.label, dms.share) == ("dms 8x", [[0.25, 0.5], [0.75, 1.0]])
    assert [(bucket.start, bucket.measured) for bucket in dms.buckets] == [(0, 1000.0), (64, 10.0)]


def test_an_exported_file_stands_for_its_runs(tmp_path: Path, drawn: list[RetentionCurve]) -> None:
    run = make_run(tmp_path / "a", {"tokens": 65, "retention": RETENTION})
    hyperscale.plot_retention([run], tmp_path)
    hyperscale.plot_retention([export([run], tmp_path / "a.parquet")], tmp_path)
    assert drawn[0] == drawn[1]


def test_runs_without_a_decode_step_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "a", tokens=1)
    with pytest.raises(Refusal, match="two tokens"):
        hyperscale.plot_retention([tmp_path / "a"], tmp_path)


def log_of(folder: Path, *lines: str) -> Path:
    (folder / "training").mkdir(parents=True)
    (folder / "training" / "log.jsonl").write_text("".join(lines))
    return folder


def step(number: int) -> str:
    return json.dumps({"step": number, "kl": 0.5 / number, "marked": 0.1, "wanted": 0.2, "ratio": 1.1, "seconds": 1.0}) + "\n"


def test_retrofits_are_drawn_under_their_folders_names(tmp_path: Path) -> None:
    one, other = (log_of(tmp_path / name / "dms", step(1), step(2)) for name in ("short", "long"))
    paths = hyperscale.plot_retrofit([one, other], tmp_path / "plots")
    assert [path.name for path in paths] == ["retrofit.png", "retrofit.svg", "retrofit.pdf"]
    assert plot._folder_names([one, other]) == ["short/dms", "long/dms"]
    assert plot._folder_names([one, tmp_path / "b"]) == ["dms", "b"]


def test_a_log_that_is_being_written_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    folder = log_of(tmp_path / "a", step(1), step(2), '{"step": 3, "kl"')
    assert [row["step"] for row in plot._training_log(folder)] == [1, 2]


@pytest.mark.parametrize(
    ("lines", "message"),
    [(("nonsense\n", step(2)), "line 1"), (('{"step": 1}\n', step(2)), "line 1"), ((), "no step yet")],
)
def test_a_damaged_log_is_refused(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    folder = log_of(tmp_path / "a", *lines)
    with pytest.raises(Refusal, match=message):
        hyperscale.plot_retrofit([folder], tmp_path)


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="hyperscale retrofit --out"):
        hyperscale.plot_retrofit([tmp_path], tmp_path)


BASE = {"method": "dms", "budget": "8x", "model": "m", "task": "modchain", "max_len": 1024, "width": 8, "seed": 0}


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ([{}], ["dms 8x"]),
        ([{}, {"method": "tova"}], ["dms 8x", "tova 8x"]),
        ([{}, {"method": "tova", "model": "other"}], ["dms 8x", "tova 8x"]),
        ([{}, {"model": "n"}], ["dms 8x, m", "dms 8x, n"]),
        ([{}, {"max_len": 512}, {"budget": "4x"}], ["dms 8x, L=1k", "dms 8x, L=512", "dms 4x"]),
        ([{}, {"seed": 1}], ["dms 8x, seed 0", "dms 8x, seed 1"]),
        ([{}, {}], ["dms 8x (1)", "dms 8x (2)"]),
        ([{"method": "mine.py:Mine"}], ["Mine 8x"]),
    ],
)
def test_labels_say_what_tells_runs_apart(changes: list[dict[str, Any]], labels: list[str]) -> None:
    assert run_labels([{**BASE, **change} for change in changes]) == labels


def test_the_command_prints_the_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "a", {"tokens": 65, "retention": RETENTION})
    assert execute(["plot", "retention", str(run), "--out", str(tmp_path / "p")]) == 0
    assert capfd.readouterr().out.splitlines() == [str(tmp_path / "p" / f"retention.{kind}") for kind in ("png", "svg", "pdf")]
    folder = log_of(tmp_path / "b", step(1))
    assert execute(["plot", "retrofit", str(folder), "--out", str(tmp_path / "p")]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [((), 2), (("pareto-front",), 2), (("retrofit",), 2), (("retention", "nowhere"), 3), (("retrofit", "nowhere"), 3)],
)
def test_exit_codes(words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plot", *words]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
