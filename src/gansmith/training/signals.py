"""Signals wait while a step is taken and written down, so that nothing saved is half a step."""

from __future__ import annotations

import _thread
import signal
import threading
from types import FrameType
from typing import Any

# Signals that ask a program to end: by `kill`, by a closed terminal, by a limit of processor time (the last two not on Windows).
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGXCPU") if hasattr(signal, name))


# Seconds that a signal waits in one of several processes. When one of them dies, torchrun sends SIGTERM to the others and kills
# those that still run after 30 seconds, which then say nothing.
LONGEST_WAIT = 20.0


class Ended(SystemExit):
    """A signal of `ENDING` arrived. Any other SystemExit comes from a user's own code."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class SignalsWait:
    """Ctrl-C and the signals of `ENDING` wait inside `held()` and are delivered when it ends, outside of it at once.

    Handlers are set once a run, as setting them at each step would slow small networks by a few percent. A handler that is set
    later, for example by a notebook between cells, stays: Ctrl-C may then interrupt a step, which is not saved. Signals reach the
    main thread alone, so in other threads this does nothing.

    With `longest`, a signal waits at most so many seconds and then interrupts the block: what the block was doing must not be
    saved. A call into PyTorch or NumPy is finished first.
    """

    def __init__(self, longest: float | None = None) -> None:
        self.is_holding, self.longest = False, longest
        self.waiting: list[tuple[int, FrameType | None]] = []
        self.timer: threading.Timer | None = None
        self.is_late = False  # whether a signal has waited for as long as it may
        self.handlers: dict[int, Any] = {}  # the handlers before this block

    def __enter__(self) -> SignalsWait:
        """Set the handlers."""
        if threading.current_thread() is threading.main_thread():
            self.handlers = {number: signal.signal(number, self._arrive) for number in (signal.SIGINT, *ENDING)}
        return self

    def __exit__(self, *_: object) -> None:
        """Put the former handlers back."""
        self._stop_timer()
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                if signal.getsignal(number) == self._arrive:  # else another has been set since, which stays
                    signal.signal(number, handler)

    def held(self) -> _Held:
        """A block that no signal interrupts."""
        return _Held(self)

    def deliver(self) -> None:
        """Pass on the signals that arrived, unless they are held and not late."""
        while self.waiting and (self.is_late or not self.is_holding):
            number, frame = self.waiting.pop(0)
            self._stop_timer()
            handler = self.handlers[number]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                raise Ended(number)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        if not (self.is_late and self.waiting):  # else it is the one that waits, once more
            self.waiting.append((number, frame))
        if self.is_holding and self.longest is not None and self.timer is None:
            self.timer = threading.Timer(self.longest, self._insist, (number,))
            self.timer.daemon = True
            self.timer.start()
        self.deliver()

    def _insist(self, number: int) -> None:
        """Let a signal that has waited long enough arrive once more, in the main thread."""
        if self.waiting:
            self.is_late = True
            _thread.interrupt_main(signal.Signals(number))

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer, self.is_late = None, False


class _Held:
    """Holds signals inside the block. A class, as a generator would cost a small network's step more."""

    def __init__(self, signals: SignalsWait) -> None:
        self.signals = signals

    def __enter__(self) -> None:
        self.signals.is_holding = True

    def __exit__(self, *_: object) -> None:
        self.signals.is_holding = False
        self.signals.deliver()
