"""Predictions of length, reads, memory and time, worked by hand, and what they rest on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.cache.cache import CacheShape
from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.calibration import Calibration, Pace, SampleChain, stored_calibration, tried_calibration
from hyperscale.commands.forecast import cache_bytes, forecast
from hyperscale.commands.prospect import Prospect, prospects
from hyperscale.commands.run_plan import Machine
from hyperscale.commands.standing import Standing
from hyperscale.commands.sweep_forecast import forecast_sweep
from hyperscale.commands.sweep_plan import PlannedRun, plan_sweep
from hyperscale.commands.sweep_request import SweepOptions, understand_sweep
from hyperscale.engine.sampler import Sampling
from hyperscale.engine.scheduler import TICK_EVERY
from hyperscale.errors import Refusal, UsageError
from hyperscale.models import LoadedModel, load_model
from tests.commands.made_runs import write_run

SHAPE = CacheShape(layers=4, kv_heads=2, query_heads=4, head_dim=16, dtype=torch.float16, device=torch.device("cpu"))
ONE_WORKER = Machine("cpu", "auto", rows=4, workers=1)


def test_bytes_of_a_cache() -> None:
    # 125 entries in each of 4 x 2 heads, a key and a value of 16 numbers of 2 bytes, 10 chains
    assert cache_bytes(125, SHAPE, rows=10) == 125 * 8 * 2 * 16 * 2 * 10 == 640_000


# --- lengths


def calibration(*chains: tuple[int, bool], tokens_per_s: float = 100.0, pace: Pace = Pace.RUN) -> Calibration:
    return Calibration("", tuple(SampleChain(*each) for each in chains), tokens_per_s, pace)


def test_a_chain_that_was_cut_off_goes_on_with_the_chance_of_the_sample() -> None:
    sample = calibration((10, True), (30, False))  # one end in 40 tokens
    rest = sum((39 / 40) ** already for already in range(20))  # each of 20 further tokens comes if none before was the last
    assert sample.lengths(50) == pytest.approx([10, 30 + rest])


def test_a_chain_is_never_longer_than_allowed() -> None:
    assert calibration((10, True), (30, True), (30, False)).lengths(20) == [10, 20, 20]


def test_where_no_chain_ended_all_go_on_to_the_end() -> None:
    assert calibration((30, False), (40, False)).lengths(100) == [100, 100]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.booleans()), min_size=1, max_size=8), st.integers(1, 400))
def test_lengths_lie_between_what_was_seen_and_what_is_allowed(chains: list[tuple[int, bool]], most: int) -> None:
    for (tokens, _), length in zip(chains, calibration(*chains).lengths(most), strict=True):
        assert min(tokens, most) <= length <= most + 1e-6


def test_workers_multiply_the_speed_of_one_but_not_that_of_a_run() -> None:
    assert calibration((1, True), pace=Pace.WORKER).speed(3) == 300
    assert calibration((1, True), pace=Pace.RUN).speed(3) == 100


# --- a whole forecast


@dataclass(frozen=True)
class Planned:
    run: PlannedRun
    standing: Standing


def planned(method: str, config: str, prompts: list[int], present: int = 0) -> Planned:
    run = plan_sweep(understand_sweep(None, {"methods": [method], "configs": [config]})).runs[0]
    encoded = {f"p{number}": (0,) * tokens for number, tokens in enumerate(prompts)}
    wanted = len(prompts) * run.width
    return Planned(run, Standing(Path("run"), encoded, Sampling(1.0, 1.0, 0), SHAPE, wanted, present, None))


def test_a_dense_forecast_by_hand() -> None:
    it = planned("vanilla", "2-64-1x", prompts=[10, 20], present=1)
    found = forecast(it.run, it.standing, calibration((5, True), (3, True), tokens_per_s=4), ONE_WORKER)
    assert found.tokens == 8  # two chains of (5 + 3) / 2
    # prompts of 15 on average: 16 + 17 + 18 + 19 for five tokens and 16 + 17 for three, and two chains of the mean
    assert found.kv_reads == 2 * (70 + 33) / 2
    assert found.aux_reads == 0
    assert found.memory == (20 + 64) * 8 * 2 * 16 * 2 * 4  # the longest prompt, and all four rows
    assert found.seconds == 3 * 4 / 4  # 3 of 4 chains are missing


def test_a_compressed_forecast_by_hand() -> None:
    it = planned("window", "1-64-8x", prompts=[16])
    found = forecast(it.run, it.standing, calibration((5, True)), replace(ONE_WORKER, workers=2))
    assert found.kv_reads == 4 * 10  # ceil((16 + 64) / 8) slots at four steps
    assert found.memory == 10 * 8 * 2 * 16 * 2 * 4 * 2  # of both workers


# --- a try


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(Checkpoint.open("abacus"), "cpu", "auto")


def looked_at(**words: Any) -> list[Prospect]:
    return list(prospects(plan_sweep(understand_sweep(None, SweepOptions(**words))), lambda text: None))


def test_a_try_generates_a_block_of_chains_and_writes_nothing(model: LoadedModel, tmp_path: Path) -> None:
    (prospect,) = looked_at(methods=["vanilla"], configs=["4-64-1x"], limit=2, out=tmp_path / "results")
    assert prospect.standing is not None
    ticking = iter(range(0, 1000, 2))  # a clock that runs so fast that time is up after two signs of life
    found = tried_calibration(prospect.run, prospect.standing, model, seconds=3, now=lambda: float(next(ticking)))
    assert len(found.chains) == 8  # all there are: 4 chains of 2 problems
    assert {chain.tokens for chain in found.chains} == {1 + 2 * TICK_EVERY}
    assert found.tokens_per_s == 8 * (1 + 2 * TICK_EVERY) / 6
    assert found.source.startswith("8 chains of vanilla 1x, tried for ")
    assert found.source.endswith("none ended by itself: each is taken to be as long as L")
    assert not (tmp_path / "results").exists()


# --- calibration by runs that are there


def made(out: Path, method: str, budget: str, problems: int) -> Path:
    """A run with four chains of 100 tokens per problem."""
    path = out / "modchain" / "abacus" / f"{method}-{budget}-{problems}"
    return write_run(path, [1] * problems, method=method, budget=budget)


def test_a_run_of_the_same_method_calibrates_and_best_one_of_the_same_budget(tmp_path: Path) -> None:
    run = planned("tova", "1-64-4x", prompts=[10]).run
    made(tmp_path, "window", "4x", problems=10)
    made(tmp_path, "tova", "4x", problems=7)  # 28 chains are too few
    assert stored_calibration(run, tmp_path) is None
    made(tmp_path, "tova", "2x", problems=9)
    made(tmp_path, "tova", "8x", problems=10)
    found = stored_calibration(run, tmp_path)
    assert found is not None
    assert found.source == f"40 chains of {tmp_path}/modchain/abacus/tova-8x-10"
    assert (found.chains, found.tokens_per_s, found.pace) == ((SampleChain(100, True),) * 40, 100, Pace.RUN)
    made(tmp_path, "tova", "4x", problems=8)
    found = stored_calibration(run, tmp_path)
    assert found is not None
    assert found.source == f"32 chains of {tmp_path}/modchain/abacus/tova-4x-8"


def test_a_damaged_run_is_no_measure(tmp_path: Path) -> None:
    run = planned("tova", "1-64-4x", prompts=[10]).run
    (made(tmp_path, "tova", "4x", problems=9) / "manifest.json").write_text("{")
    assert stored_calibration(run, tmp_path) is None
    made(tmp_path, "tova", "2x", problems=9)
    assert stored_calibration(run, tmp_path) is not None


# --- all of a sweep


def test_a_forecast_says_what_it_rests_on_and_writes_nothing(tmp_path: Path) -> None:
    made(tmp_path, "tova", "4x", problems=10)
    before = sorted(tmp_path.rglob("*"))
    notes: list[str] = []
    words: dict[str, Any] = {"methods": ["tova", "vanilla", "dms"], "configs": ["2-256-3x", "2-256-5x"], "limit": 5}
    found = forecast_sweep(**words, out=tmp_path, workers=1, note=notes.append)
    assert notes[0] == "configurations are W-L-CR"
    assert [text.partition(":")[2].split(":")[0].strip() for text in notes[1:]] == ["vanilla", "dms 2-256-3x", "dms 2-256-5x"]
    three, five = (each.to_json() for each in found.runs)
    assert (three["run"], three["covers"], three["state"], three["chains"], three["missing"]) == (
        "tova 3x",
        ["2-256-3x"],
        "waiting",
        10,
        10,
    )
    assert three["tokens"] == 200  # two chains of 100
    assert three["seconds"] == five["seconds"] == 10.0  # ten chains of 100 tokens at 100 tokens/s
    assert found.seconds == found.to_json()["seconds"] == 20.0
    assert three["kv_reads"] > five["kv_reads"]
    assert three["calibration"] == f"40 chains of {tmp_path}/modchain/abacus/tova-4x-10"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_whose_files_are_damaged_is_foreseen_as_impossible(tmp_path: Path) -> None:
    made(tmp_path, "tova", "4x", problems=10)
    words: dict[str, Any] = {"methods": ["tova"], "configs": ["1-64-2x", "1-64-4x"], "limit": 1, "out": tmp_path}
    folder = Path(forecast_sweep(**words).runs[0].to_json()["folder"])
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    found = forecast_sweep(**words)
    assert [each.to_json()["state"] for each in found.runs] == ["failed", "waiting"]
    assert [prospect.label for prospect in found.impossible] == ["tova 2x"]
    assert found.failure_text().startswith("1 of 2 runs cannot be made:\n  tova 2x: ")
    assert "manifest.json" in found.failure_text()


@pytest.mark.parametrize(("words", "error"), [({"methods": ["vanila"]}, UsageError), ({"model": "./nowhere"}, Refusal)])
def test_what_a_sweep_refuses_its_forecast_refuses(words: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        forecast_sweep(**{"methods": ["vanilla"], "configs": ["1-64-1x"], **words})
