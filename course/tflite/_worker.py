"""The worker: a process in which a model may crash, hang or eat memory without harm.

``python -m course.tflite._worker`` reads messages on stdin and answers on its stdout. For every
model that is opened it forks, so that the libraries are loaded once and a crash costs only the
fork. Where forking is unknown (Windows) or unsafe once libraries are loaded (macOS) it serves the
models itself, and a crash costs the half second of starting another worker.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import tempfile
import threading
from typing import Any

from course.tflite import _engines, _structure, _wire

# Most that one model may allocate; the largest model of the course needs 30 MB.
_MEMORY_BYTES = 2 << 30
# Most that it may write to stderr.
_WORDS_BYTES = 1 << 20
# Seconds after which the worker ends itself although nobody told it to.
_GRACE_SECONDS = 5

_FORKS = sys.platform == "linux"


def main() -> None:
    """Serve models until stdin ends."""
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    while True:
        try:
            message, arrays = _wire.read(0)
            if message["do"] in ("run", "close"):
                continue  # for a fork that ended unasked, which has been reported
            if _FORKS:
                _load_libraries(message["engine"])
                _wire.write(answers, _in_a_fork(message, arrays, answers))
            else:
                _serve(message, arrays, answers)
                _wire.write(answers, {"closed": True})
        except _wire.WireError:  # the process that we work for is gone
            return
        message = arrays = None


def _load_libraries(engine: str) -> None:
    """Import what every fork of this kind needs; the second time costs nothing."""
    names = ["ai_edge_litert.schema_py_generated"]
    if engine == "micro":
        names.append("tflite_micro.runtime")
    elif engine != "structure":
        names.append("ai_edge_litert.interpreter")
    for name in names:
        # A library that cannot be imported is reported by the fork, which has words for it.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _in_a_fork(message: dict, arrays: list, answers: int) -> dict[str, Any]:
    """Serve one model in a fork and say how the fork ended."""
    with tempfile.TemporaryFile() as words:
        alive, kept_open = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(alive)
                os.dup2(words.fileno(), 1)
                os.dup2(words.fileno(), 2)
                _limit_this_process()
                _serve(message, arrays, answers)
                code = 0
            finally:
                os._exit(code)
        os.close(kept_open)
        try:
            _wait_for_end(alive)
            os.kill(child, signal.SIGKILL)
        finally:
            os.close(alive)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            return {"closed": True}
        return {"died": status, "words": _tail(words)}


def _wait_for_end(alive: int) -> None:
    """Until the fork ends, which closes ``alive``, or nobody is left on stdin."""
    watch = select.poll()
    watch.register(alive, 0)  # the end of a pipe is always reported
    watch.register(0, 0)
    watch.poll()


def _limit_this_process() -> None:
    import resource

    def at_most(kind: int, amount: int) -> None:
        hard = resource.getrlimit(kind)[1]
        amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(kind, (amount, hard))

    at_most(resource.RLIMIT_CORE, 0)
    at_most(resource.RLIMIT_FSIZE, _WORDS_BYTES)
    if sys.platform == "linux":  # macOS refuses to go below what is mapped
        at_most(resource.RLIMIT_DATA, _MEMORY_BYTES)


def _serve(message: dict, arrays: list, answers: int) -> None:
    """Open the model of the first message and run batches until a message says to close."""
    engine = None
    while message["do"] != "close":
        overdue = _end_after(message["seconds"] + _GRACE_SECONDS)
        try:
            if message["do"] == "run":
                _wire.write(answers, {"done": True}, _engines.run_batch(engine, arrays))
            elif message["do"] == "observe":
                counted = _engines.Observed(arrays[0].tobytes()).count(arrays[1])
                _wire.write(answers, {"counted": list(counted.items())})
            else:
                model = arrays[0].tobytes()
                if message["engine"] == "structure":
                    _wire.write(answers, _structure.describe(model))
                else:
                    engine = _open(message, model)
                    if message["do"] == "try":
                        _wire.write(answers, {"done": True}, _try(engine))
                    else:
                        _wire.write(answers, _described(engine))
        except _wire.WireError:
            raise
        except Exception as error:
            record = {"failed": type(error).__name__, "message": str(error)[:4000]}
            _wire.write(answers, {**record, "words": _tail(2) if _FORKS else ""})
        finally:
            overdue()
        message, arrays = _wire.read(0)


def _open(message: dict, model: bytes) -> _engines.LiteRT | _engines.Micro:
    if message["engine"] != "micro":
        return _engines.LiteRT(model, engine=message["engine"], threads=message["threads"])
    record = _structure.describe(model)
    names = tuple(
        [record["tensors"][at]["name"] for at in record[side]] for side in ("inputs", "outputs")
    )
    return _engines.Micro(model, arena_bytes=message["arena_bytes"], names=names)


def _try(engine: _engines.LiteRT | _engines.Micro) -> list:
    """Outputs for inputs of zero: proof that the model runs at all."""
    return engine.run([_engines.blank(info) for info in engine.inputs])


def _described(engine: _engines.LiteRT | _engines.Micro) -> dict[str, list]:
    def fields(info: _engines.TensorInfo) -> list:
        return [info.name[:200], info.shape, info.dtype.name, info.scale, info.zero_point]

    return {
        "inputs": [fields(info) for info in engine.inputs],
        "outputs": [fields(info) for info in engine.outputs],
    }


def _end_after(seconds: float) -> Any:
    """End this process after so long; call what is returned to think better of it."""
    if _FORKS:
        signal.setitimer(signal.ITIMER_REAL, seconds)  # SIGALRM ends a process
        return lambda: signal.setitimer(signal.ITIMER_REAL, 0)
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()
    return timer.cancel


def _tail(file: Any) -> str:
    """The last that was written to a file, by its object or descriptor."""
    descriptor = file if isinstance(file, int) else file.fileno()
    end = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, max(0, end - 4000), os.SEEK_SET)
    data = os.read(descriptor, 4000)
    os.lseek(descriptor, 0, os.SEEK_END)
    return data.decode(errors="replace")


if __name__ == "__main__":
    main()
