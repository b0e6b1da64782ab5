"""One thread for every test: the tests run side by side, and sums come out alike."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
