"""A sweep written down: its TOML file, whose every mistake is told with line and key."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from hyperscale.bundled import locate
from hyperscale.cache.registry import policy_class
from hyperscale.commands.combination import policies_of
from hyperscale.commands.located_table import LocatedTable
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_entry import DEFAULT_TASK, Entry, Stated
from hyperscale.configuration import read_configuration
from hyperscale.errors import HyperscaleError, Refusal
from hyperscale.store.disk import refusing
from hyperscale.tasks.cards import load_card

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
_BOTH = ("tasks", "seeds", "model", "set", "configs")  # may stand at the top and in a [[run]]
_TOP = (*_BOTH, "methods", "run", *_SHARED, *_DAYS)
_RUN = (*_BOTH, "method", "config")
_BESIDE = ("accept_licence", "unsafe_no_sandbox", "out", "device", "rows", "workers")
_TOP_HINTS = {key: f"; say it beside the file: --{key.replace('_', '-')}" for key in _BESIDE}
_RUN_HINTS = {**_TOP_HINTS, **dict.fromkeys((*_SHARED, *_DAYS), "; it is for all runs: put it at the top of the file")}


@dataclass(frozen=True, slots=True)
class SweepFile:
    """What a file says: what to run, and words of `Common`."""

    entries: tuple[Entry, ...]
    shared: Mapping[str, Any]


def read_sweep_file(path: Path) -> SweepFile:
    """Read a sweep (docs/sweep.md says what may stand in it).

    Raises
    ------
    Refusal
        There is no such file, it is no TOML, or one of its keys or values is wrong; file, line and key are named.
    """
    table = _parsed(path)
    table.allow(_TOP, _TOP_HINTS)
    shared = _shared(table)
    whole = _whole(table)
    entries = (*([whole] if whole.methods else []), *_singles(table, whole))
    if not entries:
        raise Refusal(f'{path} says nothing to run. Add methods = ["vanilla"] and configs = ["8-1k-1x"], or [[run]] tables.')
    _check_together(table, shared, entries)
    return SweepFile(entries, shared)


def _parsed(path: Path) -> LocatedTable:
    if not path.exists():
        raise Refusal(f"There is no sweep file {path}. Check the path.")
    with refusing(path):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
        return LocatedTable(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Refusal(f"{path}, line {line}: this is not UTF-8. Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"{path} is no TOML: {error}. Correct it (docs/sweep.md has an example).") from None


def _whole(table: LocatedTable) -> Entry:
    """The product at the top of the file; without methods where there is none."""
    for key, other in (("methods", "configs"), ("configs", "methods")):
        if key in table.values and other not in table.values:
            table.refuse(key, f"is there without {other}. Add {other}, or say [[run]] by [[run]] what to run")
    methods = table.each("methods", _method)
    if "set" in table.values and not methods:
        table.refuse("set", "is for the methods at the top, and there are none. Put set into the [[run]] it is for")
    return Entry(
        methods=methods,
        readings=table.each("configs", read_configuration),
        tasks=table.each("tasks", _task) or (DEFAULT_TASK,),
        seeds=table.seeds("seeds") or (0,),
        model=_model(table, "auto"),
        settings=_settings(table, methods, _TOP),
        where=str(table.path),
    )


def _singles(table: LocatedTable, whole: Entry) -> list[Entry]:
    """The ``[[run]]`` tables."""
    if isinstance(table.values.get("run"), dict):
        table.refuse("run", "has one pair of brackets. Write [[run]], as there may be several")
    singles = table.take("run", list, [])
    for number, values in enumerate(singles):
        if not isinstance(values, dict):
            table.refuse("run", f"must be tables [[run]], but holds {values!r} at place {number + 1}")
    return [_single(table.inner(values, "run", number), whole) for number, values in enumerate(singles)]


def _single(table: LocatedTable, whole: Entry) -> Entry:
    """One ``[[run]]``: a method, its configurations, and what it has otherwise than the top of the file."""
    table.allow(_RUN, _RUN_HINTS)
    method = table.one("method", table.take("method", str), _method)
    if ("config" in table.values) == ("configs" in table.values):
        table.refuse("config", 'must be there, such as "8-1k-8x", or configs, a list of several; and not both')
    config = table.find("config", str)
    one = () if config is None else (table.one("config", config, read_configuration),)
    return Entry(
        methods=(method,),
        readings=one + table.each("configs", read_configuration),
        tasks=table.each("tasks", _task) or whole.tasks,
        seeds=table.seeds("seeds") or whole.seeds,
        model=_model(table, whole.model),
        settings=_settings(table, (method,), _RUN),
        stated=Stated.ONE_BY_ONE,
        where=table.where(),
    )


def _shared(table: LocatedTable) -> dict[str, Any]:
    """The words of `Common` that the file says, each checked by itself."""
    shared: dict[str, Any] = {}
    for key, kind in _SHARED.items():
        said: dict[str, Any] = {key: table.flag(key) if kind is bool else table.find(key, kind)}
        if said[key] is not None:
            with table.blaming(key):
                Common(**said).check()
            shared |= said
    for key in _DAYS:
        if key in table.values:
            shared[key] = _day(table, key)
    return shared


def _day(table: LocatedTable, key: str) -> str:
    """A date, or the text of one."""
    text = str(table.values[key])
    try:
        date.fromisoformat(text)
    except ValueError:
        table.refuse(key, f"must be a day such as 2024-08-01, not {text!r}")
    return text


def _settings(table: LocatedTable, methods: Sequence[str], outside: Sequence[str]) -> dict[str, str]:
    """The table ``set``: parameters of methods as the text that ``--set`` takes."""
    inner = table.inner(table.take("set", dict, {}), "set")
    for key, value in inner.values.items():
        if not isinstance(value, str | int | float):
            inner.refuse(key, f"must be a number, a text, true or false, not {value!r}")
    settings = {key: _text(value) for key, value in inner.values.items()}
    try:
        policies_of(methods, settings)
    except HyperscaleError:
        for key, text in settings.items():  # find the one to blame
            _check_setting(inner, methods, key, text, outside)
        with table.blaming("set"):
            policies_of(methods, settings)
    return settings


def _check_setting(inner: LocatedTable, methods: Sequence[str], key: str, text: str, outside: Sequence[str]) -> None:
    try:
        with inner.blaming(key):
            policies_of(methods, {key: text})
    except Refusal as error:
        hint = f" If it is not for a method, put {key} before [{inner.name}]." if key in outside else ""
        raise Refusal(f"{error}{hint}") from None


def _check_together(table: LocatedTable, shared: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """What is wrong only together with what is to be run."""
    for entry in entries:
        if "prompt" in shared:
            with table.blaming("prompt"):
                for task in entry.tasks:
                    load_card(task).prompt(shared["prompt"])
        if "temperature" in shared:
            with table.blaming("temperature"):
                Common(temperature=shared["temperature"]).check(max(each.width for each in entry.configurations))


def _model(table: LocatedTable, default: str) -> str:
    name = table.take("model", str, default)
    if "model" in table.values and name != "auto":
        table.one("model", name, locate)
    return name


def _method(name: str) -> str:
    policy_class(name)
    return name


def _task(name: str) -> str:
    load_card(name)
    return name


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
