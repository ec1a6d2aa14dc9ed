"""Run a ``.tflite`` model: one `Runner` over LiteRT and TFLite Micro, the same call for each.

>>> runner = Runner("gesture.tflite")          # doctest: +SKIP
>>> scores = runner(windows)                   # doctest: +SKIP
>>> on_a_board = Runner("gesture_int8.tflite", engine="micro")  # doctest: +SKIP
>>> scores = on_a_board.predict(windows)       # doctest: +SKIP

No model takes this process down.  A file is first opened and run in a worker process with limits
on memory and time; only one that survived there runs in this process, where a call costs a few
microseconds.  TFLite Micro, which may abort, never runs in this process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course.tflite import _engines, _quiet
from course.tflite._child import Crashed, Failed, Worker
from course.tflite._engines import TensorInfo

__all__ = ["ModelError", "Runner", "TensorInfo"]

# Bytes of one message to a worker, so that no time limit depends on the size of a batch.
_MESSAGE_BYTES = 4 << 20
_MESSAGE_EXAMPLES = 256
#: Largest file that is opened; the largest model of the course is 5 MB.
MAX_MODEL_BYTES = 256 << 20
# Sixteen megabytes hold every model that a board could ever hold.
_ROOMY_ARENA_BYTES = 16 << 20

# Most bytes of one input or output; a photo from a phone, 4000 × 3000 × 3 in float32, is 144 MB.
_TENSOR_BYTES = 256 << 20

# Models (by hash and engine) that ran in a worker of this process without harm.
_proven: set[tuple[str, str]] = set()


class ModelError(ValueError):
    """A model, or what was given to it, cannot be used; the message says why in full sentences."""


class Runner:
    """A model that is ready to run, loaded once.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.
    engine : ``"litert"`` is LiteRT as phones run it (XNNPACK kernels); ``"builtin"`` is LiteRT
        without XNNPACK; ``"reference"`` is LiteRT with its plain reference kernels, which round
        like TFLite Micro in all operators but fully connected ones; ``"micro"`` is TFLite Micro
        as boards run it (Linux on x86-64 only).
    threads : processor threads; TFLite Micro has one.
    isolated : ``None`` runs the model in a worker process once, with zeros as input, and then in
        this process.  ``True`` keeps it in the worker, for files from strangers.  ``False`` goes
        without the worker, for files that are known to be sound: no process is started, and a
        bad file can end this one.  TFLite Micro always stays in the worker.
    arena_bytes : size of TFLite Micro's tensor arena; roomy when not given.
    seconds : longest that the worker may take for opening, and for each part of a large batch.

    Attributes
    ----------
    inputs, outputs : tuple of `TensorInfo`, in the order of the file.
    engine : as given.

    Raises
    ------
    ModelError
        If the file is no model, is damaged, uses an operator that the engine lacks, needs a larger
        arena, or if the engine does not exist on this platform.

    Notes
    -----
    Examples run one after the other, as on a device.  Threads may share a runner: calls wait for
    each other.  A model with variables keeps their state between examples.
    """

    def __init__(
        self,
        model: bytes | str | Path,
        *,
        engine: str = "litert",
        threads: int = 1,
        isolated: bool | None = None,
        arena_bytes: int | None = None,
        seconds: float = 60,
    ) -> None:
        self.engine = engine
        self._model = read_model(model)
        _check_options(engine, threads, isolated, arena_bytes, seconds)
        self._threads, self._arena_bytes, self._seconds = threads, arena_bytes, seconds
        self._here: _engines.LiteRT | None = None
        self._worker: Worker | None = None
        self._stop: Any = None
        self._closed = False
        self._lock = threading.RLock()
        if engine == "micro" or isolated:
            self._open_in_worker()
        else:
            if isolated is None:
                self._prove()
            self._open_here()

    # --- running ------------------------------------------------------------------------------

    def __call__(self, *batches: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Run the model on numbers as its input tensors store them.

        Parameters
        ----------
        batches : one array for each input.  For an input of shape (1, 128, 3) either (N, 128, 3),
            a batch of N examples, or (128, 3), a single one.  An integer input takes its own
            dtype only; `predict` takes real numbers.  A float input takes any real numbers.

        Returns
        -------
        Array (N, …) in the output's own dtype, without the first axis for a single example; a
        tuple of them when the model has several outputs.

        Raises
        ------
        ModelError
            For a wrong number of inputs, shape or dtype, for NaN and infinity, and when the model
            cannot run them.
        """
        return self._run(batches, real=False)

    def predict(self, *batches: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Run the model on real numbers and answer in real numbers, whatever it stores inside.

        Quantized inputs are quantized first with their scale and zero point (what lies outside
        their range saturates), quantized outputs are turned back into float32.  Shapes and errors
        are those of calling the runner.
        """
        return self._run(batches, real=True)

    def _run(self, batches: Sequence[Any], *, real: bool) -> Any:
        if len(batches) != len(self.inputs):
            names = ", ".join(repr(info.name) for info in self.inputs)
            raise ModelError(
                f"The model has {_count(len(self.inputs), 'input')} ({names}), "
                f"and got {_count(len(batches), 'array')}."
            )
        ready, singles = [], []
        for info, batch in zip(self.inputs, batches, strict=True):
            array, single = as_batch(info, batch, real=real)
            ready.append(array)
            singles.append(single)
        lengths = {len(array) for array in ready}
        if len(lengths) > 1 or len(set(singles)) > 1:
            raise ModelError(
                "The inputs hold different numbers of examples: "
                + ", ".join(
                    "one alone" if single else str(len(array))
                    for array, single in zip(ready, singles, strict=True)
                )
                + "."
            )
        results = self._outputs(ready)
        if real:
            results = [
                info.dequantize(result) for info, result in zip(self.outputs, results, strict=True)
            ]
        if singles[0]:
            results = [result[0] for result in results]
        return results[0] if len(results) == 1 else tuple(results)

    def _outputs(self, batches: list[np.ndarray]) -> list[np.ndarray]:
        if not len(batches[0]):
            return [np.empty((0, *info.shape[1:]), info.dtype) for info in self.outputs]
        with self._lock:
            if self._closed:
                raise ModelError("This runner is closed; make a new one.")
            if self._here is None:
                return self._in_worker(batches)
            try:
                return _engines.run_batch(self._here, batches)
            except (RuntimeError, ValueError, MemoryError) as error:
                raise ModelError(self._told(type(error).__name__, str(error), "")) from error

    def _in_worker(self, batches: list[np.ndarray]) -> list[np.ndarray]:
        step = _engines.batch_of(self.inputs[0])
        bytes_each = (
            sum(
                math.prod(info.shape) * info.dtype.itemsize
                for info in (*self.inputs, *self.outputs)
            )
            / step
        )
        few = max(1, int(min(_MESSAGE_EXAMPLES, _MESSAGE_BYTES / (bytes_each + 1)) / step)) * step
        if self._worker is None:
            self._open_in_worker()
        parts = []
        for start in range(0, len(batches[0]), few):
            part = [batch[start : start + few] for batch in batches]
            parts.append(self._ask({"do": "run"}, part)[1])
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]

    def observe(self, batch: np.ndarray) -> dict[int, dict[str, Any]]:
        """What each integer tensor inside held, by its index; for `course.tflite.ranges`."""
        with self._lock:
            self._drop_worker()
            message = {**self._opening("observe"), "engine": "reference"}
            answer, _ = self._ask(message, [_as_numbers(self._model), batch])
            self._drop_worker()
        return dict(answer["counted"])

    # --- opening and closing ------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the model; the runner cannot be used any more."""
        with self._lock:
            self._closed = True
            self._here = None
            self._drop_worker()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        def side(infos: Sequence[TensorInfo]) -> str:
            return ", ".join(f"{info.dtype.name} {_shape(info.shape)}" for info in infos)

        arrow = f"{side(self.inputs)} → {side(self.outputs)}"
        return f"Runner({_engines.NAMES[self.engine]}, {len(self._model):,} bytes: {arrow})"

    def _open_here(self) -> None:
        try:
            with _quiet.captured(2):
                engine = _engines.LiteRT(self._model, engine=self.engine, threads=self._threads)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise ModelError(self._told(type(error).__name__, str(error), "")) from error
        self._here = engine
        self._set_infos(engine.inputs, engine.outputs)

    def _open_in_worker(self) -> None:
        if self.engine == "micro":
            _check_micro()
        described, _ = self._ask(self._opening("open"), [_as_numbers(self._model)])
        try:
            self._set_infos(
                [_info(*fields) for fields in described["inputs"]],
                [_info(*fields) for fields in described["outputs"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            self._drop_worker()
            raise ModelError("The worker that opened the model gave no sound answer.") from error

    def _prove(self) -> None:
        """Run the model once in a worker, unless this process has done so before."""
        key = (fingerprint(self._model), self.engine)
        if key not in _proven:
            self._ask(self._opening("try"), [_as_numbers(self._model)])
            self._drop_worker()
            _proven.add(key)

    def _opening(self, what: str) -> dict[str, Any]:
        return {
            "do": what,
            "engine": self.engine,
            "threads": self._threads,
            "arena_bytes": self._arena_bytes or _ROOMY_ARENA_BYTES + 2 * len(self._model),
        }

    def _ask(
        self, message: dict[str, Any], arrays: Sequence[np.ndarray]
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Ask the worker, taking one where there is none; errors become sentences."""
        if self._worker is None:
            self._worker = Worker.take()
            # A runner that nobody holds any more leaves no process behind.
            self._stop = weakref.finalize(self, self._worker.kill)
        try:
            return self._worker.ask(message, arrays, seconds=self._seconds)
        except Failed as error:
            if message["do"] != "run":
                self._drop_worker()
            raise ModelError(self._told(error.kind, str(error), error.words)) from error
        except Crashed as error:
            self._drop_worker()
            raise ModelError(self._told("", str(error), error.words)) from error
        except BaseException:
            self._drop_worker()
            raise

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._stop.detach()
            self._worker.release()
            self._worker = None

    def _set_infos(self, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        try:
            _check_infos(self.inputs, self.outputs)
        except ModelError:
            self._here = None
            self._drop_worker()
            raise

    def _told(self, kind: str, message: str, words: str) -> str:
        """A sentence for a learner about what an engine or its process did."""
        name = _engines.NAMES[self.engine]
        said = f"{words}\n{message}"
        for pattern, sentence in _KNOWN:
            found = re.search(pattern, said)
            if found:
                return sentence.format(*found.groups(), engine=name, arena=self._arena_words())
        if not kind:
            likely = "the file is most likely damaged"
            if self.engine == "micro" and self._arena_bytes is not None:
                likely = f"its tensor arena of {self._arena_bytes:,} bytes is most likely too small"
            return f"{name} {message} on this model; {likely}."
        if kind == "MemoryError":
            return f"{name} ran out of memory on this model."
        reason = _first_line(words) or _first_line(message) or kind
        return f"{name} cannot run this model: {reason.rstrip('.')}."

    def _arena_words(self) -> str:
        if self._arena_bytes is None:
            return "The tensor arena"
        return f"The tensor arena of {self._arena_bytes:,} bytes"


_DAMAGED = (
    "This is no whole .tflite file: its tables point outside of it or contradict each other. "
    "Was it cut short or changed? Write it anew."
)

# What engines say, and what it means.  LiteRT says it in the exception, TFLite Micro on stderr.
_KNOWN = (
    (r"not a valid Flatbuffer|its tables point outside", _DAMAGED),
    (
        r"Requested: \d+, available \d+, missing: (\d+)",
        "{arena} is too small: where TFLite Micro stopped, {0} more bytes were needed.",
    ),
    (
        r"Arena size is too small|Too many buffers \(max is",
        "{arena} is too small.",
    ),
    (
        r"Flex\w+|[Ss]elect TensorFlow op|Regular TensorFlow ops are not supported",
        "The model uses Select TF operators, which no runtime of this course can run. "
        "Replace them by operators that TFLite has built in.",
    ),
    (
        r"Didn't find op for builtin opcode '?(\w+)'?",
        "{engine} has no operator {0}. Build the model from operators that it has.",
    ),
    (
        r"unresolved custom op|Failed to get registration from op code CUSTOM",
        "The model uses a custom operator or one of Select TF's, and {engine} has only built-in "
        "ones. Replace it by built-in operators.",
    ),
    (
        r"Input type: FLOAT32 with filter type: INT8 not supported|[Hh]ybrid models are not",
        "{engine} does not run hybrid models, whose weights are integers and whose activations are "
        "floats. Convert with quantize='int8' or quantize='none'.",
    ),
    (
        r"dequantize_common\.cc:\d+ input->type",
        "{engine} does not run models with float16 weights. Convert with quantize='int8' or "
        "quantize='none'.",
    ),
)


def read_model(model: bytes | str | Path) -> bytes:
    """The bytes of a model, given as such or by path, after a look at size and identifier.

    Raises
    ------
    ModelError
        If there is no such file, or it cannot be a ``.tflite`` model.
    """
    if isinstance(model, (str, Path)):
        path = Path(model)
        try:
            # No larger than that: what is longer is refused below.
            with path.open("rb") as file:
                data = file.read(MAX_MODEL_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"There is no model file {str(path)[:200]!r} that can be read."
            ) from error
    elif isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
    else:
        raise ModelError(
            f"A model is the bytes or the path of a .tflite file, not {_a(type(model).__name__)}."
            + (
                " Convert a Keras model first: convert(model)."
                if any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__)
                else ""
            )
        )
    if len(data) > MAX_MODEL_BYTES:
        raise ModelError(f"The model is larger than {MAX_MODEL_BYTES >> 20} MB.")
    # The flatbuffer identifier stands at byte 4.
    if data[4:8] != b"TFL3":
        what = "a .keras file or another zip archive" if data[:2] == b"PK" else "something else"
        raise ModelError(
            f"This is no .tflite file but {what}: bytes 4 to 7 are not the identifier TFL3."
            if data
            else "This is no .tflite file: it is empty."
        )
    return data


def structure(model: bytes | str | Path, *, seconds: float = 20) -> dict[str, Any]:
    """Operators and tensors of a model, read in a worker; see `course.tflite._structure`.

    Raises
    ------
    ModelError
        If the file is no model or is damaged.
    """
    data = read_model(model)
    worker = Worker.take()
    try:
        return worker.ask(
            {"do": "describe", "engine": "structure"}, [_as_numbers(data)], seconds=seconds
        )[0]
    except Failed as error:
        damaged = "its tables point" in str(error)
        raise ModelError(_DAMAGED if damaged else f"The file is damaged: {error}.") from error
    except Crashed as error:
        raise ModelError(f"The process that read the file {error}; it is damaged.") from error
    finally:
        worker.release()


def fingerprint(model: bytes) -> str:
    """SHA-256 of a model, by which results about it are remembered."""
    return hashlib.sha256(model).hexdigest()


def micro_here() -> bool:
    """Whether TFLite Micro can run on this platform."""
    return importlib.util.find_spec("tflite_micro") is not None


def _check_micro() -> None:
    if not micro_here():
        raise ModelError(
            "TFLite Micro is not on this platform: it is released for Linux on x86-64 only. Use "
            "engine='reference', which agrees with it but for rounding in fully connected layers."
        )


def _check_options(
    engine: str, threads: int, isolated: bool | None, arena_bytes: int | None, seconds: float
) -> None:
    if engine not in _engines.NAMES:
        known = ", ".join(map(repr, _engines.NAMES))
        raise ModelError(f"There is no engine {engine!r}; there are {known}.")
    if type(threads) is not int or not 1 <= threads <= 64:
        raise ModelError(f"threads must be a whole number from 1 to 64, not {threads!r}.")
    if engine == "micro" and threads != 1:
        raise ModelError("TFLite Micro has one thread; leave threads at 1.")
    if engine == "micro" and isolated is False:
        raise ModelError("TFLite Micro runs only in a process of its own, because it may abort.")
    if arena_bytes is not None:
        if engine != "micro":
            raise ModelError("Only TFLite Micro (engine='micro') has a tensor arena.")
        if isinstance(arena_bytes, bool) or not isinstance(arena_bytes, (int, np.integer)):
            raise ModelError(f"arena_bytes must be a whole number, not {arena_bytes!r}.")
        if not 0 < arena_bytes <= 1 << 30:
            raise ModelError(f"arena_bytes must be from 1 to {1 << 30:,}, not {arena_bytes:,}.")
    if not 0 < seconds <= 3600:
        raise ModelError(f"seconds must be more than 0 and at most 3600, not {seconds!r}.")


def _check_infos(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> None:
    """Whether examples can be told apart; hostile files have inputs of any kind."""
    if not inputs or not outputs:
        raise ModelError("The model has no input or no output.")
    if len({_engines.batch_of(info) for info in inputs}) > 1:
        raise ModelError("The model's inputs have first axes of different lengths.")
    for info in (*inputs, *outputs):
        if info.dtype.kind not in "biuf":
            raise ModelError(
                f"The model's tensor {info.name!r} holds {info.dtype}; only numbers can be run."
            )
        if info.scale is not None and not 0 < info.scale < np.inf:
            raise ModelError(f"The scale of {info.name!r} is {info.scale:g}; the file is damaged.")
        size = math.prod(info.shape) * info.dtype.itemsize
        if size > _TENSOR_BYTES:
            raise ModelError(
                f"The model's tensor {info.name!r} of shape {_shape(info.shape)} would take "
                f"{size / 1e6:,.0f} MB; the file is damaged."
            )
    for info in inputs:
        if 0 in info.shape or min(info.shape, default=1) < 0:
            raise ModelError(
                f"The model's input {info.name!r} has shape {_shape(info.shape)}: "
                "there is nothing to run."
            )


def as_batch(info: TensorInfo, batch: Any, *, real: bool) -> tuple[np.ndarray, bool]:
    """An (N, …) array of the input's dtype, and whether a single example was given."""
    try:
        array = np.asarray(batch)
    except ValueError as error:  # a list of lists of different lengths
        raise ModelError("The input is not an array: its rows have different lengths.") from error
    if array.dtype.kind not in "biuf":
        raise ModelError(f"The input holds {array.dtype}, not numbers.")
    example = info.shape[1:]
    if array.shape == example and info.shape[:1] in ((1,), ()):
        array, single = array[None], True
    elif array.ndim == len(example) + 1 and array.shape[1:] == example:
        single = False
    else:
        raise ModelError(
            f"The input has shape {_shape(array.shape)}; the model takes one example of shape "
            f"{_shape(example)} or a batch (N, {', '.join(map(str, example))})."
            if example
            else f"The input has shape {_shape(array.shape)}; the model takes a batch (N,)."
        )
    step = _engines.batch_of(info)
    if len(array) % step:
        raise ModelError(
            f"The model takes {step} examples at once, so a batch must hold a multiple of {step}, "
            f"not {len(array)}."
        )
    kind = array.dtype.kind
    if kind == "f" and not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else "infinity"
        raise ModelError(f"The input holds {what}; look at what came before the model.")
    if array.dtype == info.dtype:
        quantized_already = real and info.scale is not None
        if quantized_already:
            raise ModelError(
                f"predict takes real numbers and quantizes them itself, and got {array.dtype}. "
                "Call the runner itself with numbers that are already quantized."
            )
        return np.ascontiguousarray(array), single
    if real and info.scale is not None:
        return info.quantize(array), single
    if info.dtype.kind == "f" and kind in "iuf":
        with np.errstate(over="ignore"):
            array = array.astype(info.dtype)
        if not np.isfinite(array).all():
            raise ModelError(f"The input holds numbers that are too large for {info.dtype}.")
        return array, single
    if real and info.dtype.kind in "iu" and kind in "iu":
        limits = np.iinfo(info.dtype)
        if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(info.dtype), single
    advice = (
        " Give real numbers to predict, which quantizes them, or quantize them yourself: "
        f"{info.dtype}(round(x / {info.scale:.6g}) + {info.zero_point})."
        if info.scale is not None
        else f" Convert it with .astype({str(info.dtype)!r}) if that is what the numbers mean."
    )
    raise ModelError(f"The input is {array.dtype} and the model takes {info.dtype}.{advice}")


def _info(
    name: str, shape: list, dtype: str, scale: float | None, zero_point: int | None
) -> TensorInfo:
    scale = None if scale is None else float(scale)
    zero_point = None if zero_point is None else int(zero_point)
    return TensorInfo(str(name), tuple(map(int, shape)), np.dtype(dtype), scale, zero_point)


def _as_numbers(model: bytes) -> np.ndarray:
    return np.frombuffer(model, np.uint8)


def _first_line(text: str) -> str:
    """The first thing that an engine complained about; what follows are consequences."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith(("INFO", "WARN"))), "")[
        :300
    ]


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
