"""Attention in plain torch: a causal prompt, and one query over chunks of slots or over pages."""

import torch
from torch.nn import functional as F

from hyperscale.cache.paged import PagedStorage
from hyperscale.cache.storage import CHUNK

QUERY_CHUNK = 256  # prompt queries whose weights exist at once when column sums are wanted


def attend_prompt(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
    """Dense causal attention of one prompt.

    Parameters
    ----------
    q : [1, Hq, P, D]
    k, v : [1, Hkv, P, D]

    Returns
    -------
    [1, P, Hq, D]
    """
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=True).transpose(1, 2)


def prompt_weights(q: torch.Tensor, k: torch.Tensor, scaling: float, first: int) -> torch.Tensor:
    """Causal attention weights of the prompt queries ``first, first + 1, ...``: ``[Hkv, G, P - first, P]`` in float32."""
    heads, length, dim = k.shape[1:]
    q = q[0].view(heads, -1, q.shape[2], dim)  # [Hkv, G, queries, D]
    scores = (q @ k[0, :, None].transpose(-1, -2)).float() * scaling
    query = torch.arange(first, first + q.shape[2], device=q.device)
    future = torch.arange(length, device=q.device)[None, :] > query[:, None]
    return scores.masked_fill(future, -torch.inf).softmax(-1)


def prompt_last_weights(q: torch.Tensor, k: torch.Tensor, scaling: float) -> torch.Tensor:
    """Weights of the last prompt query, ``[Hkv, G, P]``."""
    return prompt_weights(q[:, :, -1:], k, scaling, k.shape[2] - 1)[:, :, 0]


def prompt_weight_sums(q: torch.Tensor, k: torch.Tensor, scaling: float) -> torch.Tensor:
    """Weights summed over all prompt queries, ``[Hkv, G, P]``; the full ``P x P`` matrix never exists."""
    sums = torch.zeros(k.shape[1], q.shape[1] // k.shape[1], k.shape[2], device=q.device)
    for first in range(0, q.shape[2], QUERY_CHUNK):
        sums += prompt_weights(q[:, :, first : first + QUERY_CHUNK], k, scaling, first).sum(2)
    return sums


def attend_slots(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, empty: torch.Tensor, scaling: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """One query per head over the slots that hold an entry.

    Chunks are reduced one after the other, and a chunk without entries adds exact zeros, so a row's result does not depend on
    how many chunks its neighbours need: the same bits whatever rows share the block.

    Parameters
    ----------
    q : [N, G, D]
        Query heads of each KV head.
    keys, values : [C, N, CHUNK, D]
    empty : [C, N, 1, CHUNK] bool
        Slots that hold nothing (beyond the head's length).

    Returns
    -------
    output : [N, G, D]
    weights : [C, N, G, CHUNK], float32
        Softmax weights, zero on empty slots.
    """
    chunks, heads, _, dim = keys.shape
    group = q.shape[1]
    repeated = q.expand(chunks, heads, group, dim).reshape(chunks * heads, group, dim)
    scores = torch.bmm(repeated, keys.reshape(chunks * heads, CHUNK, dim).transpose(1, 2))
    scores = scores.view(chunks, heads, group, CHUNK).float().mul_(scaling).masked_fill_(empty, -torch.inf)
    weights = scores.sub_(scores.amax((0, 3), keepdim=True)).exp_()  # [C, N, G, CHUNK]
    total = weights.sum(-1).cumsum(0)[-1]  # [N, G]; a running sum adds in a fixed order
    weights /= total[None, :, :, None]
    parts = torch.bmm(weights.view(chunks * heads, group, CHUNK).to(values.dtype), values.reshape(chunks * heads, CHUNK, dim))
    # in float32: a bfloat16 running sum over hundreds of chunks would lose its last additions
    return parts.float().view(chunks, heads, group, dim).cumsum(0)[-1].to(values.dtype), weights


def attend_pages(q: torch.Tensor, store: PagedStorage, scaling: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One query per head over the pages of its own, with work proportional to the pages there are.

    Every page is multiplied with its owner's queries; then a head's pages are added up one after the other in their logical
    order. So a row's result depends neither on which pages it got nor on how long its neighbours are: the same bits whatever
    rows share the block.

    Parameters
    ----------
    q : [N, G, D]
        Query heads of each KV head.

    Returns
    -------
    output : [N, G, D]
        Zero for a head without entries.
    weights : [pages, G, PAGE], float32
        Softmax weights, not yet divided by their sums; without meaning for pages that are nobody's.
    sums : [N, G], float32
    """
    heads, group, _ = q.shape
    lowest = torch.finfo(q.dtype).min  # an infinity would not survive a product with zero
    empty = (store.positions < 0).to(q.dtype).mul_(lowest)[:, None]
    scores = torch.baddbmm(empty, q.index_select(0, store.owner), store.keys.transpose(1, 2), alpha=scaling).float()
    highest = scores.amax(-1)  # [pages, G]
    highest[0] = lowest  # page 0 only pads the table
    highest = highest.index_select(0, store.table.flatten()).view(heads, -1, group).amax(1)  # [N, G]
    weights = scores.sub_(highest.index_select(0, store.owner)[..., None]).exp_()  # [pages, G, PAGE]
    parts = torch.bmm(weights.to(q.dtype), store.values).float()  # [pages, G, D]
    order, starts = store.bags
    # a bag is added up in its own order by whoever computes it: no atomics, no dependence on other bags
    sums = F.embedding_bag(order, weights.sum(-1), starts, mode="sum").clamp_(min=1.0)  # the highest score weighs 1
    total = F.embedding_bag(order, parts.flatten(1), starts, mode="sum").view(q.shape)
    return (total / sums[..., None]).to(q.dtype), weights, sums
