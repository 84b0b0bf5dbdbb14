"""Measure how fast the same GAN trains in PyTorch, in TensorFlow, and in Keras as tutorials write it.

    .venv-tensorflow/bin/python benchmarks/frameworks.py [--recipes NAME ...] [--threads 1] [--steps N] [--rounds N]
        [--data NAME] [--json OUT]

Each side runs in its own process, with the same number of threads. The sides take turns of the same number of steps, and the
waiting sides sleep. The first round is a warm-up and is not counted. Ratios are computed within a round.

torch, tensorflow   `gansmith.steps` on a run folder, at the recipe's own budget, with log, pictures and checkpoints
keras               the same networks and batches, with `predict` for D's generated samples, and `train_on_batch` for D and for G
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from throughput import Turn, asked, environment, serve

RECIPES = ("tutorial-keras", "tutorial-batchnorm")
SIDES = ("torch", "tensorflow", "keras")
TARGET = 3.0  # times the speed of Keras as tutorials write it


@dataclass(frozen=True)
class Result:
    """One recipe with one number of threads: the turns of each side, round by round."""

    recipe: str
    threads: int
    steps: int  # in a turn
    turns: dict[str, list[Turn]]

    def ratios(self, one: str, other: str) -> list[float]:
        return [a.speed / b.speed for a, b in zip(self.turns[one], self.turns[other], strict=True)]

    def summary(self) -> dict[str, Any]:
        """The numbers of the table, for JSON."""
        turns = [turn for side in self.turns.values() for turn in side]
        found: dict[str, Any] = {f"{s}_images_per_second": statistics.median(t.speed for t in self.turns[s]) for s in SIDES}
        for one, other in (("tensorflow", "keras"), ("tensorflow", "torch")):
            ratios = self.ratios(one, other)
            found[f"{one}_over_{other}"] = statistics.median(ratios)
            found[f"{one}_over_{other}_range"] = [min(ratios), max(ratios)]
        return found | {"target": TARGET, "largest_share_waiting_for_a_processor": max(t.waited / t.seconds for t in turns)}


# ------------------------------------------------------------------------------------------------ the sides


def side(which: str, name: str, data: str | None, threads: int, connection: Connection) -> None:
    import torch

    from gansmith.recipes import make

    torch.set_num_threads(threads)
    recipe = make(name, ["scores=none"], data)
    if which == "keras":
        step = keras_style(recipe, threads)
        step()
        connection.send("ready")
        serve(step, connection)
        return

    import gansmith

    with tempfile.TemporaryDirectory(prefix="gansmith-frameworks-") as folder:
        records = gansmith.steps(recipe, Path(folder) / "run", device="cpu", framework=which)
        seen = next(records).images

        def step() -> int:
            nonlocal seen
            before, seen = seen, next(records).images
            return seen - before

        connection.send("ready")
        serve(step, connection)
        records.close()


def keras_style(recipe: Any, threads: int) -> Callable[[], int]:
    """A step as Keras tutorials write it. Images are scaled, and labels made, before the first step."""
    import numpy as np

    from gansmith.networks.keras import libraries

    keras, tf = libraries()
    layers = keras.layers
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    values = recipe.data.load().values
    low, high = recipe.value_range
    x = (values.reshape(len(values), -1).astype(np.float32) / 255) * (high - low) + low
    batch, latent = recipe.batch_size, recipe.noise.dim
    rng = np.random.default_rng(0)

    def hidden(network: Any, width: int, normed: bool) -> list[Any]:
        norm = [layers.BatchNormalization(momentum=0.9, epsilon=network.batch_norm.eps)] if normed else []
        dropped = [layers.Dropout(network.dropout)] if network.dropout else []
        return [layers.Dense(width), *norm, layers.LeakyReLU(negative_slope=network.slope), *dropped]

    def adam(player: str) -> Any:
        said = recipe.optimizers[player]
        return keras.optimizers.Adam(said.lr, said.betas[0], said.betas[1], epsilon=said.eps)

    g, d = recipe.networks["generator"], recipe.networks["discriminator"]
    generator = keras.Sequential([keras.Input((latent,))])
    for i, width in enumerate(g.widths):
        for layer in hidden(g, width, g.batch_norm is not None and i >= g.batch_norm.first):
            generator.add(layer)
    generator.add(layers.Dense(x.shape[1], activation=g.end))
    discriminator = keras.Sequential([keras.Input((x.shape[1],))])
    for width in d.widths:
        for layer in hidden(d, width, False):
            discriminator.add(layer)
    discriminator.add(layers.Dense(1, activation="sigmoid"))
    discriminator.compile(loss="binary_crossentropy", optimizer=adam("discriminator"))
    discriminator.trainable = False
    z = keras.Input((latent,))
    gan = keras.Model(z, discriminator(generator(z)))
    gan.compile(loss="binary_crossentropy", optimizer=adam("generator"))
    fakes = recipe.objective.generator_fakes or batch
    labels, fooled = np.concatenate([np.ones((batch, 1)), np.zeros((batch, 1))]), np.ones((fakes, 1))

    def step() -> int:
        noise = rng.normal(0, 1, (batch, latent))
        made = generator.predict(noise, verbose=0)
        real = x[rng.integers(0, len(x), batch)]
        discriminator.trainable = True
        discriminator.train_on_batch(np.concatenate([real, made]), labels)
        noise = rng.normal(0, 1, (fakes, latent))
        discriminator.trainable = False
        gan.train_on_batch(noise, fooled)
        return batch

    return step


def measure(name: str, data: str | None, threads: int, steps: int, rounds: int) -> Result:
    """Measure one recipe on `threads` threads: a warm-up round, then `rounds` rounds that count."""
    start = multiprocessing.get_context("spawn")
    ends, processes = {}, []
    for which in SIDES:
        ends[which], theirs = start.Pipe()
        processes.append(start.Process(target=side, args=(which, name, data, threads, theirs)))
        processes[-1].start()
        theirs.close()
    try:
        for end in ends.values():
            end.recv()
        turns: dict[str, list[Turn]] = {which: [] for which in SIDES}
        for _ in range(rounds + 1):
            for which, end in ends.items():
                turns[which].append(asked(end, steps))
        for end in ends.values():
            end.send(None)
    except EOFError:
        raise SystemExit(f"frameworks: a side of {name} ended early; what it said is above") from None
    finally:
        for end in ends.values():
            end.close()
        for process in processes:
            process.join(30)
            process.terminate()
            process.join()
    return Result(name, threads, steps, {which: said[1:] for which, said in turns.items()})


HEAD = (
    f"{'recipe':<20}{'threads':>8}{'torch':>9}{'tensorflow':>12}{'keras':>9}"
    f"{'over keras':>12}{'min':>7}{'over torch':>12}{'waited':>8}"
)


def line(result: Result) -> str:
    found = result.summary()
    return (
        f"{result.recipe:<20}{result.threads:>8}{found['torch_images_per_second']:>9,.0f}"
        f"{found['tensorflow_images_per_second']:>12,.0f}{found['keras_images_per_second']:>9,.0f}"
        f"{found['tensorflow_over_keras']:>12.2f}{found['tensorflow_over_keras_range'][0]:>7.2f}"
        f"{found['tensorflow_over_torch']:>12.2f}{found['largest_share_waiting_for_a_processor']:>8.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES, metavar="NAME")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--steps", type=int, default=100, help="in a turn [default: 100]")
    parser.add_argument("--rounds", type=int, default=8, help="after the one that warms up [default: 8]")
    parser.add_argument("--data", help="instead of the recipe's own, such as digits to try it out")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every round here, as benchmarks/results/frameworks.json")
    chosen = parser.parse_args()
    versions = {name: metadata.version(name) for name in ("keras", "tensorflow-cpu")}
    about = environment() | versions | {"load_average_before": os.getloadavg()}
    for name, value in about.items():
        print(f"{name:<20} {value}")
    print(f"\n{HEAD}", flush=True)
    results = []
    for threads in chosen.threads:
        for name in chosen.recipes:
            results.append(measure(name, chosen.data, threads, chosen.steps, chosen.rounds))
            print(line(results[-1]), flush=True)
    print("\nimages/s in the median round; ratios in the median round and the lowest; waited: for a processor, at most")
    about["load_average_after"] = os.getloadavg()
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        found = {"about": about, "results": [result.summary() | asdict(result) for result in results]}
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
        print(f"written to {chosen.json}")


if __name__ == "__main__":
    main()
