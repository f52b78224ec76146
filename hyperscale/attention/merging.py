"""Weighted means of consecutive tokens: what DMC stores in place of their keys and values."""

import torch
from torch.nn import functional as F


def importance(raw: torch.Tensor) -> torch.Tensor:
    """Weight of a token in a merged entry, from the mean borrowed query coordinate of its group."""
    return (raw.float() + 5.0).sigmoid() + 1e-6


def merged(
    keys: torch.Tensor, values: torch.Tensor, weights: torch.Tensor, log_merge: torch.Tensor, window: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The newest entry after each token: the weighted mean of the tokens merged into it.

    Parameters
    ----------
    keys, values : [B, H, T, D]
        Keys before RoPE.
    weights : [B, H, T]
    log_merge : [B, H, T]
        Log of the (relaxed) decision to join the entry before.
    window : int
        Most tokens of an entry that count.
    """
    share = torch.zeros_like(log_merge)
    total, key_sum, value_sum = weights, weights[..., None] * keys, weights[..., None] * values
    for back in range(1, min(window, keys.shape[2])):
        # the token `back` places earlier is still in the entry if every token since then has joined it
        share = log_merge[..., back:] + share[..., :-1]
        part = weights[..., :-back] * share.exp()
        total = total + F.pad(part, (back, 0))
        key_sum = key_sum + F.pad(part[..., None] * keys[:, :, :-back], (0, 0, back, 0))
        value_sum = value_sum + F.pad(part[..., None] * values[:, :, :-back], (0, 0, back, 0))
    return (key_sum / total[..., None]).to(keys.dtype), (value_sum / total[..., None]).to(values.dtype)
