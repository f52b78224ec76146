"""LocatedTable: a table of a TOML file that says on which line what is wrong with it stands."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, TypeVar

from hyperscale.commands.toml_lines import line_of
from hyperscale.errors import HyperscaleError, Refusal
from hyperscale.toml_table import Table

Read = TypeVar("Read")

_EMPTY = "is empty; name at least one, or leave it out"


class LocatedTable(Table):
    """Reader of one table.

    Parameters
    ----------
    text : str
        The file.
    place : tuple
        The way to the table, as `line_of` takes it; empty for the top of the file.
    """

    def __init__(self, path: Path, text: str, values: Mapping[str, object], place: tuple[str | int, ...] = ()) -> None:
        self.text, self.place = text, place
        super().__init__(path, values, " ".join(str(part + 1) if isinstance(part, int) else part for part in place))

    def inner(self, values: Mapping[str, object], *place: str | int) -> "LocatedTable":
        """The table at `place`, seen from this one."""
        return LocatedTable(self.path, self.text, values, (*self.place, *place))

    def where(self, key: str | None = None, item: str | None = None) -> str:
        """File, line and table of a key that is there, or of the table itself."""
        place = self.place if key is None else (*self.place, key)
        line = line_of(self.text, place, item) if place else 1
        table = f"[[{self.name}]]" if self.place and isinstance(self.place[-1], int) else f"[{self.name}]"
        return f"{self.path}, line {line}: {table if self.name else ''}{' ' if self.name and key else ''}{key or ''}"

    def refuse(self, key: str, complaint: str) -> NoReturn:
        if key in self.values:
            raise Refusal(f"{self.where(key)} {complaint}.")
        raise Refusal(f"{self.where() if self.place else self.path}: {key} {complaint}.")

    @contextmanager
    def blaming(self, key: str, item: str | None = None) -> Iterator[None]:
        """Say of what is wrong inside where it stands."""
        try:
            yield
        except HyperscaleError as error:
            raise Refusal(f"{self.where(key, item)}: {error}") from None

    def allow(self, keys: Collection[str], hints: Mapping[str, str]) -> None:
        """Refuse the first other key, with the hint there is for it or the nearest key that would do."""
        for key in self.values:
            if key not in keys:
                self.refuse(key, f"is no key here{hints.get(key) or _guess(key, keys)}")

    def each(self, key: str, read: Callable[[str], Read]) -> tuple[Read, ...]:
        """What `read` makes of the texts at `key`, once each; a key that is there must hold some."""
        texts = self.texts(key)
        if key in self.values and not texts:
            self.refuse(key, _EMPTY)
        return tuple(dict.fromkeys(self.one(key, text, read) for text in texts))

    def one(self, key: str, text: str, read: Callable[[str], Read]) -> Read:
        with self.blaming(key, text):
            return read(text)

    def seeds(self, key: str) -> tuple[int, ...]:
        """The whole numbers at `key`, once each; a key that is there must hold some."""
        items = self.take(key, list, [])
        if key in self.values and not items:
            self.refuse(key, _EMPTY)
        for item in items:
            if not isinstance(item, int) or isinstance(item, bool):
                self.refuse(key, f"must be a list of whole numbers, but holds {item!r}")
            if not 0 <= item < 1 << 63:
                self.refuse(key, f"must lie between 0 and 2^63 - 1, but holds {item}")
        return tuple(dict.fromkeys(items))

    def flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            self.refuse(key, f"must be true or false, not {value!r}")
        return value


def _guess(key: str, keys: Collection[str]) -> str:
    nearest = get_close_matches(key, keys, n=1, cutoff=0.6)
    return f"{f'; did you mean {nearest[0]!r}?' if nearest else '.'} Known: {', '.join(sorted(keys))}"
