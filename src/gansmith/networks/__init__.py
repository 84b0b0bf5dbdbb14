"""Network families: one file each, a frozen description with `build()` above the modules it builds."""

from gansmith.networks.dcgan import ConvDiscriminator, ConvEncoder, ConvGenerator
from gansmith.networks.larsen import LarsenDiscriminator, LarsenGenerator
from gansmith.networks.lsgan import LsganGenerator
from gansmith.networks.maxout import MaxoutDiscriminator
from gansmith.networks.mlp import BatchNorm, MLPDiscriminator, MLPEncoder, MLPGenerator
from gansmith.networks.packed import Packed
from gansmith.networks.r3gan import R3GanDiscriminator, R3GanGenerator
from gansmith.networks.residual import ResidualDiscriminator, ResidualGenerator
from gansmith.networks.unrolled import UnrolledDiscriminator, UnrolledGenerator

__all__ = [
    "BatchNorm",
    "ConvDiscriminator",
    "ConvEncoder",
    "ConvGenerator",
    "LarsenDiscriminator",
    "LarsenGenerator",
    "LsganGenerator",
    "MLPDiscriminator",
    "MLPEncoder",
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
