"""Images and how they are scaled, shown and saved. The only place that knows value ranges."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from gansmith import files
from gansmith.captions import beside
from gansmith.errors import RunError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_GRID = 10_000


class Kind(Protocol):
    """How one kind of sample is scaled for a network, kept and shown."""

    key: str  # its name in an .npz

    def to_model(self, stored: Tensor) -> Tensor:
        """What a source stores -> what networks see, float32 [N, ...]."""
        ...

    def from_model(self, samples: Tensor) -> np.ndarray:
        """What a generator makes -> what is kept and shown."""
        ...

    def picture(self, kept: np.ndarray, columns: int | None = None) -> Image: ...


@dataclass(frozen=True)
class Images:
    """uint8 [N, C, H, W] stored; float32 [N, C, H, W] in `value_range` in a model; uint8 [N, H, W, C] kept."""

    value_range: tuple[float, float] = (-1.0, 1.0)
    key = "images"

    def to_model(self, stored: Tensor) -> Tensor:
        low, high = self.value_range
        return stored.to(torch.float32).mul_((high - low) / 255.0).add_(low)

    def from_model(self, samples: Tensor) -> np.ndarray:
        low, high = self.value_range
        scaled = (samples.float() - low) * (255.0 / (high - low))
        return scaled.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def picture(self, kept: np.ndarray, columns: int | None = None) -> Image:
        """A grid on white, row by row. Small images are enlarged by a whole factor, so that a pixel stays a square."""
        return image_grid(kept, columns)


@dataclass(frozen=True)
class Points:
    """float32 [N, D] everywhere; a picture is a scatter plot of the first two coordinates."""

    key = "points"

    def to_model(self, stored: Tensor) -> Tensor:
        return stored.to(torch.float32)

    def from_model(self, samples: Tensor) -> np.ndarray:
        return samples.float().cpu().numpy()

    def picture(self, kept: np.ndarray, columns: int | None = None) -> Image:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.scatter(kept[:, 0], kept[:, min(1, kept.shape[1] - 1)], s=6, alpha=0.5, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
        return rendered(figure)


def kind_of(sample_shape: Sequence[int], value_range: tuple[float, float]) -> Kind:
    """Images have three axes, points one."""
    return Images(value_range) if len(sample_shape) == 3 else Points()


GAP = 2  # pixels between the pictures of a grid, before it is enlarged


def image_grid(images: np.ndarray, columns: int | None = None) -> Image:
    """uint8 [N, H, W, C] -> one picture on white, `columns` wide (by default as square as it gets), enlarged if small."""
    return enlarged(one(_sheet(images, columns, 255)), _scale(*images.shape[1:3]))


def clear_grid(images: np.ndarray, columns: int | None = None) -> Image:
    """The same with gaps that are transparent and none around, and a pixel a pixel."""
    if images.shape[3] in (1, 3):
        images = np.concatenate([images, np.full((*images.shape[:3], 1), 255, np.uint8)], axis=3)
    return one(_sheet(images, columns, 0)[GAP:-GAP, GAP:-GAP])


def _scale(height: int, width: int) -> int:
    return max(1, min(4, 96 // max(height, width)))


def _sheet(images: np.ndarray, columns: int | None, ground: int) -> np.ndarray:
    """uint8 [N, H, W, C] laid out row by row with gaps, [rows * (H + GAP) + GAP, columns * (W + GAP) + GAP, C]."""
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), ground, np.uint8)
    for i, image in enumerate(images):
        y, x = GAP + (i // columns) * (height + GAP), GAP + (i % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = image
    return sheet


def cut(grid: Path, shape: Sequence[int], count: int) -> np.ndarray:
    """The pictures a grid was made of, uint8 [at most count, H, W, C], to the last bit; `shape` is [C, H, W].

    Raises RunError where the file is no such grid.
    """
    from PIL import Image

    channels, height, width = shape
    scale = _scale(height, width)
    try:
        with Image.open(grid) as picture:
            sheet = np.asarray(picture)[::scale, ::scale]
        rows, columns = ((side - GAP) // (size + GAP) for side, size in zip(sheet.shape, (height, width), strict=False))
        inner = sheet[GAP:, GAP:].reshape(rows, height + GAP, columns, width + GAP, channels)
    except (OSError, ValueError) as error:
        raise RunError(f"{grid} is no grid of {height} x {width} pictures, or damaged ({error})") from None
    return inner[:, :height, :, :width].swapaxes(1, 2).reshape(-1, height, width, channels)[:count]


def enlarged(picture: Image, scale: int) -> Image:
    """By a whole factor, so that a pixel stays a square."""
    from PIL import Image

    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def one(image: np.ndarray) -> Image:
    """uint8 [H, W, C] at its own size."""
    from PIL import Image

    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def rendered(figure: Any, dpi: int = 120) -> Image:
    """A matplotlib figure as a picture."""
    from PIL import Image

    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=dpi)
    memory.seek(0)
    return Image.open(memory).convert("RGB")


def png(picture: Image) -> bytes:
    memory = io.BytesIO()
    picture.save(memory, "PNG")
    return memory.getvalue()


def gif(pictures: Iterable[Path], longest: int = 480, milliseconds: int = 200) -> bytes:
    """Pictures of equal size as an animation, scaled to at most `longest` pixels a side; the last one stays for two seconds."""
    from PIL import Image

    frames = []
    for path in pictures:
        with Image.open(path) as picture:
            frame = picture.convert("L" if picture.mode == "L" else "RGB")
            frame.thumbnail((longest, longest), Image.Resampling.BOX)
            frames.append(frame)
    return animated(frames, [milliseconds] * (len(frames) - 1) + [2000])


def animated(frames: Sequence[Image], milliseconds: int | list[int], greys: int = 64) -> bytes:
    """Pictures of equal size and mode as a GIF that goes round, in `greys` (2 to 256) greys or 128 colours a picture.

    256 leave greys as they are. What is transparent stays so, and takes the place of white.
    """
    shown = [_few_colours(frame, greys) for frame in frames]
    clear = {"transparency": _CLEAR, "disposal": 2} if frames[0].mode in ("LA", "RGBA") else {}
    memory = io.BytesIO()
    shown[0].save(memory, "GIF", save_all=True, append_images=shown[1:], duration=milliseconds, loop=0, optimize=False, **clear)
    return memory.getvalue()


_CLEAR = 255  # the colour in a palette that means none


def _few_colours(frame: Image, greys: int) -> Image:
    from PIL import Image

    if frame.mode in ("L", "LA"):
        step = 255.0 / (greys - 1)
        values = np.rint(np.rint(np.asarray(frame.convert("L")) / step) * step).astype(np.uint8)
        palette = np.repeat(np.arange(256, dtype=np.uint8), 3)
    else:
        few = frame.convert("RGB").quantize(128, Image.Quantize.FASTOCTREE)  # a hundredth of median cut's time, errors alike
        values = np.array(few)
        palette = np.resize(np.array(few.getpalette(), np.uint8), 768)
    if frame.mode in ("LA", "RGBA"):
        values = np.where(np.asarray(frame.getchannel("A")) == 0, _CLEAR, np.minimum(values, _CLEAR - 1)).astype(np.uint8)
    shown = Image.fromarray(values, "P")
    shown.putpalette(palette.tobytes())
    return shown


def loss_plot(log: dict[str, np.ndarray], title: str) -> Image:
    """Losses above, what D says below where there is one, both over images seen."""
    from matplotlib.figure import Figure

    said = ("D(x)", "D(G(z))", "accuracy")
    parts = [(("loss",), "loss"), *([(said, "D says")] if any(name.endswith(said) for name in log) else [])]
    figure = Figure(figsize=(8, 2.5 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (chosen, label) in zip(rows, parts, strict=True):
        for name in (n for n in log if n.endswith(chosen)):
            seen = np.isfinite(log[name])  # scores and the doctor's looks are records of their own
            short = name.replace("discriminator/", "" if label == "D says" else "discriminator ")
            axes.plot(log["images"][seen], log[name][seen], label=short)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(loc="best", fontsize="small")
        if label == "D says":
            axes.set_ylim(-0.02, 1.02)
    rows[-1].set_xlabel("real images seen")
    rows[0].set_title(title)
    return rendered(figure)


@dataclass(frozen=True, eq=False)
class Gallery:
    """What a generator made: an array that shows itself in a notebook."""

    array: np.ndarray  # uint8 [N, H, W, C], or float32 [N, D] for points
    kind: Kind
    labels: np.ndarray | None = None  # int64 [N], the classes they were asked to be, in the numbers of the data
    columns: int | None = None  # of its picture; None: as square as it gets
    names: tuple[str, ...] = ()  # of its picture's rows

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, place: Any) -> Any:
        return self.array[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype, copy=copy)

    def picture(self, columns: int | None = None) -> Image:
        columns = columns or self.columns
        picture = self.kind.picture(self.array, columns)
        return beside(picture, self.names) if columns == self.columns else picture

    def save(self, path: str | Path) -> Path:
        """Write everything as `x.npz` (the array under `images` or `points`), one picture `x.png`, or a folder of pictures.

        Labels go into the `x.npz` beside the array, under `labels`.

        Whole or not at all; the folder it goes into is made. Raises RunError for an ending or a path it can't write, or a
        folder that is not empty.
        """
        path = Path(path)
        if path.suffix == ".npz":
            files.make_parent(path)
            with files.atomic(path) as file:
                labels = {} if self.labels is None else {"labels": self.labels}
                np.savez(file, **{self.kind.key: self.array}, **labels)  # type: ignore[arg-type]
        elif path.suffix == ".png":
            if len(self) > MAX_GRID:
                raise RunError(f"{path}: a picture holds at most {MAX_GRID} samples, got {len(self):,}; use a folder or an .npz")
            files.make_parent(path)
            files.write(path, png(self.picture()))
        elif path.suffix == "":
            self._save_folder(path)
        else:
            raise RunError(f"can't write samples as {path.suffix!r} ({path}): use x.npz, x.png or a folder's name")
        return path

    def _save_folder(self, path: Path) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} is there already and not an empty folder; choose another --out")
        with files.atomic_folder(path) as folder:
            for i in range(len(self)):
                picture = one(self.array[i]) if self.array.ndim == 4 else self.kind.picture(self.array[i : i + 1])
                (folder / f"{i:06d}.png").write_bytes(png(picture))

    def _repr_png_(self) -> bytes:
        return png(self.picture())
