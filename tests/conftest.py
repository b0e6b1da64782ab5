"""One thread for every test, and properties tried on the same examples everywhere.

Tests run side by side, and sums come out alike; a test that passed here passes elsewhere.
"""

import os
import signal

from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"
# Whoever starts the tests in the background has Ctrl-C ignored, and every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
