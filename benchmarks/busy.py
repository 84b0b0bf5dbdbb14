"""Measure how fast `gansmith train` is beside another busy program, with the threads it chooses and with one.

    python benchmarks/busy.py [--recipes NAME ...] [--threads N] [--programs N] [--seconds S] [--json OUT]

Each recipe trains on the 8 x 8 digits. A run begins with N threads and is left. Then the busy programs start, and the same
command goes on: it may notice that it has become slow. The same is measured with one thread from the start, and with N threads
that wait as PyTorch's do by default. Speeds are images per second over the second half of the time. The target is half the speed
of one thread beside the same programs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from throughput import environment

TARGET = 0.5  # of the speed of one thread
DEFAULT_SPIN = "300000"  # of GNU's OpenMP, where nothing is set
FREE = [name for name in os.environ if not name.startswith(("OMP_", "GOMP_", "KMP_"))]


def train(recipe: str, folder: Path, *more: str, spin: str | None = None) -> subprocess.Popen[bytes]:
    """Start or continue a long run."""
    settings = ["budget=1000000epochs", "log_every=256images", "scores=none", "watch=none", "--data", "digits", "--device", "cpu"]
    command = [sys.executable, "-m", "gansmith", "train", recipe, *settings, "--run", str(folder), *more]
    variables = {name: os.environ[name] for name in FREE} | ({"GOMP_SPINCOUNT": spin} if spin else {})
    return subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def images_of(folder: Path) -> int:
    """The image count of the newest record in the log; 0 before the first."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(json.loads((folder / "log.jsonl").read_text().rsplit("\n", 2)[-2])["images"])
    return 0


def left(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(120)


@contextlib.contextmanager
def busy(programs: int) -> Iterator[None]:
    """Programs that compute, one thread each."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


def speed_beside(recipe: str, programs: int, seconds: float, first: int, spin: str | None) -> tuple[float, int]:
    """(images per second, threads at the end) of a run that begins with `first` threads."""
    with tempfile.TemporaryDirectory(prefix="gansmith-busy-") as name:
        folder = Path(name) / "run"
        begun = train(recipe, folder, "--threads", str(first))
        while not images_of(folder):
            time.sleep(0.1)
        left(begun)
        before = images_of(folder)
        with busy(programs):
            process = train(recipe, folder, *(["--threads", str(first)] if spin else []), spin=spin)
            while images_of(folder) <= before and process.poll() is None:
                time.sleep(0.1)
            time.sleep(seconds / 2)
            start, clock = images_of(folder), time.perf_counter()
            time.sleep(seconds / 2)
            speed = (images_of(folder) - start) / (time.perf_counter() - clock)
            left(process)
        changes = json.loads((folder / "run.json").read_text()).get("thread_changes", [])
        return speed, changes[-1][1] if changes else first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", default=["tutorial-small", "dcgan", "default"], metavar="NAME")
    parser.add_argument("--threads", type=int, default=2, help="that a run begins with")
    parser.add_argument("--programs", type=int, default=1, help="busy programs beside it")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    about = environment() | {"threads": chosen.threads, "programs": chosen.programs, "load before": os.getloadavg()[0]}
    for name, value in about.items():
        print(f"{name:<12} {value}")
    print(f"\n{'images/s':<20}{'one thread':>12}{'gansmith':>12}{'ratio':>8}{'threads':>9}{'spinning':>12}", flush=True)
    found = {}
    for recipe in chosen.recipes:
        settings = (recipe, chosen.programs, chosen.seconds)
        one, _ = speed_beside(*settings, first=1, spin=None)
        own, threads = speed_beside(*settings, first=chosen.threads, spin=None)
        spinning, _ = speed_beside(*settings, first=chosen.threads, spin=DEFAULT_SPIN)
        found[recipe] = {"one": one, "gansmith": own, "ratio": own / max(one, 1e-9), "threads": threads, "spinning": spinning}
        print(f"{recipe:<20}{one:>12,.0f}{own:>12,.0f}{own / max(one, 1e-9):>8.2f}{threads:>9}{spinning:>12,.0f}", flush=True)
    print(f"target: a ratio of {TARGET}")
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({"about": about, "target": TARGET, "images_per_second": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
