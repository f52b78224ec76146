"""What a retrofit learns on: rows of prompt and completion, from a file, the hub, or the model itself."""

import hashlib
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch

from hyperscale.errors import Refusal
from hyperscale.models import LoadedModel

PADDING = {"cpu": 0.05, "cuda": 0.35}  # largest share of a micro-batch; small ones cost a GPU more than padding does
POOL = 96  # rows sorted by length together, where batches are made by length
THINK = "<think>"


class Batching(StrEnum):
    """Which rows a process sees in one step, and so which rows have to lose the wanted share of entries together."""

    MIXED = "mixed"  # of all lengths
    BY_LENGTH = "by-length"  # of similar lengths: short ones, much of which the window covers, must lose as much as long ones


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids of one example, and how many of them are the prompt."""

    ids: tuple[int, ...]
    prompt: int


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows padded on the right, where causal attention never looks.

    ``ids [B, T]``; ``valid [B, T]``: no padding; ``supervised [B, T]``: the next token belongs to the completion.
    """

    ids: torch.Tensor
    valid: torch.Tensor
    supervised: torch.Tensor

    def to(self, device: torch.device) -> "MicroBatch":
        return MicroBatch(self.ids.to(device), self.valid.to(device), self.supervised.to(device))


def collate(rows: list[Row]) -> MicroBatch:
    width = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    lengths = torch.tensor([len(row.ids) for row in rows])[:, None]
    prompts = torch.tensor([row.prompt for row in rows])[:, None]
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
    place = torch.arange(width)[None]
    return MicroBatch(ids, place < lengths, (place >= prompts - 1) & (place < lengths - 1))


def batches(
    rows: list[Row],
    tokens: int,
    seed: int,
    start: int = 0,
    rank: int = 0,
    size: int = 1,
    batching: Batching = Batching.MIXED,
) -> Iterator[list[Row]]:
    """Endless batches in seeded order: every row once before any comes again.

    Parameters
    ----------
    tokens : int
        Most tokens of a batch, by length with its padding; a longer row has a batch to itself.
    start : int
        Batches to leave out first: a resumed run goes on where it stopped.
    rank, size : int
        This process takes every `size`-th batch, beginning with number `rank`; `start` counts its own batches.
    """
    planned = _mixed if batching is Batching.MIXED else _by_length
    return itertools.islice(planned(rows, tokens, seed), start * size + rank, None, size)


def _mixed(rows: list[Row], tokens: int, seed: int) -> Iterator[list[Row]]:
    shuffled = itertools.chain.from_iterable(order for order, _ in _epochs(rows, seed))
    return _grouped(shuffled, lambda count, held, last: held <= tokens)


def _by_length(rows: list[Row], tokens: int, seed: int) -> Iterator[list[Row]]:
    for order, rng in _epochs(rows, seed):
        planned: list[list[Row]] = []
        for first in range(0, len(order), POOL):
            pool = sorted(order[first : first + POOL], key=lambda row: len(row.ids))
            planned += _grouped(pool, lambda count, held, last: count * last <= tokens)
        rng.shuffle(planned)
        yield from planned


def _epochs(rows: list[Row], seed: int) -> Iterator[tuple[list[Row], random.Random]]:
    """The rows in a new order each time, and what shuffled them."""
    for epoch in itertools.count():
        order, rng = list(rows), random.Random(f"{seed}-{epoch}")
        rng.shuffle(order)
        yield order, rng


def micro_batches(batch: list[Row], padding: float) -> Iterator[MicroBatch]:
    """The batch in parts of similar lengths, so that at most a share of `padding` in each is that."""
    rows = sorted(batch, key=lambda row: len(row.ids))
    return map(collate, _grouped(rows, lambda count, held, last: held >= (1 - padding) * count * last))


def _grouped(rows: Iterable[Row], fits: Callable[[int, int, int], bool]) -> Iterator[list[Row]]:
    """Rows in their order, at least one to a group, as many as fit: `fits(rows, tokens, tokens of the last row)`."""
    group: list[Row] = []
    held = 0
    for row in rows:
        if group and not fits(len(group) + 1, held + len(row.ids), len(row.ids)):
            yield group
            group, held = [], 0
        group.append(row)
        held += len(row.ids)
    yield group


def encode(model: LoadedModel, prompt: str, completion: str, context: int) -> Row:
    """One example through the model's chat template, cut at `context` tokens.

    The end token is added: what the model does where it should stop is worth learning too.
    """
    start = model.encode_prompt(prompt)
    if start and completion.startswith(THINK) and str(model.tokenizer.decode(start[-8:])).rstrip().endswith(THINK):
        completion = completion[len(THINK) :].lstrip("\n")  # the template has opened the reasoning already
    rest = list(model.tokenizer(completion, add_special_tokens=False).input_ids)
    end = model.tokenizer.eos_token_id
    if end is not None and (not rest or rest[-1] != end):
        rest.append(end)
    return Row(tuple((start + rest)[:context]), len(start))


def examples(rows: Iterable[tuple[str, Mapping[str, Any]]], origin: str) -> Iterator[tuple[str, str]]:
    """Prompts and completions of rows that are ``{"prompt", "completion"}``, or those of OpenR1-Math-220k.

    Of the latter, problems with a generation that Math-Verify found correct, and its last one, as Model-Optimizer takes them.

    Raises
    ------
    Refusal
        A row is neither; the message names where it stands.
    """
    for place, row in rows:
        if "prompt" in row and "completion" in row:
            yield _text(row, "prompt", f"{origin}, {place}"), _text(row, "completion", f"{origin}, {place}")
        elif "problem" in row and "generations" in row:
            verdicts = row.get("correctness_math_verify") or [True] * len(row["generations"] or ())
            correct = [text for text, verdict in zip(row["generations"] or (), verdicts, strict=False) if verdict]
            if correct:
                yield _text(row, "problem", f"{origin}, {place}"), str(correct[-1])
        else:
            raise Refusal(
                f"{origin}, {place}: a row needs the columns prompt and completion (or problem and generations, as "
                f"OpenR1-Math-220k has them), and has {', '.join(map(str, row)) or 'none'}."
            )


def _text(row: Mapping[str, Any], column: str, place: str) -> str:
    if not isinstance(row[column], str):
        raise Refusal(f"{place}: {column} must be text, not {type(row[column]).__name__}.")
    return str(row[column])


def encode_rows(
    model: LoadedModel, pairs: Iterable[tuple[str, str]], context: int, limit: int | None, origin: str
) -> list[Row]:
    """Rows of the first `limit` usable examples: those whose completion begins within the context.

    Raises
    ------
    Refusal
        There are none.
    """
    found = (encode(model, prompt, completion, context) for prompt, completion in pairs)
    rows = list(itertools.islice((row for row in found if len(row.ids) > row.prompt + 1), limit))
    if not rows:
        raise Refusal(
            f"{origin} has no usable rows: each needs a completion that begins within the context of {context} tokens. "
            f"Use a longer --context, or other data."
        )
    return rows


def rows_hash(rows: Iterable[Row]) -> str:
    """What a training remembers of its data."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.prompt}:{row.ids}".encode())
    return digest.hexdigest()[:16]
