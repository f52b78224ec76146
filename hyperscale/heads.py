"""Learned heads: what a retrofit left in a checkpoint, recognised from its tensors and its configuration.

No remote code is ever run. Four layouts are known (docs/checkpoints.md describes each):

* **borrowed** coordinate, NVIDIA: stock tensors, ``dms_*`` keys in ``config.json`` (nvidia/Qwen3-8B-DMS-8x);
* **borrowed** coordinate, FastDMS: stock tensors, ``dms_metadata.json`` beside them (shisa-ai/Llama-3.2-1B-DMS-8x);
* **adapter**, Model-Optimizer: ``dms_proj_alpha`` and ``dms_proj_alpha_norm`` tensors in every layer;
* **dmc**: stock tensors, ``dmc_*`` keys in ``config.json``, written by our own retrofit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hyperscale.errors import Refusal


class HeadLayout(StrEnum):
    """Where a decision is read from."""

    BORROWED = "borrowed"  # last coordinate of each group's first query head, before RoPE
    ADAPTER = "adapter"  # a projection of the residual stream before the layer's first norm
    DMC = "dmc"  # last coordinate of each key head, and of all query heads for the weights


class DecideAt(StrEnum):
    """Which token's decision is about an entry."""

    ARRIVAL = "arrival"  # made as the entry arrives, executed when it leaves the window (delayed eviction: the method)
    EXIT = "exit"  # made as the entry leaves the window, executed at once (immediate eviction: the paper's ablation)


def decision_lag(shift: int, window: int, decide_at: DecideAt | None) -> int:
    """Tokens from an entry to the one whose decision is about it."""
    return shift + (window if decide_at is DecideAt.EXIT else 0)


@dataclass(frozen=True, slots=True)
class LearnedHeads:
    """How to read a checkpoint's decisions.

    Attributes
    ----------
    layout : HeadLayout
        Where the raw value ``a`` of a token, layer and KV head comes from; an entry is marked iff ``scale * a - offset > 0``.
    window : int
        w: an entry stays visible to the w tokens after it, marked or not.
    shift : int
        1: the decision of token t + 1 is about the entry of token t (NVIDIA); 0: that of token t (FastDMS).
    decide_at : DecideAt
        With ``exit`` the decision about an entry is made w tokens later.
    ratio : float or None
        Compression the heads were trained for, None if the checkpoint does not say.
    per_layer : bool
        The first KV head of a layer decides for all of them (``dms_alpha_per = "layer"``).
    """

    layout: HeadLayout
    window: int
    scale: float = 100.0
    offset: float = 5.0
    shift: int = 1
    decide_at: DecideAt = DecideAt.ARRIVAL
    ratio: float | None = None
    per_layer: bool = False

    @property
    def method(self) -> str:
        """The method the heads are for."""
        return "dmc" if self.layout is HeadLayout.DMC else "dms"

    @property
    def borrowed(self) -> bool:
        """Whether a query or key coordinate carries the decision, so that attention must never see it."""
        return self.layout is not HeadLayout.ADAPTER

    def to_config(self) -> dict[str, Any]:
        """The keys of ``config.json`` that `find_heads` reads back; names as NVIDIA's Model-Optimizer writes them."""
        if self.layout is HeadLayout.DMC:
            return {
                "dmc_window_size": self.window,
                "dmc_alpha_scale": self.scale,
                "dmc_alpha_offset": self.offset,
                "dmc_cr": self.ratio,
            }
        ratio = self.ratio
        return {
            "dms_window_size": self.window,
            "dms_alpha_scale": self.scale,
            "dms_initial_alpha_offset": self.offset,
            "dms_cr": int(ratio) if ratio is not None and ratio == int(ratio) else ratio,
            "dms_separate_alpha": self.layout is HeadLayout.ADAPTER,
            "dms_alpha_per": "layer" if self.per_layer else "head",
            "dms_shift": self.shift,
            "dms_decide_at": str(self.decide_at),
        }


def find_heads(
    config: Mapping[str, Any], metadata: Mapping[str, Any] | None, has_adapters: bool, name: str
) -> LearnedHeads | None:
    """The learned heads of a checkpoint, None if it has none.

    Parameters
    ----------
    config : mapping
        Content of ``config.json``.
    metadata : mapping or None
        What FastDMS wrote beside the weights. It wins over the configuration, which may not say otherwise.
    has_adapters : bool
        Whether the checkpoint holds ``dms_proj_alpha`` tensors: what tells adapters from borrowed coordinates.
    name : str
        The model, for messages.

    Raises
    ------
    Refusal
        The keys are there but make no sense, or contradict each other or the tensors.
    """
    if "dmc_window_size" in config:
        return _dmc(config, name)
    stated = {key.removeprefix("dms_"): value for key, value in config.items() if key.startswith("dms_")}
    if metadata is not None:
        beside = {key.removeprefix("dms_"): value for key, value in metadata.items()}
        _refuse_contradictions(stated, beside, name)
        stated |= beside
    if not stated and not has_adapters:
        return None
    if stated.get("separate_alpha") is True and not has_adapters:
        raise Refusal(
            f"{name}: its config.json says dms_separate_alpha, but its weights hold no dms_proj_alpha tensors. Get all of its "
            f"safetensors files, or correct config.json."
        )
    settings = _Settings(stated, name)
    return LearnedHeads(
        HeadLayout.ADAPTER if has_adapters else HeadLayout.BORROWED,
        window=settings.whole("window_size"),
        scale=settings.number("alpha_scale", 100.0),
        offset=settings.number(settings.first(OFFSETS) or OFFSETS[0], 5.0),
        shift=settings.whole("shift", 1 if metadata is None else 0, most=1),
        decide_at=DecideAt(settings.word("decide_at", DecideAt.ARRIVAL, tuple(DecideAt))),
        ratio=settings.ratio(settings.first(RATIOS)),
        per_layer=settings.word("alpha_per", "head", ("head", "layer")) == "layer",
    )


OFFSETS = ("alpha_offset", "initial_alpha_offset")  # FastDMS and NVIDIA, for one thing
RATIOS = ("target_cr", "cr")


def _dmc(config: Mapping[str, Any], name: str) -> LearnedHeads:
    settings = _Settings(
        {key.removeprefix("dmc_"): value for key, value in config.items() if key.startswith("dmc_")}, name, "dmc"
    )
    offset = settings.number("alpha_offset", 5.0)
    ratio = settings.ratio(settings.first(RATIOS))
    return LearnedHeads(
        HeadLayout.DMC, settings.whole("window_size"), settings.number("alpha_scale", 1.0), offset, shift=0, ratio=ratio
    )


def _refuse_contradictions(config: Mapping[str, Any], beside: Mapping[str, Any], name: str) -> None:
    for keys in (("window_size",), ("alpha_scale",), OFFSETS, RATIOS, ("shift",), ("alpha_per",), ("decide_at",)):
        here, there = (next((source[key] for key in keys if source.get(key) is not None), None) for source in (config, beside))
        if here is not None and there is not None and here != there:
            raise Refusal(
                f"{name}: its config.json says dms_{keys[-1]} = {here!r}, and the metadata beside its weights says {there!r}. "
                f"Correct the one that does not belong to these weights."
            )


@dataclass(frozen=True, slots=True)
class _Settings:
    """Numbers and words of a checkpoint, checked one by one."""

    stated: Mapping[str, Any]
    name: str
    prefix: str = "dms"

    def first(self, keys: tuple[str, ...]) -> str | None:
        return next((key for key in keys if self.stated.get(key) is not None), None)

    def number(self, key: str, default: float | None = None) -> float:
        value = default if self.stated.get(key) is None else self.stated[key]
        if value is None:
            raise Refusal(
                f"{self.name} has {self.prefix.upper()} heads but does not say {self.prefix}_{key}: add it to config.json."
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, value, "a number")
        return float(value)

    def whole(self, key: str, default: int | None = None, most: int = 1 << 40) -> int:
        value = self.number(key, default)
        if value != int(value) or not 0 <= value <= most:
            raise self._wrong(key, self.stated.get(key), "0 or 1" if most == 1 else "a whole number of tokens")
        return int(value)

    def ratio(self, key: str | None) -> float | None:
        if key is None:
            return None
        value = self.number(key)
        if value < 1:
            raise self._wrong(key, value, "a compression of 1 or more")
        return value

    def word(self, key: str, default: str, words: tuple[str, ...]) -> str:
        value = default if self.stated.get(key) is None else self.stated[key]
        if value not in words:
            raise self._wrong(key, value, " or ".join(words))
        return str(value)

    def _wrong(self, key: str, value: Any, wanted: str) -> Refusal:
        return Refusal(f"{self.name}: {self.prefix}_{key} of its {self.prefix.upper()} heads is {value!r}, not {wanted}.")
