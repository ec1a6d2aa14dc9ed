"""The side that starts workers (`course.tflite._worker`), talks to them and ends them."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from course.tflite import _wire

# One worker is kept for the next model: starting one takes half a second and 60 MB.
_IDLE: list[Worker] = []
_COMMAND = (sys.executable, "-P", "-m", "course.tflite._worker")
# Windows numbers crashes from here on.
_WINDOWS_CRASH = 0xC0000000
_lock = threading.Lock()


class Crashed(Exception):
    """The worker ended or had to be ended; the text says why, in words that follow "it".

    Attributes
    ----------
    words : what it wrote to stderr before.
    """

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(reason)
        self.words = words


class Failed(Exception):
    """The worker's library raised.

    Attributes
    ----------
    kind : the exception's class name.
    words : what the library wrote to stderr.
    """

    def __init__(self, kind: str, message: str, words: str) -> None:
        super().__init__(message)
        self.kind, self.words = kind, words


class Worker:
    """A process that holds one model at a time."""

    def __init__(self) -> None:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        windows = os.name == "nt"
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
            # Ctrl-C reaches this process alone, which then ends the worker.
            start_new_session=not windows,
            creationflags=subprocess.CREATE_NO_WINDOW if windows else 0,
        )
        self._owner = os.getpid()
        self._late = False
        self.alive = True
        self.open = False

    @classmethod
    def take(cls) -> Worker:
        """An idle worker, or a new one."""
        with _lock:
            while _IDLE:
                worker = _IDLE.pop()
                if worker.mine and worker._process.poll() is None:
                    return worker
        return cls()

    @property
    def mine(self) -> bool:
        """Whether this process started it; after a fork its pipes belong to another."""
        return self.alive and self._owner == os.getpid()

    def ask(
        self, message: dict[str, Any], arrays: Sequence[np.ndarray] = (), *, seconds: float
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send a message and return the answer.

        Raises
        ------
        Failed
            When the worker's library raised; the worker can be asked again.
        Crashed
            When the model took its process down or answered too late; its model is gone.
        """
        self._late = False
        timer = threading.Timer(seconds, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            self.open = True
            _wire.write(self._process.stdin.fileno(), message | {"seconds": seconds}, arrays)
            answer, results = _wire.read(self._process.stdout.fileno())
        except _wire.WireError as error:
            self.kill()
            if self._late:
                raise Crashed(f"did not answer within {seconds:g} seconds") from error
            raise Crashed(_reason(self._process.returncode)) from error
        except BaseException:  # Ctrl-C: half a message may be on its way
            self.kill()
            raise
        finally:
            timer.cancel()
        if "died" in answer:
            self.open = False
            raise Crashed(_reason(answer["died"]), str(answer.get("words", "")))
        if "failed" in answer:
            record = [str(answer.get(key, "")) for key in ("failed", "message", "words")]
            raise Failed(*record)
        return answer, results

    def close_model(self) -> None:
        """Close the model, if there is one; the worker is ready for another."""
        if self.mine and self.open:
            with contextlib.suppress(Crashed):
                self.ask({"do": "close"}, seconds=5)
            self.open = False

    def release(self) -> None:
        """Close the model and keep the worker for whoever needs one next."""
        if not self.mine:
            return
        self.close_model()
        with _lock:
            keep = self.alive and not _IDLE
            if keep:
                _IDLE.append(self)
        if not keep:
            self.kill()

    def kill(self) -> None:
        """End the process and everything that it started."""
        if not self.mine:
            return
        self.alive = False
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def _too_late(self) -> None:
        self._late = True
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()


def _reason(status: int | None) -> str:
    if status is not None and status >= _WINDOWS_CRASH:
        return "crashed"
    if status is None or status >= 0:
        return "ended without a word"
    known = {member.value: member.name for member in signal.Signals}
    name = known.get(-status, f"signal {-status}")
    words = {
        "SIGSEGV": "crashed (segmentation fault)",
        "SIGBUS": "crashed (bus error)",
        "SIGFPE": "crashed (division by zero)",
        "SIGILL": "crashed (illegal instruction)",
        "SIGABRT": "aborted",
        "SIGALRM": "did not answer in time",
        "SIGKILL": "was killed, most likely for lack of memory",
    }
    return words.get(name, f"was ended by {name}")


@atexit.register
def _end_idle_workers() -> None:
    with _lock:
        waiting = list(_IDLE)
        _IDLE.clear()
    for worker in waiting:
        worker.kill()
