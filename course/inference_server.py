"""A model behind HTTP on this machine, in a process of its own.

``POST /predict`` takes a window as raw little-endian float32 bytes, or as JSON, and answers with
scores as JSON; ``GET /health`` says what is served. The server listens on 127.0.0.1 only, on a
port that the system chooses, and ends with the process that started it, however that one ends.

>>> with InferenceServer("gesture.tflite", ("wing", "ring")) as server:  # doctest: +SKIP
...     Remote(server.url).predict(window)
array([0.98, 0.02], dtype=float32)
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import numpy as np

__all__ = ["InProcess", "InferenceServer", "Remote", "ServerError", "serve"]

#: Most bytes of a request: a colour picture of a million pixels as float32.
MAX_REQUEST_BYTES = 12 << 20
#: Most bytes of a model.
MAX_MODEL_BYTES = 256 << 20
#: Starting takes about a second; a busy machine may need ten.
START_SECONDS = 60.0
STOP_SECONDS = 3.0

_HOSTS = ("127.0.0.1", "localhost")


class ServerError(RuntimeError):
    """The server could not start, could not be reached, or refused a request; says why."""


class InferenceServer:
    """Serve one model over HTTP until the ``with`` block, or this process, ends.

    Parameters
    ----------
    model : path of a ``.tflite`` file, or its bytes.
    labels : one name for each score; numbers when omitted.
    start_seconds : how long starting may take, in s.

    Attributes
    ----------
    url : where it listens, such as ``http://127.0.0.1:41234``, once it has started.
    process_id : of the server's process.

    Raises
    ------
    ServerError
        When the model cannot be read or run, or the machine has no loopback network.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        labels: Sequence[str] = (),
        *,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.labels = tuple(str(label) for label in labels)
        self.url = ""
        self.process_id = 0
        self._model = model
        self._seconds = start_seconds
        self._stop: weakref.finalize | None = None

    def start(self) -> InferenceServer:
        """Start the server's process and wait until it answers; the ``with`` statement does so."""
        if self._stop is not None and self._stop.alive:
            return self
        data = _model_bytes(self._model)
        # A group of its own: Ctrl-C in a terminal reaches the notebook's process only.
        apart: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "course.inference_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # TensorFlow Lite writes notes there that a learner would take for errors.
                stderr=subprocess.DEVNULL,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
                **apart,
            )
        except OSError as error:
            raise ServerError(f"The server's process could not be started: {error}.") from error
        self._stop = weakref.finalize(self, _end, process)
        try:
            said = self._greet(process, data)
        except BaseException:  # Ctrl-C too: nothing may be left behind
            self.stop()
            raise
        url = f"http://127.0.0.1:{said['port']}"
        try:
            # Where the loopback network is down, a port can be had and not be reached.
            with contextlib.closing(Remote(url)) as remote:
                remote.health()
        except ServerError:
            self.stop()
            raise ServerError("This machine has no loopback network.") from None
        self.url, self.process_id = url, process.pid
        return self

    def stop(self) -> None:
        """End the server's process; doing so twice is harmless."""
        if self._stop is not None:
            self._stop()
        self.url, self.process_id = "", 0

    def __enter__(self) -> InferenceServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"InferenceServer at {self.url}" if self.url else "InferenceServer, not running"

    def _greet(self, process: subprocess.Popen, data: bytes) -> dict[str, Any]:
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

        def talk() -> None:
            with contextlib.suppress(OSError, ValueError):
                head = json.dumps({"bytes": len(data), "labels": self.labels}).encode()
                process.stdin.write(head + b"\n" + data)
                # Left open: when it closes, because this process ended, the server ends too.
                process.stdin.flush()
            with contextlib.suppress(OSError, ValueError):
                answers.put(process.stdout.readline())
                return
            answers.put(b"")

        threading.Thread(target=talk, daemon=True).start()
        try:
            line = answers.get(timeout=self._seconds)
        except queue.Empty:
            raise ServerError(
                f"The server did not answer within {self._seconds:.0f} s of its start."
            ) from None
        if not line:
            raise ServerError("The server's process ended before it served anything.")
        said = json.loads(line)
        if "error" in said:
            raise ServerError(said["error"])
        return said


class Remote:
    """A client of an inference server, over one connection that it keeps.

    Parameters
    ----------
    url : where the server listens.
    timeout_ms : how long to wait for an answer, in ms.

    Attributes
    ----------
    live : True; answers take real time.
    """

    live = True

    def __init__(self, url: str, *, timeout_ms: float = 10_000) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ServerError(f"{url!r} is not the address of an inference server.")
        self.url = url
        self.timeout_ms = float(timeout_ms)
        self._host, self._port = parts.hostname, parts.port
        self._connection: http.client.HTTPConnection | None = None
        # ipykernel answers widgets from another thread.
        self._lock = threading.Lock()
        # Set by `serve`: a server that shall live as long as its client.
        self._server: InferenceServer | None = None

    def predict(self, window: np.ndarray, *, timeout_ms: float | None = None) -> np.ndarray:
        """Scores for one window.

        Parameters
        ----------
        window : what the model takes, without its batch of one, such as (128, 3); float32.
        timeout_ms : how long to wait, in ms, where it differs from the client's.

        Returns
        -------
        array of float32, one score a label

        Raises
        ------
        ServerError
            When the server cannot be reached, does not answer in time or refuses the window.
        """
        body = np.ascontiguousarray(window, "<f4").tobytes()
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._ask("POST", "/predict", body, headers, timeout_ms)
        return np.array(answer["scores"], np.float32)

    def health(self) -> dict[str, Any]:
        """What the server says of itself: labels, shape of the input, size of the model."""
        return self._ask("GET", "/health", None, {}, None)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        timeout_ms: float | None,
    ) -> dict[str, Any]:
        seconds = max(0.001, (self.timeout_ms if timeout_ms is None else timeout_ms) / 1000)
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = http.client.HTTPConnection(
                        self._host, self._port, timeout=seconds
                    )
                elif self._connection.sock is not None:
                    self._connection.sock.settimeout(seconds)
                self._connection.request(method, path, body, headers)
                response = self._connection.getresponse()
                text = response.read()
            except TimeoutError:
                self._close()
                raise ServerError(
                    f"The server at {self.url} did not answer within {1000 * seconds:.0f} ms."
                ) from None
            except (OSError, http.client.HTTPException) as error:
                self._close()
                said = getattr(error, "strerror", None) or error or type(error).__name__
                raise ServerError(f"The server at {self.url} cannot be reached: {said}.") from None
            except BaseException:  # Ctrl-C in the middle leaves half an answer on the wire
                self._close()
                raise
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"error": f"The server answered {response.status} and no JSON."}
        if response.status != 200 or not isinstance(answer, dict):
            said = answer.get("error") if isinstance(answer, dict) else None
            raise ServerError(said or f"The server answered {response.status}.")
        return answer


class InProcess:
    """The same model without a server: it answers in this process.

    Parameters
    ----------
    model : path of a ``.tflite`` file, or its bytes.

    Attributes
    ----------
    live : False; a link in front of it has to simulate its time.
    """

    live = False

    def __init__(self, model: str | os.PathLike[str] | bytes) -> None:
        from course.tflite.run import Runner

        self._runner = Runner(_model_bytes(model))

    def predict(self, window: np.ndarray, *, timeout_ms: float | None = None) -> np.ndarray:
        """Scores for one window, see `Remote.predict`; ``timeout_ms`` is not needed here."""
        return np.asarray(self._runner.predict(np.asarray(window, np.float32)[None]))[0]


def serve(model: str | os.PathLike[str] | bytes, labels: Sequence[str] = ()) -> Remote | InProcess:
    """Start a server for a notebook and say so in one line; it ends with the kernel.

    Where no server can run (a grader's sandbox has no network), the model answers in this process
    and links in front of it simulate their time; the line says that.

    Parameters
    ----------
    model : path of a ``.tflite`` file, or its bytes.
    labels : one name for each score.

    Returns
    -------
    Remote or InProcess
        ``predict(window)`` gives scores; ``live`` says whether that takes a real round trip.
    """
    data = _model_bytes(model)
    server = InferenceServer(data, labels)
    try:
        remote = Remote(server.start().url)
    except ServerError as error:
        local = InProcess(data)
        print(f"{error} The server answers in this process, and links simulate their time.")
        return local
    remote._server = server
    print(f"A server at {server.url} runs the model, {len(data) / 1000:.1f} kB, behind HTTP.")
    return remote


def _model_bytes(model: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
    else:
        try:
            data = Path(model).read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise ServerError(f"The model {str(model)!r} cannot be read: {reason}.") from error
    # The flatbuffer identifier of a .tflite file stands at byte 4.
    if data[4:8] != b"TFL3" or len(data) > MAX_MODEL_BYTES:
        raise ServerError("The server needs a .tflite model, and this is none.")
    return data


def _end(process: subprocess.Popen) -> None:
    """Let the server end by itself, then make it."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe is process.stdin:
                pipe.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(OSError):
        process.stdout.close()


# --- inside the server's process --------------------------------------------------------------


class _Refused(Exception):
    """A request that is answered with 400 and this sentence."""


def _read_window(body: bytes, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """The window in a request's body, or `_Refused`."""
    wanted = "×".join(map(str, shape))
    if kind.split(";")[0].strip() == "application/json":
        try:
            record = json.loads(body)
            values = record["window"] if isinstance(record, dict) else record
            return np.array(values, np.float32)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise _Refused(
                f'The JSON must be {{"window": …}} with {wanted} numbers in nested lists.'
            ) from None
    needed = 4 * int(np.prod(shape))
    if len(body) != needed:
        raise _Refused(
            f"The request holds {len(body):,} bytes; the model takes {wanted} float32 values, "
            f"which are {needed:,} bytes."
        )
    return np.frombuffer(body, "<f4").reshape(shape).astype(np.float32)


def _application(runner: Any, labels: Sequence[str], model_bytes: int) -> Any:
    from tornado import web

    from course.tflite.run import ModelError

    shape = runner.inputs[0].shape

    class Handler(web.RequestHandler):
        def prepare(self) -> None:
            # A web page elsewhere must not reach this server through a name of its own.
            if self.request.host_name not in _HOSTS:
                self.answer(403, {"error": "This server answers 127.0.0.1 only."})

        def answer(self, status: int, record: dict) -> None:
            self.set_status(status)
            self.finish(record)

        def write_error(self, status_code: int, **_: Any) -> None:
            said = {
                404: "There is POST /predict and GET /health.",
                405: "Use POST for /predict and GET for /health.",
            }
            self.answer(status_code, {"error": said.get(status_code, f"Error {status_code}.")})

    class Predict(Handler):
        def post(self) -> None:
            try:
                kind = self.request.headers.get("Content-Type", "")
                window = _read_window(self.request.body, kind, shape[1:])
                if window.ndim == len(shape) and len(window) != 1:
                    raise _Refused(f"One window at a time: this request holds {len(window)}.")
                began = time.perf_counter()
                scores = runner.predict(window[None] if window.shape == shape[1:] else window)
            except (_Refused, ModelError) as refused:
                self.answer(400, {"error": str(refused)})
                return
            scores = np.asarray(scores)[0].ravel()
            took = 1000 * (time.perf_counter() - began)
            best = int(scores.argmax())
            self.answer(
                200,
                {
                    "label": labels[best] if best < len(labels) else str(best),
                    "scores": [float(score) for score in scores],
                    "milliseconds": round(took, 3),
                },
            )

    class Health(Handler):
        def get(self) -> None:
            self.answer(
                200,
                {
                    "ready": True,
                    "input": list(shape),
                    "labels": list(labels),
                    "model_bytes": model_bytes,
                },
            )

    class Elsewhere(Handler):
        def prepare(self) -> None:
            self.write_error(404)

    return web.Application(
        [("/predict", Predict), ("/health", Health)],
        default_handler_class=Elsewhere,
        log_function=lambda handler: None,
    )


def _serve(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Read a model from ``stdin``, say the port on ``stdout``, serve until ``stdin`` ends."""
    import asyncio

    from course.tflite.run import ModelError, Runner

    def say(record: dict) -> None:
        stdout.write(json.dumps(record).encode() + b"\n")
        stdout.flush()

    head = json.loads(stdin.readline() or b"{}")
    data = stdin.read(head.get("bytes", 0))
    if not data:
        return
    try:
        # This process is a child already: it may die of a bad model without harm to anyone.
        runner = Runner(data, isolated=False)
        if len(runner.inputs) != 1 or len(runner.outputs) != 1:
            raise ModelError("The server needs a model with one input and one output.")
        runner.predict(np.zeros(runner.inputs[0].shape, np.float32))
    except ModelError as error:
        say({"error": str(error)})
        return

    async def main() -> None:
        from tornado.httpserver import HTTPServer

        server = HTTPServer(
            _application(runner, head["labels"], len(data)), max_buffer_size=MAX_REQUEST_BYTES
        )
        try:
            from tornado.netutil import bind_sockets

            sockets = bind_sockets(0, "127.0.0.1")
        except OSError as error:
            say({"error": f"This machine has no loopback network: {error.strerror or error}."})
            return
        server.add_sockets(sockets)
        say({"port": sockets[0].getsockname()[1]})
        await asyncio.Event().wait()

    def watch() -> None:
        parent = os.getppid()
        # A fork of the parent may hold the pipe open, so its end is not the only sign.
        threading.Thread(target=_wait_for_end, args=(stdin,), daemon=True).start()
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    asyncio.run(main())


def _wait_for_end(stdin: BinaryIO) -> None:
    while stdin.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
