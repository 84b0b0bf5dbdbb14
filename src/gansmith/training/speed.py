"""Measure the speed of training, and choose the number of threads by it.

More threads are not always quicker. A layer of a small network may end before a second thread has started. And threads wait for
each other after every layer: where another program holds one of the cores, all of them stand still until it is free.

The number decides on the last bits of a run. So it is chosen before the first step. It falls later only where training has become
much slower, and then a checkpoint is saved and the fall noted in run.json before another step is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch

from gansmith.core import distributed
from gansmith.core.errors import TrainingError
from gansmith.data import Samples
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.training.record import Record
from gansmith.training.trainer import Backend, TorchBackend, Trainer

SECONDS = 0.3  # of each trial
WORTHWHILE = 20.0  # seconds of training; trials are not worth their time for less
GAIN = 1.1  # speed that twice the threads must gain at least
WINDOW = 2.0  # seconds of steps whose speed is compared
FALL = 0.4  # of the best speed so far: slower windows are suspicious
GAIN_OF_FEWER = 1.5  # speed that fewer threads must gain at least, for a run to go on with them


def quickest(trainer: Trainer) -> int:
    """The quickest number of threads for a run on a CPU: of all, half of them ... and one.

    Twice the threads must give a tenth more speed. Short runs, other devices, several processes, and TensorFlow, whose number is
    fixed, take all threads that PyTorch has.
    """
    most = torch.get_num_threads()
    if not _may_choose(trainer):
        return most
    try:
        speeds = {most: _speed(trainer, most)}
        seconds = seconds_in(trainer.recipe.budget) or images_in(trainer.recipe.budget, trainer.epoch_images) / speeds[most]
        if seconds > WORTHWHILE:
            speeds |= _speeds(trainer, _fewer(most))
            if _quickest_of(speeds) < most:  # unless the machine was busy just now: the better of two trials counts
                speeds = {number: max(speed, speeds[number]) for number, speed in _speeds(trainer, speeds).items()}
    except TrainingError:  # the run raises it again at this step, and names the checkpoint that is kept
        return most
    finally:
        torch.set_num_threads(most)
    return _quickest_of(speeds)


def _may_choose(trainer: Trainer) -> bool:
    """Whether the number of threads matters and is free."""
    on_cpu = trainer.device.type == "cpu" and trainer.backend.framework == "torch"
    return on_cpu and torch.get_num_threads() > 1 and distributed.world_size() == 1


def _fewer(number: int) -> list[int]:
    """Half of a number of threads, a quarter ... and one."""
    return [number >> halvings for halvings in range(1, number.bit_length())]


def _quickest_of(speeds: dict[int, float]) -> int:
    """The quickest number of threads, the largest number first. Twice the threads must give a tenth more speed."""
    (chosen, best), *others = speeds.items()
    for number, speed in others:
        if speed * GAIN > best:
            chosen, best = number, max(speed, best)
    return chosen


def _speeds(trainer: Trainer, numbers: Iterable[int]) -> dict[int, float]:
    return {number: _speed(trainer, number) for number in numbers}


def _speed(trainer: Trainer, threads: int) -> float:
    torch.set_num_threads(threads)
    return measure_speed(trainer.recipe, trainer.device, trainer.samples, SECONDS)[0]


class ThreadWatch:
    """Takes the steps of a run, and finds a smaller number of threads where training has become much slower.

    Where another program holds a core, two threads may be a hundred times slower than one.
    """

    def __init__(self, noted: Iterable[tuple[int, int]] = (), chooses: bool = False, clock: Callable[[], float] | None = None):
        """`noted` are the run's changes so far, as (image count, threads from there on). With `chooses` there may be more."""
        self.noted, self.chooses, self.clock = dict(noted), chooses, clock or time.perf_counter
        self.images, self.seconds = -1, 0.0  # the start of the window, and the seconds of its steps
        self.best, self.num_slow = float("inf"), 0  # the first windows are compared with trials, as after a pause much may differ

    def step(self, trainer: Trainer) -> Record:
        """Take a step, with the number of threads that is noted for its place."""
        if trainer.images in self.noted:
            torch.set_num_threads(self.noted[trainer.images])
        if self.images < 0:
            self.images = trainer.images
        begun = self.clock()
        record = trainer.step()
        self.seconds += self.clock() - begun
        return record

    def fewer(self, trainer: Trainer) -> int | None:
        """The smaller number of threads to go on with from here; None to keep the present number."""
        if self.seconds < WINDOW or not self.chooses or not _may_choose(trainer):
            return None
        speed = (trainer.images - self.images) / self.seconds
        self.images, self.seconds = trainer.images, 0.0
        self.num_slow = self.num_slow + 1 if speed < FALL * self.best else 0
        if self.num_slow < 2:  # a short moment matters less than the trials
            self.best = max(self.best, speed)
            return None
        self.num_slow, self.best = 0, speed
        if (trainer.total_images - trainer.images) / speed < WORTHWHILE:
            return None
        present = torch.get_num_threads()
        try:
            speeds = _speeds(trainer, _fewer(present))
        except TrainingError:
            return None
        finally:
            torch.set_num_threads(present)
        chosen = _quickest_of(speeds)
        if speeds[chosen] < GAIN_OF_FEWER * speed:
            return None
        self.best = speeds[chosen]
        return chosen

    def note(self, images: int, number: int) -> list[list[int]]:
        """Go on with a number of threads from an image count. Returns all changes, for run.json."""
        self.noted[images] = number
        torch.set_num_threads(number)
        return [[at, threads] for at, threads in sorted(self.noted.items())]


def measure_speed(
    recipe: Recipe, device: torch.device, samples: Samples, seconds: float, backend: type[Backend] = TorchBackend
) -> tuple[float, float]:
    """(real images a second, seconds spent), measured for about `seconds` on a trainer that is thrown away."""
    start = time.perf_counter()
    trainer = Trainer(recipe, device, samples, backend)
    for _ in range(3):  # threads, kernels and memory settle
        trainer.step()
    trainer.check()
    first, begun = trainer.images, time.perf_counter()
    while distributed.agree(int(time.perf_counter() - begun < seconds or trainer.steps < 6), device):
        trainer.step()
    trainer.check()
    now = time.perf_counter()
    return (trainer.images - first) / (now - begun), now - start
