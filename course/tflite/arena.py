"""The smallest tensor arena in which TFLite Micro runs a model."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course.tflite import run
from course.tflite._child import Crashed, Failed, Worker
from course.tflite.run import ModelError

# TFLite Micro aligns what it puts into the arena to 16 bytes.
_STEP = 16
# Below the answer, sizes that fail with a message and sizes that crash alternate.  Above it none
# failed on any model tried, and so many are tried to be sure.
_ABOVE = 16
# No board of the course has more memory: Portenta H7, 8 MB of SDRAM.
_MOST_BYTES = 16 << 20

_found: dict[str, Arena] = {}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Arena:
    """What a model needs as tensor arena.

    Attributes
    ----------
    bytes : the size.
    exact : whether TFLite Micro itself ran in it and in no smaller one.
    how : one sentence that says how the figure was found.
    """

    bytes: int
    exact: bool
    how: str


def arena(model: bytes | str | Path, *, seconds: float = 60) -> Arena:
    """The smallest tensor arena, in steps of 16 bytes, in which TFLite Micro runs a model.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.
    seconds : longest that one trial may take.

    Returns
    -------
    Arena
        Found by trying, on Linux on x86-64; elsewhere the planner's estimate, which says so.

    Raises
    ------
    ModelError
        If TFLite Micro does not run the model at any size.

    Notes
    -----
    TFLite Micro's own total can be too small to run, so sizes are tried: halving first, then every
    size just above.  Pointers are twice as long here as on a board, which needs a little less.
    """
    data = run.read_model(model)
    key = run.fingerprint(data)
    with _one_at_a_time:
        if key not in _found:
            _found[key] = _searched(data, seconds) if run.micro_here() else _planned(data)
        return _found[key]


def _planned(model: bytes) -> Arena:
    try:
        from course.tflite.inspect import planned_arena
    except ImportError as error:
        raise ModelError(
            "TFLite Micro is not on this platform (Linux on x86-64 only), and there is no planner "
            "to estimate the tensor arena."
        ) from error
    return Arena(
        planned_arena(model),
        False,
        "estimated by planning tensor lifetimes: TFLite Micro is not on this platform",
    )


def _searched(model: bytes, seconds: float) -> Arena:
    # Opened roomily first, for the sentence that says why a model does not run at all.
    with run.Runner(model, engine="micro", arena_bytes=_MOST_BYTES, seconds=seconds):
        pass
    trial = _Trial(model, seconds)
    try:
        right = trial.outputs(_MOST_BYTES)
        if right is None:
            raise ModelError("TFLite Micro opens this model and does not run it.")
        high = 1 << 10
        while high < _MOST_BYTES and not trial.same(high, right):
            high *= 2
        low = 0 if high == 1 << 10 else high // 2
        while True:
            while high - low > _STEP:
                middle = (low + high) // (2 * _STEP) * _STEP
                if trial.same(middle, right):
                    high = middle
                else:
                    low = middle
            above = range(high + _STEP, high + (_ABOVE + 1) * _STEP, _STEP)
            failed = [size for size in above if not trial.same(size, right)]
            if not failed:
                return Arena(high, True, "the smallest in which TFLite Micro runs the model here")
            low = failed[-1]
            high = low + _STEP
            while not trial.same(high, right):
                high += _STEP
    finally:
        trial.worker.release()


class _Trial:
    """Runs a model in arenas of different sizes, each time in a new process."""

    def __init__(self, model: bytes, seconds: float) -> None:
        self._model = np.frombuffer(model, np.uint8)
        self._seconds = seconds
        self.worker = Worker.take()

    def outputs(self, arena_bytes: int) -> list[np.ndarray] | None:
        """What the model answers to zeros, or None where it does not run."""
        if not self.worker.alive:
            self.worker = Worker.take()
        message = {"do": "try", "engine": "micro", "arena_bytes": arena_bytes}
        try:
            outputs = self.worker.ask(message, [self._model], seconds=self._seconds)[1]
        except (Crashed, Failed):
            outputs = None
        self.worker.close_model()
        return outputs

    def same(self, arena_bytes: int, right: list[np.ndarray]) -> bool:
        """Whether it runs and answers what it answers in a large arena."""
        outputs = self.outputs(arena_bytes)
        return outputs is not None and all(map(_equal, outputs, right))


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.tobytes() == second.tobytes()
