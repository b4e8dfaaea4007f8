"""`python -m fer_core` is `fer`."""

import sys

from fer_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
