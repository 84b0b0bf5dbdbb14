"""Write TensorBoard's event file. Unlike TensorBoard's own writer it has no thread: a full disk is an error where it is met."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLUSH_SECONDS = 30.0


class EventFile:
    """A new event file in a folder. With `images`, TensorBoard drops what earlier files hold after that image count."""

    def __init__(self, folder: Path, images: int) -> None:
        self._proto, self._summary, make_writer = import_tensorboard()
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 10**9:010d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns() % 10**9}"
        self._file = open(folder / name, "wb")  # noqa: SIM115  # closed in close()
        self._records = make_writer(self._file)
        self._flushed = 0.0
        try:
            self._begin(images)
        except BaseException:
            with contextlib.suppress(OSError):
                self.close()
            raise

    def add_scalar(self, name: str, value: float, images: int) -> None:
        """Add a number at an image count."""
        self._write(images, summary=self._summary.scalar(name, value))

    def add_image(self, name: str, picture: Any, images: int) -> None:
        """Add a picture, uint8 [H, W, 3], at an image count."""
        self._write(images, summary=self._summary.image(name, picture, dataformats="HWC"))

    def close(self) -> None:
        """Write what is buffered, and close the file."""
        self._file.close()

    def _begin(self, images: int) -> None:
        """Write what a file begins with."""
        if images:
            start = self._proto.SessionLog(status=self._proto.SessionLog.START)
            self._write(images + 1, file_version="brain.Event:2")
            self._write(images + 1, session_log=start)
        else:
            self._write(0, file_version="brain.Event:2")

    def _write(self, images: int, **what: Any) -> None:
        self._records.write(self._proto.Event(wall_time=time.time(), step=int(images), **what).SerializeToString())
        if (now := time.perf_counter()) - self._flushed > FLUSH_SECONDS:
            self._file.flush()
            self._flushed = now


def import_tensorboard() -> tuple[Any, Any, Any]:
    """Modules of events and of summaries, and the writer of records; their first import takes a second."""
    with _without_tensorflow():
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
        from torch.utils.tensorboard import summary

        return event_pb2, summary, RecordWriter


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Keep TensorBoard from importing TensorFlow, where it is installed: that takes 7 seconds.

    TensorBoard takes its own stub instead while a module of this name exists. It chooses once, so the module can go again.
    """
    name = "tensorboard.compat.notf"
    if "tensorflow" in sys.modules or name in sys.modules:
        yield
        return
    sys.modules[name] = types.ModuleType(name)
    try:
        import tensorboard.compat

        dir(tensorboard.compat.tf)  # the choice is made at the first use
        yield
    finally:
        del sys.modules[name]
