import json
from pathlib import Path

import pytest

from hyperscale.abacus.modchain import BENCHMARK_SIZE
from hyperscale.cli.main import execute
from hyperscale.tasks.cards import card_names


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert execute([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_tasks_lists_every_card_and_where_its_problems_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = {task["name"]: task for task in listed(capsys, "tasks")["tasks"]}
    assert set(tasks) == set(card_names())
    assert (tasks["modchain"]["origin"], tasks["modchain"]["problems"], tasks["modchain"]["fault"]) == (
        "bundled",
        BENCHMARK_SIZE,
        None,
    )
    assert (tasks["aime24"]["origin"], tasks["aime24"]["problems"]) == ("hub", None)
    assert tasks["aime24"]["source"] == "HuggingFaceH4/aime_2024"
    assert tasks["aime24"]["max_len"] == 32768
    assert tasks["math500"]["licence"] == "MIT"


def test_tasks_counts_local_rows_and_says_what_is_wrong_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, text in (("aime24", '{"id": 1, "problem": "1+1", "answer": "2"}\n'), ("math500", "{\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test.jsonl").write_text(text)
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path))
    tasks = {task["name"]: task for task in listed(capsys, "tasks")["tasks"]}
    assert (tasks["aime24"]["origin"], tasks["aime24"]["problems"]) == ("local", 1)
    assert tasks["math500"]["problems"] is None
    assert "line 1: bad JSON" in tasks["math500"]["fault"]
    assert tasks["gsm8k"]["origin"] == "hub"
    assert execute(["tasks"]) == 0
    assert "bad JSON" in " ".join(capsys.readouterr().out.split())


def test_methods_lists_parameters_as_set_takes_them(capsys: pytest.CaptureFixture[str]) -> None:
    from hyperscale.cache.registry import DEFAULT_METHOD, POLICIES, make_policy

    methods = {method["name"]: method for method in listed(capsys, "methods")["methods"]}
    assert set(methods) == set(POLICIES)
    assert [name for name, method in methods.items() if method["is_default"]] == [DEFAULT_METHOD]
    for name, method in methods.items():
        settings = {parameter["name"]: parameter["default"] for parameter in method["parameters"]}
        assert make_policy(name, settings).parameters() == make_policy(name).parameters()
    assert methods["vanilla"]["default_budget"] == "1x"
    assert methods["dms"]["default_budget"] == "the checkpoint's"
    assert methods["tova"]["paper"].endswith("arXiv 2401.06104")
    assert all(method["paper"] for name, method in methods.items() if name != "vanilla")
    assert {"name": "prefill", "default": "dense", "values": "dense | stepwise"} in methods["window"]["parameters"]


def test_models_counts_the_weights_of_bundled_models(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForCausalLM

    from hyperscale import bundled

    (tmp_path / "tiny").symlink_to(tiny_model)
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    listing = listed(capsys, "models")
    (model,) = listing["models"]
    assert model["name"] == "tiny"
    assert model["family"] == "qwen3"
    assert model["max_positions"] == 2048
    assert model["parameters"] == AutoModelForCausalLM.from_pretrained(tiny_model).num_parameters()
    assert "llama" in listing["families"]
    assert model["heads"] is None


def test_models_says_what_models_were_trained_for_and_under_which_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hyperscale import bundled
    from tests.fake_checkpoints import qwen3_adapters, qwen3_borrowed

    qwen3_adapters(tmp_path / "abacus-dms-8x")
    qwen3_borrowed(tmp_path / "sharded", dms_cr=2)
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    capsys.readouterr()
    listing = listed(capsys, "models")
    heads = {model["name"]: model["heads"] for model in listing["models"]}
    assert heads == {
        "abacus-dms-8x": {"method": "dms", "ratio": 8.0, "window": 16},
        "sharded": {"method": "dms", "ratio": 2.0, "window": 16},
    }
    published = {model["name"]: model for model in listing["published"]}
    assert published["nvidia/Qwen3-8B-DMS-8x"]["non_commercial"] is True
    assert published["nvidia/Qwen3-8B-DMS-8x"]["heads"] == {"method": "dms", "ratio": 8.0, "window": 512}
    assert execute(["models"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("dms 8x, w=16", "dms 2x, w=16", "nvidia/Qwen3-8B-DMS-8x", "non-commercial"):
        assert words in shown


def test_damaged_bundled_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hyperscale import bundled

    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "config.json").write_text("{}")
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"\x00\x01")
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    assert execute(["models"]) == 3
    assert "Install hyperscale again" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tasks", "methods", "models"])
def test_listings_fit_a_terminal_of_80_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([name]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "--" in shown.splitlines()[-1] or "--" in shown.splitlines()[-2] or "Families" in shown
