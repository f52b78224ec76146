"""Query-aware page selection."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from hyperscale.budget import Budget
from hyperscale.cache.policy import Holds, LiveLayer, Policy, Selection
from hyperscale.cache.storage import CHUNK
from hyperscale.errors import UsageError

SCORED_TOGETHER = 16  # pages per matrix product; a fixed number, so that a row's scores do not depend on its neighbours' pages


@dataclass
class Quest(Policy):
    """Keep everything, read only the pages whose keys can matter to the query.

    Tang et al., "Quest: Query-Aware Sparsity for Efficient Long-Context LLM Inference", ICML 2024, arXiv 2406.10774; code
    mit-han-lab/Quest. Each page keeps the channel-wise minimum and maximum of its keys (after RoPE); its score for a query is
    the largest dot product those bounds allow. Once more than C tokens are cached, each query head reads its
    ``ceil(C / page)`` best pages, the open one always among them; a page that several query heads of a KV head chose is
    fetched once. Configured as in the hyper-scaling paper (appendix H.1): pages of ``max(16, 2 CR)``, no sharing of choices
    between query heads. The first ``min(2, layers // 8)`` layers stay dense (published code: 2, of 32).

    Deviations: pages tied in score are taken newest first (the published code leaves ties to topk). The published evaluation
    neither forces the open page in nor goes below 3 pages; here the open page is always read, as in its CUDA kernels.

    Parameters
    ----------
    page : int or None
        Tokens per page; None follows the budget.
    dense_layers : int or None
        First layers that read everything; None is ``min(2, layers // 8)``. The paper's own setting is 2.
    """

    name: ClassVar[str] = "quest"
    summary: ClassVar[str] = "keeps everything, reads the pages that matter most to each query"
    holds: ClassVar[Holds] = Holds.EVERYTHING

    page: int | None = None
    dense_layers: int | None = None

    def __post_init__(self) -> None:
        if self.page is not None and self.page < 1:
            raise UsageError(f"quest: page must be 1 or more, not {self.page}.")
        if self.dense_layers is not None and self.dense_layers < 0:
            raise UsageError(f"quest: dense_layers must be 0 or more, not {self.dense_layers}.")

    def resolved(self, budget: Budget) -> "Quest":
        ratio = 1.0 if budget.ratio is None else budget.ratio
        return self if self.page is not None else replace(self, page=max(16, round(2 * ratio)))

    @property
    def page_slots(self) -> int:
        return self.page or 16

    def setup(self) -> None:
        shape = self.cache.shape
        self.size = self.page_slots
        self.dense = min(2, shape.layers // 8) if self.dense_layers is None else self.dense_layers
        empty = torch.empty(self.cache.rows, shape.kv_heads, 0, shape.head_dim, dtype=shape.dtype, device=shape.device)
        self.low = [empty.clone() for _ in range(shape.layers)]  # [R, Hkv, pages, D]
        self.high = [empty.clone() for _ in range(shape.layers)]

    def load(self, row: int, layers: list[LiveLayer]) -> None:
        for layer, live in enumerate(layers[self.dense :], self.dense):
            heads, length, dim = live.keys.shape
            pages = -(-length // self.size)
            self._reserve(layer, pages)
            for bound, worst in ((self.low[layer], torch.inf), (self.high[layer], -torch.inf)):
                padded = live.keys.new_full((heads, pages * self.size, dim), worst)
                padded[:, :length] = live.keys
                by_page = padded.view(heads, pages, self.size, dim)
                bound[row] = worst
                bound[row, :, :pages] = by_page.amin(2) if worst > 0 else by_page.amax(2)

    def wrote(self, layer: int, keys: torch.Tensor) -> None:
        if layer < self.dense:
            return
        page = self.cache.slots[layer] // self.size  # [R, Hkv]; nothing is evicted, so slots are in order of position
        self._reserve(layer, int(page.max()) + 1)
        index = page[..., None, None].expand(*page.shape, 1, keys.shape[-1])
        self.low[layer].scatter_reduce_(2, index, keys[:, :, None], "amin")
        self.high[layer].scatter_reduce_(2, index, keys[:, :, None], "amax")

    def metadata(self, layer: int) -> torch.Tensor | None:
        """Minimum and maximum of a page take the room of one entry."""
        return None if layer < self.dense else -(-self.cache.live[layer] // self.size)

    def page_scores(self, layer: int, queries: torch.Tensor) -> torch.Tensor:
        """Upper bound of ``q . k`` over each page, ``[R, Hkv, G, pages]``: sum over d of max(q_d low_d, q_d high_d)."""
        low = self.low[layer].nan_to_num(posinf=0.0)  # pages that hold nothing are ruled out by the caller
        high = self.high[layer].nan_to_num(neginf=0.0)
        shape = (*low.shape[:2], -1, SCORED_TOGETHER, low.shape[3])
        low, high = low.view(shape).transpose(-1, -2), high.view(shape).transpose(-1, -2)
        queries = queries[:, :, None]  # [R, Hkv, 1, G, D] @ [R, Hkv, n, D, 16] -> [R, Hkv, n, G, 16]
        scores: torch.Tensor = queries.clamp(min=0) @ high + queries.clamp(max=0) @ low
        return scores.transpose(2, 3).flatten(3).float()

    def select(self, layer: int, queries: torch.Tensor) -> Selection | None:
        live, capacity = self.cache.live[layer], self.cache.capacity
        selecting = live > capacity[:, None]  # [R, Hkv]
        if layer < self.dense or not selecting.any():
            return None
        scores = self.page_scores(layer, queries)
        number = torch.arange(scores.shape[-1], device=scores.device)
        pages = -(-live // self.size)[..., None]  # [R, Hkv, 1]
        scores = scores.masked_fill((number >= pages)[:, :, None], -torch.inf)
        scores = scores.masked_fill((number == pages - 1)[:, :, None], torch.inf)  # the open page
        wanted = torch.where(selecting, -(-capacity // self.size)[:, None], pages[..., 0])[..., None]  # [R, Hkv, 1]
        most = int(wanted.max())
        newest_first = scores.flip(-1).sort(stable=True, dim=-1, descending=True).indices[..., :most]
        chosen = scores.shape[-1] - 1 - newest_first  # [R, Hkv, G, most]
        taken = torch.arange(most, device=scores.device) < torch.minimum(wanted, pages)  # [R, Hkv, most]
        held = (live[..., None] - number * self.size).clamp(0, self.size)  # entries of each page, [R, Hkv, pages]
        hits = torch.zeros_like(scores, dtype=torch.int64).scatter_add_(-1, chosen, taken[:, :, None].expand_as(chosen).long())
        union = hits.sum(2) > 0  # [R, Hkv, pages]
        slots = (chosen[..., None] * self.size + torch.arange(self.size, device=scores.device)).flatten(-2)
        valid = taken[:, :, None, :, None].expand(*chosen.shape, self.size).flatten(-2) & (slots < live[..., None, None])
        scored = torch.where(selecting, pages[..., 0], 0)
        run = math.gcd(self.size, CHUNK)
        return Selection(slots.masked_fill(~valid, 0), valid, (union * held).sum(-1), scored, selecting.any(-1), run)

    def _reserve(self, layer: int, pages: int) -> None:
        for bounds, worst in ((self.low, torch.inf), (self.high, -torch.inf)):
            missing = pages - bounds[layer].shape[2]
            missing += -missing % SCORED_TOGETHER
            if missing > 0:
                more = bounds[layer].new_full((*bounds[layer].shape[:2], missing, bounds[layer].shape[3]), worst)
                bounds[layer] = torch.cat([bounds[layer], more], 2)
