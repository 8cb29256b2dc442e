"""``python -m app``; the guard lets spawned worker processes import this file."""

import sys

from app.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
