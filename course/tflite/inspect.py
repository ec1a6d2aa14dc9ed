"""Look into a ``.tflite`` file without running it.

>>> report = inspect("gesture_int8.tflite")      # doctest: +SKIP
>>> report.macs, report.arena.bytes              # doctest: +SKIP
>>> report.selective_build                       # doctest: +SKIP
('AddConv2D', 'AddFullyConnected', 'AddMaxPool2D', 'AddReshape', 'AddSoftmax')

No interpreter and no TensorFlow is needed, and no file can harm: everything is read within its
bounds and within a budget.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from course.tflite import _archive, _structure
from course.tflite._flatbuffer import Flatbuffer, FlatbufferError, Table
from course.tflite._plan import Placement, Plan, planned
from course.tflite.run import ModelError, read_model

__all__ = ["Buffer", "Operator", "Placement", "Plan", "Report", "Tensor", "inspect"]

# TensorFlow's own tensors have at most 8 axes (TfLiteIntArray has no limit of its own).
_MOST_AXES = 32
# One tensor; the largest computers of today hold less.
_MOST_BYTES = 1 << 44

#: The parts that `Report.parts` may name, in the order in which they are shown.
PARTS = (
    "weights",
    "tensors",
    "names",
    "quantization",
    "operators",
    "metadata",
    "signatures",
    "attached files",
    "padding and root",
)


@dataclass(frozen=True)
class Tensor:
    """What the file says about one tensor.

    Attributes
    ----------
    index : its number in its subgraph.
    name : its name in the file.
    shape : one whole number for each axis; -1 in `signature` marks a free axis, which `shape`
        gives as 1.
    dtype : such as ``"int8"`` or ``"float32"``.
    bytes : what it takes in memory while the model runs.
    buffer : index of the buffer with its numbers.
    stored_bytes : bytes of that buffer; 0 where the tensor is computed.
    constant : whether its numbers stand in the file.
    variable : whether it keeps its numbers from one run to the next.
    scale, zero_point : one for each slice along `quantized_dimension`, or a single one for all;
        empty where the tensor is not quantized.
    quantized_dimension : axis along which scales differ.
    subgraph : the graph that it belongs to; 0 is the one that runs.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    dtype: str
    bytes: int
    buffer: int
    stored_bytes: int
    constant: bool
    variable: bool
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    quantized_dimension: int
    subgraph: int

    def __str__(self) -> str:
        return f"{self.name or 'tensor'} {self.dtype} {_shape(self.shape)}"


@dataclass(frozen=True)
class Operator:
    """One step of the computation.

    Attributes
    ----------
    index : its place in the order of computation.
    name : such as ``"CONV_2D"``; a custom operator's own name.
    kind : ``"builtin"``, ``"custom"``, or ``"flex"`` for one of TensorFlow's own (Select TF).
    method : what adds its kernel to a ``MicroMutableOpResolver``; None where TFLite Micro has none.
    version : of the operator.
    inputs, outputs : tensors by index; -1 stands for one that is left out.
    input_shapes, output_shapes : their shapes; None for one that is left out.
    options : those that change what is computed, by name.
    macs : multiplications with an addition, one for each weight that meets a number.
    bytes_read, bytes_written : of its inputs, weights included, and of its outputs.
    weights_bytes : of its inputs, those that stand in the file.
    subgraph : the graph that it belongs to; 0 is the one that runs.
    """

    index: int
    name: str
    kind: str
    method: str | None
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...] | None, ...]
    output_shapes: tuple[tuple[int, ...] | None, ...]
    options: Mapping[str, Any]
    macs: int
    bytes_read: int
    bytes_written: int
    weights_bytes: int
    subgraph: int


@dataclass(frozen=True)
class Buffer:
    """A piece of the file that holds numbers.

    Attributes
    ----------
    index : its number in the file.
    bytes : its length.
    start : where it begins in the file.
    tensors : (subgraph, index) of the tensors whose numbers it holds.
    """

    index: int
    bytes: int
    start: int
    tensors: tuple[tuple[int, int], ...]


@dataclass(frozen=True, repr=False)
class Report:
    """What `inspect` found.

    Attributes
    ----------
    file_bytes : length of the file.
    operators : of every subgraph, in the order of computation; subgraph 0 comes first.
    tensors : of every subgraph, in order.
    buffers : those that hold something.
    inputs, outputs : tensors of subgraph 0.
    parts : bytes of each part of the file, which sum to `file_bytes`; see `PARTS`.
    weights_bytes, structure_bytes : the part ``"weights"``, and everything else.
    macs : of one run of subgraph 0, as far as they can be counted from the file.
    arena : how TFLite Micro plans its tensor arena; None for a graph that no board could hold.
    selective_build : methods of ``MicroMutableOpResolver`` that a board's program needs to call.
    not_in_micro : names of operators for which TFLite Micro has no kernel.
    flex, custom : names of operators that are TensorFlow's own, or somebody's.
    fixed_batch : whether no input has a free axis.
    """

    file_bytes: int
    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    buffers: tuple[Buffer, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parts: Mapping[str, int]
    arena: Plan | None
    fixed_batch: bool

    @property
    def weights_bytes(self) -> int:
        return self.parts.get("weights", 0)

    @property
    def structure_bytes(self) -> int:
        return self.file_bytes - self.weights_bytes

    @property
    def macs(self) -> int:
        return sum(each.macs for each in self.operators if each.subgraph == 0)

    @property
    def selective_build(self) -> tuple[str, ...]:
        return tuple(sorted({each.method for each in self.operators if each.method}))

    @property
    def not_in_micro(self) -> tuple[str, ...]:
        return self._names(lambda each: each.method is None)

    @property
    def flex(self) -> tuple[str, ...]:
        return self._names(lambda each: each.kind == "flex")

    @property
    def custom(self) -> tuple[str, ...]:
        return self._names(lambda each: each.kind == "custom")

    def _names(self, wanted: Any) -> tuple[str, ...]:
        return tuple(sorted({each.name for each in self.operators if wanted(each)}))

    def tensor(self, index: int, *, subgraph: int = 0) -> Tensor:
        """The tensor with this index.

        Raises
        ------
        KeyError
            If there is none.
        """
        for each in self.tensors:
            if (each.subgraph, each.index) == (subgraph, index):
                return each
        raise KeyError(f"Subgraph {subgraph} has no tensor {index}.")

    def __repr__(self) -> str:
        from course.tflite import _report

        return _report.text(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from course.tflite import _report

        return {"text/html": _report.html(self), "text/plain": _report.text(self)}


def inspect(model: bytes | str | Path) -> Report:
    """Operators, tensors, bytes, multiplications and planned memory of a model.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.

    Returns
    -------
    Report
        Shown in a notebook with a graph, the file's parts and the tensor arena over time.

    Raises
    ------
    ModelError
        If the file is no model, or its parts contradict each other.

    Notes
    -----
    Multiplications are counted for convolutions, fully connected layers, matrix products and
    recurrent layers; all others do little besides. The planned arena equals the "head" that TFLite
    Micro records with its reference kernels; kernels made for one processor (CMSIS-NN) ask for
    scratch memory on top.
    """
    data = read_model(model)
    try:
        return _report_on(data)
    except FlatbufferError as error:
        raise ModelError(f"The file is damaged: {error}.") from error
    except (struct.error, IndexError, OverflowError, MemoryError, RecursionError) as error:
        raise ModelError(
            "The file is damaged: its tables point outside the file or contradict each other."
        ) from error


def planned_arena(model: bytes | str | Path) -> int:
    """Estimated bytes of the tensor arena, where TFLite Micro is not there to try it.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.

    Returns
    -------
    int
        The planned part and an estimate of the records that TFLite Micro keeps behind it, for a
        processor with pointers of 8 bytes; on the models of this course it lies up to a quarter
        above the smallest arena that runs and never below.

    Raises
    ------
    ModelError
        If the file is damaged, or no board could hold it.
    """
    plan = inspect(model).arena
    if plan is None:
        raise ModelError("No board can run this model: it has too many tensors, or too large ones.")
    return plan.whole


# --- reading ------------------------------------------------------------------------------------


def _report_on(data: bytes) -> Report:
    end, _ = _archive.split(data)
    file = Flatbuffer(data)
    file.claim(end, len(data), "attached files")
    root = file.root("padding and root")
    codes = root.tables(1, "operators")
    graphs = root.tables(2, "tensors")
    if not graphs:
        raise FlatbufferError("it holds no graph")
    spans = _buffers(root)
    root.text(3, "metadata")
    described = _metadata(root, len(spans))
    _signatures(root)
    names = [_code(code) for code in codes]

    tensors: list[list[Tensor]] = []
    operators: list[Operator] = []
    ends: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for place, graph in enumerate(graphs):
        graph.text(4, "names")
        own = [
            _tensor(each, at, place, spans) for at, each in enumerate(graph.tables(0, "tensors"))
        ]
        tensors.append(own)
        first = len(operators)
        operators += [
            _operator(each, at, place, names, own)
            for at, each in enumerate(graph.tables(3, "operators"))
        ]
        sides = graph.numbers(1), graph.numbers(2)
        if not all(0 <= at < len(own) for side in sides for at in side):
            raise FlatbufferError("its inputs or outputs are tensors that it does not hold")
        for each in operators[first:]:
            if not all(-1 <= at < len(own) for at in (*each.inputs, *each.outputs)):
                raise FlatbufferError("its operators use tensors that it does not hold")
        ends.append(sides)

    flat = tuple(each for own in tensors for each in own)
    users: dict[int, list[tuple[int, int]]] = {}
    for each in flat:
        users.setdefault(each.buffer, []).append((each.subgraph, each.index))
    buffers = tuple(
        Buffer(at, length, start, tuple(users.get(at, ())))
        for at, (start, length) in enumerate(spans)
        if length
    )
    for each in buffers:
        part = "metadata" if each.index in described and not each.tensors else "weights"
        # Where a buffer lies behind the flatbuffer, the same holds.
        file.claim(each.start - 4, each.start + each.bytes, part)
    counted = file.parts("padding and root")
    inputs, outputs = (tuple(tensors[0][at] for at in side) for side in ends[0])
    return Report(
        file_bytes=len(data),
        operators=tuple(operators),
        tensors=flat,
        buffers=buffers,
        inputs=inputs,
        outputs=outputs,
        parts=MappingProxyType({part: counted[part] for part in PARTS if counted.get(part)}),
        arena=planned(tensors, operators, ends),
        fixed_batch=all(-1 not in each.signature for each in inputs),
    )


def _buffers(root: Table) -> list[tuple[int, int]]:
    """Start and length of every buffer; what they hold is claimed once their users are known."""
    spans, total = [], 0
    file = root.file
    for table in root.tables(4, "tensors"):
        place = table.place(0)
        if place is not None:
            at = place + file.number("<I", place)
            start, length = at + 4, file.number("<I", at)
        else:
            # Models of gigabytes keep constants behind the flatbuffer: fields 1 and 2 say where.
            start, length = table.number(1, "<Q"), table.number(2, "<Q")
            # The converter writes 1 and 0 for nothing.
            start, length = (start, length) if length else (0, 0)
        if start + length > len(file.data):
            raise FlatbufferError("one of its buffers is longer than the file")
        spans.append((start, length))
        total += length
    if total > 2 * len(file.data):
        raise FlatbufferError("its buffers hold more than the file does")
    return spans


def _metadata(root: Table, buffers: int) -> set[int]:
    """The buffers that hold metadata."""
    found = set(root.numbers(5, "i", "metadata"))
    for entry in root.tables(6, "metadata"):
        entry.text(0)
        found.add(entry.number(1, "<I"))
    return {at for at in found if 0 <= at < buffers}


def _signatures(root: Table) -> None:
    for signature in root.tables(7, "signatures"):
        signature.text(2)
        for entry in (*signature.tables(0), *signature.tables(1)):
            entry.text(0)


def _code(table: Table) -> tuple[str, str, int]:
    """Name, kind and version of an operator."""
    number = max(table.number(0, "<b"), table.number(3))
    custom = table.text(1, most=100)
    name = _structure._operators().get(number, f"operator {number}")
    kind = "builtin"
    if name == "CUSTOM":
        name = custom or name
        kind = "flex" if name.startswith("Flex") else "custom"
    return name, kind, table.number(2, "<i", 1)


def _tensor(table: Table, index: int, subgraph: int, spans: Sequence[tuple[int, int]]) -> Tensor:
    shape = table.numbers(0)
    signature = table.numbers(7) or shape
    if len(shape) > _MOST_AXES or len(signature) > _MOST_AXES:
        raise FlatbufferError("one of its tensors has more axes than a tensor can have")
    if min(shape, default=0) < 0:
        raise FlatbufferError("one of its tensors has an axis of negative length")
    dtype = _structure._dtypes().get(table.number(1, "<b"), "unknown")
    length = -(-math.prod(shape) * _BITS.get(dtype, 8) // 8)
    if length > _MOST_BYTES:
        raise FlatbufferError("one of its tensors is larger than any memory")
    buffer = table.number(2, "<I")
    if buffer >= len(spans):
        raise FlatbufferError("one of its tensors has a buffer that the file does not hold")
    scale, zero_point, dimension = (), (), 0
    quantization = table.table(4, "quantization")
    if quantization is not None:
        scale = quantization.numbers(2, "f")
        zero_point = quantization.numbers(3, "q")
        dimension = quantization.number(6)
        # Ranges that the converter measured; nothing reads them.
        quantization.span(0, 4)
        quantization.span(1, 4)
    stored = spans[buffer][1]
    return Tensor(
        index=index,
        name=table.text(3, "names") or "",
        shape=shape,
        signature=signature,
        dtype=dtype,
        bytes=length,
        buffer=buffer,
        stored_bytes=stored,
        constant=stored > 0,
        variable=bool(table.number(5, "<b")),
        scale=scale,
        zero_point=zero_point,
        quantized_dimension=dimension,
        subgraph=subgraph,
    )


# Bits of one number; what is missing here is opaque and is counted as one byte.
_BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "float64": 64, "complex64": 64,
         "complex128": 128, "int4": 4, "int2": 2, "uint4": 4, "int8": 8, "uint8": 8, "bool": 8,
         "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64,
         "uint64": 64}  # fmt: skip


def _operator(
    table: Table,
    index: int,
    subgraph: int,
    names: Sequence[tuple[str, str, int]],
    tensors: Sequence[Tensor],
) -> Operator:
    code = table.number(0, "<I")
    if code >= len(names):
        raise FlatbufferError("one of its operators is of a kind that the file does not list")
    name, kind, version = names[code]
    inputs, outputs = table.numbers(1), table.numbers(2)
    table.span(5, 1)
    table.span(7, 1)
    table.span(8, 4)

    def held(side: Sequence[int]) -> list[Tensor | None]:
        # Indices that point nowhere are refused by the caller, for all operators at once.
        return [tensors[at] if 0 <= at < len(tensors) else None for at in side]

    given, made = held(inputs), held(outputs)
    options = _options(table, name) if kind == "builtin" else {}
    return Operator(
        index=index,
        name=name,
        kind=kind,
        method=_method(name, kind),
        version=version,
        inputs=inputs,
        outputs=outputs,
        input_shapes=tuple(each.shape if each else None for each in given),
        output_shapes=tuple(each.shape if each else None for each in made),
        options=MappingProxyType(options),
        macs=_macs(name, given, made, options),
        bytes_read=sum(each.bytes for each in given if each),
        bytes_written=sum(each.bytes for each in made if each),
        weights_bytes=sum(each.stored_bytes for each in given if each),
        subgraph=subgraph,
    )


_PADDINGS = ("SAME", "VALID")
_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
# Options by operator: name, number of the field, how it is read, and what is meant where the file
# leaves it out.  Source: tensorflow/compiler/mlir/lite/schema/schema.fbs of TensorFlow 2.21.
_STRIDES = (("padding", 0, _PADDINGS, 0), ("stride_width", 1, "<i", 0),
            ("stride_height", 2, "<i", 0))  # fmt: skip
_POOL = (*_STRIDES, ("filter_width", 3, "<i", 0), ("filter_height", 4, "<i", 0),
         ("activation", 5, _ACTIVATIONS, 0))  # fmt: skip
_ELEMENTWISE = (("activation", 0, _ACTIVATIONS, 0),)
_OPTIONS: dict[str, tuple[tuple[str, int, Any, int], ...]] = {
    "CONV_2D": (
        *_STRIDES,
        ("activation", 3, _ACTIVATIONS, 0),
        ("dilation_width", 4, "<i", 1),
        ("dilation_height", 5, "<i", 1),
    ),
    "DEPTHWISE_CONV_2D": (
        *_STRIDES,
        ("depth_multiplier", 3, "<i", 0),
        ("activation", 4, _ACTIVATIONS, 0),
        ("dilation_width", 5, "<i", 1),
        ("dilation_height", 6, "<i", 1),
    ),
    "TRANSPOSE_CONV": (*_STRIDES, ("activation", 3, _ACTIVATIONS, 0)),
    "MAX_POOL_2D": _POOL,
    "AVERAGE_POOL_2D": _POOL,
    "FULLY_CONNECTED": (("activation", 0, _ACTIVATIONS, 0), ("keep_num_dims", 2, "<b", 0)),
    "SOFTMAX": (("beta", 0, "<f", 0),),
    "LEAKY_RELU": (("alpha", 0, "<f", 0),),
    "MEAN": (("keep_dims", 0, "<b", 0),),
    "SUM": (("keep_dims", 0, "<b", 0),),
    "REDUCE_MAX": (("keep_dims", 0, "<b", 0),),
    "CONCATENATION": (("axis", 0, "<i", 0), ("activation", 1, _ACTIVATIONS, 0)),
    "ADD": _ELEMENTWISE,
    "SUB": _ELEMENTWISE,
    "MUL": _ELEMENTWISE,
    "DIV": _ELEMENTWISE,
    "BATCH_MATMUL": (("adj_x", 0, "<b", 0), ("adj_y", 1, "<b", 0)),
    "IF": (("then_subgraph", 0, "<i", 0), ("else_subgraph", 1, "<i", 0)),
    "WHILE": (("condition_subgraph", 0, "<i", 0), ("body_subgraph", 1, "<i", 0)),
    "CALL_ONCE": (("init_subgraph", 0, "<i", 0),),
}


def _options(operator: Table, name: str) -> dict[str, Any]:
    table = operator.table(4)
    if table is None:
        return {}
    if name == "RESHAPE":
        return {"new_shape": table.numbers(0)}
    found: dict[str, Any] = {}
    for option, field, form, default in _OPTIONS.get(name, ()):
        if isinstance(form, str):
            value = table.number(field, form, default)
            found[option] = bool(value) if form == "<b" else value
        else:
            value = table.number(field, "<b", default)
            found[option] = form[value] if 0 <= value < len(form) else f"unknown ({value})"
    return found


def _macs(
    name: str,
    given: Sequence[Tensor | None],
    made: Sequence[Tensor | None],
    options: Mapping[str, Any],
) -> int:
    """Multiplications with an addition, 0 where the shapes do not say."""
    shapes = [each.shape if each else () for each in given]
    out = math.prod(made[0].shape) if made and made[0] else 0
    weights = shapes[1] if len(shapes) > 1 else ()
    if name in ("CONV_2D", "CONV_3D"):
        # (out, height, width, in) of a two-dimensional one, (depth, height, width, in, out) of a
        # three-dimensional one.
        return out * math.prod(weights[1:] if name == "CONV_2D" else weights[:-1])
    if name == "DEPTHWISE_CONV_2D" and len(weights) == 4:
        return out * weights[1] * weights[2]
    if name == "FULLY_CONNECTED" and weights:
        return out * weights[-1]
    if name == "TRANSPOSE_CONV" and len(weights) == 4 and len(shapes) > 2:
        # Every number of the input meets every weight of its channel.
        return math.prod(shapes[2]) * weights[0] * weights[1] * weights[2]
    if name == "BATCH_MATMUL" and shapes and len(shapes[0]) > 1:
        return out * shapes[0][-2 if options.get("adj_x") else -1]
    if name == "UNIDIRECTIONAL_SEQUENCE_LSTM" and shapes and len(shapes[0]) == 3:
        # Inputs 1 to 8 are the weights of the four gates; each is used once a step and example.
        return sum(math.prod(shape) for shape in shapes[1:9]) * shapes[0][0] * shapes[0][1]
    if name == "SVDF" and len(shapes) > 2 and len(shapes[0]) == 2:
        return shapes[0][0] * (math.prod(shapes[1]) + math.prod(shapes[2]))
    return 0


# --- names for a selective build ----------------------------------------------------------------

# Operators for which tensorflow/lite/micro/micro_mutable_op_resolver.h has a method.
_IN_MICRO = """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND
    BROADCAST_ARGS BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE
    DEPTHWISE_CONV_2D DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP
    EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
    GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG
    LOG_SOFTMAX LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM
    MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX
    REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT
    SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE
    SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV
    UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
# Where the method's name is not the operator's, word by word.
_METHODS = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}


def _method(name: str, kind: str) -> str | None:
    if kind != "builtin" or name not in _IN_MICRO.split():
        return None
    words = "".join(word.capitalize() for word in name.split("_"))
    return _METHODS.get(name, "Add" + words.replace("2d", "2D"))


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "scalar"
