"""Augmentation: each operation against loops over samples and pixels, its derivatives, and the path of an adaptive p."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.overrides import override
from gansmith.data import Ring
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import (
    Affine,
    Augment,
    Augmentation,
    Brightness,
    Contrast,
    Cutout,
    Flip,
    InstanceNoise,
    Operation,
    Saturation,
    Translate,
)
from gansmith.objectives.base import Turn
from gansmith.objectives.losses import Hinge, LeastSquares, NonSaturating, Relativistic, Wasserstein
from gansmith.objectives.penalties import R1, R2, GradientPenalty
from gansmith.optim.schedules import Linear
from support import components, name_of, quick, trainer

OPERATIONS = components(Operation)
EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
NOTHING = [
    *(Affine(0.0, 0.0, 0.0), Translate(0.0), Cutout(0.0)),
    *(Brightness(0.0), Saturation(0.0), Contrast(0.0), InstanceNoise(0.0)),
]


def samples(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))  # float64, no two numbers alike


def done(operation: Any, x: Tensor, seed: int = 1, progress: float = 0.0) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return operation(x, progress)


def turn(progress: float = 0.0, states: dict[str, Tensor] | None = None) -> Turn:
    def draw(count: int, at: int | None) -> Tensor:
        raise AssertionError("augmentation draws no z")

    return Turn(0, 1, progress, draw, states={} if states is None else states)


# ---------------------------------------------------------------------------------------------------- every operation


@EVERY
@pytest.mark.parametrize("shape", [(6, 1, 4, 7), (5, 3, 8, 8), (1, 2, 1, 1)], ids=str)
def test_the_shape_stays_and_so_does_the_argument(operation: Operation, shape: tuple[int, ...]) -> None:
    for dtype in (torch.float32, torch.float64):
        x = samples(*shape).to(dtype)
        before = x.clone()
        made = done(operation, x)
        assert made.shape == x.shape
        assert made.dtype == dtype
        assert torch.isfinite(made).all()
        assert torch.equal(x, before)


@EVERY
def test_its_first_and_second_derivatives_are_those_of_finite_differences(operation: Operation) -> None:
    x = samples(3, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: done(operation, x), (x,))
    assert torch.autograd.gradgradcheck(lambda x: done(operation, x).tanh(), (x,))


@EVERY
def test_each_sample_has_its_own_draw_and_each_seed_another(operation: Operation) -> None:
    x = samples(1, 3, 8, 8).expand(40, -1, -1, -1)
    made = done(operation, x)
    assert len(made.flatten(1).unique(dim=0)) > 1
    assert torch.equal(made, done(operation, x))
    assert not torch.equal(made, done(operation, x, seed=2))


@EVERY
def test_it_says_what_it_does_and_where_it_is_from(operation: Operation) -> None:
    text = inspect.getdoc(type(operation)) or ""
    assert re.search(r"\d{4}", text) or isinstance(operation, Flip)


@pytest.mark.parametrize("operation", NOTHING, ids=name_of)
def test_without_strength_it_changes_nothing(operation: Operation) -> None:
    x = samples(9, 3, 5, 6)
    assert torch.allclose(done(operation, x), x, rtol=1e-14, atol=1e-15)


def test_every_operation_of_the_package_is_tested_by_itself() -> None:
    assert {type(o) for o in OPERATIONS} == {Flip, *(type(o) for o in NOTHING)}


# ---------------------------------------------------------------------------------------------------- each by itself


def test_a_flip_is_the_mirror_image_of_half_of_the_samples() -> None:
    x = samples(400, 2, 3, 5)
    made = done(Flip(), x)
    mirrored = [bool(torch.equal(m, o.flip(2))) for m, o in zip(made, x, strict=True)]
    assert all(flipped or torch.equal(m, o) for flipped, m, o in zip(mirrored, made, x, strict=True))
    assert 160 < sum(mirrored) < 240  # four standard deviations


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Pixel by pixel; [C, H, W]."""
    out = np.zeros_like(image)
    _, height, width = image.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                out[:, i, j] = image[:, i - down, j - right]
    return out


def test_a_translation_is_one_of_all_those_there_are() -> None:
    x = samples(1, 2, 8, 6).expand(600, -1, -1, -1)
    image = x[0].numpy()
    known = {moved(image, i, j).tobytes(): (i, j) for i in range(-2, 3) for j in range(-2, 3)}  # .3 of 8 and of 6: two pixels
    found = [known[m.numpy().tobytes()] for m in done(Translate(share=0.3), x)]
    assert set(found) == set(known.values())
    assert max(found.count(place) for place in known.values()) < 60  # 24 of each are expected


def sources(operation: Affine, count: int = 400) -> Tensor:
    """Float64 [N, 2, 2]: which matrix takes a pixel's place to that which it came from, both from the middle, (down, right).

    An image that is a plane stays one under bilinear interpolation, so its slopes tell.
    """
    place = torch.arange(21, dtype=torch.float64) - 10
    planes = torch.stack(torch.meshgrid(place, place, indexing="ij"))
    made = done(operation, planes.expand(count, -1, -1, -1))
    assert torch.allclose(made[:, :, 10, 10], torch.zeros(1, dtype=torch.float64), atol=1e-6)  # the middle stays
    return torch.stack([made[:, :, 12, 10], made[:, :, 10, 12]], 2) / 2


def test_an_affine_turn_is_a_rotation_by_any_angle_up_to_the_most() -> None:
    found = sources(Affine(degrees=20, zoom=0, shear=0))
    assert torch.allclose(found @ found.mT, torch.eye(2, dtype=torch.float64), atol=1e-6)
    angles = torch.atan2(found[:, 0, 1], found[:, 0, 0]).rad2deg()
    assert -20 <= angles.min() < -19
    assert 19 < angles.max() <= 20


def test_an_affine_zoom_is_one_factor_as_often_below_1_as_above() -> None:
    found = sources(Affine(degrees=0, zoom=0.25, shear=0))
    factors = found[:, 0, 0]
    assert torch.allclose(found, factors[:, None, None] * torch.eye(2, dtype=torch.float64), atol=1e-6)
    assert 1 / 1.25 <= factors.min() < 0.82
    assert 1.22 < factors.max() <= 1.25
    assert 160 < (factors > 1).sum() < 240  # four standard deviations


def test_an_affine_slant_moves_rows_sideways_alone() -> None:
    found = sources(Affine(degrees=0, zoom=0, shear=30))
    assert torch.allclose(found[:, 0], torch.tensor([1.0, 0.0], dtype=torch.float64), atol=1e-6)
    assert torch.allclose(found[:, 1, 1], torch.tensor(1.0, dtype=torch.float64), atol=1e-6)
    slants = found[:, 1, 0].atan().rad2deg()
    assert -30 <= slants.min() < -29
    assert 29 < slants.max() <= 30


def test_what_an_affine_change_brings_in_is_mirrored_at_the_border() -> None:
    x = samples(1, 2, 9, 9).expand(30, -1, -1, -1)
    padded = torch.nn.functional.pad(x, (8, 8, 8, 8), mode="reflect")
    change = Affine(degrees=40, zoom=0.3, shear=20)
    assert torch.allclose(done(change, x), done(change, padded)[:, :, 8:-8, 8:-8], atol=1e-5)  # places are float32


@pytest.mark.parametrize(("share", "size"), [(0.5, (4, 3)), (0.4, (3, 2)), (1.0, (8, 6))])
def test_a_cutout_is_a_rectangle_whose_middle_is_anywhere(share: float, size: tuple[int, int]) -> None:
    x = samples(1, 2, 8, 6).expand(600, -1, -1, -1)
    heights, widths, tops = [], [], set()
    for made, image in zip(done(Cutout(share), x), x, strict=True):
        hole = (made == 0).all(0)
        rows, columns = hole.any(1).nonzero(), hole.any(0).nonzero()
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        assert hole[top:bottom, left:right].all()
        assert torch.equal(made[:, ~hole], image[:, ~hole])
        heights.append(int(bottom - top))
        widths.append(int(right - left))
        tops.add(int(top))
    assert (max(heights), max(widths)) == size
    assert min(heights) == (size[0] + 1) // 2  # half of it is outside where its middle is at the border
    assert 0 in tops
    assert max(tops) == 8 - size[0] // 2 - size[0] % 2


def test_brightness_adds_one_number_to_a_sample() -> None:
    x = samples(500, 3, 2, 2)
    added = (done(Brightness(0.3), x) - x).flatten(1)
    assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-7)
    assert added.abs().max() <= 0.3 + 1e-7
    assert added.min() < -0.28
    assert added.max() > 0.28
    assert abs(added.mean()) < 4 * 0.3 / (3 * 500) ** 0.5  # the mean stays


def test_contrast_stretches_a_sample_about_its_mean() -> None:
    x = samples(500, 3, 2, 4)
    made = done(Contrast(0.5), x)
    assert torch.allclose(made.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=1e-12)
    factor = ((made - made.mean((1, 2, 3), keepdim=True)) / (x - x.mean((1, 2, 3), keepdim=True))).flatten(1)
    assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-9)
    assert 0.5 <= factor.min() < 0.52
    assert 1.48 < factor.max() <= 1.5


def test_saturation_stretches_the_colours_about_grey_and_knows_none_in_one_channel() -> None:
    x = samples(300, 3, 2, 4)
    made = done(Saturation(0.8), x)
    assert torch.allclose(made.mean(1), x.mean(1), atol=1e-12)
    factor = ((made - x.mean(1, keepdim=True)) / (x - x.mean(1, keepdim=True))).flatten(1)
    assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-6)
    assert 0.2 <= factor.min() < 0.25
    assert 1.75 < factor.max() <= 1.8
    one = samples(5, 1, 4, 4)
    assert torch.equal(done(Saturation(0.8), one), one)


@pytest.mark.parametrize("operation", [Brightness(), Saturation(), Contrast()], ids=name_of)
def test_colours_change_as_if_there_were_no_transparency(operation: Operation) -> None:
    x = samples(6, 4, 3, 3)
    made = done(operation, x)
    assert torch.equal(made[:, 3:], x[:, 3:])
    assert torch.equal(made[:, :3], done(operation, x[:, :3]))


def test_instance_noise_has_its_deviation_and_falls_over_the_run() -> None:
    x = samples(200, 1, 10, 10)
    for progress, sigma in ((0.0, 0.2), (0.25, 0.15), (1.0, 0.0)):
        added = done(InstanceNoise(0.2), x, progress=progress) - x
        assert abs(added.std().item() - sigma) < 0.003
        assert abs(added.mean().item()) < 0.006
    assert done(InstanceNoise(), samples(4, 2)).shape == (4, 2)


# ---------------------------------------------------------------------------------------------------- Augment


@component
class Doubled:
    """Twice the sample, so that what happened is read off."""

    for_points: ClassVar[bool] = True

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        return 2 * samples


@pytest.mark.parametrize(("probability", "end"), [(0.3, 1.0), (0.6, 0.5), (0.0, 1.0), (1.0, 1.0)])
def test_each_operation_acts_on_a_share_of_the_samples_independently(probability: float, end: float) -> None:
    rule = Augment((Doubled(), Doubled()), probability, Linear(end=end))
    x = torch.ones(4000, 1, 1, 1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = rule(x, turn(progress=1.0)).flatten()
    chance = probability * end
    for times, expected in ((0, (1 - chance) ** 2), (1, 2 * chance * (1 - chance)), (2, chance**2)):
        found = (made == 2**times).double().mean().item()
        assert abs(found - expected) <= 4 * (expected * (1 - expected) / 4000) ** 0.5


def test_an_augmentation_that_is_off_gives_the_samples_themselves() -> None:
    x = samples(3, 1, 4, 4)
    assert Augment(probability=0.0)(x, turn()) is x


def test_an_adaptive_p_takes_the_path_of_the_papers_rule() -> None:
    """Section 3.1 and 3.2: p goes up where more of the reals are held for real than the target says, else down."""
    rule, states, random = Augment(target=0.6, probability=0.8, speed_images=640), {}, np.random.default_rng(0)
    p, path = 0.0, []
    for step in range(60):
        lead = random.normal(3.0 if step < 20 or step > 45 else -0.5, 2.0, (64, 3)).astype(np.float32)
        r_t = np.sign(lead).mean()
        p = float(np.clip(p + np.sign(r_t - 0.6) * 64 / 640, 0, 0.8))
        condition = rule.adapt(torch.from_numpy(lead), 64, turn(states=states))
        assert np.isclose(condition["augmentation"]().item(), p, atol=1e-6)
        assert np.isclose(condition["r_t"]().item(), r_t, atol=1e-6)
        path.append(p)
    assert np.isclose(max(path), 0.8)
    assert min(path[20:]) == 0.0
    assert states["augmentation"].item() == condition["augmentation"]().item()
    assert Augment().adapt(torch.ones(4, 1), 4, turn()) == {}


def test_an_adaptive_p_is_the_share_that_is_augmented() -> None:
    rule, x = Augment((Doubled(),), target=0.6), torch.ones(2000, 1, 1, 1)
    for p in (0.0, 0.25, 1.0):
        made = rule(x, turn(states={"augmentation": torch.tensor(p)}))
        assert abs((made == 2).double().mean().item() - p) <= 4 * (p * (1 - p) / 2000) ** 0.5


# ---------------------------------------------------------------------------------------------------- in the game


def game_with(*changes: str) -> Any:
    return trainer(
        quick("networks.discriminator.widths=[16]", "networks.generator.widths=[16]", "objective.share=nothing", *changes)
    )


class Seen(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.samples = inner, []

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        self.samples.append(x.detach())
        return self.inner(x)


@pytest.mark.parametrize("loss", [NonSaturating(), Relativistic()], ids=name_of)
@pytest.mark.parametrize("together", [True, False])
def test_d_sees_nothing_that_is_not_augmented_in_either_turn(loss: Any, together: bool) -> None:
    game = game_with()
    plain, doubled = (Adversarial(loss=loss, joint_batch=together, augmentation=a) for a in (None, Augment((Doubled(),))))
    batch, z = game.read(0), torch.randn(32, 32)
    d = game.networks["discriminator"] = Seen(game.networks["discriminator"])
    for objective in (plain, doubled):
        for player in objective.players():
            player.loss(game.networks, batch, Turn(0, 1, 0.0, lambda count, at: z))
    half = len(d.samples) // 2
    assert half == (1 if together else 2) + (2 if loss.needs_real else 1)
    for before, after in zip(d.samples[:half], d.samples[half:], strict=True):
        assert torch.equal(after, 2 * before)


def test_penalties_are_of_the_samples_before_augmentation() -> None:
    """D(2x) of a linear D has twice its slope."""
    game = game_with()
    a = torch.linspace(-1, 1, 64)

    class Linear(nn.Module):
        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            return x.flatten(1) @ a[:, None]

    game.networks["discriminator"] = Linear()
    slope = a.norm().item()
    for penalty, expected in ((R1(2.0), 4 * slope**2), (R2(2.0), 4 * slope**2), (GradientPenalty(1.0), (2 * slope - 1) ** 2)):
        objective = Adversarial(penalties=(penalty,), augmentation=Augment((Doubled(),)))
        outcome = objective.discriminator_loss(
            game.networks, game.read(0), Turn(0, 1, 0.0, lambda count, at: torch.randn(count, 32))
        )
        assert np.isclose(outcome.logs[name_of(penalty)]().item(), expected, rtol=1e-4)


@pytest.mark.parametrize("loss", [NonSaturating(), LeastSquares(), Hinge(), Relativistic()], ids=name_of)
def test_a_d_that_is_too_sure_of_the_reals_turns_the_augmentation_up(loss: Any) -> None:
    game = game_with(f"objective.loss={name_of(loss)}", "objective.augmentation=augment(target=0.6, speed_images=320)")

    class Sure(nn.Module):
        """Right about every real at `bias` above the fakes."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.zeros(1)), 3.0

        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            fakes = x.mean((1, 2, 3))[:, None] > 2
            return loss.undecided + self.weight * 0 + torch.where(fakes, -self.bias, self.bias)

    class Sevens(nn.Module):
        def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
            return torch.full((len(z), 1, 8, 8), 7.0)

    d, game.networks["generator"] = Sure(), Sevens()
    game.networks["discriminator"] = d
    batch, states = game.read(0), {}
    ps = []
    for bias in (3.0, 3.0, -3.0):
        d.bias = bias
        objective = dataclasses.replace(game.recipe.objective, joint_batch=True)
        outcome = objective.discriminator_loss(
            game.networks, batch, Turn(0, 1, 0.0, lambda count, at: torch.zeros(count, 32), states=states)
        )
        ps.append(round(outcome.logs["augmentation"]().item(), 6))
    assert ps == [0.1, 0.2, 0.1]


def test_p_is_in_the_record_and_in_the_state() -> None:
    game = game_with("objective.augmentation=augment(target=-0.9, speed_images=3200)")
    for step in range(1, 4):
        assert np.isclose(game.step()["discriminator/augmentation"], 0.01 * step, atol=1e-7)
    assert np.isclose(game.state().tensors["lasting/augmentation"].item(), 0.03)


def test_points_take_noise_alone_and_refuse_other_operations() -> None:
    points = dataclasses.replace(quick("objective.augmentation=augment"), data=Ring())
    message = (
        r"^augmentation brightness is for images \[C, H, W\], but the data's samples are \[2\]: leave it out, as in objective"
    )
    with pytest.raises(RecipeError, match=message):
        trainer(points)
    record = trainer(override(points, "objective.augmentation=augment(operations=[instance-noise])")).step()
    assert all(np.isfinite(v) for v in record.floats().values())


def test_an_adaptive_p_is_refused_where_ds_zero_means_nothing() -> None:
    with pytest.raises(RecipeError, match=r"augment's target .* wasserstein .*: leave augmentation\.target at none"):
        Adversarial(loss=Wasserstein(), augmentation=Augment(target=0.6))
    Adversarial(loss=Wasserstein(), augmentation=Augment())


def test_the_package_has_an_augmentation() -> None:
    assert components(Augmentation) == [Augment()]
