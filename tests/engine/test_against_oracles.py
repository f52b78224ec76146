"""What is read and kept, against the mask replay and the naive rules."""

from typing import Any

import pytest
import torch

from hyperscale.budget import Budget
from hyperscale.conformance.session import Script, Session, positions_of
from tests.engine.harness import CASES, decode, scripts, seamed, stock
from tests.oracles.models import FAMILIES, HEADS
from tests.oracles.naive import NaiveRun, NaiveStep, naive_decode
from tests.oracles.replay import replay_logits

PROMPTS, STEPS = (3, 18), 11
CAPACITIES = (8, 22)  # the larger one fills while decoding
DOUBT = 1e-5  # margin of an oracle's decision below which float32 may decide otherwise
POINTS = [(case, capacity) for case in CASES for capacity in CAPACITIES if case != "vanilla" or capacity == 8]


def quick(*families: str) -> list:
    """All families; those not named are marked slow."""
    return [pytest.param(family, marks=() if family in families else pytest.mark.slow) for family in FAMILIES]


STEPWISE = ("window", "tova", "h2o")


def visible(session: Session, row: int) -> list[list[list[list[int]]]]:
    layers = session.cache.shape.layers
    seen = [
        [[sorted({p for p in head if p >= 0}) for head in read[0].flatten(0, 1).tolist()] for read in layer]
        for layer in session.prompt_seen[row]
    ]
    return [list(token) for token in zip(*seen, strict=True)] + [
        [step.visible(layer, row) for layer in range(layers)] for step in session.steps
    ]


def assert_replayed(session: Session, chains: dict[int, Script], family: str, heads: tuple[int, int]) -> None:
    assert_replayed_by(session, chains, stock(family, heads))


def assert_replayed_by(session: Session, chains: dict[int, Script], module: Any, atol: float = 1e-5) -> None:
    for row, chain in chains.items():
        shown = visible(session, row)
        replayed = replay_logits(module, chain.ids, shown, len(chain.ids) - len(shown))
        ours = torch.stack([session.prompt_logits[row], *(step.logits[row] for step in session.steps)])
        torch.testing.assert_close(ours, replayed[len(chain.prompt) - 1 :], atol=atol, rtol=0.0)


@pytest.mark.parametrize(("case", "capacity"), POINTS)
@pytest.mark.parametrize("family", quick("llama", "qwen3"))
def test_positions_read_replay_through_the_stock_model(family: str, case: str, capacity: int) -> None:
    chains = scripts(PROMPTS, STEPS)
    session = decode(seamed(family), CASES[case].policy(), CASES[case].budget(capacity), chains)
    assert_replayed(session, chains, family, (4, 2))


@pytest.mark.parametrize("case", STEPWISE)
@pytest.mark.parametrize("family", quick("qwen3"))
def test_stepwise_prompts_replay_too(family: str, case: str) -> None:
    chains = scripts(PROMPTS, STEPS)
    session = decode(seamed(family), CASES[case].policy(prefill="stepwise"), Budget(slots=8), chains)
    assert len(visible(session, 1)) == PROMPTS[1] - 8 + STEPS
    assert_replayed(session, chains, family, (4, 2))


@pytest.mark.parametrize("heads", HEADS[1:])
@pytest.mark.parametrize("case", CASES)
def test_other_head_counts_replay_too(case: str, heads: tuple[int, int]) -> None:
    chains = scripts(PROMPTS, STEPS)
    session = decode(seamed("qwen3", heads), CASES[case].policy(), CASES[case].budget(8), chains)
    assert_replayed(session, chains, "qwen3", heads)


def assert_same_choices(session: Session, row: int, run: NaiveRun, atol: float = 1e-5) -> int:
    """Compare up to the first decision in doubt; returns the number of steps compared."""
    if min(value for layer in run.prompt_margin for value in layer) < DOUBT:
        return 0
    for layer, live in enumerate(session.first[row]):
        assert [set(head) for head in live.positions.tolist()] == run.prompt_live[layer]
    for number, (step, naive) in enumerate(zip(session.steps, run.steps, strict=True)):
        torch.testing.assert_close(step.logits[row], naive.logits, atol=atol, rtol=0.0)
        assert [step.visible(layer, row) for layer in range(len(naive.visible))] == naive.visible
        assert_same_counts(step, row, naive)
        if min(value for layer in naive.margin for value in layer) < DOUBT:
            return number
    assert int(session.cache.meter.kv_reads[row]) == run.reads_sum
    assert int(session.cache.meter.aux_reads[row]) == run.aux_sum
    assert int(session.cache.meter.peak[row]) / run.heads == run.peak
    return len(run.steps)


def assert_same_counts(step, row: int, naive: NaiveStep) -> None:
    for layer in range(len(naive.live)):
        assert [set(positions_of(head)) for head in step.left[layer][row]] == naive.live[layer]
        assert step.counted[layer][row].tolist() == naive.reads[layer]
        assert step.scored[layer][row].tolist() == naive.aux[layer]
        assert step.resident[layer][row].tolist() == naive.resident[layer]


def compare(family: str, case: str, capacity: int, heads: tuple[int, int] = (4, 2), **settings: str) -> None:
    chains = scripts(PROMPTS, STEPS)
    session = decode(seamed(family, heads), CASES[case].policy(**settings), CASES[case].budget(capacity), chains)
    compared = 0
    for row, chain in chains.items():
        dense = min(len(chain.prompt), capacity) if settings.get("prefill") == "stepwise" else None
        run = naive_decode(stock(family, heads), chain.prompt, chain.forced, CASES[case].rule(capacity), dense)
        compared += assert_same_choices(session, row, run)
    assert compared > 0.8 * len(chains) * STEPS  # doubts are rare, or nothing was tested


@pytest.mark.parametrize(("case", "capacity"), POINTS)
@pytest.mark.parametrize("family", quick("llama"))
def test_kept_positions_and_counts_are_the_naive_rules(family: str, case: str, capacity: int) -> None:
    compare(family, case, capacity)


@pytest.mark.parametrize("case", STEPWISE)
@pytest.mark.parametrize("family", quick("qwen3"))
def test_kept_positions_of_stepwise_prompts_are_the_naive_rules(family: str, case: str) -> None:
    compare(family, case, 8, prefill="stepwise")


@pytest.mark.parametrize("heads", HEADS[1:])
@pytest.mark.parametrize("case", ["tova", "h2o", "quest"])
def test_kept_positions_with_other_head_counts(case: str, heads: tuple[int, int]) -> None:
    compare("llama", case, 7, heads)  # odd: one more recent than heavy
