"""Checkpoints whose learned heads are damaged, incomplete or contradictory: one message each, with names and values."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hyperscale.errors import Refusal
from hyperscale.models import load_model
from tests.fake_checkpoints import (
    FASTDMS,
    GONE,
    HIDDEN,
    KV_HEADS,
    LAYERS,
    Broken,
    edit_config,
    llama_borrowed,
    qwen3_adapters,
    qwen3_borrowed,
)

LAST = f"model.layers.{LAYERS - 1}.self_attn.dms_proj_alpha"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Broken(without=(f"{LAST}.weight",)), rf"no {LAST}.weight \[{KV_HEADS}, {HIDDEN}\].*every layer"),
        (Broken(without=(f"{LAST}_norm.weight",)), rf"no {LAST}_norm.weight \[{HIDDEN}\]"),
        (
            Broken(replaced=((f"{LAST}.weight", (4, HIDDEN)),)),
            rf"{LAST}.weight should be \[{KV_HEADS}, {HIDDEN}\].*is \[4, {HIDDEN}\]",
        ),
        (Broken(replaced=((f"{LAST}_norm.weight", (8,)),)), rf"{LAST}_norm.weight should be \[{HIDDEN}\].*is \[8\]"),
        (Broken(replaced=((f"{LAST}.bias", (2,)),)), rf"{LAST}.bias belongs to no DMS adapter"),
        (
            Broken(replaced=(("model.layers.9.self_attn.dms_proj_alpha.weight", (2, HIDDEN)),)),
            r"layers.9.*belongs to no DMS adapter",
        ),
    ],
    ids=["no projection", "no norm", "projection of another model", "norm of another model", "a bias", "a layer too many"],
)
def test_adapters_that_do_not_fit_the_model_are_refused(tmp_path: Path, broken: Broken, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        load_model(str(qwen3_adapters(tmp_path / "model", broken)), "cpu")


def test_adapters_that_the_configuration_promises_must_be_there(tmp_path: Path) -> None:
    folder = qwen3_borrowed(tmp_path / "model", tokenizer=True, dms_separate_alpha=True)
    with pytest.raises(Refusal, match=r"dms_separate_alpha.*no dms_proj_alpha tensors"):
        load_model(str(folder), "cpu")


def test_heads_without_safetensors_are_refused(tmp_path: Path) -> None:
    folder = llama_borrowed(tmp_path / "model", FASTDMS)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(Refusal, match="safetensors"):
        load_model(str(folder), "cpu")


def test_weights_that_lack_tensors_are_refused_and_not_filled_with_random_numbers(tmp_path: Path) -> None:
    folder = llama_borrowed(tmp_path / "model")
    edit_config(folder, num_hidden_layers=LAYERS + 1)
    with pytest.raises(Refusal, match=rf"lack 9 tensors.*model.layers.{LAYERS}"):
        load_model(str(folder), "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dms_window_size": GONE}, "does not say dms_window_size"),
        ({"dms_window_size": "512"}, "dms_window_size .* is '512', not a number"),
        ({"dms_window_size": -1}, "is -1, not a whole number"),
        ({"dms_window_size": 1.5}, "is 1.5, not a whole number"),
        ({"dms_window_size": float("inf")}, "is inf, not a number"),
        ({"dms_alpha_scale": None, "dms_alpha_offset": float("nan")}, "is nan, not a number"),
        ({"dms_alpha_scale": True}, "is True, not a number"),
        ({"dms_cr": 0.5}, "is 0.5, not a compression of 1 or more"),
        ({"dms_cr": [8]}, r"is \[8\], not a number"),
        ({"dms_shift": 2}, "is 2, not 0 or 1"),
        ({"dms_decide_at": "noon"}, "is 'noon', not arrival or exit"),
        ({"dms_alpha_per": "token"}, "is 'token', not head or layer"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(tmp_path: Path, changes: dict, message: str) -> None:
    folder = qwen3_borrowed(tmp_path / "model", tokenizer=True, **changes)
    with pytest.raises(Refusal, match=message):
        load_model(str(folder), "cpu")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("dms_window_size", 16, "dms_window_size = 16.* says 12"),
        ("dms_initial_alpha_offset", 4.0, "dms_initial_alpha_offset = 4.0.* says 5.0"),
        ("dms_cr", 4, "dms_cr = 4.* says 8"),
        ("dms_alpha_scale", 10, "dms_alpha_scale = 10.* says 100.0"),
    ],
)
def test_configuration_and_metadata_that_disagree_are_refused_with_both_values(
    tmp_path: Path, key: str, value: float, words: str
) -> None:
    folder = llama_borrowed(tmp_path / "model", FASTDMS)
    edit_config(folder, **{key: value})
    with pytest.raises(Refusal, match=words):
        load_model(str(folder), "cpu")


@pytest.mark.parametrize("content", ["[1, 2]", "{torn", '{"config": 3}'])
def test_metadata_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    folder = llama_borrowed(tmp_path / "model", FASTDMS)
    (folder / "dms_metadata.json").write_text(content)
    with pytest.raises(Refusal, match=r"dms_metadata\.json.*Restore the file"):
        load_model(str(folder), "cpu")
