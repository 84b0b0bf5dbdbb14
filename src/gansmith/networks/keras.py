"""Fully connected networks in Keras, made of the ones PyTorch built: the same layers and the same weights, both ways.

Keras and TensorFlow are imported when the first of these is made, and by nothing else in gansmith.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gansmith.core.errors import RecipeError, SettingError
from gansmith.networks.conditional import Joined, Projection
from gansmith.networks.maxout import Maxout
from gansmith.networks.stack import Stack

if TYPE_CHECKING:
    pass


def libraries() -> tuple[Any, Any]:
    """Import Keras and TensorFlow. Raises SettingError with the command that installs them where they are missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _silence():
            import keras
            import tensorflow as tf
    except ImportError as error:
        raise SettingError(f"TensorFlow and Keras are needed here ({error}): pip install 'gansmith[tensorflow]'") from None
    if (backend := keras.backend.backend()) != "tensorflow":
        raise SettingError(f"Keras computes with {backend} here: set KERAS_BACKEND=tensorflow before it is imported")
    return keras, tf


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing on stderr, where TensorFlow has lines on the processor to say before it reads how much it is to log."""
    said = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(said, 2)
        os.close(said)


class KerasNetwork:
    """A network that PyTorch built, as Keras layers: [N, ...], and kinds [N, K] where it is told any -> [N, ...].

    Raises RecipeError naming a layer it has no counterpart for.
    """

    def __init__(self, network: nn.Module) -> None:
        self.keras, self.tf = libraries()
        self.dtype = str(next(network.parameters()).dtype).removeprefix("torch.")
        self.pairs: list[tuple[Tensor, Any]] = []  # of PyTorch's tensor and Keras's variable with the same numbers
        self.is_told = isinstance(network, Joined | Projection)
        stack = network.network if isinstance(network, Joined) else network.body if isinstance(network, Projection) else network
        if not isinstance(stack, Stack):
            raise RecipeError(f"there is no counterpart of {type(stack).__name__} in Keras here: only stacks of layers have one")
        self.body = [made for layer in stack for made in self._counterpart(layer)]
        self.projection = [self._dense(network.last), self._dense(network.of_kind)] if isinstance(network, Projection) else []
        variables = {id(tensor): variable for tensor, variable in self.pairs}
        self.weights = [variables[id(w)].value for w in network.parameters()]  # in PyTorch's order
        self.statistics = [variables[id(b)].value for b in network.buffers() if id(b) in variables]
        self.push()

    def push(self) -> None:
        """Give Keras the numbers that PyTorch holds."""
        for tensor, variable in self.pairs:
            variable.assign(to_keras(tensor))

    def pull(self) -> None:
        """Give PyTorch the numbers that Keras holds."""
        for tensor, variable in self.pairs:
            to_torch(variable, tensor)

    def train(self, x: Any, condition: Any, draw: Callable[[], Any]) -> Any:
        """A pass in training mode. Each dropout takes a seed [2] of its own from `draw`, so that it knows no history."""
        tf, layers = self.tf, self.keras.layers
        if self.is_told and not self.projection:
            x = tf.concat([x, condition], 1)
        for layer in self.body:
            if isinstance(layer, layers.BatchNormalization):
                x = self._normalised(layer, x)
            elif isinstance(layer, layers.Dropout):
                x = tf.nn.experimental.stateless_dropout(x, layer.rate, seed=draw(), rng_alg="philox")
            elif isinstance(layer, layers.LeakyReLU) and self.dtype == "float64":
                x = tf.where(x > 0, x, layer.negative_slope * x)  # TensorFlow's own rounds the slope to float32, whatever x is
            else:
                x = layer(x)
        if self.projection:
            last, of_kind = self.projection
            x = last(x) + tf.reduce_sum(of_kind(x) * condition, 1, keepdims=True)
        return x

    def _normalised(self, layer: Any, x: Any) -> Any:
        """Batch norm whose running variance is the unbiased one, as PyTorch keeps it; Keras keeps the biased one.

        That of a batch of N is N/(N - 1) times the biased one, and as N differs at the end of an epoch, this can't be made up for
        later.
        """
        tf = self.tf
        mean, variance = tf.nn.moments(x, [0])
        count = tf.cast(tf.shape(x)[0], x.dtype)
        for running, seen in ((layer.moving_mean, mean), (layer.moving_variance, variance * count / (count - 1))):
            running.assign(layer.momentum * running.value + (1.0 - layer.momentum) * seen)
        return tf.nn.batch_normalization(x, mean, variance, layer.beta.value, layer.gamma.value, layer.epsilon)

    def _counterpart(self, layer: nn.Module) -> list[Any]:
        """The Keras layers that do what one of PyTorch's does."""
        layers, dtype = self.keras.layers, self.dtype
        match layer:
            case nn.Linear():
                return [self._dense(layer)]
            case nn.BatchNorm1d():
                return [self._batch_norm(layer)]
            case Maxout():
                pieces = layers.Reshape((-1, layer.pieces), dtype=dtype)
                return [self._dense(layer.linear), pieces, layers.GlobalMaxPooling1D("channels_first", dtype=dtype)]
            case nn.Dropout():
                return [layers.Dropout(layer.p, dtype=dtype)] if layer.p else []
            case nn.LeakyReLU():
                return [layers.LeakyReLU(layer.negative_slope, dtype=dtype)]
            case nn.ReLU() | nn.Tanh() | nn.Sigmoid():
                return [layers.Activation(type(layer).__name__.lower(), dtype=dtype)]
            case nn.Flatten():
                return [layers.Reshape((-1,), dtype=dtype)]
            case nn.Unflatten():
                return [layers.Reshape(tuple(layer.unflattened_size), dtype=dtype)]
            case nn.Identity():
                return []
        raise RecipeError(f"there is no counterpart of the layer {type(layer).__name__} in Keras here: use a network without it")

    def _dense(self, layer: nn.Linear) -> Any:
        made = self.keras.layers.Dense(layer.out_features, use_bias=layer.bias is not None, dtype=self.dtype)
        made.build((None, layer.in_features))
        self.pairs += [(tensor, made.kernel if tensor.ndim == 2 else made.bias) for tensor in layer.parameters()]
        return made

    def _batch_norm(self, layer: nn.BatchNorm1d) -> Any:
        momentum = 1.0 - (layer.momentum or 0.0)  # PyTorch says what comes in, Keras what stays
        made = self.keras.layers.BatchNormalization(momentum=momentum, epsilon=layer.eps, dtype=self.dtype)
        made.build((None, layer.num_features))
        state = dict(layer.named_parameters()) | dict(layer.named_buffers())
        names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
        self.pairs += [(state[ours], getattr(made, theirs)) for ours, theirs in names.items()]
        return made


def to_keras(tensor: Tensor) -> Any:
    """Weights as Keras has them, which multiplies from the other side."""
    return tensor.detach().numpy().T  # a vector's .T is itself


@torch.no_grad()
def to_torch(variable: Any, tensor: Tensor) -> None:
    tensor.copy_(torch.from_numpy(variable.numpy().T))


# ---------------------------------------------------------------------------------------------------- a file
