"""Short names for runs shown side by side: what tells them apart, and no more."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hyperscale.budget import format_size

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
    """One label per run, from the fields of its manifest: method and budget, then whatever those alike in these differ in."""
    labels = [_PARTS[0](fields) for fields in runs]
    for part in _PARTS[1:]:
        alike = Counter(labels)
        told = {label: {part(fields) for fields, mine in zip(runs, labels, strict=True) if mine == label} for label in alike}
        labels = [
            f"{label}, {part(fields)}" if len(told[label]) > 1 else label for label, fields in zip(labels, runs, strict=True)
        ]
    seen: Counter[str] = Counter()
    alike = Counter(labels)
    for number, label in enumerate(labels):
        seen[label] += 1
        labels[number] = f"{label} ({seen[label]})" if alike[label] > 1 else label
    return labels
