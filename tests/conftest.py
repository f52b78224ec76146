"""One thread for everything: tests run beside each other, and float32 sums come out the same everywhere."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")

from hyperscale.cpu import compute_on_cpu

compute_on_cpu()
# a shell that starts the tests in the background has them, and all that they start, ignore interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
