"""pix2pix: an image from an image, learned from pairs, and the same network without a discriminator as its rival."""

from __future__ import annotations

from gansmith.core.fields import Width
from gansmith.data import EmojiPairs, RandomCrops, Source, display_name
from gansmith.networks import JoinedDiscriminator, PatchDiscriminator, UnetGenerator
from gansmith.objectives import Adversarial, Regression
from gansmith.objectives.losses import NonSaturating
from gansmith.objectives.terms import L1
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.lengths import Length
from gansmith.sampling.conditions import SourceImage
from gansmith.sampling.noise import Normal

FAMILY = ("translation", 1)

PUBLISHED, SMALL = 64, 32  # channels of the largest feature map


def pix2pix(
    data: Source = EmojiPairs(), published: bool = False, width: Width | None = None, budget: Length | None = None
) -> Recipe:
    """pix2pix: learns from pairs to turn one image into another, such as a drawing into colours.

    G is a U-Net, which gets the source image and no noise. D scores patches of 70 x 70 pixels of source and sample together. G
    minimises D's loss plus 100 times the mean absolute difference from the true image. D's loss is halved. Training reads random
    crops of slightly enlarged pairs, mirrored half of the time.

    `published=true`: width 64, batch norm, dropout .5, batches of 1, 200 epochs with a learning rate of 2e-4 that falls to 0 over
    the second half. At 256 x 256 in colour G has 54,413,955 weights and D 2,768,705.

    The default size is for two processor cores: width 32, instance norm, which is batch norm of a batch of 1, batches of 4, a
    learning rate of 5e-4 for G, and samples from a running mean of G's weights. Maps are enlarged and then convolved: transposed
    convolutions leave a grid in flat colours. Dropout is off when it samples, so a source image always gives the same sample.

    Known to go wrong: where several answers are right, L1 makes G grey and the discriminator makes it choose one. What the source
    does not tell, such as the colours of a flag, is a guess.

    Source: P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, Image-to-image translation with conditional adversarial networks, CVPR
    2017.
    """
    width = width or (PUBLISHED if published else SMALL)
    return Recipe(
        name="pix2pix",
        data=_with_jitter(data),
        noise=Normal(0),
        condition=SourceImage(),
        networks={"generator": _unet(width, published), "discriminator": _patches(width, published)},
        objective=Adversarial(NonSaturating(), reduction="mean", generator_terms=(L1(100.0),)),
        optimizers={"discriminator": _adam(2e-4), "generator": _adam(2e-4 if published else 5e-4)},
        batch_size=1 if published else 4,
        budget=budget or ("200epochs" if published else "45m"),
        ema=None if published else Ema(half_life_images=4000),
        pictures=Pictures(count=24, columns=4),
        why=(_why(data),),
    )


def pix2pix_l1(
    data: Source = EmojiPairs(), published: bool = False, width: Width | None = None, budget: Length | None = None
) -> Recipe:
    """The generator of pix2pix with L1 alone, without a discriminator: what pix2pix has to beat.

    Everything else is as in `pix2pix`, also with `published=true`. Its samples are near to the true images on average, and
    blurred where they are uncertain.

    Known to go wrong: it is blurred by design, because the mean of all answers has the smallest L1 loss.

    Source: Isola et al. 2017, section 4.2, "L1".
    """
    width = width or (PUBLISHED if published else SMALL)
    return Recipe(
        name="pix2pix-l1",
        data=_with_jitter(data),
        noise=Normal(0),
        condition=SourceImage(),
        networks={"generator": _unet(width, published)},
        objective=Regression((L1(100.0),)),
        optimizers={"generator": _adam(2e-4 if published else 5e-4)},
        batch_size=1 if published else 4,
        budget=budget or ("200epochs" if published else "45m"),
        ema=None if published else Ema(half_life_images=4000),
        pictures=Pictures(count=24, columns=4),
        why=(_why(data),),
    )


def _adam(lr: float) -> Adam:
    """pix2pix's optimizer: the learning rate falls to 0 over the second half."""
    return Adam(lr, (0.5, 0.999), schedule=Linear(start=0.5))


def _unet(width: int, published: bool) -> UnetGenerator:
    """pix2pix's generator."""
    if published:
        return UnetGenerator(width=width, norm="batch", dropout=0.5)
    return UnetGenerator(width=width, dropout=0.5, upsampling="resize")


def _patches(width: int, published: bool) -> JoinedDiscriminator:
    """pix2pix's discriminator, which gets the source image as further channels."""
    return JoinedDiscriminator(PatchDiscriminator(width=width, norm="batch" if published else "instance"))


def _with_jitter(data: Source) -> Source:
    """Training pairs that are cropped at random and mirrored."""
    return data if isinstance(data, RandomCrops) else RandomCrops(data)


def _why(data: Source) -> str:
    """The sentence about the data in the recipe."""
    return f"training reads random crops and mirror images of the pairs of {display_name(data)}"
