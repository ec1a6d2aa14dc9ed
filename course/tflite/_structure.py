"""The parts of a ``.tflite`` file that messages and judges need, read without running it.

Read with the flatbuffer schema that LiteRT ships, inside a worker only: a hostile file can make
a reader walk for hours, and the worker has a time limit.
"""

from __future__ import annotations

import functools
from typing import Any

# Our largest model has 90 operators and the largest in wide use a few thousand.
_MOST_PARTS = 20_000
# Numbers of scales, shapes and operator inputs together; the same reason.
_MOST_NUMBERS = 200_000


class StructureError(ValueError):
    """The file's parts do not fit together."""


def describe(model: bytes) -> dict[str, Any]:
    """Operators and tensors of a model, as JSON can carry them.

    Returns
    -------
    dict with

    ``inputs``, ``outputs`` : indices of the first subgraph's tensors.
    ``tensors`` : of the first subgraph, each with name, shape, signature (-1 for a free axis),
        dtype, scales (how many), scale and zero_point (the first, or None), bytes of constant data.
    ``operators`` : of every subgraph, each with name, builtin, version, subgraph, inputs, outputs.

    Raises
    ------
    StructureError
        When the file is no model or holds more than a model does.
    """
    try:
        return _describe(model)
    except StructureError:
        raise
    except Exception as error:  # the readers raise struct.error, TypeError, IndexError and more
        raise StructureError("its tables point outside the file or contradict each other") from (
            error
        )


def _describe(model: bytes) -> dict[str, Any]:
    from ai_edge_litert import schema_py_generated as schema

    root = schema.Model.GetRootAsModel(model, 0)
    codes = [root.OperatorCodes(at) for at in range(_few(root.OperatorCodesLength()))]
    lengths = [_buffer_bytes(root.Buffers(at)) for at in range(_few(root.BuffersLength()))]
    if not root.SubgraphsLength():
        raise StructureError("it holds no graph")
    numbers = _Numbers()
    operators = []
    for place in range(_few(root.SubgraphsLength())):
        graph = root.Subgraphs(place)
        for at in range(_few(graph.OperatorsLength() + len(operators)) - len(operators)):
            operator = graph.Operators(at)
            code = codes[operator.OpcodeIndex()]
            operators.append(
                {
                    "name": _name(code),
                    "builtin": _operators().get(_kind(code), "CUSTOM") != "CUSTOM",
                    "version": code.Version(),
                    "subgraph": place,
                    "inputs": numbers.list(operator.Inputs, operator.InputsLength()),
                    "outputs": numbers.list(operator.Outputs, operator.OutputsLength()),
                }
            )
    graph = root.Subgraphs(0)
    tensors = [
        _tensor(graph.Tensors(at), lengths, numbers) for at in range(_few(graph.TensorsLength()))
    ]
    record = {
        "inputs": numbers.list(graph.Inputs, graph.InputsLength()),
        "outputs": numbers.list(graph.Outputs, graph.OutputsLength()),
        "tensors": tensors,
        "operators": operators,
    }
    if not all(0 <= at < len(tensors) for at in record["inputs"] + record["outputs"]):
        raise StructureError("its inputs or outputs are tensors that it does not hold")
    return record


def _tensor(tensor: Any, lengths: list[int], numbers: _Numbers) -> dict[str, Any]:
    shape = numbers.list(tensor.Shape, tensor.ShapeLength())
    signature = numbers.list(tensor.ShapeSignature, tensor.ShapeSignatureLength())
    quantization = tensor.Quantization()
    scales = _few(quantization.ScaleLength(), _MOST_NUMBERS) if quantization else 0
    zero_points = quantization.ZeroPointLength() if quantization else 0
    return {
        "name": (tensor.Name() or b"").decode(errors="replace")[:200],
        "shape": shape,
        "signature": signature or shape,
        "dtype": _dtypes().get(tensor.Type(), "unknown"),
        "scales": scales,
        "scale": float(quantization.Scale(0)) if scales else None,
        "zero_point": int(quantization.ZeroPoint(0)) if zero_points else None,
        "bytes": lengths[tensor.Buffer()],
    }


class _Numbers:
    """Reads lists of whole numbers, up to a total that no real model reaches."""

    def __init__(self) -> None:
        self._left = _MOST_NUMBERS

    def list(self, read: Any, count: int) -> list[int]:
        self._left -= _few(count, self._left)
        return [int(read(at)) for at in range(count)]


def _few(count: int, most: int = _MOST_PARTS) -> int:
    if count > most:
        raise StructureError("it claims to hold more parts than any model has")
    return count


def _buffer_bytes(buffer: Any) -> int:
    # Large models keep constants behind the flatbuffer and say only how many bytes they are.
    return buffer.DataLength() or buffer.Size()


@functools.cache
def _dtypes() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {kind: name.lower() for name, kind in vars(schema.TensorType).items() if name.isupper()}


@functools.cache
def _operators() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    kinds = vars(schema.BuiltinOperator).items()
    return {kind: name for name, kind in kinds if isinstance(kind, int)}


def _kind(code: Any) -> int:
    return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())


def _name(code: Any) -> str:
    name = _operators().get(_kind(code), f"operator {_kind(code)}")
    if name == "CUSTOM" and code.CustomCode():
        return code.CustomCode().decode(errors="replace")[:100]
    return name
