"""Decisions while they are trained: relaxed, noisy, differentiable."""

import torch

TEMPERATURE = 0.1  # tau of the released configurations


def logistic_noise(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """The difference of two Gumbel variables, which is logistic; float32 on the generator's device."""
    uniform = torch.rand(shape, generator=generator, device=generator.device)
    return torch.logit(uniform.clamp(1e-6, 1 - 1e-6))


def relaxed(logits: torch.Tensor, noise: torch.Tensor, temperature: float = TEMPERATURE) -> torch.Tensor:
    """``z = (logit + noise) / tau``; the relaxed decision is ``sigmoid(z)``, the hard one ``z > 0`` (Gumbel-sigmoid)."""
    return (logits.float() + noise) / temperature


def straight_through(z: torch.Tensor) -> torch.Tensor:
    """The hard decision ``z > 0`` as 0 or 1, with the gradient of the relaxed one."""
    soft = z.sigmoid()
    return (z > 0).float() + soft - soft.detach()
