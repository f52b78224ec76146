"""What a retrofit minimises: distance to the untouched model, plus what is missing to the target compression."""

from collections.abc import Callable
from enum import StrEnum

import torch
from torch.utils.checkpoint import checkpoint

CHUNK_ELEMENTS = 1 << 25  # logits that exist at once


class Divergence(StrEnum):
    """Direction of the distillation loss."""

    FORWARD = "forward"  # KL(teacher || student), what the paper cites (Hinton et al., 2015)
    REVERSE = "reverse"  # KL(student || teacher), what NVIDIA's released trainer computes under the name of forward KL


def divergence(teacher: torch.Tensor, student: torch.Tensor, direction: Divergence) -> torch.Tensor:
    """KL per token, ``[T]``, of logits ``[T, V]``; float32."""
    log_teacher, log_student = teacher.float().log_softmax(-1), student.float().log_softmax(-1)
    first, second = (log_teacher, log_student) if direction is Divergence.FORWARD else (log_student, log_teacher)
    return (first.exp() * (first - second)).sum(-1)


def distillation(
    teacher: torch.Tensor,
    student: torch.Tensor,
    teacher_logits: Callable[[torch.Tensor], torch.Tensor],
    student_logits: Callable[[torch.Tensor], torch.Tensor],
    vocabulary: int,
    direction: Divergence,
) -> torch.Tensor:
    """Mean KL over tokens from hidden states ``[T, hidden]``; logits exist only for a chunk of tokens at a time."""

    def part(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            wanted = teacher_logits(before)
        return divergence(wanted, student_logits(after), direction).sum()

    size = max(1, CHUNK_ELEMENTS // vocabulary)
    if len(student) <= size:
        return part(teacher, student) / len(student)
    parts = [
        checkpoint(part, before, after, use_reentrant=False)
        for before, after in zip(torch.split(teacher, size), torch.split(student, size), strict=True)
    ]
    return torch.stack(parts).sum() / len(student)


def shortfall(marked: torch.Tensor, target: float) -> torch.Tensor:
    """``max(target - marked, 0)``: one-sided and over all layers, heads and tokens at once, so that they may differ.

    The paper sums over entries; the mean, as in NVIDIA's released trainer, does not depend on the length of the batch.
    """
    return (target - marked).clamp(min=0.0)
