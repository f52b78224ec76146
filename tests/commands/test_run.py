"""The whole road on a tiny random model: resume, crash, rows and workers, bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from transformers import Qwen3ForCausalLM

import hyperscale
from hyperscale.abacus.tokenizer import build_tokenizer
from hyperscale.errors import HyperscaleError, Refusal, UsageError
from hyperscale.store.records import ChainRecord
from hyperscale.store.run_folder import RunFolder

SMALL = {"method": "tova", "budget": "4x", "limit": 5, "width": 2, "max_len": 70, "workers": 1}


def chains_of(summary: dict) -> dict[tuple[str, int], dict]:
    records = RunFolder.read(Path(summary["run"])).chains()
    return {key: without_clock(record) for key, record in records.items()}


def without_clock(record: ChainRecord) -> dict:
    return {name: getattr(record, name) for name in ChainRecord.__dataclass_fields__ if name != "wall_s"}


@pytest.fixture(scope="module")
def reference(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], dict]:
    return chains_of(hyperscale.run(model=str(model), out=tmp_path_factory.mktemp("reference"), **SMALL))


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_chains_do_not_depend_on_rows(model: Path, tmp_path: Path, reference: dict, rows: int) -> None:
    assert chains_of(hyperscale.run(model=str(model), out=tmp_path, rows=rows, **SMALL)) == reference


def test_chains_do_not_depend_on_workers(model: Path, tmp_path: Path, reference: dict) -> None:
    assert chains_of(hyperscale.run(model=str(model), out=tmp_path, **{**SMALL, "workers": 2})) == reference


def test_workers_can_be_handed_more_than_a_pipe_holds(model: Path, tmp_path: Path) -> None:
    summary = hyperscale.run(model=str(model), out=tmp_path, **{**SMALL, "limit": 300, "width": 1, "max_len": 1, "workers": 2})
    assert summary["chains"] == 300


def test_workers_do_not_run_the_callers_script_again(model: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    options = {**SMALL, "max_len": 5, "workers": 2, "model": str(model), "out": str(tmp_path)}
    script.write_text(f"import hyperscale\nprint(hyperscale.run(**{options!r})['chains'])\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(hyperscale.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=250, check=False, env=environment
    )
    assert done.stdout.strip() == "10", done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_policy_that_raises_is_named(model: Path, tmp_path: Path, workers: int) -> None:
    file = tmp_path / "mine.py"
    lines = [
        "from hyperscale.cache.tova import TOVA",
        "class Mine(TOVA):",
        "    def scores(self, layer, weights):",
        "        1 / 0",
    ]
    file.write_text("\n".join([*lines, "        1 / 0"]) + "\n")
    with pytest.raises(Refusal, match=r"mine.py:Mine failed with ZeroDivisionError"):
        hyperscale.run(model=str(model), out=tmp_path, **{**SMALL, "method": f"{file}:Mine", "workers": workers})


def test_score_finds_a_card_of_ones_own(model: Path, tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    bundled = Path(__file__).parents[2] / "tasks" / "modchain.toml"
    card.write_text(bundled.read_text().replace('name = "modchain"', 'name = "mine"', 1))
    summary = hyperscale.run(task=str(card), model=str(model), out=tmp_path, **{**SMALL, "max_len": 5})
    assert hyperscale.score([Path(summary["run"])]) == [summary]


def test_raising_width_and_limit_generates_only_what_is_missing(model: Path, tmp_path: Path, reference: dict) -> None:
    first = hyperscale.run(model=str(model), out=tmp_path, **{**SMALL, "limit": 3, "width": 1})
    log = Path(first["run"]) / "chains.jsonl"
    before = log.read_bytes()
    second = hyperscale.run(model=str(model), out=tmp_path, **SMALL)
    assert second["run"] == first["run"]
    assert log.read_bytes().startswith(before)
    assert len(log.read_bytes().splitlines()) == 10
    assert chains_of(second) == reference
    assert second["chains"] == 10


def test_a_finished_run_is_not_generated_again(model: Path, tmp_path: Path) -> None:
    first = hyperscale.run(model=str(model), out=tmp_path, **SMALL)
    written = (Path(first["run"]) / "chains.jsonl").read_bytes()  # wall times included
    assert hyperscale.run(model=str(model), out=tmp_path, **SMALL) == first
    assert (Path(first["run"]) / "chains.jsonl").read_bytes() == written


def test_fresh_starts_over(model: Path, tmp_path: Path, reference: dict) -> None:
    first = hyperscale.run(model=str(model), out=tmp_path, **{**SMALL, "width": 3})
    second = hyperscale.run(model=str(model), out=tmp_path, fresh=True, **SMALL)
    assert second["run"] == first["run"]
    assert chains_of(second) == reference


def test_a_torn_record_is_cut_off_and_regenerated(model: Path, tmp_path: Path, reference: dict) -> None:
    first = hyperscale.run(model=str(model), out=tmp_path, **SMALL)
    log = Path(first["run"]) / "chains.jsonl"
    log.write_bytes(log.read_bytes()[:-40])
    assert chains_of(hyperscale.run(model=str(model), out=tmp_path, **SMALL)) == reference


def test_kill_minus_nine_then_resume_equals_an_uninterrupted_run(model: Path, tmp_path: Path) -> None:
    wanted = {**SMALL, "limit": 40, "width": 2, "max_len": 120}
    whole = chains_of(hyperscale.run(model=str(model), out=tmp_path / "whole", **wanted))
    code = f"import hyperscale; hyperscale.run(model={str(model)!r}, out={str(tmp_path / 'killed')!r}, **{wanted!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        logs = list((tmp_path / "killed").rglob("chains.jsonl"))
        if logs and len(logs[0].read_bytes().splitlines()) >= 3:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    present = len(next((tmp_path / "killed").rglob("chains.jsonl")).read_bytes().splitlines())
    assert 3 <= present < 80, "the run was to be killed on its way"
    assert chains_of(hyperscale.run(model=str(model), out=tmp_path / "killed", **wanted)) == whole


def test_purse_is_split_over_the_chains_and_never_overdrawn(model: Path, tmp_path: Path) -> None:
    summary = hyperscale.run(model=str(model), out=tmp_path, reads=6000, **SMALL)
    records = RunFolder.read(Path(summary["run"])).chains().values()
    assert any(record.finish_reason == "reads" for record in records)
    assert all(record.kv_reads + record.aux_reads <= 3000 for record in records)


def test_summary_is_on_disk_and_telemetry_beside_it(model: Path, tmp_path: Path) -> None:
    summary = hyperscale.run(model=str(model), out=tmp_path, **SMALL)
    folder = Path(summary["run"])
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert json.loads((folder / "telemetry.json").read_text())["tokens"] > 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["configuration"]["policy"] == {"prefill": "dense"}
    assert str(tmp_path) not in (folder / "manifest.json").read_text()


def test_a_changed_policy_file_is_another_run(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from hyperscale.cache.tova import TOVA\n\n\nclass Mine(TOVA):\n    pass\n")
    options = {**SMALL, "method": f"{file}:Mine", "limit": 1, "width": 1, "max_len": 5}
    first = hyperscale.run(model=str(model), out=tmp_path, **options)
    file.write_text(file.read_text() + "# changed\n")
    assert hyperscale.run(model=str(model), out=tmp_path, **options)["run"] != first["run"]


def test_score_grades_again_without_generating(model: Path, tmp_path: Path) -> None:
    summary = hyperscale.run(model=str(model), out=tmp_path, **SMALL)
    scores = Path(summary["run"]) / "scores.jsonl"
    before = scores.read_bytes()
    scores.unlink()
    assert hyperscale.score([tmp_path]) == [summary]
    assert sorted(scores.read_bytes().splitlines()) == sorted(before.splitlines())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"task": "modchian"}, UsageError, "Did you mean 'modchain'"),
        ({"method": "tovaa"}, UsageError, "Did you mean 'tova'"),
        ({"model": "abacuss"}, UsageError, "abacus"),
        ({"budget": "8"}, UsageError, "8x"),
        ({"method": "vanilla", "budget": "8x"}, UsageError, "1x"),
        ({"width": 0}, UsageError, "--width"),
        ({"max_len": 0}, UsageError, "--max-len"),
        ({"limit": 0}, UsageError, "--limit"),
        ({"temperature": 0.0, "width": 2}, UsageError, "temperature"),
        ({"temperature": -1.0}, UsageError, "temperature"),
        ({"top_p": 0.0}, UsageError, "top-p"),
        ({"reads": "many"}, UsageError, "--reads"),
        ({"rows": 0}, UsageError, "--rows"),
        ({"workers": "some"}, UsageError, "--workers"),
        ({"device": "abacus"}, UsageError, "device"),
        ({"device": "mps"}, UsageError, "not supported"),
        ({"dtype": "float7"}, UsageError, "float7"),
        ({"prompt": "plane"}, UsageError, "plain"),
        ({"settings": {"prefil": "dense"}}, UsageError, "prefill"),
        ({"settings": {"prefill": "sparse"}}, UsageError, "dense or stepwise"),
        ({"method": "nowhere.py:Mine"}, Refusal, "no file nowhere.py"),
        ({"method": "nowhere.py"}, UsageError, "name the class"),
        ({"data": "nowhere.jsonl"}, Refusal, "nowhere.jsonl"),
        ({"max_len": "8k"}, Refusal, "positions"),
        ({"model": "./nowhere"}, Refusal, "nowhere"),
    ],
)
def test_bad_input_gets_one_clear_message(
    model: Path, tmp_path: Path, options: dict, error: type[HyperscaleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        hyperscale.run(**{"model": str(model), "out": tmp_path, **SMALL, **options})
    assert not list(tmp_path.rglob("chains.jsonl"))


def test_a_model_folder_without_weights_or_tokenizer_is_refused(model: Path, tmp_path: Path) -> None:
    for missing, word in (("model.safetensors", "weights"), ("tokenizer.json", "tokenizer")):
        folder = tmp_path / word
        folder.mkdir()
        for file in model.iterdir():
            if file.name != missing:
                (folder / file.name).write_bytes(file.read_bytes())
        with pytest.raises(Refusal, match=word):
            hyperscale.run(model=str(folder), out=tmp_path / "out", **SMALL)


def test_logits_that_are_not_finite_are_errors_not_wrong_answers(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    module = Qwen3ForCausalLM.from_pretrained(model)
    module.model.norm.weight.data.fill_(float("nan"))
    module.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    with pytest.raises(Refusal, match="not finite"):
        hyperscale.run(model=str(folder), out=tmp_path / "out", **SMALL)
    with pytest.raises(Refusal, match="not finite"):  # also when all of them are there already
        hyperscale.run(model=str(folder), out=tmp_path / "out", **SMALL)
    run = RunFolder.read(next((tmp_path / "out").rglob("chains.jsonl")).parent)
    assert {str(record.finish_reason) for record in run.chains().values()} == {"error"}
    assert not run.scores()


def test_text_outside_the_tokenizer_goes_in_as_bytes(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "test.jsonl"
    data.write_text(json.dumps({"id": "x", "question": "Σ of é and 数?", "answer": "1"}) + "\n")
    assert hyperscale.run(model=str(model), data=data, out=tmp_path / "out", **SMALL)["problems"] == 1


def test_an_unwritable_output_folder_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="file"):
        hyperscale.run(model=str(model), out=tmp_path / "file", **SMALL)


def test_generate_returns_chains_per_prompt(model: Path) -> None:
    chains = hyperscale.generate(str(model), ["a=12;?a", "b=1;?b"], method="h2o", budget="8t", width=2, max_len=20)
    assert [[record.chain for record in records] for records in chains] == [[0, 1], [0, 1]]
    assert all(record.tokens <= 20 and record.peak_tokens <= 9 for records in chains for record in records)
