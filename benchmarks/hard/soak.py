"""Soak: an hour of training with scores and looks, and samples, reports and evaluations beside it: memory and handles stay flat.

    python benchmarks/hard/soak.py [--minutes 60] [--pause 2] [--json OUT]

Memory and open handles of both processes are read every few seconds from /proc (Linux). The first fifth is warm-up. The rest is
flat if the median of its last fifth is at most 3 % above that of its first fifth, and no more handles are open. Exit code 1 if
not, or if a command failed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from throughput import environment  # noqa: E402

GROWTH = 0.03  # of the memory, from the first to the last fifth after the warm-up
INTERVAL = 5.0  # seconds between two readings


def reading(pid: int) -> dict[str, float]:
    """Resident memory in MB, open handles and threads of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {
        "memory": int(status["VmRSS"].split()[0]) / 1024,
        "handles": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(status["Threads"]),
    }


def beside(run: Path, counts: Path, pause: float) -> None:
    """What a user does beside a training, again and again in one process; `counts` gets how often."""
    import gansmith
    from gansmith.evaluation.results import Evaluation
    from gansmith.report import page
    from gansmith.training.checkup import checkup

    done: Counter[str] = Counter()
    while True:
        opened = gansmith.load(run)
        opened.sample(seed=done["samples"], count=64).save(run.parent / "x.png")
        done["samples"] += 1
        page.write(opened, Evaluation.of(opened))
        done["reports"] += 1
        checkup(opened)
        done["diagnoses"] += 1
        if done["samples"] % 20 == 1:
            gansmith.evaluate(opened, count=200, draws=2)
            done["evaluations"] += 1
        counts.write_text(json.dumps(done))
        time.sleep(pause)


def change(values: list[float]) -> tuple[float, float]:
    """Medians of the first and the last fifth after the warm-up."""
    rest = values[len(values) // 5 :]
    fifth = max(1, len(rest) // 5)
    return statistics.median(rest[:fifth]), statistics.median(rest[-fifth:])


def command(*words: object) -> list[str]:
    return ["nice", "-n", "10", sys.executable, *map(str, words)]


def wait_for_a_checkpoint(run: Path, trainer: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 300
    while not (run / "generator" / "generator.json").exists():
        if trainer.poll() is not None or time.monotonic() > until:
            sys.exit(f"the training made no checkpoint: exit code {trainer.poll()}")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two rounds beside the training")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--beside", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.beside:
        beside(*chosen.beside, chosen.pause)
    with tempfile.TemporaryDirectory() as folder:
        code = soak(Path(folder), chosen)
    sys.exit(code)


def soak(folder: Path, chosen: argparse.Namespace) -> int:
    run, counts = folder / "run", folder / "counts.json"
    seconds = 60 * chosen.minutes
    times = max(20, round(4 * chosen.minutes))  # a score and a look every 15 seconds
    settings = (f"budget={round(2 * seconds)}s", f"scores.times={times}", "scores.count=500", f"watch.times={times}")
    train = ("-m", "gansmith", "train", "tutorial-small", *settings, "checkpoint_every=200000images")
    log = (folder / "log.txt").open("wb")
    output = {"stdout": log, "stderr": log, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    trainer = subprocess.Popen(command(*train, "--data", "digits", "--threads", 1, "--run", run), **output)
    others: list[subprocess.Popen[bytes]] = []
    found: dict[str, list[dict[str, float]]] = {"training": [], "beside": []}
    commands = 0
    try:
        wait_for_a_checkpoint(run, trainer)
        others.append(subprocess.Popen(command(__file__, "--pause", chosen.pause, "--beside", run, counts), **output))
        until, next_command = time.monotonic() + seconds, 0.0
        while time.monotonic() < until:
            time.sleep(INTERVAL)
            if trainer.poll() is not None or others[0].poll() is not None:
                print((folder / "log.txt").read_text()[-2000:])
                sys.exit("a process ended early")
            found["training"].append(reading(trainer.pid))
            found["beside"].append(reading(others[0].pid))
            if time.monotonic() > next_command:  # the commands themselves, one a minute
                which = ("sample", run, "--out", folder / "y.png") if commands % 2 else ("doctor", run)
                subprocess.run(command("-m", "gansmith", *which), check=True, **output)
                commands, next_command = commands + 1, time.monotonic() + 60
    finally:
        for process in (*others, trainer):
            process.send_signal(signal.SIGTERM if process is trainer else signal.SIGKILL)  # a shell may ignore SIGINT
            process.wait(120)
    return report(found, run, json.loads(counts.read_text()) | {"commands": commands}, chosen)


def report(found: dict[str, list[dict[str, float]]], run: Path, counts: dict[str, int], chosen: argparse.Namespace) -> int:
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    counts |= {
        "images": records[-1]["images"],
        "scores": sum("validation/fd" in record for record in records),
        "looks": sum("doctor/finite" in record for record in records),
        "readings": len(found["training"]),
    }
    about = environment() | {"command": f"python benchmarks/hard/soak.py --minutes {chosen.minutes:g}"}
    for name, value in (about | counts).items():
        print(f"{name:<12} {value:,}" if isinstance(value, int) else f"{name:<12} {value}")
    print(f"\n{'process':<10}{'value':<10}{'first':>10}{'last':>10}{'largest':>10}")
    rows, flat = {}, True
    for process, readings in found.items():
        for value in readings[0]:
            values = [one[value] for one in readings]
            first, last = change(values)
            rows[f"{process}.{value}"] = {"first": first, "last": last, "largest": max(values)}
            flat &= last <= first * (1 + GROWTH) if value == "memory" else last <= first
            print(f"{process:<10}{value:<10}{first:>10.1f}{last:>10.1f}{max(values):>10.1f}")
    print("flat" if flat else "NOT FLAT")
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({"counts": counts, "rows": rows, "readings": found}, indent=1) + "\n")
    return 0 if flat else 1


if __name__ == "__main__":
    main()
