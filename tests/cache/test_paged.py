"""Pages: given, filled, moved, taken back, and the memory they take."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.cache.paged import PAGE, PagedStorage

HEADS, DIM = 4, 3


def entries(heads: int, length: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(heads, length, DIM, generator=generator), torch.randn(heads, length, DIM, generator=generator)


def storage() -> PagedStorage:
    return PagedStorage(HEADS, DIM, torch.float32, torch.device("cpu"))


def padded(lengths: list[int]) -> torch.Tensor:
    """Positions ``[H, n]`` 0, 1, 2, ... of each head, -1 beyond its length."""
    slots = torch.arange(max(lengths)).expand(len(lengths), -1)
    return torch.where(slots < torch.tensor(lengths)[:, None], slots, -1)


def load(store: PagedStorage, heads: slice, lengths: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    keys, values = entries(len(lengths), max(lengths), seed)
    store.load(heads, keys, values, padded(lengths))
    return keys, values


def assert_sound(store: PagedStorage, lengths: list[int]) -> None:
    """Every page has one owner or is free, heads have as many as they need, and free pages hold nothing."""
    used = store.table[store.table > 0].tolist()
    assert sorted(used + store.free) == list(range(1, store.pages))
    for head, length in enumerate(lengths):
        pages = -(-length // PAGE)
        assert (store.table[head, :pages] > 0).all()
        assert (store.table[head, pages:] == 0).all()
        assert (store.owner[store.table[head, :pages]] == head).all()
    assert (store.positions[[0, *store.free]] == -1).all()
    held = store.held()
    for head, length in enumerate(lengths):
        assert int((held[head] >= 0).sum()) == length
        assert (held[head, length:] == -1).all()


def test_loaded_entries_come_back_from_their_slots() -> None:
    store = storage()
    lengths = [3, PAGE, PAGE + 1, 4 * PAGE - 1]
    keys, values = load(store, slice(0, 4), lengths)
    assert_sound(store, lengths)
    slots = torch.arange(max(lengths)).expand(HEADS, -1)
    got_keys, got_values = store.gather(slots)
    for head, length in enumerate(lengths):
        assert torch.equal(got_keys[head, :length], keys[head, :length])
        assert torch.equal(got_values[head, :length], values[head, :length])
    assert store.held().tolist() == torch.nn.functional.pad(padded(lengths), (0, 1), value=-1).tolist()


def test_a_head_grows_by_a_page_when_its_last_is_full() -> None:
    store = storage()
    load(store, slice(0, 4), [PAGE - 1] * 4)
    for slot in range(PAGE - 1, 2 * PAGE + 1):
        heads = torch.arange(HEADS)
        if slot % PAGE == 0:
            store.extend(heads, torch.full((HEADS,), slot // PAGE))
        keys, values = entries(HEADS, 1, seed=slot)
        store.write(torch.full((HEADS,), slot), keys[:, 0], values[:, 0], torch.full((HEADS,), slot, dtype=torch.int32))
        assert_sound(store, [slot + 1] * HEADS)
        assert torch.equal(store.gather(torch.full((HEADS, 1), slot))[0], keys)


def test_pages_of_a_row_that_ended_are_used_again_and_hold_no_trace() -> None:
    store = storage()
    load(store, slice(0, 4), [50, 60, 70, 80])
    pages = store.pages
    store.keys.fill_(torch.nan)
    store.values.fill_(torch.nan)
    store.release(slice(3, 4))
    assert_sound(store, [50, 60, 70, 0])
    keys, values = load(store, slice(3, 4), [65], seed=1)
    assert store.pages == pages
    assert_sound(store, [50, 60, 70, 65])
    for stored, loaded in ((store.keys, keys), (store.values, values)):
        own = stored[store.table[3]].flatten(0, 1)
        assert torch.equal(own[:65], loaded[0])
        assert (own[65:] == 0).all()


def test_a_pool_mostly_free_shrinks_to_what_is_used() -> None:
    store = storage()
    keys, values = load(store, slice(0, 4), [900, 40, 700, 33])
    store.release(slice(0, 1))
    assert_sound(store, [0, 40, 700, 33])
    before = store.nbytes
    store.release(slice(2, 3))
    assert store.pages == 1 + 3 + 3
    assert store.nbytes < before / 5
    assert_sound(store, [0, 40, 0, 33])
    got_keys, got_values = store.gather(torch.arange(33).expand(4, -1))
    for head in (1, 3):
        assert torch.equal(got_keys[head], keys[head, :33])
        assert torch.equal(got_values[head], values[head, :33])


def test_the_pool_grows_by_a_sixteenth() -> None:
    store = storage()
    load(store, slice(0, 4), [160 * PAGE] * 4)
    assert store.pages == 641
    store.extend(torch.tensor([1]), torch.tensor([160]))
    assert store.pages == 641 + 40
    assert len(store.free) == 39


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=HEADS, max_size=HEADS),
    turns=st.lists(st.tuples(st.integers(0, HEADS - 1), st.integers(0, 70)), max_size=8),
)
def test_any_sequence_of_loads_and_releases_leaves_a_sound_pool(lengths: list[int], turns: list[tuple[int, int]]) -> None:
    store = storage()
    load(store, slice(0, HEADS), lengths)
    for head, length in turns:
        if length:
            load(store, slice(head, head + 1), [length], seed=head)
        else:
            store.release(slice(head, head + 1))
        lengths[head] = length
        assert_sound(store, lengths)


@pytest.mark.parametrize("left", [[3, 17, 0, 40], [50, 16, 32, 64], [0, 0, 0, 0]])
def test_shortened_heads_give_back_whole_pages(left: list[int]) -> None:
    store = storage()
    load(store, slice(0, 4), [50, 60, 70, 80])
    store.shorten(torch.tensor(left))
    assert_sound(store, left)
