"""Float32 copies of the weights that are trained, whatever dtype the model computes in."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

CLIP = 1.0


class MasterWeights:
    """AdamW on float32 copies of some parameters, written back after each step; gradients averaged over processes.

    Parameters
    ----------
    parameters : sequence of Parameter
        What is trained.
    average : float
        Decay of `averages`, exponential moving averages of the copies; 0: they are the copies.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.95),
        decay: float = 0.0,
        average: float = 0.0,
    ) -> None:
        self.parameters, self.average = list(parameters), average
        self.masters = [p.detach().float().clone().requires_grad_() for p in self.parameters]
        self.averages = [m.detach().clone() for m in self.masters]
        matrices = [m for m in self.masters if m.ndim > 1]
        vectors = [m for m in self.masters if m.ndim < 2]
        groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=rate, betas=betas)

    def step(self, rate: float, workers: int = 1) -> float:
        """One step with clipped gradients; returns their norm before clipping. Nothing changes where it is not finite."""
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).float().flatten() for p in self.parameters])
        if workers > 1:
            dist.all_reduce(flat)
            flat /= workers
        norm = float(flat.norm())
        for parameter in self.parameters:
            parameter.grad = None
        if not torch.isfinite(flat).all():
            return norm
        flat *= min(1.0, CLIP / (norm + 1e-6))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        offset = 0
        for master in self.masters:
            master.grad = flat[offset : offset + master.numel()].view_as(master)
            offset += master.numel()
        self.optimizer.step()
        self.write_back()
        with torch.no_grad():
            for mean, master in zip(self.averages, self.masters, strict=True):
                mean.lerp_(master, 1.0 - self.average)
        return norm

    @torch.no_grad()
    def write_back(self) -> None:
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            parameter.copy_(master)

    @torch.no_grad()
    def read_again(self) -> None:
        """Take over entries that were set to zero in the parameters."""
        for parameter, master, mean in zip(self.parameters, self.masters, self.averages, strict=True):
            master.masked_fill_(parameter == 0, 0.0)
            mean.masked_fill_(parameter == 0, 0.0)

    def state(self) -> dict[str, Any]:
        masters = [master.detach() for master in self.masters]
        return {"masters": masters, "averages": self.averages, "optimizer": self.optimizer.state_dict()}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        for kept, name in ((self.masters, "masters"), (self.averages, "averages")):
            for tensor, saved in zip(kept, state[name], strict=True):
                tensor.copy_(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        self.write_back()
