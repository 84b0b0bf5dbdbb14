"""Measure the speed of training, and choose the number of threads by it.

More threads are not always quicker. A layer of a small network may end before a second thread has started. And threads wait for
each other after every layer: where another program holds one of the cores, all of them stand still until it is free.
"""

from __future__ import annotations

import time

import torch

from gansmith.core import distributed
from gansmith.core.errors import TrainingError
from gansmith.data import Samples
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.training.trainer import Backend, TorchBackend, Trainer

SECONDS = 0.3  # of each trial
WORTHWHILE = 20.0  # seconds of training; trials are not worth their time for less
GAIN = 1.1  # speed that twice the threads must gain at least


def quickest(trainer: Trainer) -> int:
    """The quickest number of threads for a run on a CPU: of all, half of them ... and one.

    Twice the threads must give a tenth more speed. Short runs, other devices, several processes, and TensorFlow, whose number is
    fixed, take all threads that PyTorch has.
    """
    most = torch.get_num_threads()
    if most == 1 or trainer.device.type != "cpu" or distributed.world_size() > 1 or trainer.backend.framework != "torch":
        return most
    try:
        chosen, best = most, _speed(trainer, most)
        seconds = seconds_in(trainer.recipe.budget) or images_in(trainer.recipe.budget, trainer.epoch_images) / best
        tried = most
        while tried > 1 and seconds > WORTHWHILE:
            tried //= 2
            if (speed := _speed(trainer, tried)) * GAIN > best:
                chosen, best = tried, max(speed, best)
    except TrainingError:  # the run raises it again at this step, and names the checkpoint that is kept
        return most
    finally:
        torch.set_num_threads(most)
    return chosen


def _speed(trainer: Trainer, threads: int) -> float:
    torch.set_num_threads(threads)
    return measure_speed(trainer.recipe, trainer.device, trainer.samples, SECONDS)[0]


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
