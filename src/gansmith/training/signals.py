"""Signals wait while a step is taken and written down, so that nothing saved is half a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

# Signals that ask a program to end: by `kill`, by a closed terminal, by a limit of processor time (the last two not on Windows).
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGXCPU") if hasattr(signal, name))


class Ended(SystemExit):
    """A signal of `ENDING` arrived. Any other SystemExit comes from a user's own code."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class SignalsWait:
    """Ctrl-C and the signals of `ENDING` wait inside `held()` and are delivered when it ends, outside of it at once.

    Handlers are set once a run, as setting them at each step would slow small networks by a few percent. A handler that is set
    later, for example by a notebook between cells, stays: Ctrl-C may then interrupt a step, which is not saved. Signals reach the
    main thread alone, so in other threads this does nothing.
    """

    def __init__(self) -> None:
        self.is_holding = False
        self.waiting: list[tuple[int, FrameType | None]] = []
        self.handlers: dict[int, Any] = {}  # the handlers before this block

    def __enter__(self) -> SignalsWait:
        """Set the handlers."""
        if threading.current_thread() is threading.main_thread():
            self.handlers = {number: signal.signal(number, self._arrive) for number in (signal.SIGINT, *ENDING)}
        return self

    def __exit__(self, *_: object) -> None:
        """Put the former handlers back."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                if signal.getsignal(number) == self._arrive:  # else another has been set since, which stays
                    signal.signal(number, handler)

    def held(self) -> _Held:
        """A block that no signal interrupts."""
        return _Held(self)

    def deliver(self) -> None:
        """Pass on the signals that arrived, unless they are held."""
        while self.waiting and not self.is_holding:
            number, frame = self.waiting.pop(0)
            handler = self.handlers[number]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                raise Ended(number)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        self.waiting.append((number, frame))
        self.deliver()


class _Held:
    """Holds signals inside the block. A class, as a generator would cost a small network's step more."""

    def __init__(self, signals: SignalsWait) -> None:
        self.signals = signals

    def __enter__(self) -> None:
        self.signals.is_holding = True

    def __exit__(self, *_: object) -> None:
        self.signals.is_holding = False
        self.signals.deliver()
