"""The five tutorials as plain PyTorch and Keras loops: the baseline of gansmith's speed.

Each loop is an endless generator that yields the number of real images read after every step, so that the benchmark can stop
anywhere. The loops do what the tutorials do: images are decoded one by one (in Keras they are an array), Adam is PyTorch's
default, and D's weight gradients are computed in G's turn and discarded by the next `zero_grad`. Pictures and checkpoints between
epochs are left out, which favours the plain loops; losses are printed to `out`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from typing import TextIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gansmith.networks import MLPDiscriminator, MLPGenerator
from gansmith.networks.base import Shapes
from gansmith.optim.optimizers import Adam
from gansmith.recipes.base import Recipe


@dataclass(frozen=True)
class Game:
    """The starting point of every loop: the recipe's networks and numbers, in plain PyTorch."""

    generator: nn.Sequential  # z [N, Z] -> [N, 784]
    discriminator: nn.Sequential  # [N, 784] -> probabilities [N, 1]
    images: np.ndarray  # uint8 [60000, 28, 28]
    labels: np.ndarray  # int64 [60000]; no tutorial looks at them, and each one's Dataset hands them out
    batch_size: int
    latent_size: int
    adam: Adam
    out: TextIO

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.adam.lr, betas=self.adam.betas, eps=self.adam.eps)

    def loader(self) -> DataLoader[tuple[Tensor, int]]:
        return DataLoader(Digits(self.images, self.labels), batch_size=self.batch_size, shuffle=True)

    def print_losses(self, epoch: int, d_loss: Tensor, g_loss: Tensor) -> None:
        print(f"epoch {epoch}: D loss {d_loss.item():.4f}, G loss {g_loss.item():.4f}", file=self.out)


# ------------------------------------------------------------------------------------------------ the images


class Digits(Dataset[tuple[Tensor, int]]):
    """torchvision's MNIST with ToTensor and Normalize(.5, .5), step by step: a PIL image for each item."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.data, self.targets = torch.from_numpy(images), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = self.data[index], int(self.targets[index])
        return normalize(to_tensor(Image.fromarray(image.numpy()))), label


def to_tensor(picture: Image.Image) -> Tensor:
    """torchvision.transforms.functional.to_tensor, for a grey image."""
    image = torch.from_numpy(np.array(picture, np.uint8, copy=True))
    image = image.view(picture.size[1], picture.size[0], 1)
    image = image.permute((2, 0, 1)).contiguous()  # [H, W, C] -> [C, H, W]
    return image.to(torch.float32).div(255)


def normalize(image: Tensor) -> Tensor:
    """torchvision.transforms.functional.normalize with mean (.5,) and std (.5,)."""
    image = image.clone()
    mean, std = torch.as_tensor((0.5,), dtype=image.dtype), torch.as_tensor((0.5,), dtype=image.dtype)
    if (std == 0).any():
        raise ValueError("std is zero")
    return image.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


# ------------------------------------------------------------------------------------------------ the loops


def small(game: Game) -> Iterator[int]:
    """Generated samples are made once per step; D scores them detached in its own turn, and again for G after its update."""
    G, D, bce = game.generator, game.discriminator, nn.BCELoss()
    g_optimizer, d_optimizer = game.optimizer(G), game.optimizer(D)
    for epoch in count():
        for real, _ in game.loader():
            real = real.view(len(real), -1)
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
            fake = G(torch.randn(len(real), game.latent_size))

            d_optimizer.zero_grad()
            d_loss = (bce(D(real), ones) + bce(D(fake.detach()), zeros)) / 2
            d_loss.backward()
            d_optimizer.step()

            g_optimizer.zero_grad()
            g_loss = bce(D(fake), ones)
            g_loss.backward()
            g_optimizer.step()
            yield len(real)
        game.print_losses(epoch, d_loss, g_loss)


def batchnorm(game: Game) -> Iterator[int]:
    """Both turns use the same z, and G runs in each."""
    G, D, bce = game.generator, game.discriminator, nn.BCELoss()
    g_optimizer, d_optimizer = game.optimizer(G), game.optimizer(D)
    for epoch in count():
        for real, _ in game.loader():
            real = real.view(len(real), -1)
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
            z = torch.randn(len(real), game.latent_size)

            d_optimizer.zero_grad()
            d_loss = bce(D(real), ones) + bce(D(G(z).detach()), zeros)
            d_loss.backward()
            d_optimizer.step()

            g_optimizer.zero_grad()
            g_loss = bce(D(G(z)), ones)
            g_loss.backward()
            g_optimizer.step()
            yield len(real)
        game.print_losses(epoch, d_loss, g_loss)


def dropout(game: Game) -> Iterator[int]:
    """Uniform z, drawn in each turn; real labels of .9; losses printed every 400 batches."""
    G, D, bce = game.generator, game.discriminator, nn.BCELoss()
    g_optimizer, d_optimizer = game.optimizer(G), game.optimizer(D)
    for epoch in count():
        for i, (real, _) in enumerate(game.loader()):
            real = real.view(len(real), -1)
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)

            d_optimizer.zero_grad()
            z = torch.empty(len(real), game.latent_size).uniform_(-1, 1)
            d_loss = bce(D(real), 0.9 * ones) + bce(D(G(z).detach()), zeros)
            d_loss.backward()
            d_optimizer.step()

            g_optimizer.zero_grad()
            z = torch.empty(len(real), game.latent_size).uniform_(-1, 1)
            g_loss = bce(D(G(z)), ones)
            g_loss.backward()
            g_optimizer.step()
            if i % 400 == 0:
                game.print_losses(epoch, d_loss, g_loss)
            yield len(real)


def keras(game: Game) -> Iterator[int]:
    """Images in an array, rows drawn at random; `predict` makes D's samples, and D is not trainable in the combined model."""
    G, D, bce = game.generator, game.discriminator, nn.BCELoss()
    g_optimizer, d_optimizer = game.optimizer(G), game.optimizer(D)
    x_train = game.images.reshape(len(game.images), -1).astype(np.float32) / 255
    size = game.batch_size

    def noise(rows: int) -> Tensor:
        return torch.from_numpy(np.random.normal(0, 1, (rows, game.latent_size)).astype(np.float32))  # noqa: NPY002

    for epoch in count():
        for _ in range(234):
            real = torch.from_numpy(x_train[np.random.randint(0, len(x_train), size)])  # noqa: NPY002
            G.eval()
            with torch.no_grad():
                fake = G(noise(size))
            G.train()
            x, y = torch.cat([real, fake]), torch.cat([torch.ones(size, 1), torch.zeros(size, 1)])

            D.requires_grad_(True)
            d_optimizer.zero_grad()
            d_loss = bce(D(x), y)
            d_loss.backward()
            d_optimizer.step()
            d_loss.item()  # train_on_batch returns a number

            D.requires_grad_(False)
            g_optimizer.zero_grad()
            g_loss = bce(D(G(noise(2 * size))), torch.ones(2 * size, 1))
            g_loss.backward()
            g_optimizer.step()
            g_loss.item()
            yield len(real)
        game.print_losses(epoch, d_loss, g_loss)


def paper(game: Game) -> Iterator[int]:
    """One mean cross-entropy over real and generated samples, joined and shuffled."""
    G, D, bce = game.generator, game.discriminator, nn.BCELoss()
    g_optimizer, d_optimizer = game.optimizer(G), game.optimizer(D)
    for epoch in count():
        for real, _ in game.loader():
            real = real.view(len(real), -1)
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)

            d_optimizer.zero_grad()
            fake = G(torch.randn(len(real), game.latent_size)).detach()
            order = torch.randperm(2 * len(real))
            x, y = torch.cat([real, fake])[order], torch.cat([ones, zeros])[order]
            d_loss = bce(D(x), y)
            d_loss.backward()
            d_optimizer.step()

            g_optimizer.zero_grad()
            g_loss = bce(D(G(torch.randn(len(real), game.latent_size))), ones)
            g_loss.backward()
            g_optimizer.step()
            yield len(real)
        game.print_losses(epoch, d_loss, g_loss)


LOOPS: dict[str, Callable[[Game], Iterator[int]]] = {
    "tutorial-small": small,
    "tutorial-batchnorm": batchnorm,
    "tutorial-dropout": dropout,
    "tutorial-keras": keras,
    "tutorial-paper": paper,
}


# ------------------------------------------------------------------------------------------------ the networks


def game_of(recipe: Recipe, out: TextIO) -> Game:
    """The recipe in plain PyTorch. The networks load the weights of gansmith's networks, which proves that they are equal."""
    generator, discriminator = recipe.networks["generator"], recipe.networks["discriminator"]
    adam = recipe.optimizers["generator"]
    assert isinstance(generator, MLPGenerator)
    assert isinstance(discriminator, MLPDiscriminator)
    assert isinstance(adam, Adam)
    assert adam == recipe.optimizers["discriminator"]
    samples = recipe.data.load()
    assert samples.labels is not None
    pixels = int(np.prod(samples.shape))
    batch_norm = generator.batch_norm
    plain = {
        "generator": mlp(
            [recipe.noise.dim, *generator.widths, pixels],
            generator.slope,
            generator.dropout,
            nn.Tanh(),
            lambda i, width: (
                [nn.BatchNorm1d(width, batch_norm.eps, batch_norm.momentum)] if batch_norm and i >= batch_norm.first else []
            ),
        ),
        "discriminator": mlp([pixels, *discriminator.widths, 1], discriminator.slope, discriminator.dropout, nn.Sigmoid()),
    }
    for name, network in recipe.networks.items():
        weights = network.build(Shapes(recipe.noise.dim, samples.shape)).state_dict().values()
        plain[name].load_state_dict(dict(zip(plain[name].state_dict(), weights, strict=True)))
    images = samples.values[:, 0]
    return Game(**plain, images=images, labels=samples.labels, batch_size=recipe.batch_size, latent_size=recipe.noise.dim,
                adam=adam, out=out)  # fmt: skip


def mlp(
    widths: list[int],
    slope: float,
    dropout: float,
    end: nn.Module,
    norm: Callable[[int, int], list[nn.Module]] = lambda i, width: [],
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(widths[:-1])):
        layers += [nn.Linear(inputs, outputs), *norm(i, outputs)]
        layers += [nn.LeakyReLU(slope) if slope else nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]), end)
