"""Profile a training step: where its time goes, and what share of the processor's peak speed it reaches.

    python benchmarks/profile_step.py default --data mnist --threads 1

It trains a hundred steps, then profiles fifty. The bound is the time of the step's multiplications and additions if they were one
large matrix product of the same precision (1024 x 1024 x 1024, timed here). Run it with no other program running.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter

import torch
from torch.utils.flop_counter import FlopCounterMode

from gansmith.recipes import make
from gansmith.training.trainer import Trainer

GROUPS = {
    "convolutions": ("conv",),
    "matrix products": ("mkldnn_linear", "addmm", "::mm", "::bmm", "linear"),
    "batch norm": ("batch_norm",),
    "copies and casts": ("copy_", "::cat", "contiguous", "::clone", "::fill_", "::zero_"),
    "optimizers": ("adam", "sgd"),
    "elementwise": ("relu", "tanh", "softplus", "sigmoid", "::add", "::mul", "::sub", "::div", "threshold", "lerp"),
}


def group_of(name: str) -> str:
    return next((group for group, parts in GROUPS.items() if any(part in name for part in parts)), "the rest")


def flops_a_second(precision: str, seconds: float = 2.0) -> float:
    size, kind = 1024, torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(size, size, dtype=kind), torch.randn(size, size, dtype=kind)
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - begun)
    return 2 * size**3 / statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--data")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)  # as training does
    game = Trainer(make(given.recipe, given.overrides, given.data), torch.device("cpu"))
    game.total_images = 10**9
    for _ in range(100):
        game.step()
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        game.step()
        times.append(time.perf_counter() - begun)
    step = statistics.median(times)
    with FlopCounterMode(display=False) as counter:
        game.step()
    bound = counter.get_total_flops() / flops_a_second(game.precision)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(50):
            game.step()
    by_group: Counter[str] = Counter()
    by_name: Counter[str] = Counter()
    for event in profile.key_averages():
        by_group[group_of(event.key.lower())] += event.self_cpu_time_total
        by_name[event.key] += event.self_cpu_time_total
    whole = sum(by_group.values())
    print(f"{given.recipe}, {game.precision}, {given.threads} thread(s), {game.recipe.batch_size} images a step")
    print(
        f"a step {step * 1e3:.1f} ms, {game.recipe.batch_size / step:,.0f} images/s; {counter.get_total_flops() / 1e9:.2f} GFLOP"
    )
    print(f"bound {bound * 1e3:.2f} ms: a share of {bound / step:.0%}")
    for group, spent in by_group.most_common():
        print(f"  {spent / whole:6.1%}  {group}")
    print("by operation:")
    for name, spent in by_name.most_common(14):
        print(f"  {spent / whole:6.1%}  {name}")


if __name__ == "__main__":
    main()
