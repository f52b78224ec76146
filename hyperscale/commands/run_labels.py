"""Short names for runs shown side by side: what tells them apart, and no more."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hyperscale.budget import format_size
from hyperscale.shown import shown

Fields = Mapping[str, Any]

_PARTS: tuple[Callable[[Fields], str], ...] = (
    lambda fields: f"{str(fields.get('method')).rpartition('.py:')[2]} {fields.get('budget')}",
    lambda fields: str(fields.get("model")),
    lambda fields: str(fields.get("task")),
    lambda fields: f"L={format_size(int(fields.get('max_len') or 0))}",
    lambda fields: f"W={fields.get('width')}",
    lambda fields: f"seed {fields.get('seed')}",
)


def run_labels(runs: Sequence[Fields]) -> list[str]:
    """One label per run, from the fields of its manifest: method and budget, then whatever those alike in these differ in.

    Each is a line that may stand anywhere, whatever names the runs have: see `shown`.
    """
    labels, *more = ([shown(part(fields)) for fields in runs] for part in _PARTS)
    for texts in more:
        told: dict[str, set[str]] = {}
        for label, text in zip(labels, texts, strict=True):
            told.setdefault(label, set()).add(text)
        labels = [f"{label}, {text}" if len(told[label]) > 1 else label for label, text in zip(labels, texts, strict=True)]
    seen: Counter[str] = Counter()
    alike = Counter(labels)
    for number, label in enumerate(labels):
        seen[label] += 1
        labels[number] = f"{label} ({seen[label]})" if alike[label] > 1 else label
    return labels
