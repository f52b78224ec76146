"""Dynamic memory compression against its recurrence, step by step, and against what its retrofit trains."""

from dataclasses import replace

import pytest
import torch

from hyperscale.attention.taps import Heard, MergingTap
from hyperscale.budget import Budget
from hyperscale.cache.registry import make_policy
from hyperscale.commands.check_policy import check_policy
from hyperscale.conformance.report import Status
from hyperscale.conformance.session import Session
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel
from hyperscale.retrofit.data import Row, collate
from hyperscale.retrofit.gated import MergedAttention
from hyperscale.retrofit.trainer import hidden_states
from tests.engine.harness import listening, scripts
from tests.oracles.models import FAMILIES

HEADS = LearnedHeads(HeadLayout.DMC, window=4, scale=100.0, offset=5.0, shift=0, ratio=2.0)
AT = Budget(ratio=2.0)


class Recurrence:
    """Stands behind the seam for a whole sequence: entries are lists, tokens come one after the other."""

    def __init__(self, heads: LearnedHeads) -> None:
        self.heads = heads
        self.lengths: list[list[list[int]]] = []  # [layer][head][token]

    def tapped(self, layer: int, heard: Heard) -> None:
        self.heard = heard

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        heard, group = self.heard, q.shape[1] // k.shape[1]
        output = torch.zeros(1, q.shape[2], q.shape[1], q.shape[3])
        self.lengths.append([])
        for head in range(k.shape[1]):
            members: list[list[int]] = []
            self.lengths[-1].append([])
            for t in range(q.shape[2]):
                if t and float(heard.raw[0, head, t]) * self.heads.scale - self.heads.offset > 0:
                    members[-1].append(t)
                else:
                    members.append([t])
                entries = [self._entry(head, tokens[-self.heads.window :], v) for tokens in members]
                keys, values = (torch.stack(part) for part in zip(*entries, strict=True))
                self.lengths[-1][-1].append(len(members))
                for query in range(head * group, (head + 1) * group):
                    weights = (keys @ q[0, query, t] * scaling).softmax(0)
                    output[0, t, query] = weights @ values
        return output

    def _entry(self, head: int, tokens: list[int], v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        heard, last = self.heard, tokens[-1]
        weights = torch.tensor([1 / (1 + float((-heard.importance[0, head, t] - 5).exp())) + 1e-6 for t in tokens])
        mean = sum(w * heard.keys[0, head, t] for w, t in zip(weights, tokens, strict=True)) / weights.sum()
        first, second = mean.chunk(2)
        key = mean * heard.cos[0, last] + torch.cat([-second, first]) * heard.sin[0, last]
        return key, sum(w * v[0, head, t] for w, t in zip(weights, tokens, strict=True)) / weights.sum()


def model(family: str) -> LoadedModel:
    return listening(family, HEADS)


@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_is_the_recurrence(family: str) -> None:
    merging = model(family)
    policy = make_policy("dmc").resolved(AT).fitted(HEADS, family)
    session = Session(merging, policy, AT, 3)
    chains = scripts((3, 17, 30), 25)
    for row, chain in chains.items():
        session.load(row, chain)
    session.run(25)
    for row, chain in chains.items():
        oracle, prompt = Recurrence(HEADS), len(chain.prompt)
        with torch.inference_mode():
            ids = torch.tensor([list(chain.ids)])
            places = torch.arange(ids.shape[1])[None]
            logits = merging.module(ids, position_ids=places, use_cache=False, kv=oracle).logits[0]
        torch.testing.assert_close(session.prompt_logits[row], logits[prompt - 1], atol=2e-5, rtol=1e-5)
        for number, step in enumerate(session.steps):
            torch.testing.assert_close(step.logits[row], logits[prompt + number], atol=2e-5, rtol=1e-5)
            for layer, lengths in enumerate(oracle.lengths):
                assert step.live[layer][row].tolist() == [head[prompt + number] for head in lengths]
        joined = 1 - oracle.lengths[0][0][-1] / len(chain.ids)
        assert 0.1 < joined < 0.9  # both cases occur


def test_training_with_hard_decisions_is_inference() -> None:
    merging = model("qwen3")
    ids = tuple(scripts((40,), 1)[0].ids)
    batch = collate([Row(ids, 1)])
    with torch.inference_mode():
        trained = hidden_states(merging.module, batch, MergedAttention(HEADS, batch.valid, None))
        wanted = hidden_states(merging.module, batch, Recurrence(HEADS))  # type: ignore[arg-type]
    torch.testing.assert_close(trained, wanted, atol=2e-5, rtol=1e-5)


def test_it_passes_the_suite_but_for_what_no_mask_can_replay() -> None:
    report = check_policy("dmc", families=["qwen3", "llama"])
    assert [result.message for result in report.results if result.status is not Status.PASSED] == []


def test_the_tokens_that_are_averaged_again_count_as_metadata() -> None:
    merging = model("llama")
    session = Session(merging, make_policy("dmc").resolved(AT).fitted(HEADS, "llama"), AT, 1)
    chain = scripts((9,), 12)[0]
    session.load(0, chain)
    session.run(12)
    oracle = Recurrence(HEADS)
    with torch.inference_mode():
        places = torch.arange(len(chain.ids))[None]
        merging.module(torch.tensor([list(chain.ids)]), position_ids=places, use_cache=False, kv=oracle)
    aux = reads = 0
    for lengths in (head for layer in oracle.lengths for head in layer):
        run = 0
        for t, length in enumerate(lengths):
            run = 1 if t == 0 or length > lengths[t - 1] else run + 1
            if t >= 9:
                reads += length
                aux += min(run, HEADS.window) - 1
    assert (int(session.cache.meter.kv_reads[0]), int(session.cache.meter.aux_reads[0])) == (reads, aux)


def test_both_coordinates_are_gone() -> None:
    merging = model("llama")
    attention = merging.module.model.layers[0].self_attn
    assert isinstance(attention.tap, MergingTap)
    heard: list[torch.Tensor] = []

    class Ears(Recurrence):
        def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
            heard.append(self.heard.keys)
            return super().attend(layer, q, k, v, scaling)

    with torch.inference_mode():
        merging.module(torch.tensor([[1, 2, 3]]), position_ids=torch.arange(3)[None], use_cache=False, kv=Ears(HEADS))
    assert all(bool((keys[..., -1] == 0).all()) for keys in heard)


def test_what_it_refuses() -> None:
    policy = make_policy("dmc")
    with pytest.raises(Refusal, match="no DMC heads"):
        policy.resolved(AT).fitted(None, "plain")
    with pytest.raises(Refusal, match="DMS heads, which are not DMC heads"):
        policy.resolved(AT).fitted(replace(HEADS, layout=HeadLayout.BORROWED), "other")
    with pytest.raises(Refusal, match="trained for 2x, not 4x"):
        policy.resolved(Budget(ratio=4.0)).fitted(HEADS, "mine")
    with pytest.raises(UsageError, match="window"):
        make_policy("dmc", {"window": "0"})
