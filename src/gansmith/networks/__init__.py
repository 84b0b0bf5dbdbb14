"""Network families: one file each, a frozen description with `build()` above the modules it builds."""

from gansmith.networks.conditional import AuxiliaryDiscriminator, JoinedDiscriminator
from gansmith.networks.dcgan import ConvDiscriminator, ConvGenerator
from gansmith.networks.maxout import MaxoutDiscriminator
from gansmith.networks.mlp import BatchNorm, MLPDiscriminator, MLPGenerator
from gansmith.networks.packed import Packed
from gansmith.networks.r3gan import R3GanDiscriminator, R3GanGenerator
from gansmith.networks.residual import ResidualDiscriminator, ResidualGenerator
from gansmith.networks.unrolled import UnrolledDiscriminator, UnrolledGenerator

__all__ = [
    "AuxiliaryDiscriminator",
    "BatchNorm",
    "ConvDiscriminator",
    "ConvGenerator",
    "JoinedDiscriminator",
    "MLPDiscriminator",
    "MLPGenerator",
    "MaxoutDiscriminator",
    "Packed",
    "R3GanDiscriminator",
    "R3GanGenerator",
    "ResidualDiscriminator",
    "ResidualGenerator",
    "UnrolledDiscriminator",
    "UnrolledGenerator",
]
