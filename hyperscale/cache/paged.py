"""Where entries live when heads differ in length: pages of a layer, given to heads as they grow and taken back."""

import torch

PAGE = 16  # slots per page; a head wastes half a page on average
SLACK = 16  # a full pool grows by a sixteenth


class PagedStorage:
    """Keys, values and positions of one layer for a block of rows; every head of a row is a sequence of its own.

    A pool ``keys, values [pages, PAGE, D]``, ``positions [pages, PAGE]`` (-1 is empty) and the ``table [N, n]`` of each head's
    pages in their logical order, ``N = rows * kv_heads``: slot ``s`` of head ``h`` is ``[table[h, s // PAGE], s % PAGE]``. A
    head holds ``ceil(live / PAGE)`` pages, so memory follows its live entries. Page 0 belongs to nobody and counts as empty:
    the table is padded with it, and filler rows write there.
    """

    def __init__(self, heads: int, head_dim: int, dtype: torch.dtype, device: torch.device) -> None:
        self.heads = heads
        self.keys = torch.zeros(1, PAGE, head_dim, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        self.positions = torch.full((1, PAGE), -1, dtype=torch.int32, device=device)
        self.owner = torch.zeros(1, dtype=torch.int64, device=device)  # head of each page; 0 for pages that are free
        self.table = torch.zeros(heads, 1, dtype=torch.int64, device=device)
        self.free: list[int] = []
        self._bags: tuple[torch.Tensor, torch.Tensor] | None = None

    @property
    def pages(self) -> int:
        return self.keys.shape[0]

    @property
    def slots(self) -> int:
        """Slots of the longest head, in whole pages."""
        return self.table.shape[1] * PAGE

    @property
    def nbytes(self) -> int:
        """Everything that is held per page: keys, values, positions, owners and the table."""
        return sum(tensor.nbytes for tensor in (self.keys, self.values, self.positions, self.owner, self.table))

    @property
    def bags(self) -> tuple[torch.Tensor, torch.Tensor]:
        """All pages in use, head after head in their logical order, and where each of the N heads starts among them."""
        if self._bags is None:
            used = self.table > 0
            counts = used.sum(1)
            self._bags = self.table[used], counts.cumsum(0) - counts
        return self._bags

    def extend(self, heads: torch.Tensor, ranks: torch.Tensor) -> None:
        """Give ``heads [M]`` an empty page each, as their logical pages ``ranks [M]``."""
        if not len(heads):
            return
        missing = len(heads) - len(self.free)
        if missing > 0:
            self._grow(max(missing, self.pages // SLACK))
        columns = int(ranks.max()) + 1
        if columns > self.table.shape[1]:
            self.table = torch.nn.functional.pad(self.table, (0, columns - self.table.shape[1]))
        pages = torch.tensor([self.free.pop() for _ in range(len(heads))], device=heads.device)
        self.table[heads, ranks] = pages
        self._bags = None
        self.owner[pages] = heads

    def release(self, heads: slice, keep: torch.Tensor | int = 0) -> None:
        """Take back all but the first ``keep [H]`` pages of some heads."""
        table = self.table[heads]
        rank = torch.arange(table.shape[1], device=table.device)
        gone = rank >= (keep[:, None] if isinstance(keep, torch.Tensor) else keep)
        pages = table[gone & (table > 0)]
        table.masked_fill_(gone, 0)
        self._bags = None
        for store, fill in ((self.keys, 0), (self.values, 0), (self.positions, -1), (self.owner, 0)):
            store[pages] = fill  # what a chain leaves must not outlive it: a weight of zero times a NaN is a NaN
        self.free.extend(pages.tolist())
        used = int((self.table > 0).any(0).sum())
        self.table = self.table[:, : max(1, used)]
        if len(self.free) > self.pages // 2:
            self._shrink()

    def index(self, slots: torch.Tensor) -> torch.Tensor:
        """Where ``slots [N, n]`` lie in the flat ``[pages * PAGE, D]`` view; slots beyond a head's pages lie in page 0."""
        return self.table.gather(1, slots // PAGE) * PAGE + slots % PAGE

    def write(self, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor) -> None:
        """Store one entry per head: ``slots, positions [N]``, ``keys, values [N, D]``; filler has position -1."""
        index = self.index(slots[:, None])[:, 0]
        self.keys.view(-1, keys.shape[-1]).index_copy_(0, index, keys)
        self.values.view(-1, values.shape[-1]).index_copy_(0, index, values)
        self.positions.view(-1).index_copy_(0, index, positions)

    def load(self, heads: slice, keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor) -> None:
        """Fill some heads from slot 0 on with ``keys, values [H, n, D]``, ``positions [H, n]``, padded with position -1."""
        self.release(heads)
        held = positions >= 0
        numbers = torch.arange(self.heads, device=positions.device)[heads]
        pages = -(-held.sum(-1) // PAGE)
        self.extend(
            numbers.repeat_interleave(pages), torch.cat([torch.arange(int(count), device=pages.device) for count in pages])
        )
        head, slot = held.nonzero(as_tuple=True)
        page = self.table[numbers[head], slot // PAGE]
        self.keys[page, slot % PAGE] = keys[held]
        self.values[page, slot % PAGE] = values[held]
        self.positions[page, slot % PAGE] = positions[held].to(torch.int32)

    def move(self, head: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> None:
        """Copy entries ``source [M]`` to slots ``target [M]`` of the heads ``head [M]``."""
        old, new = self.table[head, source // PAGE], self.table[head, target // PAGE]
        for store in (self.keys, self.values, self.positions):
            store[new, target % PAGE] = store[old, source % PAGE]

    def shorten(self, live: torch.Tensor) -> None:
        """Forget what lies at or beyond ``live [N]``, and take back the pages that hold nothing else."""
        slots = torch.arange(self.slots, device=live.device).expand(self.heads, -1)
        self.positions.view(-1)[self.index(slots)[slots >= live[:, None]]] = -1
        self.release(slice(None), -(-live // PAGE))

    def gather(self, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Entries of ``slots [N, n]`` as ``[N, n, D]``; used by checks, not by decoding."""
        index, dim = self.index(slots), self.keys.shape[-1]
        return self.keys.view(-1, dim)[index], self.values.view(-1, dim)[index]

    def held(self) -> torch.Tensor:
        """Position in each slot of each head, ``[N, slots]``, -1 is empty."""
        return self.positions[self.table].flatten(1)

    def _grow(self, pages: int) -> None:
        first = self.pages
        self.keys = torch.cat([self.keys, self.keys.new_zeros(pages, *self.keys.shape[1:])])
        self.values = torch.cat([self.values, self.values.new_zeros(pages, *self.values.shape[1:])])
        self.positions = torch.cat([self.positions, self.positions.new_full((pages, PAGE), -1)])
        self.owner = torch.cat([self.owner, self.owner.new_zeros(pages)])
        self.free.extend(range(first + pages - 1, first - 1, -1))

    def _shrink(self) -> None:
        """Leave out the free pages."""
        used = torch.cat([self.table.new_zeros(1), self.table[self.table > 0].sort().values])
        renamed = torch.zeros_like(self.owner)
        renamed[used] = torch.arange(len(used), device=used.device)
        self.table = renamed[self.table]
        self._bags = None
        self.keys, self.values, self.positions, self.owner = (
            store[used] for store in (self.keys, self.values, self.positions, self.owner)
        )
        self.free = []
