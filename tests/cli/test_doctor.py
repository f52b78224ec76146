import json
import socket
import threading
from pathlib import Path

import pytest

from hyperscale import bundled
from hyperscale.cli.main import execute
from hyperscale.commands import doctor as rooms
from hyperscale.commands.doctor import Status, doctor


@pytest.fixture(autouse=True)
def _bundled(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "tiny").symlink_to(tiny_model)
    monkeypatch.setattr(bundled, "ASSETS", tmp_path / "assets")


def findings(out: Path = Path("results")) -> dict[str, tuple[Status, str]]:
    return {check.name: (check.status, check.finding) for check in doctor(out).checks}


def test_a_sound_machine_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["doctor", "--json"]) == 0
    diagnosis = json.loads(capsys.readouterr().out)
    assert diagnosis["healthy"] is True
    statuses = {check["name"]: check["status"] for check in diagnosis["checks"]}
    assert {"Python", "machine", "memory", "torch", "math-verify", "threads", "GPU", "results", "bundled model", "hub"} <= set(
        statuses
    )
    assert statuses["bundled model"] == "ok"
    assert not Path("results").exists()


def test_an_unwritable_results_folder_is_essential(capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("a file")
    assert execute(["doctor", "--out", "taken/results"]) == 3
    shown = " ".join(capsys.readouterr().out.split())
    assert "nothing can be written to" in shown
    assert "Broken: results." in shown


def test_a_bundled_model_that_does_not_load_is_essential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets" / "torn").mkdir()
    (tmp_path / "assets" / "torn" / "config.json").write_text("{}")
    assert findings()["bundled model"][0] is Status.BROKEN
    monkeypatch.setattr(bundled, "ASSETS", tmp_path / "nowhere")
    assert findings()["bundled model"] == (Status.BROKEN, "there is none; install hyperscale again")


def test_a_missing_package_is_essential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PACKAGES", ("rich", "no-such-package"))
    found = findings()
    assert found["rich"][0] is Status.OK
    assert found["no-such-package"] == (Status.BROKEN, "not installed; install hyperscale again")


def test_data_names_the_tasks_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "aime24").mkdir(parents=True)
    (tmp_path / "data" / "aime24" / "test.jsonl").write_text('{"id": 1, "problem": "1+1", "answer": "2"}\n')
    (tmp_path / "data" / "gsm8k").mkdir()
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path / "data"))
    found = findings()
    assert found["local data"] == (Status.OK, f"{tmp_path / 'data'} has aime24")
    assert found["data of gsm8k"][0] is Status.NOTE
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path / "nowhere"))
    assert findings()["local data"][0] is Status.NOTE


def test_the_sandbox_shows_its_level_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperscale.sandbox.host.shutil.which", lambda name: None)
    status, finding = findings()["sandbox"]
    assert status is Status.OK
    assert finding.startswith("landlock")
    assert "no bwrap: not found" in finding


def test_a_machine_without_a_sandbox_can_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperscale.sandbox.landlock.abi", lambda: 0)
    found = findings()["sandbox"]
    assert found[0] is Status.NOTE
    assert "does not offer Landlock" in found[1]


def test_a_token_is_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    execute(["doctor"])
    shown = capsys.readouterr()
    assert "hf_very_secret" not in shown.out + shown.err
    assert findings()["HF_TOKEN"][1] == "set"


def test_a_hub_that_never_answers_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        assert "timed out" in (rooms._ask(url, 0.2) or "")
    assert "cannot be reached" in (rooms._ask(url, 0.2) or "")


def test_a_question_that_hangs_is_not_waited_for() -> None:
    over = threading.Event()
    assert rooms._within(0.05, lambda: "too late" if over.wait(60) else None) == "no answer within 0.05 s"
    over.set()
    assert rooms._within(5.0, lambda: "answered") == "answered"
