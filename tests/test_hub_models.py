"""Published checkpoints from a hub on loopback, in processes of their own: the client reads its settings when imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hyperscale.models import load_model
from tests.fake_checkpoints import FASTDMS, GONE, llama_borrowed, qwen3_adapters, qwen3_borrowed, tokenizer_only
from tests.fake_checkpoints import NVIDIA as NVIDIA_KEYS
from tests.fake_hub import REVISION, Repository, serving
from tests.oracles.dms_checkpoint import replay

LOAD = """
import json, sys
from dataclasses import asdict
from hyperscale.errors import HyperscaleError
from hyperscale.models import load_model
from tests.test_dms_loading import listen

answers = {}
for name in sys.argv[1:]:
    try:
        model = load_model(name, "cpu")
    except HyperscaleError as error:
        answers[name] = {"exit_code": error.exit_code, "message": str(error)}
        continue
    names = ("base_model", "licence", "weights_hash", "tokenizer_hash")
    answers[name] = {key: getattr(model, key) for key in names} | {"heads": model.heads and asdict(model.heads)}
    answers[name]["logits"] = listen(model)[1].tolist() if model.heads else None
assert not [module for module in sys.modules if "qwen3_dms" in module]
print(json.dumps(answers))
"""

Answers = dict[str, dict[str, Any]]

NVIDIA, SHISA = "nvidia/Qwen3-8B-DMS-8x", "shisa-ai/Llama-3.2-1B-DMS-8x"


def load(work: Path, names: list[str], **variables: str) -> Answers:
    done = process(work, ["-c", LOAD, *names], **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def process(work: Path, arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Python in an environment without settings of the user's, with the hub's cache in `work`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HYPERSCALE_"))}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    settings = {"HF_HOME": str(work / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        env=kept | settings | {"PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1"} | variables,
        cwd=work,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def repository(name: str, folder: Path, **options: Any) -> Repository:
    return Repository(name, {path.name: path.read_bytes() for path in folder.iterdir()}, **options)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("hub")
    qwen3_borrowed(work / "nvidia")
    llama_borrowed(work / "shisa")  # its files say nothing: what is known of it must do
    llama_borrowed(work / "own", FASTDMS | {"window_size": 20})
    qwen3_adapters(work / "adapters", shards="40KB")
    tokenizer_only(work / "base")
    return work


@pytest.fixture(scope="module")
def answers(work: Path) -> tuple[Answers, Answers]:
    """What loading gives with the hub, and then without it from the cache the first process left."""
    hub = [
        repository(NVIDIA, work / "nvidia"),
        repository("Qwen/Qwen3-8B", work / "base"),
        repository(SHISA, work / "shisa"),
        repository("some/fastdms", work / "own"),
        repository("some/adapters", work / "adapters"),
        repository("some/flaky", work / "own", failing=("dms_metadata.json",)),
        repository("some/gated", work / "own", gated=True),
    ]
    names = [NVIDIA, SHISA, "some/fastdms", "some/adapters"]
    with serving(*hub) as endpoint:
        online = load(work, [*names, "some/flaky", "some/gated", "some/unknown"], HF_ENDPOINT=endpoint)
    return online, load(work, names, HF_HUB_OFFLINE="1")


@pytest.mark.parametrize(
    ("name", "folder", "base_model", "window", "shift"),
    [
        (NVIDIA, "nvidia", "Qwen/Qwen3-8B", 16, 1),
        (SHISA, "shisa", "meta-llama/Llama-3.2-1B", 256, 0),
        ("some/fastdms", "own", "meta-llama/Llama-3.2-1B", 20, 0),
        ("some/adapters", "adapters", "some/adapters", 16, 1),
    ],
)
def test_published_checkpoints_load_from_a_hub_and_offline_from_its_cache(
    work: Path, answers: tuple[Answers, Answers], name: str, folder: str, base_model: str, window: int, shift: int
) -> None:
    from tests.test_dms_loading import IDS

    online, offline = (answer[name] for answer in answers)
    assert online == offline
    assert (online["base_model"], online["weights_hash"]) == (base_model, REVISION)
    assert (online["heads"]["window"], online["heads"]["shift"], online["heads"]["ratio"]) == (window, shift, 8)
    assert online["logits"] == replay(work / folder, IDS)[1].tolist()
    assert online["tokenizer_hash"] == load_model("abacus", "cpu").tokenizer_hash


def test_the_licence_of_a_published_checkpoint_is_known(answers: tuple[Answers, Answers]) -> None:
    assert "non-commercial" in answers[0][NVIDIA]["licence"]
    assert answers[0]["some/adapters"]["licence"] == "see the model's page"


def test_a_hub_that_fails_to_give_the_metadata_is_not_taken_for_one_without(answers: tuple[Answers, Answers]) -> None:
    answer = answers[0]["some/flaky"]
    assert answer["exit_code"] == 3
    assert "Could not get the dms_metadata.json of some/flaky from the hub" in answer["message"]


@pytest.mark.parametrize("name", ["some/gated", "some/unknown"])
def test_models_that_the_hub_does_not_give_are_refused_by_name(answers: tuple[Answers, Answers], name: str) -> None:
    answer = answers[0][name]
    assert answer["exit_code"] == 3
    for word in (f"configuration of {name}", "HF_TOKEN"):
        assert word in answer["message"]


def test_dms_on_a_model_without_heads_is_refused_before_its_weights_are_fetched(tmp_path: Path) -> None:
    plain = qwen3_borrowed(tmp_path / "plain", tokenizer=True, **dict.fromkeys(NVIDIA_KEYS, GONE))
    options = ["--model", "some/plain", "--method", "dms", "--limit", "1", "--device", "cpu"]
    with serving(repository("some/plain", plain)) as endpoint:
        done = process(tmp_path, ["-m", "hyperscale", "run", *options], HF_ENDPOINT=endpoint)
    assert done.returncode == 3
    assert "error: some/plain has no DMS heads" in done.stderr
    cached = {path.name for path in (tmp_path / "cache").rglob("*.*") if "snapshots" in path.parts}
    assert "config.json" in cached
    assert not [name for name in cached if name.endswith(".safetensors")]
