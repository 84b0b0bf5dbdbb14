"""Optimizers, schedules of their settings, and the moving average of a generator's weights.

This package updates weights once gradients are known. Losses and penalties are in `objectives`, the order of turns in `training`.

What belongs here: everything that decides how weights change once gradients are known.
What does not: losses and penalties (`objectives`), or when a player takes its turn (`training`).
"""

from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import SGD, Adam, Clipped, Optimizer, RmsProp
from gansmith.optim.schedules import Constant, Cosine, Exponential, Linear, Schedule

__all__ = ["SGD", "Adam", "Clipped", "Constant", "Cosine", "Ema", "Exponential", "Linear", "Optimizer", "RmsProp", "Schedule"]
