"""`python -m agents_lite`, the same as the command `agents-lite`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
