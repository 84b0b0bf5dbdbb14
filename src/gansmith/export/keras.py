"""Export a fully connected generator as a Keras model in a `.keras` file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gansmith.core.files import check_output, disk_errors, make_parent, write
from gansmith.core.user_input import read_bytes
from gansmith.data.modality import Points
from gansmith.networks.keras import KerasNetwork

if TYPE_CHECKING:
    from gansmith.runs.run import Run


def export(run: Run, path: Path) -> Path:
    """Write a run's generator as a `.keras` file that Keras loads without gansmith.

    The model maps noise z [N, Z] to images [N, H, W, C] in the run's value range, or to points [N, D] in the units of the data.
    A conditional model takes a list of two inputs: z and the condition [N, K + S], a one-hot category and then continuous codes.

    Raises RunError for a file name that does not end in .keras, RecipeError for a generator that is not fully connected.
    """
    check_output(path, "a generator", (".keras",))
    make_parent(path)
    model = _model(run)
    with tempfile.TemporaryDirectory() as folder, disk_errors(path):
        made = Path(folder) / f"{path.stem}.keras"  # Keras knows its own ending in lower case only
        model.save(made)
        write(path, read_bytes(made))
    return path


def _model(run: Run) -> Any:
    network, recipe = KerasNetwork(run.module), run.recipe
    keras = network.keras
    z = keras.Input((recipe.noise.dim,), name="z")
    condition_dim = len(run.condition_space.shares) + run.condition_space.continuous
    inputs = [z, keras.Input((condition_dim,), name="condition")] if condition_dim else [z]
    made = keras.layers.Concatenate()(inputs) if condition_dim else z
    for layer in network.body:
        made = layer(made)
    if len(run.metadata["sample_shape"]) == 3:
        made = keras.layers.Permute((2, 3, 1))(made)  # Keras puts the channels last
    elif isinstance(run.modality, Points) and run.modality.mean:  # a Rescaling layer knows its numbers after loading
        made = keras.layers.Rescaling(list(run.modality.scale), list(run.modality.mean))(made)
    return keras.Model(inputs if condition_dim else z, made, name=recipe.name.replace("-", "_"))
