import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hyperscale.cli.errors import exit_code
from hyperscale.cli.main import execute
from hyperscale.errors import Refusal, UsageError
from tests.cli.conftest import Command, environment

WRONG_OPTIONS = [
    (["rnu"], r"No such command 'rnu'.*run"),
    (["run", "--budgett", "8x"], r"--budgett"),
    (["run", "--width", "many"], r"--width"),
    (["run", "--task", "modchian"], r"no task 'modchian'\. Did you mean 'modchain'\?"),
    (["run", "--method", "tovaa"], r"no method 'tovaa'\. Did you mean 'tova'\?"),
    (["run", "--model", "abbacus-model"], r"no model 'abbacus-model'"),
    (["run", "--budget", "8y"], r"'8y' is not a budget.*8x.*512t"),
    (["run", "--budget", "0x"], r"between 1x and"),
    (["run", "--method", "vanilla", "--budget", "8x"], r"vanilla keeps everything.*1x, not 8x"),
    (["run", "--width", "0"], r"--width must be 1 or more, not 0"),
    (["run", "--max-len", "0"], r"--max-len '0'"),
    (["run", "--limit", "0"], r"--limit must be (at least 1|1 or more), not 0"),
    (["run", "--temperature", "0", "--width", "2"], r"temperature 0.*--width 1"),
    (["run", "--temperature", "-1"], r"temperature"),
    (["run", "--top-p", "0"], r"top.p"),
    (["run", "--reads", "lots"], r"--reads 'lots' is not a size.*64M"),
    (["run", "--set", "sinks"], r"--set 'sinks' is not of the form key=value"),
    (["run", "--set", "=4"], r"--set '=4' is not of the form key=value"),
    (["run", "--method", "window", "--set", "sinks=4", "--set", "sinks=5"], r"--set gives sinks twice"),
    (["run", "--method", "window", "--set", "sink=4"], r"no parameter of window 'sink'\. Did you mean 'sinks'\?"),
    (["run", "--method", "window", "--set", "sinks=few"], r"sinks must be a whole number"),
    (["run", "--method", "tova", "--dms-offset", "5"], r"--dms-offset is for --method dms, not for tova"),
    (["run", "--dms-offset", "much"], r"--dms-offset"),
    (["run", "--dms-offset", "inf"], r"--dms-offset must be a finite number, not inf"),
    (["run", "--dms-offset", "5", "--set", "offset=4"], r"--dms-offset 5 and --set offset=4"),
    (["run", "--method", "dms", "--budget", "512t"], r"dms .*a ratio.*not 512t"),
    (["run", "--set", "window=-1"], r"window must be 0 or more"),
    (["run", "--rows", "0"], r"--rows must be 1 or more"),
    (["run", "--workers", "some"], r"--workers must be auto or a number"),
    (["run", "--prompt", "nice"], r"no prompt of task modchain 'nice'"),
    (["run", "--since", "2024-01-01", "--model", "."], r"modchain has no dates"),
    (["run", "--seed", "-1"], r"--seed"),
    (["score"], r"RUN"),
    (["grade", "--task", "modchain"], r"--completions"),
    (["grade", "--task", "modchian", "--completions", "x.jsonl"], r"Did you mean 'modchain'\?"),
    (["check-policy", "tovaa"], r"Did you mean 'tova'\?"),
    (["check-policy", "window", "--set", "sinks"], r"--set 'sinks' is not of the form key=value"),
    (["check-policy", "vanilla", "--budget", "8x"], r"vanilla keeps everything"),
    (["report", "--json", "--markdown"], r"exclude each other"),
    (["export", "results"], r"--out"),
    (["export", "results", "--out", "runs.csv"], r"\.parquet"),
]

REFUSED = [
    (["run", "--data", "nowhere.jsonl", "--model", "."], r"no data file or folder nowhere\.jsonl"),
    (["run", "--task", "own.toml"], r"no task card own\.toml"),
    (["run", "--model", "./nowhere"], r"no model folder \./nowhere"),
    (["run", "--method", "dms", "--budget", "77x"], r"No bundled model was trained for dms at 77x.*hyperscale retrofit"),
    (["run", "--method", "own.py:Mine"], r"no file own\.py"),
    (["check-policy", "own.py:Mine"], r"no file own\.py"),
    (["score", "nowhere"], r"There is no nowhere"),
    (["report", "nowhere"], r"There is no nowhere"),
    (["export", "nowhere", "--out", "runs.parquet"], r"There is no nowhere"),
    (["grade", "--task", "modchain", "--completions", "nowhere.jsonl"], r"no data file or folder nowhere\.jsonl"),
]


GREEDY = """
from hyperscale.cache.policy import Policy


class Greedy(Policy):
    default_budget = "4x"
"""


def said(capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


@pytest.mark.parametrize(
    ("arguments", "message"), WRONG_OPTIONS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_wrong_option_ends_with_2_and_touches_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(arguments) == 2
    text = said(capsys)
    assert re.search(message, text, re.DOTALL), text
    assert text.startswith("error: ")
    assert text.count("error: ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_the_environment_refuses_ends_with_3(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(arguments) == 3
    text = said(capsys)
    assert re.search(message, text), text
    assert "error: " in text


def test_dms_on_a_model_without_heads_ends_with_3(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["run", "--model", str(tiny_model), "--limit", "1", "--max-len", "8"]) == 3
    assert re.search(r"error: tiny has no DMS heads.*hyperscale retrofit", said(capsys))


def test_an_output_folder_that_cannot_be_made_ends_with_3(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("a file")
    assert (
        execute(
            ["run", "--model", str(tiny_model), "--method", "tova", "--limit", "1", "--max-len", "8", "--out", "taken/results"]
        )
        == 3
    )
    assert re.search(r"error: .*taken.*(another|permission)", said(capsys))


def test_a_data_file_with_bad_json_ends_with_3_and_names_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_text('{"id": "a", "question": "1+1", "answer": "2"}\n{"id": \n')
    assert execute(["run", "--data", "rows.jsonl", "--model", "."]) == 3
    assert "rows.jsonl, line 2: bad JSON" in said(capsys)


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("not so"), 2, "error: not so\n"),
        (Refusal("no disk"), 3, "error: no disk\n"),
        (KeyboardInterrupt(), 130, "interrupted: everything finished is kept\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (
            PermissionError(errno.EACCES, "Permission denied", "secret"),
            3,
            "error: secret: Permission denied. Everything finished is kept.\n",
        ),
        (MemoryError(), 3, "error: out of memory. Use a smaller --rows"),
        (ZeroDivisionError("division by zero\nand more"), 70, "error: this is a bug: ZeroDivisionError: division by zero\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_way_to_end_has_its_code_and_one_message(
    error: BaseException, code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(raising(error)) == code
    shown = capfd.readouterr().err
    assert shown.startswith(message)
    assert bool(shown) == bool(message)
    assert "Traceback" not in shown


@pytest.mark.parametrize("arguments", [["--debug", "run", "--width", "0"], ["run", "--width", "0", "--debug"]])
def test_debug_shows_the_traceback_before_and_after_the_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(arguments) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("error: --width must be")


def test_debug_says_nothing_where_nothing_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--version", "--debug"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", ["tasks", "tasks --json"])
def test_a_reader_that_leaves_is_no_error(arguments: str) -> None:
    line = f"{sys.executable} -m hyperscale {arguments} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "141\n"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_cannot_be_written_ends_with_3() -> None:
    with Path("/dev/full").open("w") as full:
        line = [sys.executable, "-m", "hyperscale", "tasks", "--json"]
        done = subprocess.run(line, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: No space left on device")
    assert done.stderr.count("\n") == 1


def test_an_interrupted_run_says_so_and_keeps_what_is_finished(tiny_model: Path, tmp_path: Path, command: Command) -> None:
    arguments = [
        "run",
        "--model",
        str(tiny_model),
        "--method",
        "tova",
        "--limit",
        "64",
        "--max-len",
        "400",
        "--width",
        "4",
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", *arguments], env=environment(), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    patience = time.monotonic() + 120
    while not (chains := list(tmp_path.glob("results/*/*/*/chains.jsonl"))) or chains[0].read_bytes().count(b"\n") < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < patience
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)  # which may hit the writing of a row, and that row is then taken back
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert message.endswith("interrupted: everything finished is kept\n")
    assert "Traceback" not in message
    assert chains[0].read_bytes().endswith(b"\n")


def test_a_policy_that_breaks_the_contract_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("greedy.py").write_text(GREEDY)
    assert execute(["check-policy", "greedy.py:Greedy", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is False
    assert {check["status"] for check in report["checks"] if check["check"] == "budget"} == {"failed"}


def test_a_policy_that_keeps_the_contract_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check-policy", "vanilla"]) == 0
    shown = capsys.readouterr().out
    assert "passed" in shown
    assert "failed" not in shown
