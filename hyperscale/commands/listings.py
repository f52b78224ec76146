"""What there is: `hyperscale tasks`, `hyperscale methods`, `hyperscale models`."""

import dataclasses
import inspect
import math
import os
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperscale.errors import Refusal
from hyperscale.tasks.cards import card_names, load_card, load_problems
from hyperscale.tasks.code_loading import MUCH
from hyperscale.tasks.task_card import TaskCard

if TYPE_CHECKING:
    from hyperscale.checkpoint import Checkpoint
    from hyperscale.heads import LearnedHeads

_PAPER = re.compile(r'\b\w[\w-]+ et al\., "[^"]+".*?arXiv \d{4}\.\d{4,5}')
CHECKPOINTS = "the checkpoint's"  # budget of a method that follows what a model was trained for


class Origin(StrEnum):
    """Where a task's problems would come from now, without --data."""

    BUNDLED = "bundled"
    LOCAL = "local"  # a folder under HYPERSCALE_DATA
    HUB = "hub"
    NOWHERE = "nowhere"  # the card names no source: --data is needed


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A benchmark.

    `problems` is None where they would have to be fetched first, or where counting them would take long; `errata` says which
    problems are known to be defective, and why; `fault` says why local rows are of no use.
    """

    name: str
    title: str
    kind: str
    problems: int | None
    max_len: int
    origin: Origin
    source: str
    prompts: tuple[str, ...]
    licence: str
    defects: tuple[str, ...]
    errata: Mapping[str, str]
    fault: str | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of a method, for `--set name=value`. `values` is what it takes."""

    name: str
    default: str
    values: str


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """A built-in method. `is_default` marks the one that runs if none is named."""

    name: str
    summary: str
    default_budget: str
    is_default: bool
    parameters: tuple[Parameter, ...]
    paper: str | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HeadsInfo:
    """What a model was trained for: a method, the compression it was trained to reach, the tokens its window protects."""

    method: str
    ratio: float | None
    window: int


@dataclass(frozen=True, slots=True)
class PublishedInfo:
    """A known checkpoint on the hub."""

    name: str
    base_model: str
    licence: str
    non_commercial: bool
    heads: HeadsInfo


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A bundled model. `parameters` counts weights, tied ones once."""

    name: str
    family: str
    parameters: int
    max_positions: int | None
    licence: str
    heads: HeadsInfo | None


@dataclass(frozen=True, slots=True)
class Models:
    """The bundled models, known checkpoints on the hub, and the families that any other model may be of."""

    bundled: tuple[ModelInfo, ...]
    published: tuple[PublishedInfo, ...]
    families: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "models": [asdict(model) for model in self.bundled],
            "published": [asdict(checkpoint) for checkpoint in self.published],
            "families": list(self.families),
        }


def tasks() -> list[TaskInfo]:
    """The built-in benchmarks. Local files are read to count their problems; nothing is fetched."""
    return [_task(load_card(name)) for name in card_names()]


def methods() -> list[MethodInfo]:
    """The built-in methods with their parameters, in the order they are documented."""
    from hyperscale.cache.registry import DEFAULT_METHOD, POLICIES

    return [
        MethodInfo(name, cls.summary, cls.default_budget or CHECKPOINTS, name == DEFAULT_METHOD, _parameters(cls), _paper(cls))
        for name, cls in POLICIES.items()
    ]


def models() -> Models:
    """The bundled models, and what else can be run; raises Refusal if the installation is damaged."""
    from hyperscale.bundled import bundled_models
    from hyperscale.models import FAMILIES
    from hyperscale.published import PUBLISHED

    hub = [PublishedInfo(p.id, p.base_model, p.licence, p.non_commercial, _heads(p.heads)) for p in PUBLISHED]
    return Models(tuple(_model(name) for name in bundled_models()), tuple(hub), FAMILIES)


def task_origin(card: TaskCard) -> tuple[Origin, str]:
    """Where the problems would come from, and the name of that place."""
    root = os.environ.get("HYPERSCALE_DATA")
    if root and Path(root, card.local.folder).is_dir():
        return Origin.LOCAL, str(Path(root, card.local.folder))
    if card.source.bundled:
        return Origin.BUNDLED, "generated"
    if card.source.hub:
        return Origin.HUB, card.source.hub
    return Origin.NOWHERE, "give --data"


def _task(card: TaskCard) -> TaskInfo:
    origin, source = task_origin(card)
    problems, fault = None, None
    if origin in (Origin.BUNDLED, Origin.LOCAL) and not (card.code and card.code.files and _bytes(source) > MUCH):
        try:
            problems = len(load_problems(card).problems)
        except Refusal as error:
            fault = str(error)
    return TaskInfo(
        name=card.name,
        title=card.title,
        kind=str(card.kind),
        problems=problems,
        max_len=card.generation.max_len,
        origin=origin,
        source=source,
        prompts=tuple(card.prompts),
        licence=card.licence,
        defects=card.defects,
        errata=dict(card.code.errata) if card.code else {},
        fault=fault,
    )


def _bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file())


def _parameters(cls: type) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(cls)
    return tuple(Parameter(field.name, _text(field.default), _values(hints[field.name])) for field in dataclasses.fields(cls))


def _values(hint: Any) -> str:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return " | ".join(_words(option) for option in options)


def _words(option: Any) -> str:
    if inspect.isclass(option) and issubclass(option, StrEnum):
        return " | ".join(option)
    return {bool: "true | false", types.NoneType: "none"}.get(option, getattr(option, "__name__", str(option)))


def _text(default: object) -> str:
    return str(default).lower() if default is None or isinstance(default, bool) else str(default)


def _paper(cls: type) -> str | None:
    found = _PAPER.search(" ".join((cls.__doc__ or "").split()))
    return found[0] if found else None


def _model(name: str) -> ModelInfo:
    from hyperscale.checkpoint import Checkpoint

    try:
        model = Checkpoint.open(name)
        heads = _heads(model.heads) if model.heads else None
        positions = model.config.get("max_position_embeddings")
        return ModelInfo(model.name, str(model.config.get("model_type", "?")), _weights(model), positions, model.licence, heads)
    except Refusal as error:
        raise Refusal(f"{error} Install hyperscale again.") from error


def _heads(heads: "LearnedHeads") -> HeadsInfo:
    return HeadsInfo(heads.method, heads.ratio, heads.window)


def _weights(model: "Checkpoint") -> int:
    total = 0
    for file in set(model.tensor_files.values()):
        with model.tensors(file) as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118 (no mapping)
    return total
