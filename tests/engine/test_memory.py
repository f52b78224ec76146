"""What is evicted is freed: bytes held at the end of a long chain."""

import pytest
import torch

from hyperscale.attention.seam import forward
from hyperscale.attention.taps import Heard
from hyperscale.budget import Budget
from hyperscale.cache.cache import CacheShape, KVCache
from hyperscale.cache.dms import DMS
from hyperscale.cache.sparse_prompt import SparsePrompt
from hyperscale.cache.storage import CHUNK
from hyperscale.engine.prefill import prefill
from hyperscale.heads import HeadLayout, LearnedHeads
from tests.engine.harness import CASES, seamed
from tests.oracles.models import random_ids

PROMPT, LENGTH = 40, 1500
HONEST = 1.25  # most bytes held per byte of live keys and values


@torch.inference_mode()
def long_chain(method: str) -> KVCache:
    model = seamed("llama", layers=1)
    budget = Budget(ratio=1.0 if method == "vanilla" else 8.0)
    policy = CASES[method].policy().resolved(budget)
    capacity = policy.capacity(budget, PROMPT, LENGTH)
    ids = random_ids(PROMPT + LENGTH)
    cache = KVCache(model.shape, 1, policy)
    cache.load(0, prefill(model, ids[:PROMPT], policy, capacity).layers, capacity)
    for position in range(PROMPT, PROMPT + LENGTH - 1):
        at = torch.tensor([position])
        cache.begin_step(at)
        forward(model.module, torch.tensor([[ids[position]]]), at[:, None], cache)
        cache.end_step()
    return cache


def allocated(cache: KVCache) -> int:
    stores = [store for layer in cache.layers for store in (layer.keys, layer.values)]
    return sum(store.untyped_storage().nbytes() for store in stores)


@pytest.fixture(scope="module")
def vanilla() -> KVCache:
    return long_chain("vanilla")


def test_vanilla_holds_every_entry(vanilla: KVCache) -> None:
    entry = 2 * 8 * 4  # a key and a value of 8 float32
    entries = (PROMPT + LENGTH - 1) * vanilla.shape.kv_heads
    assert entries * entry <= vanilla.nbytes < entries * entry * 1.15


@pytest.mark.parametrize("method", ["window", "tova", "h2o"])
def test_an_8x_policy_holds_an_eighth_of_the_bytes(method: str, vanilla: KVCache) -> None:
    cache = long_chain(method)
    capacity = -(-(PROMPT + LENGTH) // 8)
    assert cache.nbytes == allocated(cache)
    assert cache.nbytes <= 2 * 8 * 4 * cache.shape.kv_heads * (capacity + 1 + CHUNK)
    assert vanilla.nbytes > 6 * cache.nbytes
    slots = cache.layers[0].chunks * CHUNK * cache.shape.kv_heads
    beside = sum(state.values.untyped_storage().nbytes() for state in cache._states)
    assert beside <= 8 * slots  # a position and at most one score per slot
    assert int((cache.positions.values >= 0).sum()) == capacity * cache.shape.kv_heads


class Learned:
    """Rows of long chains in a cache of abacus's shape: an eighth of their tokens is kept beyond a window of 16, at random.

    Some heads keep far more than others, as trained ones do.
    """

    def __init__(self, rows: int) -> None:
        heads = LearnedHeads(HeadLayout.ADAPTER, window=16, ratio=8.0)
        self.policy = DMS().resolved(Budget(ratio=8.0)).fitted(heads, "tiny")
        self.shape = CacheShape(2, 2, 4, 32, torch.float32, torch.device("cpu"))
        self.cache = KVCache(self.shape, rows, self.policy)
        self.generator = torch.Generator().manual_seed(0)
        self.at = [0] * rows

    def heard(self, layer: int, rows: int, tokens: int) -> Heard:
        keep = torch.tensor([[0.02, 0.06], [0.12, 0.3]])[layer, None, :, None]  # an eighth on average
        noise = torch.rand(rows, 2, tokens, generator=self.generator)
        return Heard(torch.where(noise < keep, 0.0, 1.0))

    def load(self, row: int) -> None:
        prompt = SparsePrompt(self.policy, None)
        for layer in range(self.shape.layers):
            prompt.tapped(layer, self.heard(layer, 1, PROMPT))
            entries = torch.randn(1, 4, PROMPT, 32)
            prompt.attend(layer, entries, entries[:, :2], entries[:, :2], 0.1)
        self.cache.load(row, prompt.layers, 10**6)
        self.at[row] = PROMPT

    def run(self, steps: int) -> KVCache:
        rows = self.cache.rows
        entries = torch.randn(rows, 4, 1, 32)
        for _ in range(steps):
            self.cache.begin_step(torch.tensor(self.at))
            for layer in range(self.shape.layers):
                self.cache.tapped(layer, self.heard(layer, rows, 1))
                self.cache.attend(layer, entries, entries[:, :2], entries[:, :2], 0.1)
            self.cache.end_step()
            self.at = [at + 1 for at in self.at]
        return self.cache

    @property
    def overhead(self) -> float:
        """Bytes really allocated for entries and their tables, per byte of the keys and values of live entries."""
        tensors = [
            tensor
            for layer in self.cache.layers
            for tensor in (layer.keys, layer.values, layer.positions, layer.owner, layer.table)
        ]
        allocated = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
        assert self.cache.nbytes == allocated
        return allocated / (2 * 32 * 4 * int(self.cache.live[:, self.cache.active].sum()))


def test_pages_follow_the_live_entries_of_every_head() -> None:
    long = Learned(1)
    long.load(0)
    cache = long.run(1500)
    live = cache.live.flatten().tolist()
    assert max(live) > 4 * min(live)  # a contiguous store would hold the longest everywhere
    assert 120 < sum(live) / len(live) < 300
    assert long.overhead < HONEST


def test_many_rows_share_a_pool_as_tightly() -> None:
    many = Learned(8)
    for row in range(8):
        many.load(row)
    worst = 0.0
    for _ in range(8):
        many.run(50)
        worst = max(worst, many.overhead)
    assert many.overhead < HONEST
    assert worst < 1.5  # young chains hold part of a page per head, and not much else


def test_rows_that_end_give_their_pages_to_those_that_come() -> None:
    rows = Learned(8)
    for row in range(8):
        rows.load(row)
    cache = rows.run(400)
    pages = [layer.pages for layer in cache.layers]
    for row in (1, 4):
        cache.clear(row)
        rows.load(row)
    rows.run(60)
    assert [layer.pages for layer in cache.layers] == pages
    for row in range(1, 8):
        cache.clear(row)
    rows.run(1)
    assert rows.overhead < 2  # of the one chain that is left: the rest of the pool was given back
    cache.clear(0)
    assert sum(int((layer.table > 0).sum()) for layer in cache.layers) == 0
