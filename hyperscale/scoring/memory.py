"""How much memory is free."""

from pathlib import Path


def free_memory() -> int:
    """Bytes that could be had without swapping, by this machine's account; a large number where it gives none."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 1 << 50
