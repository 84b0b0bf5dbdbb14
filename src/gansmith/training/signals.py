"""Signals and steps: what is saved is never half a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class SignalsWait:
    """Ctrl-C and SIGTERM wait while `busy`, so that what is saved can be gone on from exactly; else they come through at once.

    Handlers are set once a run and not once a step, which would cost a small network's step a few percent. One that someone sets
    later, as a notebook does between cells, stays: Ctrl-C may then fall into a step, which is not saved. Signals reach the main
    thread alone; in another there is nothing to wait for.
    """

    def __init__(self) -> None:
        self.busy = False
        self.came: list[tuple[int, FrameType | None]] = []
        self.before: dict[int, Any] = {}

    def __enter__(self) -> SignalsWait:
        if threading.current_thread() is threading.main_thread():
            self.before = {s: signal.signal(s, self._arrive) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.before.items():
                if signal.getsignal(number) == self._arrive:  # else someone has set another since, which stays
                    signal.signal(number, handler)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        self.came.append((number, frame))
        self.deliver()

    def deliver(self) -> None:
        """Pass on what came, unless busy."""
        while self.came and not self.busy:
            number, frame = self.came.pop(0)
            handler = self.before[number]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                raise SystemExit(128 + number)

    def hold(self) -> None:
        self.busy = True

    def release(self) -> None:
        self.busy = False
        self.deliver()
