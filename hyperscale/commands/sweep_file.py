"""A sweep written down: its TOML file, whose every mistake is told with line and key."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hyperscale.cache.registry import make_policy, policy_class
from hyperscale.cards import load_card
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_entry import DEFAULT_TASK, Entry, Stated
from hyperscale.commands.toml_lines import line_of
from hyperscale.configuration import read_configuration
from hyperscale.errors import HyperscaleError, Refusal
from hyperscale.store.disk import refusing
from hyperscale.toml_table import Table

Read = TypeVar("Read")

_SHARED: Mapping[str, type] = {
    "limit": int,
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "prompt": str,
    "data": str,
    "dtype": str,
    "allow_partial_tests": bool,
}
_DAYS = ("since", "until")


@dataclass(frozen=True, slots=True)
class SweepFile:
    """What a file says: what to run, and words of `Common`."""

    entries: tuple[Entry, ...]
    shared: Mapping[str, Any]


class _SweepTable(Table):
    """A table of a sweep file, which knows its lines."""

    def __init__(self, path: Path, text: str, values: Mapping[str, object], place: tuple[str | int, ...] = ()) -> None:
        self.text, self.place = text, place
        super().__init__(path, values, " ".join(str(part + 1) if isinstance(part, int) else part for part in place))

    def where(self, key: str | None = None, item: str | None = None) -> str:
        """File, line and table of a key that is there, or of the table itself."""
        place = self.place if key is None else (*self.place, key)
        line = line_of(self.text, place, item) if place else 1
        table = f"[[{self.name}]]" if self.place and self.place[0] == "run" and len(self.place) == 2 else f"[{self.name}]"
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

    def each(self, key: str, read: Callable[[str], Read]) -> tuple[Read, ...]:
        """What `read` makes of the texts at `key`; a key that is there must hold some."""
        texts = self.texts(key)
        if key in self.values and not texts:
            self.refuse(key, "is empty; name at least one, or leave it out")
        return tuple(self.one(key, text, read) for text in texts)

    def one(self, key: str, text: str, read: Callable[[str], Read]) -> Read:
        with self.blaming(key, text):
            return read(text)

    def numbers(self, key: str) -> tuple[int, ...]:
        items = self.take(key, list, [])
        if key in self.values and not items:
            self.refuse(key, "is empty; name at least one, or leave it out")
        for item in items:
            if not isinstance(item, int) or isinstance(item, bool):
                self.refuse(key, f"must be a list of whole numbers, but holds {item!r}")
            if not 0 <= item < 1 << 63:
                self.refuse(key, f"must lie between 0 and 2^63 - 1, but holds {item}")
        return tuple(items)

    def flag(self, key: str) -> bool | None:
        self.known.append(key)
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            self.refuse(key, f"must be true or false, not {value!r}")
        return value

    def settings(self) -> dict[str, str]:
        """The table ``set``: parameters of methods as the text that ``--set`` takes."""
        inner = _SweepTable(self.path, self.text, self.take("set", dict, {}), (*self.place, "set"))
        for key, value in inner.values.items():
            if not isinstance(value, str | int | float):
                inner.refuse(key, f"must be a number, a text, true or false, not {value!r}")
        return {key: _text(value) for key, value in inner.values.items()}

    def close(self) -> None:
        for key in self.values:
            if key not in self.known:
                nearest = get_close_matches(key, self.known, n=1, cutoff=0.5)
                hint = f"did you mean {nearest[0]!r}? " if nearest else ""
                self.refuse(key, f"is no key of a sweep; {hint}Known here: {', '.join(sorted(self.known))}")


def read_sweep_file(path: Path) -> SweepFile:
    """Read a sweep (docs/sweep.md says what may stand in it).

    Raises
    ------
    Refusal
        There is no such file, it is no TOML, or one of its keys or values is wrong; file, line and key are named.
    """
    with refusing(path):
        content = path.read_bytes()
    try:
        text = content.decode()
        table = _SweepTable(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Refusal(f"{path}, line {line}: this is not UTF-8. Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"{path} is no TOML: {error}. Correct it (docs/sweep.md has an example).") from None
    shared = _shared(table)
    whole = _whole(table)
    singles = table.take("run", list, [])
    for number, values in enumerate(singles):
        if not isinstance(values, dict):
            table.refuse("run", f"must be tables [[run]], but holds {values!r} at place {number + 1}")
    table.close()
    entries = [
        *([whole] if whole.methods else []),
        *(_single(_SweepTable(path, text, values, ("run", number)), whole) for number, values in enumerate(singles)),
    ]
    if not entries:
        raise Refusal(f'{path} says nothing to run. Add methods = ["vanilla"] and configs = ["8-1k-1x"], or [[run]] tables.')
    return SweepFile(tuple(entries), shared)


def _whole(table: _SweepTable) -> Entry:
    """The product at the top of the file; without methods where there is none."""
    entry = Entry(
        methods=_once(table.each("methods", _method)),
        readings=_once(table.each("configs", read_configuration)),
        tasks=_once(table.each("tasks", _task)) or (DEFAULT_TASK,),
        seeds=_once(table.numbers("seeds")) or (0,),
        model=table.take("model", str, "auto"),
        settings=table.settings(),
        where=str(table.path),
    )
    for key, other in (("methods", "configs"), ("configs", "methods")):
        if key in table.values and other not in table.values:
            table.refuse(key, f"is there without {other}. Add {other}, or say [[run]] by [[run]] what to run")
    if entry.settings and not entry.methods:
        table.refuse("set", "is for the methods at the top, and there are none. Put set into the [[run]] it is for")
    return entry


def _single(table: _SweepTable, whole: Entry) -> Entry:
    """One ``[[run]]``: a method, its configurations, and what it has otherwise than the top of the file."""
    method = table.take("method", str)
    settings = table.settings()
    if ("config" in table.values) == ("configs" in table.values):
        table.refuse("config", 'must be there, such as "8-1k-8x", or configs, a list of several; and not both')
    config = table.find("config", str)
    one = () if config is None else (table.one("config", config, read_configuration),)
    entry = Entry(
        methods=(table.one("method", method, _method),),
        readings=_once(one + table.each("configs", read_configuration)),
        tasks=_once(table.each("tasks", _task)) or whole.tasks,
        seeds=_once(table.numbers("seeds")) or whole.seeds,
        model=table.take("model", str, whole.model),
        settings=settings,
        stated=Stated.ONE_BY_ONE,
        where=table.where(),
    )
    if settings:
        with table.blaming("set"):
            make_policy(method, settings)
    table.close()
    return entry


def _shared(table: _SweepTable) -> dict[str, Any]:
    """The words of `Common` that the file says, each checked by itself."""
    shared: dict[str, Any] = {}
    for key, kind in _SHARED.items():
        said: dict[str, Any] = {key: table.flag(key) if kind is bool else table.find(key, kind)}
        if said[key] is not None:
            with table.blaming(key):
                Common(**said).check()
            shared |= said
    for key in _DAYS:
        table.known.append(key)
        day = table.values.get(key)
        if day is not None and not isinstance(day, str | date):
            table.refuse(key, f"must be a day such as 2024-08-01, not {day!r}")
        if day is not None:
            shared[key] = str(day)
    return shared


def _method(name: str) -> str:
    policy_class(name)
    return name


def _task(name: str) -> str:
    load_card(name)
    return name


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _once(items: Sequence[Read]) -> tuple[Read, ...]:
    return tuple(dict.fromkeys(items))
