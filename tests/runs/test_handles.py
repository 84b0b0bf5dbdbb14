"""What is done again and again in one process leaves no open handle and no thread behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import gansmith
from gansmith.evaluation.results import Evaluation
from gansmith.report import page
from gansmith.training.checkup import checkup
from support import quick, stop_after

HANDLES = Path("/proc/self/fd")


def use(run: Path) -> None:
    opened = gansmith.load(run)
    opened.sample(count=4).save(run.parent / "x.png")
    page.write(opened, Evaluation.of(opened))
    checkup(opened)
    _ = opened.at("last").log


def refuse(run: Path) -> None:
    (run.parent / "bad").mkdir(exist_ok=True)
    for act in (lambda: gansmith.load(run.parent / "bad"), lambda: gansmith.train(quick("batch_size=16"), run, device="cpu")):
        with pytest.raises(gansmith.RunError):
            act()


def train_anew(run: Path) -> None:
    number = sum(1 for _ in run.parent.iterdir())
    folder = run.parent / f"new-{number}"
    stop_after(quick(budget="96images"), folder, 1)
    gansmith.train(quick(budget="96images"), folder, device="cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handles") / "run"
    gansmith.train(quick(budget="96images"), folder, device="cpu")
    return folder


@pytest.mark.skipif(not HANDLES.is_dir(), reason="open handles are counted in /proc")
@pytest.mark.parametrize("work", [use, refuse, train_anew], ids=lambda work: work.__name__)
def test_the_fourth_time_is_as_the_second(work: Callable[[Path], None], run: Path) -> None:
    counts = []
    for _ in range(4):
        work(run)
        gc.collect()
        counts.append((len(os.listdir(HANDLES)), threading.active_count()))
    assert counts[-1] <= counts[1], counts
