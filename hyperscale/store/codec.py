"""Records to JSON rows and back, exactly."""

import base64
import math
import zlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import numpy as np

from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord, Trace, field_names


class Detail(StrEnum):
    """How much of a chain to read."""

    FULL = "full"
    COUNTS = "counts"  # without text and token ids, for estimates over many long chains


def chain_to_row(record: ChainRecord) -> dict[str, Any]:
    """The record as JSON values; token ids are compressed, non-finite floats become strings."""
    row = {name: _plain(getattr(record, name)) for name in field_names(ChainRecord)}
    row["trace"] = {
        "every": record.trace.every,
        "kv_reads": _floats(record.trace.kv_reads),
        "aux_reads": _floats(record.trace.aux_reads),
        "peak_tokens": _floats(record.trace.peak_tokens),
    }
    row["token_ids"] = pack_ids(record.token_ids)
    return row


def chain_from_row(row: Mapping[str, Any], detail: Detail = Detail.FULL) -> ChainRecord:
    """Inverse of `chain_to_row`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a field is missing or malformed.
    """
    full = detail is Detail.FULL
    trace = row["trace"]
    return ChainRecord(
        problem_id=str(row["problem_id"]),
        chain=int(row["chain"]),
        seed=int(row["seed"]),
        prompt_tokens=int(row["prompt_tokens"]),
        tokens=int(row["tokens"]),
        finish_reason=FinishReason(row["finish_reason"]),
        kv_reads=float(row["kv_reads"]),
        aux_reads=float(row["aux_reads"]),
        prefill_reads=float(row["prefill_reads"]),
        peak_tokens=float(row["peak_tokens"]),
        realised_cr=float(row["realised_cr"]),
        trace=Trace(
            every=int(trace["every"]),
            kv_reads=tuple(map(float, trace["kv_reads"])),
            aux_reads=tuple(map(float, trace["aux_reads"])),
            peak_tokens=tuple(map(float, trace["peak_tokens"])),
        ),
        text=str(row["text"]) if full else "",
        token_ids=unpack_ids(row["token_ids"]) if full else (),
        wall_s=float(row["wall_s"]),
        permutation=tuple(map(int, row.get("permutation", ()))),
    )


def score_to_row(record: ScoreRecord) -> dict[str, Any]:
    """The record as JSON values."""
    return {name: _plain(getattr(record, name)) for name in field_names(ScoreRecord)}


def score_from_row(row: Mapping[str, Any]) -> ScoreRecord:
    """Inverse of `score_to_row`; raises as `chain_from_row` does."""
    extracted = row["extracted"]
    if not isinstance(row["correct"], bool):
        raise TypeError("correct must be true or false")
    return ScoreRecord(
        problem_id=str(row["problem_id"]),
        chain=int(row["chain"]),
        extracted=None if extracted is None else str(extracted),
        verdict=str(row["verdict"]),
        correct=row["correct"],
        grader=str(row["grader"]),
        detail=str(row.get("detail", "")),
    )


def pack_ids(ids: Iterable[int]) -> str:
    """Token ids as base64 of zlib of four byte planes, lowest bytes first: the high planes, nearly all zero, cost nothing."""
    wide = np.fromiter(ids, dtype=np.int64)
    if wide.size and (wide.min() < 0 or wide.max() >= 1 << 32):
        raise ValueError("token ids must lie in 0..2^32-1")
    planes = wide.astype("<u4").view(np.uint8).reshape(-1, 4).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode()


def unpack_ids(packed: str) -> tuple[int, ...]:
    """Inverse of `pack_ids`; raises ValueError on damaged input."""
    try:
        planes = np.frombuffer(zlib.decompress(base64.b64decode(packed, validate=True)), dtype=np.uint8).reshape(4, -1)
    except zlib.error as error:
        raise ValueError(f"token_ids cannot be decompressed ({error})") from None
    return tuple(np.ascontiguousarray(planes.T).view("<u4").ravel().tolist())


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # strict JSON has no number for it; float() reads it back
    return value


def _floats(values: Iterable[float]) -> list[Any]:
    return [_plain(float(value)) for value in values]
