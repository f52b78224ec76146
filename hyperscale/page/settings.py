"""The settings of a run, as texts by dotted name."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hyperscale.shown import shown
from hyperscale.store.stored_run import StoredRun

HASH_LETTERS = 12  # of a hash are enough to tell it from others
_HASH = re.compile(r"[0-9a-f]{32,}")

FIRST = (
    "task", "task_version", "model", "base_model", "model_source", "licence", "weights_hash", "dtype", "method", "policy",
    "policy_code", "budget", "heads", "width", "max_len", "reads", "seed", "sampling", "problems", "since", "until", "prompt",
    "grader", "sandbox", "data_origin", "data_revision", "data_hash", "device", "versions",
)  # fmt: skip
"""What a reader looks for first; the rest of a manifest follows."""


def settings_of(run: StoredRun, summary: Mapping[str, Any], graders: Collection[str]) -> dict[str, str]:
    """Everything the manifest says, and what graded the chains; on one line each, see `shown`.

    Of paths only the last part is shown: the page is made to be passed on.
    """
    fields = run.manifest.fields
    ids = fields.pop("problem_ids", None)
    if "card" in fields:
        fields["card"] = Path(fields["card"]).name
    added = {
        "problems": len(ids) if ids else None,
        "grader": ", ".join(sorted(graders)),
        "sandbox": summary.get("sandbox"),
        "run": Path(run.name).name,
        "hash": run.manifest.hash,
        "earlier sessions": list(run.manifest.earlier),
    }
    fields |= {name: value for name, value in added.items() if value}
    return dict(pair for name in fields for pair in _flat(name, fields[name]))


def differing(settings: Sequence[Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """The names whose values differ between the runs, and those that all runs share; what a reader looks for comes first."""
    names = sorted(dict.fromkeys(name for those in settings for name in those), key=_place)
    different = [name for name in names if len({those.get(name) for those in settings}) > 1]
    return different, [name for name in names if name not in different]


def _place(name: str) -> int:
    root = name.partition(".")[0]
    return FIRST.index(root) if root in FIRST else len(FIRST)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
    else:
        yield shown(name), shown(value) if isinstance(value, str) else json.dumps(value)


def is_hash(value: str) -> bool:
    """Whether a value is the hash of something, which nobody reads whole."""
    return _HASH.fullmatch(value) is not None
