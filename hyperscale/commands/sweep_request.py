"""What a sweep is asked to run: options, or a TOML file with options beside it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_entry import DEFAULT_TASK, Entry
from hyperscale.commands.sweep_file import read_sweep_file
from hyperscale.configuration import Reading, read_configuration
from hyperscale.errors import Refusal, UsageError

_WHAT = ("methods", "configs", "tasks", "seeds", "model", "settings")
_EXAMPLE = "Write for example --methods vanilla,dms --configs 8-1k-1x,8-1k-8x, or name a sweep file."


class SweepOptions(TypedDict, total=False):
    """The words of ``hyperscale sweep`` beside its file. What is None, or not there, is not said."""

    methods: Sequence[str] | None
    configs: Sequence[str] | None
    tasks: Sequence[str] | None
    seeds: Sequence[int] | None
    model: str | None
    settings: Mapping[str, str] | None
    limit: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    prompt: str | None
    since: str | None
    until: str | None
    data: Path | str | None
    accept_licence: bool
    allow_partial_tests: bool | None
    unsafe_no_sandbox: bool
    out: Path | str
    device: str
    dtype: str | None
    rows: int | str
    workers: int | str


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Everything that was asked for, understood word by word."""

    entries: tuple[Entry, ...]
    common: Common
    file: Path | None = None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """How each configuration was read, once each."""
        return tuple(dict.fromkeys(reading for entry in self.entries for reading in entry.readings))

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """Words that are wrong together are wrong options, or the fault of the file that they stand in."""
        try:
            yield
        except UsageError as error:
            if self.file is None:
                raise
            raise Refusal(f"{self.file}: {error}") from None


def understand_sweep(file: Path | str | None, options: SweepOptions) -> SweepRequest:
    """Check every word by itself; what goes together is for the plan to say.

    What to run comes from the file or from options. All else may be said beside a file, and wins over it.

    Raises
    ------
    UsageError
        An option is wrong, or what to run is said twice or not at all.
    Refusal
        The file cannot be read, or something in it is wrong.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None and value != {}}
    shared = {name: value for name, value in given.items() if name not in _WHAT}
    Common(**shared).check()
    if file is None:
        return SweepRequest((_entry(given),), Common(**shared))
    _refuse_twice(Path(file), [f"--{'set' if name == 'settings' else name}" for name in _WHAT if name in given])
    content = read_sweep_file(Path(file))
    return SweepRequest(content.entries, Common(**{**content.shared, **shared}), Path(file))


def _refuse_twice(file: Path, options: Sequence[str]) -> None:
    """Refuse options that say what to run beside a file that says it."""
    if not options:
        return
    if file.suffix != ".toml" and not file.exists():  # the second of several methods, most likely
        raise UsageError(
            f"There is no sweep file {file}. Options take several with commas between them: --methods vanilla,dms."
        )
    raise UsageError(f"{file} says what to run; {' and '.join(options)} cannot stand beside it. Keep the file, or the options.")


def _entry(given: Mapping[str, Any]) -> Entry:
    missing = [f"--{name}" for name in ("methods", "configs") if not given.get(name)]
    if missing:
        raise UsageError(f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing. {_EXAMPLE}")
    for name in ("tasks", "seeds"):
        if name in given and not given[name]:
            raise UsageError(f"--{name} is empty. Name at least one, or leave it out.")
    seeds = tuple(dict.fromkeys(given.get("seeds", (0,))))
    for seed in seeds:
        if not 0 <= seed < 1 << 63:
            raise UsageError(f"--seeds must lie between 0 and 2^63 - 1, but {seed} is among them.")
    return Entry(
        methods=tuple(dict.fromkeys(given["methods"])),
        readings=tuple(map(read_configuration, dict.fromkeys(given["configs"]))),
        tasks=tuple(dict.fromkeys(given.get("tasks", (DEFAULT_TASK,)))),
        seeds=seeds,
        model=given.get("model", "auto"),
        settings=given.get("settings", {}),
    )
