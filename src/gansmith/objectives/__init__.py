"""Objectives: one file each, a frozen dataclass whose `players()` returns the players with their losses."""

from gansmith.objectives.adversarial import Adversarial
from gansmith.objectives.auxiliary import AuxiliaryLoss
from gansmith.objectives.critic import Critic
from gansmith.objectives.vae_gan import VaeGan
from gansmith.objectives.variational import Variational

__all__ = ["Adversarial", "AuxiliaryLoss", "Critic", "VaeGan", "Variational"]
