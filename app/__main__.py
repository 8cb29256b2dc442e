"""``python -m app`` and ``parley``. Imports nothing: worker processes import this file as well."""

import sys


def main() -> int:
    """Run the command line and return the exit code."""
    from app.cli.parser import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
