"""`python -m gansmith` is `gansmith`."""

from gansmith.cli import main

main()
