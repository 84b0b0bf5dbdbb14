"""Networks: one file a family, with frozen descriptions whose `build()` makes a PyTorch module.

What belongs here: modules, their descriptions, and how a condition reaches them.
What does not: losses and penalties (`objectives`), or optimizers (`optim`).
"""

from gansmith.networks.acgan import AcGanDiscriminator, AcGanGenerator
from gansmith.networks.conditional import (
    AuxiliaryDiscriminator,
    ClassNormedGenerator,
    JoinedDiscriminator,
    UnconditionalDiscriminator,
)
from gansmith.networks.cyclegan import ResnetGenerator
from gansmith.networks.dcgan import ConvDiscriminator, ConvEncoder, ConvGenerator
from gansmith.networks.esrgan import CompactGenerator, RrdbGenerator, UnetDiscriminator
from gansmith.networks.infogan import InfoGanDiscriminator, InfoGanGenerator
from gansmith.networks.larsen import LarsenDiscriminator, LarsenGenerator
from gansmith.networks.lsgan import LsganGenerator
from gansmith.networks.maxout import MaxoutDiscriminator
from gansmith.networks.mirza import MirzaDiscriminator, MirzaGenerator
from gansmith.networks.mlp import BatchNorm, MLPDiscriminator, MLPEncoder, MLPGenerator
from gansmith.networks.packed import Packed
from gansmith.networks.pix2pix import PatchDiscriminator, UnetGenerator
from gansmith.networks.r3gan import R3GanDiscriminator, R3GanGenerator
from gansmith.networks.residual import ResidualDiscriminator, ResidualGenerator
from gansmith.networks.srgan import MsrResnetGenerator, SrganDiscriminator, SrResnetGenerator
from gansmith.networks.stack import Stack
from gansmith.networks.unrolled import UnrolledDiscriminator, UnrolledGenerator

__all__ = [
    "AcGanDiscriminator",
    "AcGanGenerator",
    "AuxiliaryDiscriminator",
    "BatchNorm",
    "ClassNormedGenerator",
    "CompactGenerator",
    "ConvDiscriminator",
    "ConvEncoder",
    "ConvGenerator",
    "InfoGanDiscriminator",
    "InfoGanGenerator",
    "JoinedDiscriminator",
    "LarsenDiscriminator",
    "LarsenGenerator",
    "LsganGenerator",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MaxoutDiscriminator",
    "MirzaDiscriminator",
    "MirzaGenerator",
    "MsrResnetGenerator",
    "Packed",
    "PatchDiscriminator",
    "R3GanDiscriminator",
    "R3GanGenerator",
    "ResidualDiscriminator",
    "ResidualGenerator",
    "ResnetGenerator",
    "RrdbGenerator",
    "SrResnetGenerator",
    "SrganDiscriminator",
    "Stack",
    "UnconditionalDiscriminator",
    "UnetDiscriminator",
    "UnetGenerator",
    "UnrolledDiscriminator",
    "UnrolledGenerator",
]
