"""Network families: one file each, a frozen description with `build()` above the modules it builds."""

from gansmith.networks.dcgan import ConvDiscriminator, ConvGenerator
from gansmith.networks.maxout import MaxoutDiscriminator
from gansmith.networks.mlp import BatchNorm, MLPDiscriminator, MLPGenerator

__all__ = ["BatchNorm", "ConvDiscriminator", "ConvGenerator", "MLPDiscriminator", "MLPGenerator", "MaxoutDiscriminator"]
