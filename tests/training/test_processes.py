"""Two processes on one run: they see the data and the noise that one sees, and one of them writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import safetensors.torch
import torch

import gansmith
from gansmith.core import distributed
from gansmith.core.component import to_json
from gansmith.recipes.base import Recipe
from support import Answer, assert_same_run, environment, finish, newest_checkpoint, quick, untimed_log

# One torchrun for all of it, as starting two processes takes the longest: a whole run, a watched one, one that is left twice and
# gone on with, one whose budget is in seconds, one with a penalty and one whose augmentation adapts itself.
SCRIPT = """
import json, os, sys
os.environ["OMP_NUM_THREADS"] = "1"
import torch
import gansmith
from gansmith.core.errors import RunError
from gansmith.core.overrides import override
from gansmith.core.component import from_json
from support import hurry

hurry()
recipe = from_json(json.loads(sys.argv[1]))

def until(step, recipe, folder):
    records = gansmith.steps(recipe, folder, device="cpu")
    for record in records:
        if record.step >= step:
            break
    records.close()
    return record

for record in gansmith.steps(recipe, "whole", device="cpu"):
    pass
for record in gansmith.steps(override(recipe, "watch=watch(times=4)"), "watched", device="cpu"):
    pass
until(7, recipe, "part")
until(24, recipe, "part")
for record in gansmith.steps(recipe, "part", device="cpu"):
    pass
timed = override(recipe, "budget=0.4s")
totals = [until(2, timed, "timed").total_images]
totals += [record.total_images for record in gansmith.steps(timed, "timed", device="cpu")]
with open(f"totals-{os.environ['RANK']}.json", "w") as file:
    json.dump(totals, file)
for change in sys.argv[2:]:
    recipe = override(recipe, change)
for record in gansmith.steps(recipe, "sgd", device="cpu"):
    pass
adaptive = from_json(json.loads(sys.argv[1]))
adaptive = override(adaptive, "objective.augmentation=augment(target=0.1, speed_images=4000)")
adapted = [[r["discriminator/augmentation"], r["discriminator/r_t"]] for r in gansmith.steps(adaptive, "adaptive", device="cpu")]
assert not torch.distributed.is_initialized()
with open(f"adaptive-{os.environ['RANK']}.json", "w") as file:
    json.dump(adapted, file)
print("rank", os.environ["RANK"], "done", flush=True)
"""


# Unlike Adam it sees a gradient that is twice what it should be.
SGD = [f"optimizers.{p}=sgd(lr=0.05, momentum=0.5)" for p in ("discriminator", "generator")] + [
    "objective.penalties+=r1(weight=2)",
    "condition=clusters(num=5)",
]


def recipe() -> Recipe:
    return quick("objective.share=nothing")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A folder with the runs of two processes, and what they said."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "both.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "both.py"]
    process = subprocess.Popen(
        [*command, json.dumps(to_json(recipe())), *SGD],
        cwd=folder,
        env=environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return folder, finish(process, timeout=200)


def test_both_come_to_the_end(together: tuple[Path, Answer]) -> None:
    _, answer = together
    assert answer.code == 0, answer.err
    assert sorted(answer.out.splitlines()) == ["rank 0 done", "rank 1 done"]


@pytest.mark.parametrize("changes", [(), SGD], ids=["adam", "sgd-r1-kinds"])
def test_two_processes_come_to_the_weights_of_one(changes: Sequence[str], together: tuple[Path, Answer], tmp_path: Path) -> None:
    gansmith.train(quick("objective.share=nothing", *changes), tmp_path / "one", device="cpu")
    one = safetensors.torch.load_file(newest_checkpoint(tmp_path / "one"))
    two = safetensors.torch.load_file(newest_checkpoint(together[0] / ("sgd" if changes else "whole")))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        if name.startswith("networks/"):
            # Sums are taken in another order, and Adam makes a part of a step of the rounding of a gradient near zero.
            assert torch.allclose(tensor, two[name], rtol=1e-4, atol=1e-5), f"{name}: {(tensor - two[name]).abs().max()}"


def test_the_doctor_looks_in_one_process_and_changes_nothing(together: tuple[Path, Answer]) -> None:
    folder, _ = together
    assert newest_checkpoint(folder / "watched").name == newest_checkpoint(folder / "whole").name
    looks = [r for r in untimed_log(folder / "watched") if "doctor/distance" in r]
    assert len(looks) == 4
    assert all("doctor/told_apart" in look and "doctor/pull" in look for look in looks)


def test_the_log_is_written_once_and_says_what_one_process_says(together: tuple[Path, Answer], tmp_path: Path) -> None:
    gansmith.train(recipe(), tmp_path / "one", device="cpu")
    one, two = untimed_log(tmp_path / "one"), untimed_log(together[0] / "whole")
    assert [r["images"] for r in one] == [r["images"] for r in two]
    for a, b in zip(one, two, strict=True):
        for name in ("generator/loss", "discriminator/loss"):
            assert abs(a[name] - b[name]) < 1e-4
    assert len(list((together[0] / "whole" / "events").iterdir())) == 1


def test_left_and_gone_on_with_two_processes_equals_uninterrupted(together: tuple[Path, Answer]) -> None:
    assert_same_run(together[0] / "whole", together[0] / "part")


def test_the_first_plans_a_budget_in_time_for_both(together: tuple[Path, Answer]) -> None:
    one, other = (json.loads((together[0] / f"totals-{rank}.json").read_text()) for rank in (0, 1))
    assert one == other
    metadata = json.loads((together[0] / "timed" / "run.json").read_text())
    assert metadata["totals"][-1][1] == metadata["total_images"] == one[-1]
    assert len(metadata["totals"]) > 1


def test_both_adapt_their_augmentation_alike(together: tuple[Path, Answer]) -> None:
    """p and what moves it are those of all samples, to the last bit on both."""
    one, other = (json.loads((together[0] / f"adaptive-{rank}.json").read_text()) for rank in (0, 1))
    assert one == other
    ps, r_ts = zip(*one, strict=True)
    assert len(set(ps)) > 3
    assert len(set(r_ts)) > 3


def test_a_run_knows_how_many_made_it(together: tuple[Path, Answer]) -> None:
    assert json.loads((together[0] / "whole" / "run.json").read_text())["num_processes"] == 2


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 31, 32, 100])
def test_the_parts_of_all_processes_are_the_whole(world: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(range(count))
    parts = []
    for rank in range(world):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(distributed, "world_size", lambda: world)
        parts.append(rows[distributed.share(count)])
    assert [row for part in parts for row in part] == rows
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_joins_nobody() -> None:
    distributed.join(torch.device("cpu"))
    assert not torch.distributed.is_initialized()
    assert (distributed.rank(), distributed.world_size(), distributed.share(5)) == (0, 1, slice(0, 5))
    assert distributed.agree(7, torch.device("cpu")) == 7
