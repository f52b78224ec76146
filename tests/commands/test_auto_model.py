"""Which model `auto` stands for, and what is said before anything is fetched."""

import json
from pathlib import Path

import pytest

from hyperscale import bundled
from hyperscale.budget import Budget
from hyperscale.cache.registry import make_policy
from hyperscale.commands import auto_model
from hyperscale.commands.auto_model import GPU_MODEL, bundled_model, pick_model
from hyperscale.errors import Refusal
from hyperscale.tasks.cards import load_card

NVIDIA = "nvidia/Qwen3-8B-DMS-8x"


@pytest.fixture(autouse=True)
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that bundles a plain model and three with heads."""
    for name in ("abacus", "abacus-dms-2x", "abacus-dms-8x", "abacus-dms-16x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({}))
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(auto_model, "pick_device", lambda device: torch.device("cuda"))


def pick(task: str, method: str, ratio: float | None = None, **options: object) -> tuple[str, str | None]:
    budget = None if ratio is None else Budget(ratio=ratio)
    return pick_model("auto", load_card(task), "cpu", make_policy(method), budget, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "ratio", "name"),
    [
        ("tova", 8, "abacus"),
        ("vanilla", 1, "abacus"),
        ("dms", 8, "abacus-dms-8x"),
        ("dms", 2, "abacus-dms-2x"),
        ("dms", None, "abacus-dms-8x"),
        ("dms", 1, "abacus-dms-8x"),  # eviction off: any heads will do
    ],
)
def test_bundled_tasks_get_the_bundled_model_that_fits(method: str, ratio: float | None, name: str) -> None:
    assert pick("modchain", method, ratio) == (name, None)


def test_without_the_usual_ratio_the_highest_there_is_is_taken(tmp_path: Path) -> None:
    (tmp_path / "abacus-dms-8x" / "config.json").unlink()
    assert pick("modchain", "dms")[0] == "abacus-dms-16x"


def test_a_policy_derived_from_dms_is_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from hyperscale.cache.dms import DMS\n\n\nclass Mine(DMS):\n    pass\n")
    assert pick("modchain", f"{file}:Mine", 2)[0] == "abacus-dms-2x"


def test_a_ratio_that_nothing_bundled_was_trained_for_is_refused_with_a_remedy() -> None:
    message = (
        r"trained for dms at 3x \(there are abacus-dms-16x, abacus-dms-2x, abacus-dms-8x\).*"
        r"hyperscale retrofit --model abacus --target 3x --out DIR"
    )
    with pytest.raises(Refusal, match=message):
        pick("modchain", "dms", 3)
    with pytest.raises(Refusal, match=r"trained for dmc at 8x \(there are none\)"):
        bundled_model("dmc", None)


@pytest.mark.parametrize(("method", "name"), [("dms", "abacus-dms-8x"), ("tova", "abacus")])
def test_on_a_cpu_hub_tasks_get_the_bundled_model_and_a_plain_warning(method: str, name: str) -> None:
    chosen, remark = pick("aime24", method, 8)
    assert chosen == name
    assert remark is not None
    assert "cannot solve aime24" in remark


@pytest.mark.usefixtures("gpu")
class TestOnAGPU:
    def test_other_methods_get_a_free_model_that_is_named(self) -> None:
        chosen, remark = pick("aime24", "tova", 8)
        assert chosen == GPU_MODEL
        assert remark is not None
        assert "MIT" in remark

    @pytest.mark.parametrize("ratio", [None, 8, 1])
    def test_a_non_commercial_checkpoint_needs_its_licence_accepted(self, ratio: float | None) -> None:
        with pytest.raises(
            Refusal, match=rf"{NVIDIA} \(NVIDIA License, non-commercial.*16 GB.*--accept-licence.*--model {NVIDIA}"
        ):
            pick("aime24", "dms", ratio)
        chosen, remark = pick("aime24", "dms", ratio, accept_licence=True)
        assert chosen == NVIDIA
        assert remark is not None
        assert "non-commercial" in remark

    def test_a_ratio_that_nobody_published_is_refused_with_what_there_is(self) -> None:
        with pytest.raises(Refusal, match=rf"trained for dms at 4x.*{NVIDIA}, shisa-ai/Llama-3.2-1B-DMS-8x.*retrofit"):
            pick("aime24", "dms", 4, accept_licence=True)

    def test_bundled_tasks_still_get_the_bundled_model(self) -> None:
        assert pick("modchain", "dms", 8)[0] == "abacus-dms-8x"


def test_naming_a_non_commercial_model_shows_its_licence_and_accepts_it() -> None:
    chosen, remark = pick_model(NVIDIA, load_card("aime24"), "cpu", make_policy("dms"), None)
    assert chosen == NVIDIA
    assert remark == f"{NVIDIA}: NVIDIA License, non-commercial: research only; 16 GB from the hub."
    assert pick_model("some/other", load_card("aime24"), "cpu", make_policy("dms"), None) == ("some/other", None)
