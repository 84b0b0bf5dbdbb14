"""How many of the processor's threads a run takes.

More are not always quicker. The layers of a small network end before a second thread has begun, and threads wait for each other
after every layer, actively: where another program holds one of the cores, all of them stand still until it lets go.
"""

from __future__ import annotations

import torch

from gansmith import processes
from gansmith.errors import TrainingError
from gansmith.recipe import images_in, seconds_in
from gansmith.trainer import Trainer, measure_speed

SECONDS = 0.3  # of each trial
WORTHWHILE = 20.0  # seconds of training below which trials take more than they give
GAIN = 1.1  # more threads must be so many times as quick


def quickest(trainer: Trainer, begun_with: int | None = None) -> int:
    """The number of threads for a run on a CPU: the one it was begun with, else the quickest of all, half of them ... and one.

    Twice the threads must give a tenth more speed. Short runs, other devices, several processes and TensorFlow, whose number is
    fixed once it is at work, take what PyTorch does.
    """
    most = torch.get_num_threads()
    if begun_with is not None:
        return min(begun_with, most)
    if most == 1 or trainer.device.type != "cpu" or processes.world() > 1 or trainer.framework != "torch":
        return most
    try:
        chosen, best = most, _speed(trainer, most)
        seconds = seconds_in(trainer.recipe.budget) or images_in(trainer.recipe.budget, trainer.epoch_images) / best
        tried = most
        while tried > 1 and seconds > WORTHWHILE:
            tried //= 2
            if (speed := _speed(trainer, tried)) * GAIN > best:
                chosen, best = tried, max(speed, best)
    except TrainingError:  # the run itself comes to the same step, and tells what is kept
        return most
    finally:
        torch.set_num_threads(most)
    return chosen


def _speed(trainer: Trainer, threads: int) -> float:
    torch.set_num_threads(threads)
    return measure_speed(trainer.recipe, trainer.device, trainer.samples, SECONDS)[0]
