"""Which runs belong together: what must be the same before two of them may share an axis or a gate."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

Fields = Mapping[str, Any]

# a model may differ where the one that it was made from does not: that is what a retrofit is compared with
WITHIN_PANEL = {
    "task_version": "version of the task",
    "data_hash": "problems",
    "prompt": "prompt",
    "sampling": "sampling",
    "partial_tests": "tests (all, or a part)",
}
FOR_A_GATE = {"task": "task", "base_model": "base model", **WITHIN_PANEL}


def strangers(runs: Sequence[tuple[str, Fields]], wanted: Mapping[str, str] = WITHIN_PANEL) -> list[str]:
    """What keeps runs, given as name and manifest fields, from being compared: one sentence per difference.

    Each run is held against the one before it, so that every difference is found once.
    """
    found = []
    for (name, fields), (other, its) in pairwise(runs):
        for key, word in wanted.items():
            mine, theirs = _value(fields, key), _value(its, key)
            if mine != theirs:
                found.append(f"{word} differs: {_text(mine)} in {name}, {_text(theirs)} in {other}")
    return found


def _value(fields: Fields, key: str) -> Any:
    return fields.get(key) or (fields.get("model") if key == "base_model" else None)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {setting}" for key, setting in value.items())
    text = "not stated" if value is None else str(value)
    return f"{text[:12]}..." if len(text) > 40 else text
