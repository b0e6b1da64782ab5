"""One thread for every test, and properties tried on the same examples everywhere.

Tests run side by side, and sums come out alike; a test that passed here passes elsewhere.
"""

import os

from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
