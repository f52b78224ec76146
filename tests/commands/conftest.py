"""What several commands are tested with."""

from pathlib import Path

import pytest
import torch
from transformers import Qwen3ForCausalLM

from hyperscale.abacus.tokenizer import build_tokenizer
from hyperscale.abacus.train import config


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the bundled model's tokenizer, in the hub's layout."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    settings = config(tokenizer)
    settings.update({"hidden_size": 32, "intermediate_size": 64, "initializer_range": 0.3})
    Qwen3ForCausalLM(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
