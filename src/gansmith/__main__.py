"""`python -m gansmith` is `gansmith`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Load the command line and run it. Ctrl-C while it is loaded is one line too."""
    try:
        from gansmith.cli.main import main
    except KeyboardInterrupt:
        os.write(2, b"gansmith: stopped by Ctrl-C\n")
        sys.exit(130)
    main()


if __name__ == "__main__":
    main()
