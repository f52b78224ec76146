"""What was still held of the tokens seen, per layer and KV head; a part of `telemetry.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Retention:
    """Sums over the decode steps of chains; they add up over chains, sessions and workers.

    Attributes
    ----------
    held : tuple of tuple of int
        Entries held at a step's attention, by layer and KV head.
    seen : int
        Tokens seen at a step, its own included: what a head that keeps everything holds.
    """

    held: tuple[tuple[int, ...], ...] = ()
    seen: int = 0

    def __add__(self, other: "Retention") -> "Retention":
        if not (self.held and other.held):
            return self if self.held else other
        layers = zip(self.held, other.held, strict=True)
        held = tuple(tuple(a + b for a, b in zip(mine, yours, strict=True)) for mine, yours in layers)
        return Retention(held, self.seen + other.seen)

    @property
    def share(self) -> list[list[float]]:
        """Held over seen, as a ratio of sums, by layer and KV head."""
        return [[entries / self.seen for entries in layer] for layer in self.held]

    def to_json(self) -> dict[str, Any]:
        return {"held": [list(layer) for layer in self.held], "seen": self.seen}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(tuple(tuple(map(int, layer)) for layer in content["held"]), int(content["seen"]))


NOTHING_SEEN = Retention()
