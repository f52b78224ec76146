"""Memory is kept between operations: measured by the page faults of a tensor asked for again and again."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from hyperscale.cpu import compute_on_cpu
torch.set_num_threads(1)
if {prepared}:
    compute_on_cpu()
for _ in range(5):
    torch.ones(12 << 20).sum()  # 48 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(12 << 20).sum()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, torch.get_num_threads())
"""


def faults(prepared: bool) -> tuple[int, int]:
    printed = subprocess.run(
        [sys.executable, "-c", FAULTS.format(prepared=prepared)], capture_output=True, text=True, check=True
    )
    count, threads = map(int, printed.stdout.split())
    return count, threads


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator alone")
def test_memory_is_kept_from_one_operation_to_the_next() -> None:
    kept, threads = faults(prepared=True)
    returned, _ = faults(prepared=False)
    assert threads == 1
    assert kept * 2 < returned
