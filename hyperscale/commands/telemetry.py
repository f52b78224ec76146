"""`telemetry.json`: what sessions measured beside the chains themselves; totals over all sessions of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from hyperscale.store.retention import NOTHING_SEEN, Retention
from hyperscale.store.run_folder import RunFolder

if TYPE_CHECKING:  # reports should not wait for torch
    from hyperscale.engine.replay import HitRate


class Measured(TypedDict):
    """What a summary says of a run's telemetry; None where it was not measured."""

    tokens_per_s: float | None
    hit_rate: float | None


def add_session(folder: RunFolder, tokens: int, seconds: float, retention: Retention) -> None:
    """Add what a session generated; what was not generated here costs no time here."""
    before = folder.telemetry() or {}
    if not tokens and before:
        return
    total, wall = before.get("tokens", 0) + tokens, before.get("seconds", 0.0) + seconds
    after = {**before, "tokens": total, "seconds": wall, "tokens_per_s": total / wall if wall else None}
    kept = retention_of(before) + retention
    folder.write_telemetry({**after, "retention": kept.to_json()} if kept.seen else after)


def add_hit_rate(folder: RunFolder, rate: HitRate) -> None:
    """Put a hit rate in the place of an earlier one."""
    folder.write_telemetry({**(folder.telemetry() or {}), "hit_rate": rate.to_json()})


def retention_of(telemetry: Mapping[str, Any] | None) -> Retention:
    """The retention a run recorded; nothing seen where it recorded none."""
    content = (telemetry or {}).get("retention")
    return Retention.from_json(content) if content else NOTHING_SEEN


def measured(telemetry: Mapping[str, Any] | None) -> Measured:
    found = telemetry or {}
    return {"tokens_per_s": found.get("tokens_per_s"), "hit_rate": (found.get("hit_rate") or {}).get("mean")}
