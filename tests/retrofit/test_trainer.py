"""Steps of a retrofit on tiny random models."""

import math
from dataclasses import replace
from itertools import islice

import pytest
import torch

from hyperscale.attention.seam import IMPLEMENTATION
from hyperscale.errors import Refusal
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel
from hyperscale.retrofit.data import Batching, Row, batches, collate
from hyperscale.retrofit.gated import CausalAttention, GatedAttention
from hyperscale.retrofit.recipe import Recipe, Trains
from hyperscale.retrofit.schedule import Schedule
from hyperscale.retrofit.trainer import Trainer, hidden_states
from tests.engine.harness import Tokenizer
from tests.oracles.models import FAMILIES, random_ids, tiny_model

ROWS = [Row(tuple(random_ids(40 + 3 * number, seed=number)), 10) for number in range(12)]


def untouched(family: str = "qwen3", seed: int = 0) -> LoadedModel:
    model = tiny_model(family, seed=seed, layers=2)
    model.set_attn_implementation(IMPLEMENTATION)
    return LoadedModel(family, family, family, "", "", model, Tokenizer(), {})


def recipe(trains: Trains, target: float = 2, steps: int = 60, zeroing: int = 0, rate: float = 3e-3) -> Recipe:
    layout = HeadLayout.BORROWED if trains is Trains.FULL else HeadLayout.ADAPTER
    heads = LearnedHeads(layout, window=4, ratio=target)
    return Recipe(heads, trains, Schedule(target, steps, zeroing), rate=rate, batch_tokens=256)


@pytest.mark.parametrize("trains", list(Trains))
def test_annealing_hits_its_target(trains: Trains) -> None:
    model = untouched()
    for layer in model.module.model.layers:
        layer.self_attn.o_proj.weight.data *= 0.5  # a model that can spare entries, though not without a loss,
    model.module.model.embed_tokens.weight.data[:, 0] += 2.0  # and a direction that all tokens share
    trainer = Trainer(model, ROWS, recipe(trains, target=4, steps=40, rate=5e-3))
    last = list(trainer.steps())[-10:]
    assert trainer.done == 120
    marked = sum(report.marked for report in last) / len(last)
    wanted = sum(report.wanted for report in last) / len(last)
    assert marked == pytest.approx(wanted, abs=0.02)
    assert trainer.recipe.schedule.evicted(120) == pytest.approx(0.75)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_reach_the_gates_of_every_layer_and_head(family: str) -> None:
    for trains in Trains:
        trainer = Trainer(untouched(family), ROWS, recipe(trains))
        before = {name: tensor.clone() for name, tensor in trainer.tensors().items()}
        next(iter(trainer.steps()))
        after = trainer.tensors()
        for number in range(2):
            if trains is Trains.ADAPTER:
                name = f"model.layers.{number}.self_attn.tap.proj.weight"
                moved = (after[name] != before[name]).any(-1)  # [Hkv]
            else:
                name = f"model.layers.{number}.self_attn.q_proj.weight"
                rows = after[name].unflatten(0, (2, 2, -1))[:, 0, -1]  # the borrowed coordinates, which started from zero
                moved = (rows != 0).any(-1)
            assert bool(moved.all()), name


def test_an_adapter_leaves_the_model_as_it_is() -> None:
    model = untouched()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    trainer = Trainer(model, ROWS, recipe(Trains.ADAPTER, steps=3))
    for _ in trainer.steps():
        pass
    after = model.module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert set(after) - set(before) == {
        f"model.layers.{number}.self_attn.tap.{name}" for number in range(2) for name in ("norm.weight", "proj.weight")
    }


def test_the_first_step_is_the_untouched_model() -> None:
    for trains, zeroing in ((Trains.ADAPTER, 0), (Trains.FULL, 5)):
        report = next(iter(Trainer(untouched(), ROWS, recipe(trains, zeroing=zeroing)).steps()))
        assert report.kl == pytest.approx(0.0, abs=1e-2 if trains is Trains.ADAPTER else 1e-6)  # a few gates open by noise


def test_the_borrowed_coordinate_fades_and_then_starts_from_zero() -> None:
    trainer = Trainer(untouched(), ROWS, recipe(Trains.FULL, steps=4, zeroing=4))
    seen = []
    for report in trainer.steps():
        seen.append((trainer.taps[0].left, report.marked > 0))
        if report.step == 4:
            rows = trainer.student.model.layers[0].self_attn.q_proj.weight.unflatten(0, (2, 2, -1))[:, 0, -1]
            assert bool((rows != 0).any())
    assert [left for left, _ in seen] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0]
    assert not any(marked for _, marked in seen[:4])


def test_the_teacher_never_moves() -> None:
    trainer = Trainer(untouched(), ROWS, recipe(Trains.FULL, steps=3))
    batch = collate(ROWS[:2])
    before = hidden_states(trainer.teacher, batch, CausalAttention())
    for _ in trainer.steps():
        pass
    assert torch.equal(hidden_states(trainer.teacher, batch, CausalAttention()), before)


def test_a_restored_training_goes_on_as_if_it_had_not_stopped() -> None:
    plan = recipe(Trains.FULL, steps=6, zeroing=2)
    whole = Trainer(untouched(), ROWS, plan)
    reports = list(whole.steps())
    first = Trainer(untouched(), ROWS, plan)
    steps = first.steps()
    for _ in range(4):
        next(steps)
    second = Trainer(untouched(), ROWS, plan)
    second.restore(first.state())
    assert list(second.steps()) == reports[4:]
    for name, tensor in second.tensors().items():
        assert torch.equal(tensor, whole.tensors()[name]), name


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    trainer = Trainer(untouched(), ROWS, recipe(Trains.FULL, steps=4))
    next(iter(trainer.steps()))
    with torch.no_grad():
        trainer.weights.masters[0][0, 0] = math.nan
        trainer.weights.write_back()
        trainer.student.model.norm.weight.fill_(math.nan)
    with pytest.raises(Refusal, match="not a number any more at step 2"):
        list(trainer.steps())
    assert trainer.done == 1


@pytest.mark.parametrize(
    "heads",
    [
        LearnedHeads(HeadLayout.BORROWED, window=4, ratio=2, decide_at=DecideAt.EXIT),
        LearnedHeads(HeadLayout.BORROWED, window=4, ratio=2, shift=0),
        LearnedHeads(HeadLayout.DMC, window=12, ratio=2, shift=0),
    ],
    ids=["exit", "shift-0", "dmc"],
)
def test_other_rules_anneal_too(heads: LearnedHeads) -> None:
    plan = replace(recipe(Trains.FULL, target=2, steps=60, zeroing=2, rate=1e-2), heads=heads)
    reports = list(Trainer(untouched(), ROWS, plan).steps())
    marked = sum(report.marked for report in reports[-6:]) / 6
    assert marked == pytest.approx(0.5, abs=0.05)
    assert all(math.isfinite(report.kl) for report in reports)


def test_the_share_marked_is_that_of_all_entries_whatever_the_length_of_their_rows() -> None:
    rows = [Row(tuple(random_ids(length, seed=length)), 4) for length in (12, 13, 90, 200)]
    trainer = Trainer(untouched(), rows, replace(recipe(Trains.ADAPTER, steps=3, rate=5e-2), batch_tokens=400))
    for _ in trainer.steps():
        pass
    _, marked = trainer._forward(rows, 2)
    noise, alone = trainer._noise(2), []
    for part in (rows[:2], rows[2:3], rows[3:]):  # in the order of the noise
        batch = collate(part)
        gated = GatedAttention(trainer.recipe.heads, batch.valid, noise)
        hidden_states(trainer.student, batch, gated)
        alone.append(float(gated.marked_share.detach()) * sum(len(row.ids) for row in part))
    assert float(marked.detach()) == pytest.approx(sum(alone) / 315, abs=1e-6)
    assert 0.05 < sum(alone) / 315 < 0.95


@pytest.mark.parametrize(("all_processes", "pushes"), [(0.0, True), (0.9, False)])
def test_what_is_missing_is_missing_to_all_processes_together(
    monkeypatch: pytest.MonkeyPatch, all_processes: float, pushes: bool
) -> None:
    def trained() -> torch.Tensor:
        trainer = Trainer(untouched(), ROWS, recipe(Trains.ADAPTER, steps=1))
        monkeypatch.setattr(trainer, "_averaged", lambda kl, marked: [kl, all_processes])
        next(iter(trainer.steps()))
        return trainer.tensors()["model.layers.0.self_attn.tap.proj.weight"]

    with_target = trained()
    monkeypatch.setattr("hyperscale.retrofit.trainer.shortfall", lambda marked, target: 0 * marked)
    assert torch.equal(with_target, trained()) is not pushes


def test_two_directions_of_the_divergence_differ() -> None:
    from hyperscale.retrofit.loss import Divergence

    reports = []
    for direction in Divergence:
        trainer = Trainer(untouched(), ROWS, replace(recipe(Trains.FULL, steps=4), divergence=direction))
        reports.append([report.kl for report in trainer.steps()])
    assert reports[0] != reports[1]


@pytest.mark.parametrize("batching", Batching)
def test_a_step_sees_the_batches_that_the_recipe_asks_for(batching: Batching, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(untouched(), ROWS, replace(recipe(Trains.ADAPTER), batching=batching))
    seen: list[list[Row]] = []
    monkeypatch.setattr(trainer, "_step", seen.append)
    steps = trainer.steps()
    for _ in range(5):
        next(steps)
    assert seen == list(islice(batches(ROWS, 256, 0, batching=batching), 5))
