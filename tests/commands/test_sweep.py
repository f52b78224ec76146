"""What a sweep runs, what it leaves alone, and what comes of one that was stopped on its way."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import hyperscale
from hyperscale.commands.listener import Listener, Silent
from hyperscale.commands.prospect import Prospect
from hyperscale.commands.sweep import sweep
from hyperscale.commands.sweep_forecast import forecast_sweep
from hyperscale.commands.sweep_listener import SilentSweep
from hyperscale.commands.sweep_result import SweepResult
from hyperscale.store.records import ChainRecord
from hyperscale.store.run_folder import RunFolder

ROOT = Path(hyperscale.__file__).parents[1]


WORDS: dict[str, Any] = {
    "methods": ["vanilla", "dms", "dmc", "tova"],  # of dmc no model is bundled
    "configs": ["2-64-1x", "1-64-8x", "2-64-8x"],
    "limit": 2,
    "workers": 1,
}
RUNS = ["vanilla 1x", "dms 8x", "tova 8x"]


@dataclass
class Recorder(SilentSweep):
    """Remembers what a sweep told."""

    notes: list[str] = field(default_factory=list)
    plan: list[Prospect] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)

    def planned(self, runs: Sequence[Prospect]) -> None:
        self.plan = list(runs)

    def running(self, number: int) -> Listener:
        self.events.append(("running", self.plan[number].label))
        return Silent()

    def done(self, number: int, summary: dict[str, Any]) -> None:
        self.events.append(("done", self.plan[number].label))

    def failed(self, number: int, reason: str) -> None:
        self.events.append(("failed", self.plan[number].label))

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def generated(self) -> list[str]:
        return [label for kind, label in self.events if kind == "running"]


@dataclass
class Whole:
    """An uninterrupted sweep."""

    out: Path
    told: Recorder
    result: SweepResult


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    out, told = tmp_path_factory.mktemp("whole"), Recorder()
    return Whole(out, told, sweep(**WORDS, out=out, listener=told))


def without_clock(record: ChainRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ChainRecord.__dataclass_fields__ if name != "wall_s"}


def outcome_of(result: SweepResult, out: Path) -> dict[str, Any]:
    """All that came of a sweep, but for speeds and the place where it lies: JSON, table and chains."""
    answer = result.to_json()
    for row in (*answer["runs"], *answer["configurations"]):
        row["run"] = str(Path(row["run"]).relative_to(out))
        row.pop("tokens_per_s", None)
    console = Console(width=80)
    with console.capture() as shown:
        console.print(result.report().table(80))
    assert "tokens/s" not in shown.get().split("Not shown here")[0]
    chains = {
        path.parent.name: {key: without_clock(chain) for key, chain in RunFolder.read(path.parent).chains().items()}
        for path in out.rglob("chains.jsonl")
    }
    return {"json": answer, "table": shown.get(), "chains": chains}


def state(out: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time and content."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_sweep_tells_its_plan_and_each_run(whole: Whole) -> None:
    told = whole.told
    assert [prospect.label for prospect in told.plan] == RUNS
    assert told.events == [(kind, label) for label in RUNS for kind in ("running", "done")]
    assert [note.partition(": No bundled")[0] for note in told.notes] == [
        "configurations are W-L-CR",
        "left out: dmc 1-64-8x",
        "left out: dmc 2-64-8x",
    ]


def test_the_result_holds_a_summary_per_run_and_a_row_per_configuration(whole: Whole) -> None:
    answer = whole.result.to_json()
    assert set(answer) == {"runs", "configurations", "failed", "skipped"}
    assert answer["failed"] == []
    assert [each.partition(":")[0] for each in answer["skipped"]] == ["dmc 1-64-8x", "dmc 2-64-8x"]
    assert [(row["method"], row["budget"], row["width"], row["max_len"]) for row in answer["runs"]] == [
        ("vanilla", "1x", 2, 64),
        ("dms", "8x", 2, 64),
        ("tova", "8x", 2, 64),
    ]
    assert [(row["label"], row["configuration"], row["derived"]) for row in answer["configurations"]] == [
        ("vanilla 1x", "2-64-1x", False),
        ("dms 8x", "1-64-8x", True),
        ("dms 8x", "2-64-8x", False),
        ("tova 8x", "1-64-8x", True),
        ("tova 8x", "2-64-8x", False),
    ]
    by_run = {row["run"]: row for row in answer["runs"]}
    for row in answer["configurations"]:
        if not row["derived"]:
            assert estimates(row) == estimates(by_run[row["run"]])


def estimates(row: Mapping[str, Any]) -> dict[str, float]:
    """What a configuration and a summary both say, as exactly as summaries say it."""
    names = ("problems", "accuracy", "accuracy_avg", "kv_reads", "aux_reads", "peak_tokens")
    return {name: round(row[name], 6) for name in names}


def test_a_shorter_configuration_is_what_a_run_of_it_gives(whole: Whole, tmp_path: Path) -> None:
    result = sweep(methods=["dms"], configs=["2-64-8x", "2-128-8x"], limit=2, workers=1, out=tmp_path)
    short, long = result.configurations()
    assert (short["configuration"], short["derived"], long["derived"]) == ("2-64-8x", True, False)
    assert short["kv_reads"] < long["kv_reads"] / 2
    (alone,) = (row for row in whole.result.report().rows if row["method"] == "dms")
    assert (alone["width"], alone["max_len"]) == (2, 64)
    assert estimates(short) == estimates(alone)


def test_a_narrower_configuration_is_the_mean_over_the_chains_there_are(whole: Whole) -> None:
    for outcome in whole.result.finished[1:]:
        narrow, wide = (row for row in whole.result.configurations() if row["label"] == outcome.prospect.label)
        assert (narrow["configuration"], narrow["derived"], wide["derived"]) == ("1-64-8x", True, False)
        chains = RunFolder.read(outcome.path).chains().values()
        assert narrow["kv_reads"] == pytest.approx(sum(chain.kv_reads for chain in chains) / len(chains))
        assert narrow["problems"] == wide["problems"] == 2


def test_what_is_done_is_left_as_it_is(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperscale.commands.run_plan.load_model", None)  # no model is needed
    before, told = state(whole.out), Recorder()
    again = sweep(**WORDS, out=whole.out, listener=told)
    assert told.generated == []
    assert [prospect.stage for prospect in told.plan] == ["done"] * 3
    assert state(whole.out) == before
    assert outcome_of(again, whole.out) == outcome_of(whole.result, whole.out)


def test_what_is_done_costs_nothing_and_needs_no_calibration(whole: Whole) -> None:
    notes: list[str] = []
    found = forecast_sweep(**WORDS, out=whole.out, note=notes.append)
    assert [each.to_json()["state"] for each in found.runs] == ["done"] * 3
    assert [each.forecast for each in found.runs] == [None] * 3
    assert found.seconds == 0
    assert notes == whole.told.notes


def test_grading_alone_needs_no_calibration(whole: Whole, tmp_path: Path) -> None:
    out = copied(whole.out, tmp_path, "tova-*")
    next(out.rglob("scores.jsonl")).unlink()
    notes: list[str] = []
    found = forecast_sweep(**{**WORDS, "methods": ["tova"], "configs": ["2-64-8x"]}, out=out, note=notes.append)
    assert (found.runs[0].to_json()["state"], found.runs[0].forecast, found.seconds) == ("partial", None, 0)
    assert notes == ["configurations are W-L-CR"]


def test_only_what_is_missing_is_made(whole: Whole, tmp_path: Path) -> None:
    """A chain that was torn, a grade that is not there, a run that is new; and no more."""
    out, told = copied(whole.out, tmp_path), Recorder()
    chains = next(out.rglob("dms-8x-*")) / "chains.jsonl"
    chains.write_bytes(chains.read_bytes()[:-40])
    scores = next(out.rglob("tova-8x-*")) / "scores.jsonl"
    scores.write_bytes(b"".join(scores.read_bytes().splitlines(keepends=True)[:-1]))
    dense = state(next(out.rglob("vanilla-1x-*")))
    result = sweep(**WORDS, out=out, listener=told)
    assert [(prospect.stage, prospect.standing and prospect.standing.present) for prospect in told.plan] == [
        ("done", 4),
        ("partial", 3),
        ("partial", 4),
    ]
    assert told.generated == ["dms 8x", "tova 8x"]
    assert state(next(out.rglob("vanilla-1x-*"))) == dense
    assert outcome_of(result, out) == outcome_of(whole.result, whole.out)


def copied(out: Path, to: Path, only: str = "*") -> Path:
    """The same runs, or some of them, at another place."""
    for folder in out.glob(f"*/*/{only}"):
        shutil.copytree(folder, to / folder.relative_to(out))
    return to


class Dying(SilentSweep):
    """Kills the process when the second run has its first chain."""

    def running(self, number: int) -> Listener:
        return _DiesOfAChain() if number == 1 else Silent()


class _DiesOfAChain(Silent):
    def chain(self, record: ChainRecord, dense_reads: float) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_sweep_goes_on_to_the_same_result(whole: Whole, tmp_path: Path) -> None:
    copied(whole.out, tmp_path, "vanilla-*")
    code = f"from tests.commands.test_sweep import *; sweep(**WORDS, out={str(tmp_path)!r}, listener=Dying())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=250, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    broken = RunFolder.read(next(tmp_path.rglob("dms-8x-*")))
    assert (len(broken.chains()), broken.summary()) == (1, None)

    told = Recorder()
    result = sweep(**WORDS, out=tmp_path, listener=told)
    assert [prospect.stage for prospect in told.plan] == ["done", "partial", "waiting"]
    assert told.generated == ["dms 8x", "tova 8x"]
    assert outcome_of(result, tmp_path) == outcome_of(whole.result, whole.out)


# --- failures

BROKEN = """
from hyperscale.cache.tova import TOVA


class Broken(TOVA):
    def scores(self, layer, weights):
        1 / 0
"""


def test_a_run_that_fails_does_not_take_the_others_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(BROKEN)
    told = Recorder()
    words = {"methods": ["own.py:Broken", "window"], "configs": ["1-64-8x"], "limit": 1, "workers": 1}
    result = sweep(**words, listener=told)
    assert told.events == [("running", "Broken 8x"), ("failed", "Broken 8x"), ("running", "window 8x"), ("done", "window 8x")]
    assert [outcome.prospect.label for outcome in result.finished] == ["window 8x"]
    answer = result.to_json()
    assert [row["method"] for row in answer["runs"]] == ["window"]
    (failure,) = answer["failed"]
    assert failure["run"] == "Broken 8x"
    assert "own.py:Broken failed with ZeroDivisionError" in failure["reason"]
    assert [(row["label"], row["accuracy"] is None, row["run"] is None) for row in answer["configurations"]] == [
        ("Broken 8x", True, True),
        ("window 8x", False, False),
    ]
    assert result.failure_text().startswith("1 of 2 runs failed:\n  Broken 8x: ")


def test_a_run_that_cannot_be_made_is_known_before_the_first_one_starts(whole: Whole, tmp_path: Path) -> None:
    out, told = copied(whole.out, tmp_path), Recorder()
    (next(out.rglob("dms-8x-*")) / "manifest.json").write_text("{")
    result = sweep(**WORDS, out=out, listener=told)
    assert [prospect.stage for prospect in told.plan] == ["done", "failed", "done"]
    assert told.events == []
    (failed,) = result.failed
    assert failed.prospect.label == "dms 8x"
    assert "manifest.json" in failed.reason
    assert len(result.finished) == 2


def test_lengths_beyond_the_model_lose_only_themselves(whole: Whole) -> None:
    told = Recorder()
    result = sweep(methods=["tova"], configs=["2-64-8x", "1-5000-8x"], limit=2, workers=1, out=whole.out, listener=told)
    assert [(prospect.label, prospect.stage) for prospect in told.plan] == [
        ("tova 8x, L=64", "done"),
        ("tova 8x, L=5000", "failed"),
    ]
    assert told.events == []
    assert "abacus knows 4096 positions" in result.failed[0].reason


def test_fewer_chains_than_there_are_need_no_generation(whole: Whole, tmp_path: Path) -> None:
    out, told = copied(whole.out, tmp_path), Recorder()
    chains = next(out.rglob("dms-8x-*")) / "chains.jsonl"
    before = chains.read_bytes()
    result = sweep(methods=["dms"], configs=["1-64-8x"], limit=2, workers=1, out=out, listener=told)
    assert told.plan[0].standing is not None
    assert (told.plan[0].stage, told.plan[0].standing.missing) == ("partial", 0)  # its summary is one of other chains
    assert chains.read_bytes() == before
    (row,) = result.to_json()["configurations"]
    first = [chain.kv_reads for (_, place), chain in RunFolder.read(chains.parent).chains().items() if place == 0]
    assert (row["derived"], row["kv_reads"]) == (False, pytest.approx(sum(first) / 2))
