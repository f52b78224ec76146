"""PublishedResults: what the hyper-scaling paper printed, to be shown beside what was measured here."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any

from hyperscale.budget import UNITS

FILE = "assets/paper/hyper-scaling.toml"
_NOT_APPLICABLE = "NA"


class PublishedCost(StrEnum):
    """What the paper holds accuracy against."""

    READS = "reads"
    PEAK = "peak"
    THROUGHPUT = "throughput"  # examples per minute: more is better


@dataclass(frozen=True, slots=True)
class Citation:
    """Where the numbers come from."""

    authors: tuple[str, ...]
    title: str
    venue: str
    arxiv: str

    def __str__(self) -> str:
        return f"{', '.join(self.authors)}: {self.title}. {self.venue}, arXiv {self.arxiv}"


@dataclass(frozen=True, slots=True)
class PublishedGain:
    """A gain of the paper's Tables 7-9, in accuracy (0..1); None where it says NA."""

    cost: PublishedCost
    task: str
    base_model: str
    method: str
    reference: str
    gain: float | None


@dataclass(frozen=True, slots=True)
class PublishedAccuracy:
    """An accuracy (0..1) of one chain per problem: Tables 10-12, and Table 2 for Qwen3-8B."""

    task: str
    base_model: str
    method: str
    budget: str
    length: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class PublishedPanel:
    """What can be read off a panel of Figures 3, 7 and 8.

    Attributes
    ----------
    span : tuple of int
        The axis runs between these powers of two, approximately.
    labels : tuple of (width, length)
        The points on the frontiers of all methods, whose method is not known.
    """

    cost: PublishedCost
    task: str
    base_model: str
    span: tuple[int, int]
    labels: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PublishedResults:
    """Everything, in the order of the paper's tables."""

    citation: Citation
    gains: tuple[PublishedGain, ...]
    accuracies: tuple[PublishedAccuracy, ...]
    panels: tuple[PublishedPanel, ...]


def published_results() -> PublishedResults:
    """The numbers that come with the package.

    Łańcucki, Staniszewski, Nawrot, Ponti: "Inference-Time Hyper-Scaling with KV Cache Compression", NeurIPS 2025, arXiv
    2506.05345. Percentages are turned into shares; nothing else is changed.
    """
    content = tomllib.loads(files("hyperscale").joinpath(FILE).read_text(encoding="utf-8"))
    models = tuple(content["models"]["names"])
    citation = content["citation"]
    return PublishedResults(
        citation=Citation(tuple(citation["authors"]), citation["title"], citation["venue"], citation["arxiv"]),
        gains=tuple(_gains(content, models)),
        accuracies=(*_same_length(content, models), *_qwen3(content["qwen3"])),
        panels=tuple(_panels(content, models)),
    )


def _gains(content: Mapping[str, Any], models: tuple[str, ...]) -> Iterator[PublishedGain]:
    for table in content["gains"]:
        cost, method, reference = PublishedCost(table["cost"]), table["method"], table["reference"]
        for task, values in _lists(table):
            for model, value in zip(models, values, strict=True):
                gain = None if value == _NOT_APPLICABLE else value / 100
                yield PublishedGain(cost, task, model, method, reference, gain)


def _same_length(content: Mapping[str, Any], models: tuple[str, ...]) -> Iterator[PublishedAccuracy]:
    for table in content["same_length"]:
        for name, values in _lists(table):
            method, _, budget = name.partition("-")
            for model, value in zip(models, values, strict=True):
                yield PublishedAccuracy(table["task"], model, method, budget, table["length"], value / 100)


def _qwen3(table: Mapping[str, Any]) -> Iterator[PublishedAccuracy]:
    for name, scores in table.items():
        if isinstance(scores, Mapping):
            method, _, budget = name.partition("-")
            for task, value in scores.items():
                yield PublishedAccuracy(task, table["model"], method, budget, table["length"], value / 100)


def _panels(content: Mapping[str, Any], models: tuple[str, ...]) -> Iterator[PublishedPanel]:
    labels = {(table["cost"], task): lists for table in content["labels"] for task, lists in _lists(table)}
    for table in content["axes"]:
        for task, spans in _lists(table):
            texts = labels.get((table["cost"], task), [""] * len(models))
            for model, (low, high), text in zip(models, spans, texts, strict=True):
                yield PublishedPanel(PublishedCost(table["cost"]), task, model, (low, high), tuple(map(_label, text.split())))


def _label(text: str) -> tuple[int, int]:
    width, _, length = text.partition("-")
    return int(width), int(length) * UNITS["k"]


def _lists(table: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The entries of a table that are lists over models."""
    return ((key, value) for key, value in table.items() if isinstance(value, list))
