"""JSON inside a page: plain where it is read at once, packed where it is read on demand."""

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

BLOCK = 1 << 17  # characters: large enough for texts to repeat one another, small enough to unpack in no time


@dataclass(frozen=True, slots=True)
class Packed:
    """A sequence of JSON values in blocks, each a base64 of zlib of a JSON array; `starts`: the first value's place in each."""

    blocks: tuple[str, ...]
    starts: tuple[int, ...]


def embedded(value: Any) -> str:
    """A JSON value as ASCII that may stand inside a script element: nothing in it can end the element."""
    return _json(value).replace("<", "\\u003c")


def packed(values: Iterable[Any]) -> Packed:
    """Pack values, several to a block; one that is larger than a block has its own."""
    blocks: list[str] = []
    starts: list[int] = []
    waiting: list[str] = []
    place = size = 0
    for text in map(_json, values):
        waiting.append(text)
        size += len(text)
        if size >= BLOCK:
            blocks.append(_packed(waiting))
            starts.append(place)
            place, size, waiting = place + len(waiting), 0, []
    if waiting:
        blocks.append(_packed(waiting))
        starts.append(place)
    return Packed(tuple(blocks), tuple(starts))


def _packed(texts: Iterable[str]) -> str:
    return base64.b64encode(zlib.compress(f"[{','.join(texts)}]".encode("ascii"), 9)).decode()


def _json(value: Any) -> str:
    # ASCII: lone surrogates and line separators survive as escapes
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
