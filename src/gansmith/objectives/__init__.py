"""Objectives: one file each, a frozen dataclass whose `players()` returns the players with their losses.

What belongs here: players, losses, penalties, augmentation, and everything else that decides what a player minimizes.
What does not: modules (`networks`), updates of weights (`optim`), or the order of steps (`training`).
"""

from gansmith.objectives.adversarial import Adversarial
from gansmith.objectives.auxiliary import AuxiliaryLoss
from gansmith.objectives.critic import Critic
from gansmith.objectives.regression import Regression
from gansmith.objectives.vae_gan import VaeGan
from gansmith.objectives.variational import Variational

__all__ = ["Adversarial", "AuxiliaryLoss", "Critic", "Regression", "VaeGan", "Variational"]
