"""The process in which `course.tflite.profile` times a model, operator by operator.

``python -m course.tflite._stopwatch`` reads one message, with the model, on stdin, and answers on
its stdout with a message for each part that it timed, so that the other side knows where it was
when it ended.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from course.tflite import _cut, _engines, _wire, _worker

# One reading of the clock costs 0.1 µs, the shortest operator 1 µs: enough runs between two
# readings that the clock does not count.
_BLOCK_SECONDS = 0.002
_MOST_RUNS = 2000
# So long before the first reading: caches fill, and the processor leaves its sleep.
_WARM_SECONDS = 0.01


def main() -> None:
    """Time what the message asks for."""
    answers = os.dup(1)
    message, arrays = _wire.read(0)
    words = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the process
    os.dup2(words.fileno(), 1)
    os.dup2(words.fileno(), 2)
    _worker._load_libraries(message["engine"])
    if os.name == "posix":
        _worker._limit_this_process()
    data = arrays[0].tobytes()
    model = None
    for part in message["parts"]:
        overdue = _worker._end_after(message["seconds"])
        words.truncate(0)
        try:
            if part is None:
                found = _timed(data, message)
            else:
                model = model if model is not None else _cut.opened(data)
                found = _timed(_cut.single(model, part), message)
            answer = {"part": part, "seconds": found}
        except _wire.WireError:
            raise
        except Exception as error:  # whatever a library raises becomes a sentence over there
            words.seek(0)
            answer = {
                "part": part,
                "failed": type(error).__name__,
                "message": str(error)[:2000],
                "words": words.read(4000).decode(errors="replace"),
            }
        finally:
            overdue()
        _wire.write(answers, answer)


def _timed(data: bytes, message: dict[str, Any]) -> list[float]:
    """Seconds of one run: one number for each repeat."""
    run = _runner(data, message)
    started = time.perf_counter()
    runs = 0
    while runs < 3 or time.perf_counter() - started < _WARM_SECONDS:
        run()
        runs += 1
    each = (time.perf_counter() - started) / runs
    count = max(1, min(_MOST_RUNS, int(_BLOCK_SECONDS / each)))
    found = []
    for _ in range(message["repeats"]):
        started = time.perf_counter()
        for _ in range(count):
            run()
        found.append((time.perf_counter() - started) / count)
    return found


def _runner(data: bytes, message: dict[str, Any]) -> Callable[[], Any]:
    if message["engine"] == "micro":
        from tflite_micro import runtime

        micro = runtime.Interpreter.from_bytes(data, arena_size=message["arena_bytes"])
        at = 0
        while at < message["most_inputs"]:
            try:
                record = micro.get_input_details(at)
            except (IndexError, RuntimeError):
                break
            micro.set_input(_numbers(record["shape"], record["dtype"]), at)
            at += 1
        return micro.invoke
    kind = {"xnnpack": "litert"}.get(message["engine"], message["engine"])
    engine = _engines.LiteRT(data, engine=kind, threads=message["threads"])
    interpreter = engine._interpreter
    for record in interpreter.get_input_details():
        interpreter.set_tensor(record["index"], _numbers(record["shape"], record["dtype"]))
    return interpreter.invoke


def _numbers(shape: Any, dtype: Any) -> np.ndarray:
    """Ordinary numbers: zeros could be quicker than what a model meets."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if dtype.itemsize <= 2 and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max + 1, shape, dtype)
    # Whole numbers of 4 or 8 bytes are shapes and indices: 0 is always among them.
    return np.zeros(shape, dtype)


if __name__ == "__main__":
    main()
