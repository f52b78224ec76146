"""Entry: methods times configurations, as somebody wrote them down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hyperscale.configuration import Configuration, Reading

DEFAULT_TASK = "modchain"


class Stated(StrEnum):
    """How runs were named, which decides what happens to one that is not possible."""

    PRODUCT = "product"  # everything with everything: what does not go together is left out, and said
    ONE_BY_ONE = "one by one"  # it was meant, so the sweep is refused


@dataclass(frozen=True, slots=True)
class Entry:
    """Methods times configurations times tasks times seeds.

    Attributes
    ----------
    settings : mapping
        Parameters of the methods, as text; each is given to the methods that have one of that name.
    where : str
        The place in a file to blame; empty for options.
    """

    methods: tuple[str, ...]
    readings: tuple[Reading, ...]
    tasks: tuple[str, ...] = (DEFAULT_TASK,)
    seeds: tuple[int, ...] = (0,)
    model: str = "auto"
    settings: Mapping[str, str] = field(default_factory=dict)
    stated: Stated = Stated.PRODUCT
    where: str = ""

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        return tuple(dict.fromkeys(reading.configuration for reading in self.readings))
