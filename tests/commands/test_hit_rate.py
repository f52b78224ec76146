"""Hit rates and retention through `hyperscale run`: measured, stored, resumed, shown."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

import hyperscale
from hyperscale.abacus.tokenizer import build_tokenizer
from hyperscale.analysis.summary import dense_reads
from hyperscale.cli.main import execute
from hyperscale.commands.report import Report
from hyperscale.errors import UsageError
from hyperscale.store.run_folder import RunFolder
from tests.commands.test_report import DENSE, ROW, rendered

SMALL = {"method": "tova", "budget": "4x", "limit": 3, "width": 2, "max_len": 40, "workers": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = build_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "head_dim": 16, "initializer_range": 0.3}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 2048}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = Qwen3Config(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, **sizes, **heads)
        Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def telemetry(summary: dict[str, Any]) -> dict[str, Any]:
    return json.loads((Path(summary["run"]) / "telemetry.json").read_text())


def test_it_is_stored_reported_and_kept(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = hyperscale.run(model=model, out=tmp_path, **SMALL)
    assert plain["hit_rate"] is None
    summary = hyperscale.run(model=model, out=tmp_path, hit_rate=4, **SMALL)
    stored = telemetry(summary)["hit_rate"]
    assert stored["chains"] == 4
    assert [len(layer) for layer in stored["by_layer_and_head"]] == [2, 2]
    assert 0.1 < stored["mean"] < 1
    assert summary == {**plain, "hit_rate": stored["mean"]}
    assert json.loads((Path(summary["run"]) / "summary.json").read_text()) == summary
    assert telemetry(summary)["tokens"] == sum(chain.tokens for chain in chains(summary))
    # kept by a session that does not measure, by new grades, and by a report without a summary
    assert hyperscale.run(model=model, out=tmp_path, **SMALL) == summary
    assert hyperscale.score([tmp_path]) == [summary]
    (Path(summary["run"]) / "summary.json").unlink()
    assert hyperscale.report([tmp_path]).to_json()["runs"][0]["hit_rate"] == stored["mean"]
    capsys.readouterr()
    assert execute(["report", str(tmp_path), "--markdown"]) == 0
    assert "hit rate %" in capsys.readouterr().out
    # by a session that adds chains, though they were not replayed
    assert hyperscale.run(model=model, out=tmp_path, **{**SMALL, "width": 3})["hit_rate"] == stored["mean"]
    # all chains of the configuration deleted: nothing measured any more
    assert hyperscale.run(model=model, out=tmp_path, fresh=True, **SMALL)["hit_rate"] is None


def chains(summary: dict[str, Any]) -> list[Any]:
    return list(RunFolder.read(Path(summary["run"])).chains().values())


def test_it_depends_on_the_seed_and_the_chains_alone(model: str, tmp_path: Path) -> None:
    first = hyperscale.run(model=model, out=tmp_path / "a", hit_rate=3, **SMALL)
    second = hyperscale.run(model=model, out=tmp_path / "b", hit_rate=3, rows=1, **SMALL)
    assert telemetry(first)["hit_rate"] == telemetry(second)["hit_rate"]
    every = hyperscale.run(model=model, out=tmp_path / "a", hit_rate=99, **SMALL)
    assert telemetry(every)["hit_rate"]["chains"] == 6
    assert every["hit_rate"] != first["hit_rate"]


def test_a_dense_run_misses_nothing(model: str, tmp_path: Path) -> None:
    dense = {**SMALL, "method": "vanilla", "budget": "1x"}
    assert hyperscale.run(model=model, out=tmp_path, hit_rate=2, **dense)["hit_rate"] == 1.0


def test_chains_without_a_decode_step_cannot_be_replayed(model: str, tmp_path: Path) -> None:
    summary = hyperscale.run(model=model, out=tmp_path, hit_rate=2, **{**SMALL, "max_len": 1})
    assert summary["hit_rate"] is None
    assert "hit_rate" not in telemetry(summary)


@pytest.mark.parametrize("count", [0, -1, "some"])
def test_a_count_that_makes_no_sense_is_refused_first(count: Any) -> None:
    with pytest.raises(UsageError, match="--hit-rate"):
        hyperscale.run(model="./nowhere", hit_rate=count)


def test_retention_is_that_of_the_chains_whatever_sessions_and_workers_made_them(model: str, tmp_path: Path) -> None:
    hyperscale.run(model=model, out=tmp_path, **{**SMALL, "width": 1, "limit": 2})
    hyperscale.run(model=model, out=tmp_path, **{**SMALL, "workers": 2})
    summary = hyperscale.run(model=model, out=tmp_path, hit_rate=1, **SMALL)
    retention, made = telemetry(summary)["retention"], chains(summary)
    assert retention["seen"] == sum(dense_reads(chain.prompt_tokens, chain.tokens) for chain in made)
    assert sum(map(sum, retention["held"])) / 2 == pytest.approx(sum(chain.kv_reads for chain in made))
    assert [len(layer) for layer in retention["held"]] == [1, 1]


def test_tables_have_a_column_where_some_run_was_measured() -> None:
    measured = {**ROW, "hit_rate": 0.876}
    assert "hit %" not in rendered([DENSE, {**ROW, "hit_rate": None}], 200)
    text = rendered([DENSE, measured], 120)
    header = next(line for line in text.splitlines() if "method" in line).split()
    assert header[header.index("hit") - 2 : header.index("hit")] == ["accuracy", "%"]
    assert " 87.6 " in text
    assert "share of the dense model's attention" in " ".join(text.split())
    lines = Report((DENSE, measured)).markdown().splitlines()
    assert [line.count("|") for line in lines[:4]] == [18] * 4
    assert "| hit rate % |" in lines[0]
    assert "| - |" in lines[2]
