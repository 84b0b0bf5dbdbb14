"""`python -m gansmith` is `gansmith`."""

from gansmith.cli.main import main

main()
