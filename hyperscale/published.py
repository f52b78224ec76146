"""Checkpoints with learned heads that others published: what their repositories do not say about themselves."""

from dataclasses import dataclass

from hyperscale.heads import HeadLayout, LearnedHeads


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint on the hub.

    Attributes
    ----------
    id : str
        ``owner/name`` on the hub.
    base_model : str
        What it was retrofitted from; also where its tokenizer comes from if it has none.
    licence : str
        Its name, and what it forbids.
    non_commercial : bool
        Whether it may only be used for research: it is never picked for a user who did not accept that.
    download : str
        What its weights amount to.
    heads : LearnedHeads
        What its files say, or leave to the code that was published with it.
    """

    id: str
    base_model: str
    licence: str
    non_commercial: bool
    download: str
    heads: LearnedHeads


PUBLISHED = (  # in the order of preference of --model auto
    Published(
        "nvidia/Qwen3-8B-DMS-8x",
        base_model="Qwen/Qwen3-8B",
        licence="NVIDIA License, non-commercial: research only",
        non_commercial=True,
        download="16 GB",
        heads=LearnedHeads(HeadLayout.BORROWED, window=512, shift=1, ratio=8.0),
    ),
    Published(
        "shisa-ai/Llama-3.2-1B-DMS-8x",
        base_model="meta-llama/Llama-3.2-1B",
        licence="see the model's page",
        non_commercial=False,
        download="2.5 GB",
        heads=LearnedHeads(HeadLayout.BORROWED, window=256, shift=0, ratio=8.0),
    ),
)


def published(name: str) -> Published | None:
    """The published checkpoint of that hub id, or of that name alone, if it is a known one."""
    return next((checkpoint for checkpoint in PUBLISHED if name in (checkpoint.id, checkpoint.id.split("/")[1])), None)
