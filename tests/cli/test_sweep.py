"""`hyperscale sweep` as it is typed and read: exit codes, JSON, dry run, lines, and the live table."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from hyperscale.cli.forecast_table import bytes_text
from hyperscale.cli.main import execute
from hyperscale.cli.sweep_table import SweepLines
from hyperscale.commands.sweep import sweep
from tests.commands.made_runs import write_run

ONE = ["sweep", "--methods", "vanilla", "--configs", "1-64-1x"]
FEW = ["--limit", "2", "--workers", "1"]

WRONG_OPTIONS = [
    (["sweep"], r"--methods and --configs are missing\. Write for example"),
    (["sweep", "--methods", "vanilla"], r"--configs is missing"),
    (["sweep", "--methods", ",", "--configs", "1-64-1x"], r"--methods is missing"),
    (["sweep", "--methods", "vanila", "--configs", "1-64-1x"], r"no method 'vanila'\. Did you mean 'vanilla'\?"),
    (["sweep", "--methods", "dms", "--configs", "8-16-8x"], r"two ways\. Write W8-L16-8x .* or W16-L8-8x .* 8-16k-8x"),
    (["sweep", "--methods", "dms", "--configs", "8-8x"], r"'8-8x' is not a configuration\. Write width-length-compression"),
    (["sweep", "--methods", "vanilla", "--configs", "1-64-8x"], r"Nothing is left to run\. vanilla: there is no 1x"),
    (["sweep", "--methods", "vanilla,tova", "--configs", "1-64-8y"], r"'8y' is not a budget"),
    ([*ONE, "--seeds", "0,one"], r"--seeds must be whole numbers"),
    ([*ONE, "--seeds=-1"], r"--seeds must lie between 0 and"),
    ([*ONE, "--seeds", ","], r"--seeds is empty"),
    ([*ONE, "--tasks", "modchian"], r"no task 'modchian'\. Did you mean 'modchain'\?"),
    ([*ONE, "--tasks", "modchain,math500", "--data", "rows.jsonl"], r"--data is the data of one task, and there are 2"),
    ([*ONE, "--model", "abaccus"], r"no model 'abaccus'\. Did you mean 'abacus'\?"),
    ([*ONE, "--set", "sinks"], r"--set 'sinks' is not of the form key=value"),
    ([*ONE, "--set", "sinks=4"], r"vanilla has no parameters"),
    ([*ONE, "--limit", "0"], r"--limit must be 1 or more"),
    ([*ONE, "--rows", "0"], r"--rows must be 1 or more"),
    ([*ONE, "--workers", "some"], r"--workers must be auto or a number"),
    ([*ONE, "--dtype", "f8"], r"no dtype 'f8'"),
    (["sweep", "--methods", "tova", "--configs", "2-64-8x", "--temperature", "0"], r"all 2 chains would be the same"),
    (["sweep", "sweep.toml", "--methods", "dms"], r"sweep\.toml says what to run; --methods cannot stand beside it"),
    (["sweep", "--methods", "dms", "tova", "--configs", "1-64-8x"], r"no sweep file tova\..*commas.*--methods vanilla,dms"),
]

REFUSED = [
    (["sweep", "nowhere.toml"], r"There is no sweep file nowhere\.toml"),
    (["sweep", "--methods", "dms", "--configs", "1-64-3x"], r"No bundled model was trained for dms at 3x .*abacus-dms-8x"),
    (["sweep", "--methods", "own.py:Mine", "--configs", "1-64-8x"], r"no file own\.py"),
    ([*ONE, "--model", "./nowhere"], r"no model folder \./nowhere"),
    ([*ONE, "--data", "nowhere.jsonl"], r"1 of 1 runs failed:\n  vanilla 1x: There is no data file or folder nowhere\.jsonl"),
    ([*ONE, "--data", "nowhere.jsonl", "--dry-run"], r"1 of 1 runs cannot be made:\n  vanilla 1x: There is no data file"),
]


def named(value: object) -> str:
    return " ".join(value[1:]) if isinstance(value, list) else ""


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["", "dry"])
@pytest.mark.parametrize(("arguments", "message"), WRONG_OPTIONS, ids=named)
def test_a_wrong_option_ends_with_2_and_touches_nothing(
    arguments: list[str], more: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute([*arguments, *more]) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert re.search(message, shown.err, re.DOTALL), shown.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=named)
def test_what_the_environment_refuses_ends_with_3(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute(arguments) == 3
    shown = capfd.readouterr()
    assert shown.err.count("error: ") == 1
    assert re.search(message, shown.err), shown.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods = [\n", r"sweep\.toml is no TOML: Invalid value \(at end of document\)"),
        (
            'methods = ["vanilla"]\nconfigs = ["1-64-1x"]\nlimt = 3\n',
            r"sweep\.toml, line 3: limt is no key here; did you mean 'limit'",
        ),
        ('[[run]]\nmethod = "dms"\nconfig = "1-64-3x"\n', r"sweep\.toml, line 1: \[\[run 1\]\]: No bundled model"),
        (
            'tasks = ["modchain", "math500"]\nmethods = ["tova"]\nconfigs = ["1-64-8x"]\ndata = "x"\n',
            r"sweep\.toml: --data is the",
        ),
        ('methods = ["vanilla"]\nconfigs = ["1-64-1x"]\nsince = 2024-08-01\n', r"sweep\.toml: Task modchain has no dates"),
    ],
)
def test_a_mistake_in_a_file_ends_with_3_whatever_it_is(text: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("sweep.toml").write_text(text)
    assert execute(["sweep", "sweep.toml"]) == 3
    shown = capfd.readouterr()
    assert shown.out == ""
    assert re.search(f"error: {message}", shown.err), shown.err


# --- sweeps

WORDS = ["sweep", "--methods", "vanilla,dms", "--configs", "2-64-1x,1-64-8x", "--configs", "2-64-8x,1-64-3x", *FEW]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of `WORDS`."""
    out = tmp_path_factory.mktemp("stored") / "results"
    sweep(methods=["vanilla", "dms"], configs=["2-64-1x", "1-64-8x", "2-64-8x"], limit=2, workers=1, out=out)
    return out


def only_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_the_report_and_what_has_no_run_of_its_own_are_on_stdout(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute([*WORDS, "--out", str(results)]) == 0
    shown = capfd.readouterr()
    assert shown.err.splitlines()[0] == "configurations are W-L-CR"
    assert shown.err.splitlines()[1].startswith("left out: dms 1-64-3x: No bundled model was trained for dms at 3x")
    assert shown.err.splitlines()[2:] == ["2 runs, all there already"]
    head, rest = shown.out.split("Read off longer or wider runs")
    assert re.search(r"abacus +vanilla +1x +0\.0 \[0\.0, 65\.8\] ", head)
    assert re.search(r"abacus-dms-8x +dms +8x ", head)
    assert re.search(r"\n 1-64-8x +dms 8x +0\.0 +0\.0 ", rest)
    assert max(map(len, shown.out.splitlines())) <= 80


def test_an_interrupted_sweep_goes_on_to_the_same_json(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(results.parent)
    assert execute([*WORDS, "--json"]) == 0
    whole = only_object(capfd.readouterr().out)
    monkeypatch.chdir(tmp_path)
    say = SweepLines._say

    def interrupting(lines: SweepLines, text: str) -> None:
        say(lines, text)
        if text.startswith("[2/2]"):
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(SweepLines, "_say", interrupting)
        assert execute(WORDS) == 130
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("interrupted: everything finished is kept\n")
    assert "2 runs\n[1/2] vanilla 1x: 4 chains to generate\n" in shown.err
    finished = r"\[1/2\] vanilla 1x: accuracy 0\.0% \[0\.0, 65\.8\], reads [\d.]+k, 1\.00x, took 0:\d\d; 1 of 2 runs done"
    assert re.search(finished, shown.err), shown.err
    assert "[2/2] dms 8x: 4 chains to generate" in shown.err

    assert execute([*WORDS, "--json"]) == 0
    shown = capfd.readouterr()
    assert "2 runs, 1 of them there already\n[2/2] dms 8x: 4 chains to generate\n" in shown.err
    assert without_speed(only_object(shown.out)) == without_speed(whole)


def without_speed(answer: dict[str, Any]) -> dict[str, Any]:
    for row in answer["runs"]:
        assert row.pop("tokens_per_s") > 0
    return answer


BROKEN = """
from hyperscale.cache.tova import TOVA


class Broken(TOVA):
    def scores(self, layer, weights):
        print("about to fail")
        1 / 0
"""


def test_a_failing_run_is_listed_and_the_others_are_shown(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(BROKEN)
    words = ["sweep", "--methods", "own.py:Broken,vanilla,dms", "--configs", "2-64-1x,2-64-8x", *FEW, "--out", str(results)]
    assert execute([*words, "--json"]) == 3
    shown = capfd.readouterr()
    answer = only_object(shown.out)
    assert [row["method"] for row in answer["runs"]] == ["vanilla", "dms"]
    assert [row["run"] for row in answer["failed"]] == ["Broken 8x"]
    assert "[1/3] Broken 8x failed: The policy own.py:Broken failed with ZeroDivisionError" in shown.err
    message = shown.err[shown.err.index("error: ") :]
    assert message.startswith("error: 1 of 3 runs failed:\n  Broken 8x: The policy own.py:Broken failed with ZeroDivisionError")


def test_a_sweep_of_nothing_but_failures_shows_no_table(capfd: pytest.CaptureFixture[str]) -> None:
    assert execute([*ONE, *FEW, "--data", "nowhere.jsonl", "--json"]) == 3
    assert only_object(capfd.readouterr().out)["runs"] == []


# --- dry run


def test_a_dry_run_shows_runs_what_they_cover_and_what_they_cost(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_run(results / "modchain" / "abacus" / "made", [1] * 10, method="tova", budget="4x")
    words = [
        "sweep",
        "--methods",
        "vanilla,tova",
        "--configs",
        "2-64-1x,1-64-2x,2-64-2x,W1-L256-2x",
        *FEW,
        "--out",
        str(results),
    ]
    before = sorted(results.rglob("*"))
    assert execute([*words, "--dry-run"]) == 0
    shown = capfd.readouterr()
    assert sorted(results.rglob("*")) == before
    lines = shown.out.splitlines()
    assert lines[0].strip() == "3 runs (1 is there), about 0:05 of generation"  # 4 chains of 64 and 2 of 100 at 100 tokens/s
    rows = [line.split() for line in lines if line.startswith((" vanilla", " tova"))]
    assert rows[0] == ["vanilla", "1x", "2-64-1x", "done"]
    assert rows[1][:6] == ["tova", "2x,", "L=64", "1-64-2x,", "2-64-2x", "4"]
    assert (rows[1][6], rows[1][-1], rows[2][-1]) == ("128", "0:03", "0:02")
    assert rows[2][3:6] == ["1-256-2x", "2", "100"]
    assert "A prediction: " in shown.out
    assert max(map(len, lines)) <= 80
    assert f"abacus, tova: calibrated with 40 chains of {results}/modchain/abacus/made\n" in shown.err

    assert execute([*words, "--dry-run", "--json"]) == 0
    answer = only_object(capfd.readouterr().out)
    assert [row["state"] for row in answer["planned"]] == ["done", "waiting", "waiting"]
    assert [row["covers"] for row in answer["planned"]] == [["2-64-1x"], ["1-64-2x", "2-64-2x"], ["1-256-2x"]]
    assert answer["seconds"] == pytest.approx(4.56)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (19 << 20, "19 MiB"), (3 << 29, "1.5 GiB"), (5000 << 30, "5000 GiB")],
)
def test_bytes_read_in_three_digits_or_so(count: int, text: str) -> None:
    assert bytes_text(count) == text
