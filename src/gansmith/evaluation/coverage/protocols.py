"""The published protocols of mode coverage, and what was published by them: the one place where these numbers stand."""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.core.errors import SettingError, unknown
from gansmith.data import Grid, Ring, Source, StackedMnist

PACGAN = "PacGAN, table 1"
VEEGAN = "VEEGAN's own table 1"
UNROLLED = "Unrolled setting"
VEEGAN_SETTING = "VEEGAN setting"


@dataclass(frozen=True)
class Published:
    """A row of a paper's table: means over its trials."""

    method: str
    source: str  # the table, or the setting where a protocol has several
    modes: float
    kl: float | None = None
    high_quality: float | None = None  # a share
    count: int = 2500  # samples


@dataclass(frozen=True)
class Protocol:
    """What is trained on, for how long, and how many samples are counted."""

    name: str
    about: str
    data: Source
    modes: int
    steps: int
    batch_size: int  # samples, or packs of them, that D judges of either side in a step
    counts: tuple[int, ...]  # samples; the first so many of the same ones
    recipe: str  # the papers' own networks
    published: tuple[Published, ...]

    @property
    def images(self) -> int:
        """What D judges of the real side in the whole protocol; a pack counts as one."""
        return self.steps * self.batch_size


def _mixture(name: str, data: Source, modes: int, about: str, rows: tuple[Published, ...]) -> Protocol:
    return Protocol(name, about, data, modes, 400_000, 100, (2500,), "pacgan-mixture", rows)


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _mixture(
            "ring",
            Ring(),
            8,
            "8 Gaussians on the unit circle, sd .01",
            (
                Published("GAN", PACGAN, 6.3, 0.45, 0.982),
                Published("PacGAN2", PACGAN, 7.9, 0.07, 0.956),
                Published("PacGAN4", PACGAN, 7.8, 0.07, 0.959),
                Published("VEEGAN", VEEGAN, 8, None, 0.529),
            ),
        ),
        _mixture(
            "grid",
            Grid(),
            25,
            "25 Gaussians at {-4, -2, 0, 2, 4} squared, sd .05",
            (
                Published("GAN", PACGAN, 17.3, 0.70, 0.948),
                Published("PacGAN2", PACGAN, 23.8, 0.13, 0.913),
                Published("PacGAN4", PACGAN, 24.8, 0.04, 0.936),
                Published("VEEGAN", VEEGAN, 24.6, None, 0.40),
            ),
        ),
        Protocol(
            "stacked-mnist",
            "three random digits as colours, Unrolled setting",
            StackedMnist(),
            1000,
            500_000,
            128,
            (25_600, 26_000),
            "stacked-mnist-unrolled",
            (
                Published("DCGAN", f"{UNROLLED}, D 1/4", 78.5, 5.21, count=25_600),
                Published("Unrolled-10", f"{UNROLLED}, D 1/4", 327, 4.66, count=25_600),
                Published("PacDCGAN4", f"{UNROLLED}, D 1/4", 667, 1.81, count=25_600),
                Published("DCGAN", f"{UNROLLED}, D 1/2", 487.7, 2.24, count=25_600),
                Published("Unrolled-10", f"{UNROLLED}, D 1/2", 817.4, 1.43, count=25_600),
                Published("PacDCGAN3", f"{UNROLLED}, D 1/2", 866.6, 0.90, count=25_600),
                Published("DCGAN", VEEGAN_SETTING, 99, 3.40, count=26_000),
                Published("ALI", VEEGAN_SETTING, 16, 5.40, count=26_000),
                Published("Unrolled", VEEGAN_SETTING, 48.7, 4.32, count=26_000),
                Published("VEEGAN", VEEGAN_SETTING, 150, 2.95, count=26_000),
                Published("PacDCGAN2", VEEGAN_SETTING, 1000, 0.06, count=26_000),
            ),
        ),
    )
}


def find(name: str) -> Protocol:
    """The protocol of this name. Raises SettingError with the nearest one."""
    if name not in PROTOCOLS:
        raise SettingError(unknown("protocol", name, PROTOCOLS))
    return PROTOCOLS[name]
