"""Retrofits from the outside: files, resume, processes, bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hyperscale.commands.retrofit import retrofit
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import DecideAt, HeadLayout
from hyperscale.models import load_model
from hyperscale.retrofit.loss import distillation
from hyperscale.retrofit.session import Snapshot
from hyperscale.retrofit.trainer import StepReport

QUICK: dict[str, Any] = {
    "target": "3x",
    "window": 4,
    "steps_per_ratio": 3,
    "zeroing_steps": 2,
    "rate": 1e-3,
    "batch_tokens": 200,
    "context": 80,
    "device": "cpu",
}


def options_for(recipe: str) -> dict[str, Any]:
    return {name: value for name, value in QUICK.items() if recipe == "full" or name != "zeroing_steps"}


ADAPTER = options_for("adapter")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "rows.jsonl"
    lines = [{"prompt": f"a={n};b=a+1;?b", "completion": f"b=a+1;a={n}\na={n};b=a+1:{n}+1={n + 1}\n"} for n in range(10, 30)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("recipe", ["adapter", "full", "joint"])
def test_what_comes_out_is_what_run_takes(recipe: str, rows: Path, tmp_path: Path) -> None:
    events: list[Any] = []
    result = retrofit("abacus", tmp_path, recipe=recipe, data=str(rows), watch=events.append, **options_for(recipe))
    assert result["steps"] == (8 if recipe == "full" else 6)
    assert [event.folder.name for event in events if isinstance(event, Snapshot)] == ["2x", tmp_path.name]
    assert [event.step for event in events if isinstance(event, StepReport)] == list(range(1, result["steps"] + 1))
    for folder, ratio in ((tmp_path / "snapshots" / "2x", 2), (tmp_path, 3)):
        model = load_model(str(folder), "cpu")
        assert model.heads is not None
        assert model.heads.layout is (HeadLayout.BORROWED if recipe == "full" else HeadLayout.ADAPTER)
        assert (model.heads.ratio, model.heads.window, model.heads.shift) == (ratio, 4, 1)
        assert model.base_model == "abacus"
        config = json.loads((folder / "config.json").read_text())
        assert "hyperscale" not in json.dumps(config["architectures"])
        assert config["dms_separate_alpha"] is (recipe != "full")
        assert config["dms_paged_attention_block_size"] < 4
    names = {name for name in tensors(tmp_path) if "dms_proj_alpha" in name}
    assert len(names) == (0 if recipe == "full" else 8)
    log = [json.loads(line) for line in (tmp_path / "training" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(1, result["steps"] + 1))
    assert {"kl", "marked", "wanted", "ratio", "seconds"} <= log[0].keys()


def test_an_adapter_checkpoint_holds_the_stock_weights(rows: Path, tmp_path: Path) -> None:
    retrofit("abacus", tmp_path, data=str(rows), **ADAPTER)
    stock = load_model("abacus", "cpu").module.state_dict()
    for name, tensor in tensors(tmp_path).items():
        if "dms_proj_alpha" not in name:
            assert torch.equal(tensor, stock[name]), name


class Stopped(Exception):
    pass


def stop_after(step: int) -> Any:
    def watch(event: Any) -> None:
        if isinstance(event, StepReport) and event.step == step:
            raise Stopped

    return watch


@pytest.mark.parametrize("stopped", [1, 5, 7])
def test_a_stopped_retrofit_goes_on(stopped: int, rows: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = {**QUICK, "recipe": "full", "data": str(rows)}
    retrofit("abacus", whole, **options)
    with pytest.raises(Stopped):
        retrofit("abacus", parts, watch=stop_after(stopped), **options)
    retrofit("abacus", parts, **options)
    for folder in (Path(), Path("snapshots/2x")):
        for name, tensor in tensors(whole / folder).items():
            assert torch.equal(tensor, tensors(parts / folder)[name]), name
    logs = [
        [{**json.loads(line), "seconds": 0} for line in (folder / "training/log.jsonl").read_text().splitlines()]
        for folder in (whole, parts)
    ]
    assert logs[0] == logs[1]
    events: list[Any] = []
    retrofit("abacus", parts, watch=events.append, **options)
    assert not [event for event in events if isinstance(event, StepReport)]  # all is done


def test_another_recipe_is_not_mixed_in(rows: Path, tmp_path: Path) -> None:
    retrofit("abacus", tmp_path, data=str(rows), **ADAPTER)
    with pytest.raises(Refusal, match="--fresh"):
        retrofit("abacus", tmp_path, data=str(rows), **{**ADAPTER, "rate": 2e-3})
    retrofit("abacus", tmp_path, data=str(rows), fresh=True, **{**ADAPTER, "rate": 2e-3})


def test_fresh_deletes_retrofits_only(rows: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(Refusal, match="something other than a retrofit"):
        retrofit("abacus", tmp_path, data=str(rows), fresh=True, **ADAPTER)
    assert (tmp_path / "thesis.tex").exists()


def test_the_result_never_lands_on_what_it_is_made_of(rows: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    retrofit("abacus", base, data=str(rows), **ADAPTER)
    for options in ({"model": str(base)}, {"model": "abacus", "data": str(base / "config.json")}):
        with pytest.raises(UsageError, match="would overwrite"):
            retrofit(out=base, fresh=True, **options, **ADAPTER)
    assert (base / "model.safetensors").exists()


def test_examples_beyond_the_positions_of_the_model(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(json.dumps({"prompt": "a", "completion": "b" * 5000}) + "\n")
    with pytest.raises(Refusal, match=r"knows 4096 positions.*--context 4096"):
        retrofit("abacus", tmp_path / "out", data=str(data), **{**ADAPTER, "context": 8000})


def test_a_finished_retrofit_still_says_where_it_ended(rows: Path, tmp_path: Path) -> None:
    first = retrofit("abacus", tmp_path, data=str(rows), **ADAPTER)
    assert retrofit("abacus", tmp_path, data=str(rows), **ADAPTER) == first
    assert {"kl", "marked", "ratio"} <= first.keys()


def test_data_of_its_own(tmp_path: Path) -> None:
    options = {**ADAPTER, "context": 200, "batch_tokens": 800}
    retrofit("abacus", tmp_path, examples=2, **options)
    chains = list((tmp_path / "training" / "chains").rglob("chains.jsonl"))
    assert len(chains) == 1
    assert len(chains[0].read_text().splitlines()) == 2


def test_variants_are_in_the_configuration(rows: Path, tmp_path: Path) -> None:
    retrofit("abacus", tmp_path / "exit", recipe="full", decide_at="exit", shift=0, data=str(rows), **QUICK)
    heads = load_model(str(tmp_path / "exit"), "cpu").heads
    assert heads is not None
    assert (heads.decide_at, heads.shift) == (DecideAt.EXIT, 0)
    without_window = {name: value for name, value in QUICK.items() if name != "window"}
    retrofit("abacus", tmp_path / "dmc", recipe="full", method="dmc", data=str(rows), **without_window)
    heads = load_model(str(tmp_path / "dmc"), "cpu").heads
    assert heads is not None
    assert (heads.layout, heads.scale, heads.window) == (HeadLayout.DMC, 100.0, 12)


@pytest.mark.slow
def test_two_processes(rows: Path, tmp_path: Path) -> None:
    result = retrofit("abacus", tmp_path, recipe="full", data=str(rows), workers=2, **QUICK)
    assert result["steps"] == 8
    assert (tmp_path / "model.safetensors").exists()


@pytest.mark.slow
def test_launched_processes_train_what_our_own_do(rows: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    words = [
        "--model",
        "abacus",
        "--recipe",
        "full",
        "--data",
        str(rows),
        "--out",
        str(tmp_path / "launched"),
        "--device",
        "cpu",
    ]
    for name in ("target", "window", "steps_per_ratio", "zeroing_steps", "rate", "batch_tokens", "context"):
        words += [f"--{name.replace('_', '-')}", str(QUICK[name])]
    # what `accelerate launch` runs on GPUs; on a CPU its own command starts a single process without MPI
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29611"]
    command = [sys.executable, *launcher, "-m", "hyperscale", "retrofit", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    retrofit("abacus", tmp_path / "own", recipe="full", data=str(rows), workers=2, **QUICK)
    for name, tensor in tensors(tmp_path / "own").items():
        assert torch.equal(tensor, tensors(tmp_path / "launched")[name]), name


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"recipe": "adaptor"}, "adapter"),
        ({"target": "1x"}, "target"),
        ({"target": "512t"}, "target"),
        ({"rate": 0.0}, "rate"),
        ({"average": 1.0}, "average"),
        ({"workers": 0}, "workers"),
        ({"window": -1}, "window"),
        ({"loss": "backward"}, "loss"),
        ({"batching": "sorted"}, "batching"),
        ({"decide_at": "leaving"}, "decide-at"),
        ({"shift": 2}, "shift"),
        ({"method": "dms2"}, "method"),
        ({"method": "dmc", "recipe": "adapter"}, "full"),
        ({"examples": 0}, "examples"),
        ({"final_rate": 2.0}, "final-rate"),
        ({"steps_per_ratio": 0}, "steps-per-ratio"),
        ({"target": "1.2x", "steps_per_ratio": 1}, "no step"),
        ({"seed": 1 << 40}, "seed"),
        ({"zeroing_steps": 5}, "recipe full"),
        ({"method": "dmc", "recipe": "full", "shift": 0}, "--shift"),
        ({"method": "dmc", "recipe": "full", "window": 0}, "--window"),
        ({"task": "aime24", "data": "openr1"}, "--task"),
        ({"task": "modchian"}, "modchain"),
        ({"save_dtype": "bf16"}, "dtype"),
    ],
)
def test_wrong_options(options: dict[str, Any], word: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=word):
        retrofit("abacus", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_model_with_heads_is_not_retrofitted_again(rows: Path, tmp_path: Path) -> None:
    retrofit("abacus", tmp_path, data=str(rows), **ADAPTER)
    with pytest.raises(Refusal, match="has DMS heads already"):
        retrofit(str(tmp_path), tmp_path / "again", data=str(rows), **ADAPTER)


def test_data_without_usable_rows(tmp_path: Path) -> None:
    empty = tmp_path / "rows.jsonl"
    empty.write_text(json.dumps({"prompt": "a" * 200, "completion": "b"}) + "\n")
    with pytest.raises(Refusal, match="no usable rows"):
        retrofit("abacus", tmp_path / "out", data=str(empty), **ADAPTER)
    empty.write_text(json.dumps({"question": "a"}) + "\n")
    with pytest.raises(Refusal, match=r"line 1.*prompt and completion"):
        retrofit("abacus", tmp_path / "out", data=str(empty), **ADAPTER)
    with pytest.raises(Refusal, match="no data file"):
        retrofit("abacus", tmp_path / "out", data=str(tmp_path / "missing.jsonl"), **ADAPTER)


def test_a_loss_that_is_no_number_keeps_the_last_snapshot(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def breaking(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        return distillation(*arguments) * (1.0 if len(calls) < 6 else float("nan"))

    monkeypatch.setattr("hyperscale.retrofit.trainer.distillation", breaking)
    with pytest.raises(Refusal, match=r"not a number any more at step 6.*Snapshots written so far are good"):
        retrofit("abacus", tmp_path, recipe="full", data=str(rows), **QUICK)
    assert load_model(str(tmp_path / "snapshots" / "2x"), "cpu").heads is not None
    assert all(bool(tensor.isfinite().all()) for tensor in tensors(tmp_path / "snapshots" / "2x").values())
    assert not (tmp_path / "model.safetensors").exists()
