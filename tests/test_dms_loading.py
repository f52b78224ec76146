"""Checkpoints in the published formats, loaded as a user would, against an independent reading of them."""

import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hyperscale.attention.seam import forward
from hyperscale.attention.taps import Heard
from hyperscale.errors import Refusal
from hyperscale.heads import HeadLayout
from hyperscale.models import LoadedModel, load_model
from tests.fake_checkpoints import (
    FASTDMS,
    HIDDEN,
    llama_borrowed,
    qwen3_adapters,
    qwen3_borrowed,
    tokenizer_only,
)
from tests.oracles.dms_checkpoint import causal_attention, replay

IDS = [3, 50, 17, 88, 42, 9, 61, 23, 70, 5, 33, 91, 14, 55, 28, 77, 60, 8, 45, 19, 66, 31, 84, 12]

MAKERS: dict[str, Callable[[Path], Path]] = {
    "nvidia": lambda folder: qwen3_borrowed(folder, tokenizer=True),
    "fastdms": lambda folder: llama_borrowed(folder, FASTDMS),
    "adapters": qwen3_adapters,
    "sharded adapters": lambda folder: qwen3_adapters(folder, shards="40KB"),
}


class Listening:
    """Stands behind the seam: dense attention that remembers what the taps heard."""

    def __init__(self) -> None:
        self.heard: list[torch.Tensor] = []

    def tapped(self, layer: int, heard: Heard) -> None:
        assert layer == len(self.heard)
        self.heard.append(heard.raw[0])

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        return causal_attention(q, k, v, scaling)


@torch.no_grad()
def listen(model: LoadedModel) -> tuple[list[torch.Tensor], torch.Tensor]:
    """What the taps heard of `IDS`, and the logits after the last of them."""
    listening = Listening()
    logits = forward(model.module, torch.tensor([IDS]), torch.arange(len(IDS))[None], listening)
    return listening.heard, logits[0]


@pytest.mark.parametrize("maker", MAKERS)
def test_decisions_and_logits_are_bit_for_bit_those_of_an_independent_reading(tmp_path: Path, maker: str) -> None:
    folder = MAKERS[maker](tmp_path / "model")
    heard, logits = listen(load_model(str(folder), "cpu"))
    expected, expected_logits = replay(folder, IDS)
    assert torch.equal(torch.stack(heard), torch.stack(expected))
    assert torch.equal(logits, expected_logits)
    marked = (100 * torch.stack(expected) - 5 > 0).float().mean(2)  # of each head: neither all nor none
    assert ((marked > 0) & (marked < 1)).all()


@pytest.mark.parametrize("maker", ["nvidia", "fastdms"])
def test_a_dense_run_of_a_borrowed_coordinate_never_sees_it(tmp_path: Path, maker: str) -> None:
    folder = MAKERS[maker](tmp_path / "model")
    logits = listen(load_model(str(folder), "cpu"))[1]
    seen = replay(folder, IDS, zeroed=False)[1]
    assert (logits - seen).abs().max() > 1e-2, "the coordinate matters to this model"


@pytest.mark.parametrize("maker", ["adapters", "sharded adapters"])
def test_adapters_leave_the_model_as_it_is(tmp_path: Path, maker: str) -> None:
    from transformers import AutoModelForCausalLM

    folder = MAKERS[maker](tmp_path / "model")
    stock = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")(torch.tensor([IDS])).logits[0, -1]
    torch.testing.assert_close(listen(load_model(str(folder), "cpu"))[1], stock, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_adapters_round_as_the_models_own_norms_do(tmp_path: Path) -> None:
    model = load_model(str(qwen3_adapters(tmp_path / "model")), "cpu", "bfloat16")
    for layer in model.module.model.layers:
        x = torch.randn(5, HIDDEN).bfloat16()
        tap, own = layer.self_attn.tap, type(layer.input_layernorm)(HIDDEN, model.config.rms_norm_eps).bfloat16()
        own.load_state_dict(tap.norm.state_dict())
        assert torch.equal(tap.norm(x), own(x))
        assert tap.proj.weight.dtype is torch.bfloat16


@pytest.mark.parametrize(
    ("maker", "layout", "window", "shift", "ratio"),
    [
        ("nvidia", HeadLayout.BORROWED, 16, 1, 8),
        ("fastdms", HeadLayout.BORROWED, 12, 0, 8),
        ("adapters", HeadLayout.ADAPTER, 16, 1, 8),
    ],
)
def test_heads_are_recognised(tmp_path: Path, maker: str, layout: HeadLayout, window: int, shift: int, ratio: int) -> None:
    heads = load_model(str(MAKERS[maker](tmp_path / "model")), "cpu").heads
    assert heads is not None
    assert (heads.layout, heads.window, heads.shift, heads.ratio, heads.scale, heads.offset) == (
        layout,
        window,
        shift,
        ratio,
        100,
        5,
    )


def test_an_ordinary_model_has_no_heads_and_no_taps(tmp_path: Path) -> None:
    model = load_model(str(llama_borrowed(tmp_path / "model")), "cpu")
    assert model.heads is None
    assert not any("tap" in name for name, _ in model.module.named_modules())


def test_no_code_of_a_checkpoint_is_run_and_nothing_is_said_about_its_tensors(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from transformers.models.qwen3.modeling_qwen3 import Qwen3ForCausalLM

    folder = qwen3_adapters(tmp_path / "model")
    capfd.readouterr()
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        model = load_model(str(folder), "cpu")
    assert type(model.module) is Qwen3ForCausalLM
    assert not [name for name in sys.modules if "qwen3_dms" in name]
    assert "".join(capfd.readouterr()) == ""
    assert caplog.text == ""


# --- FastDMS's places


def test_metadata_beside_the_weights_wins_over_the_log_above_them(tmp_path: Path) -> None:
    both = llama_borrowed(tmp_path / "both", FASTDMS, FASTDMS | {"window_size": 99})
    assert load_model(str(both), "cpu").heads.window == 12
    above = llama_borrowed(tmp_path / "above" / "final", None, FASTDMS | {"window_size": 77})
    model = load_model(str(above), "cpu")
    assert (model.heads.window, model.heads.shift, model.base_model) == (77, 0, "meta-llama/Llama-3.2-1B")


def test_metadata_may_lie_inside_a_config_object(tmp_path: Path) -> None:
    assert load_model(str(llama_borrowed(tmp_path / "model", {"config": FASTDMS})), "cpu").heads.window == 12


@pytest.mark.parametrize("content", ['{"config": {"lr": 1}}', '{"config": [1]}', "[1, 2]", "{torn"])
def test_a_log_of_some_other_training_says_nothing(tmp_path: Path, content: str) -> None:
    folder = llama_borrowed(tmp_path / "model")
    (tmp_path / "training_log.json").write_text(content)
    assert load_model(str(folder), "cpu").heads is None


def test_the_hash_of_the_weights_covers_the_metadata(tmp_path: Path) -> None:
    folder = llama_borrowed(tmp_path / "model", FASTDMS)
    before = load_model(str(folder), "cpu").weights_hash
    (folder / "dms_metadata.json").write_text(json.dumps(FASTDMS | {"alpha_offset": 6.0}))
    assert load_model(str(folder), "cpu").weights_hash != before


# --- tokenizers


def test_a_checkpoint_without_a_tokenizer_takes_that_of_the_model_it_names(tmp_path: Path) -> None:
    base = tokenizer_only(tmp_path / "base")
    from_config = qwen3_borrowed(tmp_path / "one", _name_or_path=str(base))
    beside = qwen3_borrowed(tmp_path / "two")
    (beside / "hyperscale.json").write_text(json.dumps({"base_model": "abacus", "tokenizer": "../base", "licence": "MIT"}))
    bundled = qwen3_borrowed(tmp_path / "three")
    (bundled / "hyperscale.json").write_text(json.dumps({"base_model": "abacus"}))
    models = [load_model(str(folder), "cpu") for folder in (from_config, beside, bundled)]
    assert {model.tokenizer_hash for model in models} == {load_model("abacus", "cpu").tokenizer_hash}
    assert [model.base_model for model in models] == ["base", "abacus", "abacus"]
    assert models[1].licence == "MIT"


def test_its_own_tokenizer_is_kept(tmp_path: Path) -> None:
    folder = qwen3_borrowed(tmp_path / "model", tokenizer=True, _name_or_path="nobody/knows-this")
    assert load_model(str(folder), "cpu").base_model == "nobody/knows-this"


def test_a_folder_of_a_published_checkpoint_is_known_by_its_name(tmp_path: Path) -> None:
    folder = qwen3_borrowed(tmp_path / "Qwen3-8B-DMS-8x", tokenizer=True)
    model = load_model(str(folder), "cpu")
    assert (model.name, model.base_model) == ("Qwen3-8B-DMS-8x", "Qwen/Qwen3-8B")
    assert "non-commercial" in model.licence


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (None, r"no usable tokenizer"),
        ({"tokenizer": "nowhere"}, r"takes the tokenizer from nowhere: there is no such model"),
        ({"base_model": "small"}, r"no usable tokenizer"),
        ({"tokenizer": "../large"}, r"large knows \d+ tokens, the model 50\..*no tokenizer of its own"),
    ],
)
def test_a_checkpoint_without_any_tokenizer_is_refused(tmp_path: Path, about: dict | None, message: str) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer_only(tmp_path / "large")
    folder = tmp_path / "model"
    small = LlamaConfig(vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
    LlamaForCausalLM(small).save_pretrained(folder)
    if about is not None:
        (folder / "hyperscale.json").write_text(json.dumps(about))
    with pytest.raises(Refusal, match=message):
        load_model(str(folder), "cpu")
