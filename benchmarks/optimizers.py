"""What a training step costs with PyTorch's own Adam in place of the call of its private kernel in `gansmith.optim`.

    OMP_NUM_THREADS=1 python benchmarks/optimizers.py tutorial-small --steps 240
    OMP_NUM_THREADS=1 python benchmarks/optimizers.py tutorial-batchnorm --data digits

Three trainers of one recipe take turns in one process. They differ in their Adam: ours, the function `torch.optim.adam.adam`, and
the class `torch.optim.Adam(fused=True)`. A round has six blocks; in each, every trainer takes a sixth of the steps. Printed are
the median, smallest and largest extra time over the rounds, in processor time and by the clock, and whether all weights are equal
at the end. Without --data the images are random, 28 x 28, with labels. If the function comes within 3 % in small recipes, use it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from gansmith.data import Samples
from gansmith.optim.optimizers import Adam, AdamState, match_strides
from gansmith.recipes import make
from gansmith.training.trainer import Trainer


class FunctionState(AdamState):
    """Adam by `torch.optim.adam.adam`."""

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        settings, state = self.settings, self.state
        gradients = match_strides(gradients, self.params)
        adam(
            self.params,
            gradients,
            state["exp_avg"],
            state["exp_avg_sq"],
            [],
            state["step"],
            fused=True,
            found_inf=skip,
            amsgrad=False,
            beta1=settings.betas[0],
            beta2=settings.beta2(progress),
            lr=settings.lr * settings.schedule.factor(progress),
            weight_decay=0.0,
            eps=settings.eps,
            maximize=False,
        )


class ClassState(AdamState):
    """Adam by `torch.optim.Adam`, with its state in the tensors of ours."""

    def __init__(self, settings: Adam, params: Sequence[Tensor]) -> None:
        super().__init__(settings, params)
        self.optimizer = torch.optim.Adam(self.params, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True)
        for i, param in enumerate(self.params):
            self.optimizer.state[param] = {name: values[i] for name, values in self.state.items()}

    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        settings, group = self.settings, self.optimizer.param_groups[0]
        group["lr"] = settings.lr * settings.schedule.factor(progress)
        group["betas"] = (settings.betas[0], settings.beta2(progress))
        for param, gradient in zip(self.params, match_strides(gradients, self.params), strict=True):
            param.grad = gradient
        self.optimizer.step()
        for param in self.params:
            param.grad = None


VARIANTS = {"ours": AdamState, "function": FunctionState, "class": ClassState}


def trainer(recipe: str, overrides: list[str], data: str | None, variant: type[AdamState]) -> Trainer:
    """A trainer of a recipe whose Adams are of this variant."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (10_000, 1, 28, 28), dtype=np.uint8)
    samples = None if data else Samples(values, np.arange(10_000) % 10, tuple("0123456789"))
    made = Trainer(make(recipe, overrides, data or "digits"), torch.device("cpu"), samples)
    made.total_images = 10**9
    for name, settings in made.recipe.optimizers.items():
        assert isinstance(settings, Adam), f"{recipe} trains {name} by {settings}; choose a recipe with Adam"
        made.optimizer_states[name] = variant(settings, made.trained_weights[name])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--data")
    parser.add_argument("--steps", type=int, default=60, help="of each trainer in a round")
    parser.add_argument("--rounds", type=int, default=12)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    games = {name: trainer(chosen.recipe, chosen.overrides, chosen.data, variant) for name, variant in VARIANTS.items()}
    seconds: list[dict[str, np.ndarray]] = []  # of each round: (processor, clock) of each variant
    for number in range(-1, chosen.rounds):  # the first is for warming up
        spent = {name: np.zeros(2) for name in VARIANTS}
        for block in range(6):
            names = list(VARIANTS)[block % 3 :] + list(VARIANTS)[: block % 3]
            for name in names if (number + block // 3) % 2 else names[::-1]:
                begun = np.array([time.process_time(), time.perf_counter()])
                for _ in range(chosen.steps // 6):
                    games[name].step()
                spent[name] += [time.process_time(), time.perf_counter()] - begun
        seconds.append(spent)
    del seconds[0]
    step = statistics.median(spent["ours"][0] for spent in seconds) / (chosen.steps // 6 * 6)
    first, *others = (game.state().tensors for game in games.values())
    equal = all(torch.equal(value, other[key]) for other in others for key, value in first.items())
    print(f"{chosen.recipe}, torch {torch.__version__}: {chosen.rounds} rounds of {chosen.steps} steps of {step * 1e3:.3f} ms")
    print(f"equal weights and optimizer states: {'yes' if equal else 'no'}")
    for name in ("function", "class"):
        for place, clock in enumerate(("processor", "clock")):
            extra = sorted(100 * (spent[name][place] / spent["ours"][place] - 1) for spent in seconds)
            print(f"{name:<10}{clock:<10}{statistics.median(extra):+6.1f} %  ({extra[0]:+.1f} to {extra[-1]:+.1f} %)")


if __name__ == "__main__":
    main()
