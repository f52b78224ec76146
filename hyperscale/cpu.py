"""How a process computes on a CPU."""

import ctypes
import sys

import torch

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
KEPT = 1 << 30
OLDER_LIMIT = 32 << 20  # the highest M_MMAP_THRESHOLD that glibc takes before 2.35
TAKEN_AHEAD = 64 << 20


def compute_on_cpu() -> None:
    """Set this process up for tensors on a CPU: one thread, and memory that is kept from one operation to the next.

    A second thread beside any busy process costs far more than it brings. And a tensor of some megabytes, handed back to the
    system and asked for again at each step, costs page faults: an eighth of the CPU time of decoding with Quest.
    """
    torch.set_num_threads(1)
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
    if mallopt is None:
        return
    _ = mallopt(M_MMAP_THRESHOLD, KEPT) or mallopt(M_MMAP_THRESHOLD, OLDER_LIMIT)
    mallopt(M_TRIM_THRESHOLD, KEPT)
    mallopt(M_TOP_PAD, TAKEN_AHEAD)
