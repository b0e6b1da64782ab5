"""``python -m unstuck``."""

import sys

if not sys.flags.safe_path:  # the working directory may hold a ``statistics.py``
    sys.path.pop(0)

from unstuck.cli import main

if __name__ == "__main__":
    main()
