"""Fully connected networks in Keras, with the layers and weights of PyTorch networks; weights can be copied both ways.

Keras and TensorFlow are imported when the first of these networks is made, and by no other module of gansmith.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gansmith.core.errors import RecipeError, SettingError
from gansmith.networks.conditional import Joined, Projection
from gansmith.networks.maxout import Maxout
from gansmith.networks.stack import Stack


def libraries() -> tuple[Any, Any]:
    """Import and return Keras and TensorFlow. Raises SettingError with the command that installs them where they are missing."""
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
    """Discard stderr, because TensorFlow writes about the processor before it reads its log level."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


class KerasNetwork:
    """A PyTorch network as Keras layers: [N, ...] and, for conditional networks, a condition [N, K] -> [N, ...].

    Raises RecipeError that names a layer without a counterpart in Keras.
    """

    def __init__(self, network: nn.Module) -> None:
        self.keras, self.tf = libraries()
        self.dtype = str(next(network.parameters()).dtype).removeprefix("torch.")
        self.pairs: list[tuple[Tensor, Any]] = []  # a PyTorch tensor and the Keras variable with its values
        self.is_conditional = isinstance(network, Joined | Projection)
        stack = network.network if isinstance(network, Joined) else network.body if isinstance(network, Projection) else network
        if not isinstance(stack, Stack):
            raise RecipeError(f"network {type(stack).__name__} has no counterpart in Keras; expected a Stack of layers")
        self.body = [made for layer in stack for made in self._counterpart(layer)]
        self.projection = [self._dense(network.last), self._dense(network.of_kind)] if isinstance(network, Projection) else []
        variables = {id(tensor): variable for tensor, variable in self.pairs}
        self.weights = [variables[id(w)].value for w in network.parameters()]  # in PyTorch's order
        self.statistics = [variables[id(b)].value for b in network.buffers() if id(b) in variables]
        self.push()

    def push(self) -> None:
        """Copy the weights from PyTorch to Keras."""
        for tensor, variable in self.pairs:
            variable.assign(to_keras(tensor))

    def pull(self) -> None:
        """Copy the weights from Keras to PyTorch."""
        for tensor, variable in self.pairs:
            to_torch(variable, tensor)

    def train(self, x: Any, condition: Any, draw: Callable[[], Any]) -> Any:
        """A pass in training mode. Each dropout layer takes a seed [2] from `draw`, so that resumed runs are exact."""
        tf, layers = self.tf, self.keras.layers
        if self.is_conditional and not self.projection:
            x = tf.concat([x, condition], 1)
        for layer in self.body:
            if isinstance(layer, layers.BatchNormalization):
                x = self._normalised(layer, x)
            elif isinstance(layer, layers.Dropout):
                x = tf.nn.experimental.stateless_dropout(x, layer.rate, seed=draw(), rng_alg="philox")
            elif isinstance(layer, layers.LeakyReLU) and self.dtype == "float64":
                x = tf.where(x > 0, x, layer.negative_slope * x)  # TensorFlow's own rounds the slope to float32
            else:
                x = layer(x)
        if self.projection:
            last, of_kind = self.projection
            x = last(x) + tf.reduce_sum(of_kind(x) * condition, 1, keepdims=True)
        return x

    def _normalised(self, layer: Any, x: Any) -> Any:
        """Batch norm with an unbiased running variance, as in PyTorch; that of Keras is biased.

        The unbiased variance of a batch of N is N/(N - 1) times the biased one. N differs at the end of an epoch, so this cannot
        be corrected later.
        """
        tf = self.tf
        mean, variance = tf.nn.moments(x, [0])
        count = tf.cast(tf.shape(x)[0], x.dtype)
        for running, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance * count / (count - 1))):
            running.assign(layer.momentum * running.value + (1.0 - layer.momentum) * batch)
        return tf.nn.batch_normalization(x, mean, variance, layer.beta.value, layer.gamma.value, layer.epsilon)

    def _counterpart(self, layer: nn.Module) -> list[Any]:
        """The Keras layers that are equivalent to a PyTorch layer."""
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
        raise RecipeError(f"layer {type(layer).__name__} has no counterpart in Keras: use a network without it")

    def _dense(self, layer: nn.Linear) -> Any:
        """The Keras layer for a linear layer."""
        made = self.keras.layers.Dense(layer.out_features, use_bias=layer.bias is not None, dtype=self.dtype)
        made.build((None, layer.in_features))
        self.pairs += [(tensor, made.kernel if tensor.ndim == 2 else made.bias) for tensor in layer.parameters()]
        return made

    def _batch_norm(self, layer: nn.BatchNorm1d) -> Any:
        """The Keras layer for a batch norm."""
        momentum = 1.0 - (layer.momentum or 0.0)  # the weight of the new value in PyTorch, of the old one in Keras
        made = self.keras.layers.BatchNormalization(momentum=momentum, epsilon=layer.eps, dtype=self.dtype)
        made.build((None, layer.num_features))
        state = dict(layer.named_parameters()) | dict(layer.named_buffers())
        names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
        self.pairs += [(state[ours], getattr(made, theirs)) for ours, theirs in names.items()]
        return made


def to_keras(tensor: Tensor) -> Any:
    """A tensor of weights as a NumPy array for Keras, where weight matrices are transposed."""
    return tensor.detach().numpy().T  # a vector's .T is itself


@torch.no_grad()
def to_torch(variable: Any, tensor: Tensor) -> None:
    """Copy a Keras variable into a PyTorch tensor, transposing weight matrices."""
    tensor.copy_(torch.from_numpy(variable.numpy().T))
