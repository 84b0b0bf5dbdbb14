"""Measure the start-up time of the command line, compared with the import of its library.

    python benchmarks/startup.py [--rounds N] [--json OUT]

Each round starts every command once, one after another. The table shows the median round and its ratio to `import typer`. The
package's bytecode is kept, as pip keeps that of an installed one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from throughput import environment

TARGET = 3.0
COMMANDS = {
    "python -c 'import typer'": ["-c", "import typer"],
    "gansmith --help": ["-m", "gansmith", "--help"],
    "gansmith list": ["-m", "gansmith", "list"],
}
TARGETS = {"gansmith --help": TARGET}


def seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=own, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    about = environment() | {"rounds": chosen.rounds}
    for name, value in about.items():
        print(f"{name:<12} {value}")
    for arguments in COMMANDS.values():  # the files come into the system's cache
        seconds(arguments)
    rounds = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(chosen.rounds)]
    base = next(iter(COMMANDS))
    found = {
        name: {
            "seconds": statistics.median(r[name] for r in rounds),
            "ratio": statistics.median(r[name] / r[base] for r in rounds),
            "target": TARGETS.get(name),
        }
        for name in COMMANDS
    }
    print(f"\n{'command':<28}{'ms':>8}{'ratio':>8}{'target':>8}")
    for name, row in found.items():
        print(f"{name:<28}{1e3 * (row['seconds'] or 0):>8.0f}{row['ratio']:>8.2f}{row['target'] or '-':>8}")
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({"about": about, "commands": found, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
