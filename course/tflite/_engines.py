"""The interpreters behind `course.tflite.run.Runner`, with one face.

Each engine opens a model when it is made, then runs one batch of the model's own size at a time.
Its errors are whatever its library raises; `Runner` turns them into sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Engines by name, with the words that messages use for them.
NAMES = {
    "litert": "LiteRT",
    "builtin": "LiteRT without XNNPACK",
    "reference": "LiteRT with reference kernels",
    "micro": "TFLite Micro",
}


@dataclass(frozen=True)
class TensorInfo:
    """What goes into or comes out of a model.

    Attributes
    ----------
    name : the tensor's name in the file.
    shape : with the batch axis first, as the file has it; a free axis counts as 1.
    dtype : NumPy dtype.
    scale, zero_point : ``real = scale * (stored - zero_point)``; None where it is not quantized.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float | None = None
    zero_point: int | None = None

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """Real numbers as this tensor stores them; what lies outside its range saturates.

        >>> info = TensorInfo("x", (1, 3), np.dtype("int8"), scale=0.5, zero_point=10)
        >>> info.quantize([-1.0, 0.3, 1000.0])
        array([  8,  11, 127], dtype=int8)
        """
        values = np.asarray(values)
        if self.scale is None:
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        # In float32, as LiteRT's own QUANTIZE does it; exact halves go to the even neighbour here.
        with np.errstate(over="ignore"):
            steps = values.astype(np.float32) / np.float32(self.scale)
        stored = np.rint(steps) + self.zero_point
        return np.clip(stored, limits.min, limits.max).astype(self.dtype)

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        """Stored numbers as the real ones that they stand for, float32.

        >>> info = TensorInfo("x", (1, 3), np.dtype("int8"), scale=0.5, zero_point=10)
        >>> info.dequantize(np.array([8, 11, 127], np.int8))
        array([-1. ,  0.5, 58.5], dtype=float32)
        """
        values = np.asarray(values)
        if self.scale is None:
            return values
        return ((values.astype(np.int32) - self.zero_point) * np.float32(self.scale)).astype(
            np.float32
        )


class LiteRT:
    """LiteRT with its default resolver (XNNPACK), without XNNPACK, or with reference kernels."""

    def __init__(self, model: bytes, *, engine: str, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = {
            "litert": OpResolverType.AUTO,
            "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "reference": OpResolverType.BUILTIN_REF,
        }[engine]
        self._interpreter = Interpreter(
            model_content=model, num_threads=threads, experimental_op_resolver_type=resolver
        )
        self._interpreter.allocate_tensors()
        given = self._interpreter.get_input_details()
        result = self._interpreter.get_output_details()
        self.inputs = [self._info(record) for record in given]
        self.outputs = [self._info(record) for record in result]
        self._given = [record["index"] for record in given]
        self._result = [record["index"] for record in result]

    @staticmethod
    def _info(record: dict) -> TensorInfo:
        scale, zero_point = record["quantization"]
        shape = tuple(int(size) for size in record["shape"])
        dtype = np.dtype(record["dtype"])
        if not scale or dtype.kind == "f":
            return TensorInfo(record["name"], shape, dtype)
        return TensorInfo(record["name"], shape, dtype, float(scale), int(zero_point))

    def run(self, given: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs for inputs of exactly the tensors' shapes and dtypes."""
        interpreter = self._interpreter
        for index, array in zip(self._given, given, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in self._result]


class Observed:
    """LiteRT with reference kernels, keeping every tensor, to look at what is inside."""

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self._interpreter.allocate_tensors()
        self._given = self._interpreter.get_input_details()[0]

    def count(self, batch: np.ndarray) -> dict[int, dict]:
        """Lowest, highest and how many at the ends, of each integer tensor over a batch."""
        counted: dict[int, dict] = {}
        shape = tuple(self._given["shape"])
        indices = [record["index"] for record in self._interpreter.get_tensor_details()]
        for start in range(0, len(batch), batch_of_shape(shape)):
            given = batch[start : start + batch_of_shape(shape)].reshape(shape)
            self._interpreter.set_tensor(self._given["index"], given)
            self._interpreter.invoke()
            for index in indices:
                try:
                    values = self._interpreter.get_tensor(index)
                except ValueError:  # a tensor that the graph does not use has no data
                    continue
                if values.dtype.name in ("int8", "uint8", "int16") and values.size:
                    _count(counted, index, values)
        return counted


def _count(counted: dict[int, dict], index: int, values: np.ndarray) -> None:
    limits = np.iinfo(values.dtype)
    low, high = int(values.min()), int(values.max())
    record = counted.setdefault(
        index,
        {"dtype": values.dtype.name, "low": low, "high": high, "at_low": 0, "at_high": 0,
         "count": 0},
    )  # fmt: skip
    record["low"], record["high"] = min(low, record["low"]), max(high, record["high"])
    record["at_low"] += int((values == limits.min).sum())
    record["at_high"] += int((values == limits.max).sum())
    record["count"] += values.size


class Micro:
    """TFLite Micro as a board has it, in a tensor arena of ``arena_bytes``."""

    def __init__(self, model: bytes, *, arena_bytes: int, names: tuple[list, list]) -> None:
        from tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        self.inputs = [
            self._info(self._interpreter.get_input_details(at), name)
            for at, name in enumerate(names[0])
        ]
        self.outputs = [
            self._info(self._interpreter.get_output_details(at), name)
            for at, name in enumerate(names[1])
        ]

    @staticmethod
    def _info(record: dict, name: str) -> TensorInfo:
        quantization = record["quantization_parameters"]
        shape = tuple(int(size) for size in record["shape"])
        dtype = np.dtype(record["dtype"])
        if not len(quantization["scales"]) or dtype.kind == "f":
            return TensorInfo(name, shape, dtype)
        scale, zero_point = quantization["scales"][0], quantization["zero_points"][0]
        return TensorInfo(name, shape, dtype, float(scale), int(zero_point))

    def run(self, given: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs for inputs of exactly the tensors' shapes and dtypes."""
        for at, array in enumerate(given):
            self._interpreter.set_input(array, at)
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_output(at)) for at in range(len(self.outputs))]


def batch_of(info: TensorInfo) -> int:
    """How many examples the model takes at once: the first axis, 1 where there is none."""
    return batch_of_shape(info.shape)


def batch_of_shape(shape: tuple[int, ...]) -> int:
    """The same for a shape."""
    return int(shape[0]) if len(shape) else 1


def run_batch(engine: LiteRT | Micro, batches: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs for (N, …) inputs that `Runner` has checked, run in steps of the model's own batch.

    Returns
    -------
    One (N, …) array for each output; where an output has no batch axis, one row for each step.
    """
    step = batch_of(engine.inputs[0])
    shapes = [info.shape for info in engine.inputs]
    rows: list[list[np.ndarray]] = [[] for _ in engine.outputs]
    for start in range(0, len(batches[0]), step):
        given = [
            batch[start : start + step].reshape(shape)
            for batch, shape in zip(batches, shapes, strict=True)
        ]
        for row, output in zip(rows, engine.run(given), strict=True):
            whole = output.ndim > 0 and output.shape[0] == step
            row.append(output if whole else output[None])
    return [np.concatenate(row) for row in rows]


def blank(info: TensorInfo) -> np.ndarray:
    """An input that stands for zero everywhere."""
    return np.full(info.shape, info.zero_point or 0, info.dtype)
