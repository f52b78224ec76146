"""One thread for everything: tests run beside each other, and float32 sums come out the same everywhere."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from hyperscale.cpu import compute_on_cpu

compute_on_cpu()
