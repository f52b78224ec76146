"""Runs of models with learned heads: budgets, offsets, manifests, and what is refused."""

import json
from pathlib import Path

import pytest

import hyperscale
from hyperscale import bundled
from hyperscale.commands.listener import Silent
from hyperscale.errors import HyperscaleError, Refusal, UsageError
from tests.fake_checkpoints import FASTDMS, llama_borrowed, qwen3_adapters, qwen3_borrowed, tokenizer_only

FEW = {"limit": 2, "width": 1, "max_len": 40, "workers": 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that may stand for the package's own."""
    folder = tmp_path_factory.mktemp("models")
    tokenizer_only(folder / "abacus")
    for ratio in (4, 8):
        retrofitted = qwen3_borrowed(folder / f"abacus-dms-{ratio}x", dms_cr=ratio)
        about = {"base_model": "abacus", "licence": "Apache-2.0", "tokenizer": "abacus"}
        (retrofitted / "hyperscale.json").write_text(json.dumps(about))
    qwen3_adapters(folder / "adapters")
    llama_borrowed(folder / "fastdms", FASTDMS)
    llama_borrowed(folder / "unknown-ratio", {"window_size": 12})
    llama_borrowed(folder / "plain")
    return folder


@pytest.fixture(autouse=True)
def _bundled(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "ASSETS", models)


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def policy_of(summary: dict) -> dict:
    return json.loads((Path(summary["run"]) / "manifest.json").read_text())["configuration"]["policy"]


def test_a_run_without_any_option_is_dms_8x_with_the_bundled_model(tmp_path: Path) -> None:
    summary = hyperscale.run(out=tmp_path, **FEW)
    assert (summary["method"], summary["budget"], summary["model"], summary["base_model"]) == (
        "dms",
        "8x",
        "abacus-dms-8x",
        "abacus",
    )


def test_the_budget_picks_the_bundled_model(tmp_path: Path) -> None:
    assert hyperscale.run(method="dms", budget="4x", out=tmp_path, **FEW)["model"] == "abacus-dms-4x"


def test_a_named_model_decides_about_its_budget(tmp_path: Path, models: Path) -> None:
    for options in ({}, {"method": "dms"}, {"method": "dms", "budget": "8x"}):
        summary = hyperscale.run(model=str(models / "fastdms"), out=tmp_path, **options, **FEW)
        assert summary["budget"] == "8x"
        assert summary["run"] == str(next(tmp_path.glob("*/*/*"))), "the same run"


def test_the_manifest_records_what_the_checkpoint_decided(tmp_path: Path, models: Path) -> None:
    summary = hyperscale.run(model=str(models / "fastdms"), out=tmp_path, **FEW)
    policy = policy_of(summary)
    expected = {"window": 12, "offset": 5.0, "scale": 100.0, "shift": 0, "decide_at": "arrival", "ratio": 8.0}
    assert {name: policy[name] for name in expected} == expected


def test_an_offset_is_another_run_and_reaches_the_workers(tmp_path: Path, models: Path) -> None:
    named = {**FEW, "model": str(models / "abacus-dms-8x"), "workers": 2}
    eager = hyperscale.run(dms_offset=-1000, out=tmp_path, **named)
    never = hyperscale.run(settings={"offset": "1000"}, out=tmp_path, **named)
    assert (policy_of(eager)["offset"], policy_of(never)["offset"]) == (-1000, 1000)
    assert eager["run"] != never["run"]
    assert never["realised_cr"] == 1
    assert eager["realised_cr"] > 1.5


def test_other_methods_run_on_a_model_with_heads(tmp_path: Path, models: Path) -> None:
    summary = hyperscale.run(model=str(models / "adapters"), method="vanilla", out=tmp_path, **FEW)
    assert summary["realised_cr"] == 1


def test_generate_follows_learned_heads(models: Path) -> None:
    for name in ("adapters", "fastdms"):
        (records,) = hyperscale.generate(str(models / name), ["a=12;?a"], method="dms", width=2, max_len=60)
        assert [record.chain for record in records] == [0, 1]
        assert records[0].kv_reads > 0
    with pytest.raises(Refusal, match="plain has no DMS heads"):
        hyperscale.generate(str(models / "plain"), ["a"], method="dms")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "plain"}, Refusal, r"plain has no DMS heads.*retrofit"),
        ({"model": "plain", "method": "dms", "budget": "8x"}, Refusal, "no DMS heads"),
        ({"model": "adapters", "method": "dms", "budget": "4x"}, Refusal, r"trained for 8x, not 4x"),
        ({"model": "adapters", "settings": {"window": "32"}}, Refusal, r"window 16, not 32"),
        ({"model": "unknown-ratio"}, Refusal, r"does not say which compression.*--budget 8x"),
        ({"method": "dms", "budget": "3x"}, Refusal, r"trained for dms at 3x \(there are abacus-dms-4x, abacus-dms-8x\)"),
        ({"method": "dms", "budget": "512t"}, UsageError, "512t"),
        ({"method": "tova", "dms_offset": 5.0}, UsageError, r"--dms-offset is for --method dms, not for tova"),
        ({"dms_offset": 5.0, "settings": {"offset": "4"}}, UsageError, r"--dms-offset 5 and --set offset=4 are the same"),
        ({"dms_offset": float("nan")}, UsageError, "--dms-offset must be a finite number"),
        ({"settings": {"window": "few"}}, UsageError, "window must be a whole number or none"),
    ],
)
def test_what_does_not_fit_gets_one_clear_message(
    tmp_path: Path, models: Path, options: dict, error: type[HyperscaleError], message: str
) -> None:
    if "model" in options:
        options = {**options, "model": str(models / options["model"])}
    with pytest.raises(error, match=message):
        hyperscale.run(out=tmp_path, **FEW, **options)
    assert not list(tmp_path.rglob("chains.jsonl"))


def test_a_stated_budget_is_taken_where_the_checkpoint_says_nothing(tmp_path: Path, models: Path) -> None:
    summary = hyperscale.run(model=str(models / "unknown-ratio"), method="dms", budget="8x", out=tmp_path, **FEW)
    assert summary["budget"] == "8x"


def test_on_a_cpu_a_hub_task_runs_the_bundled_checkpoint_with_a_warning(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": 1, "problem": "1+1", "answer": "2"}) + "\n")
    notes = Notes()
    summary = hyperscale.run("aime24", data=rows, device="cpu", out=tmp_path, listener=notes, **FEW)
    assert summary["model"] == "abacus-dms-8x"
    assert "cannot solve aime24" in notes.notes[0]


def test_the_licence_of_a_named_checkpoint_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hyperscale.commands import run_plan

    def fetch(*_: object) -> None:
        raise Refusal("fetching begins")

    monkeypatch.setattr(run_plan.Checkpoint, "open", fetch)
    notes = Notes()
    with pytest.raises(Refusal, match="fetching begins"):
        hyperscale.run(model="nvidia/Qwen3-8B-DMS-8x", out=tmp_path, listener=notes, **FEW)
    assert len(notes.notes) == 1
    assert "non-commercial" in notes.notes[0]
