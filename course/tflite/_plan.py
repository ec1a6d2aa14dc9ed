"""Where TFLite Micro would put each tensor in its arena, and how large the arena becomes."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course.tflite.inspect import Operator, Tensor

#: TFLite Micro aligns what it plans to so many bytes (MicroArenaBufferAlignment).
ALIGNMENT = 16

# A model with more tensors to place than this runs on no board, and placing takes their square.
_MOST_PLANNED = 2000
# Control flow of models in use is one or two graphs deep.
_DEEPEST = 8


@dataclass(frozen=True)
class Placement:
    """Where and how long a tensor lives in the tensor arena.

    Attributes
    ----------
    tensor : (subgraph, index); None for scratch memory that a kernel asks for.
    name : the tensor's name.
    first, last : the steps of the computation between which it is needed; step 0 is before the
        first operator, when the input is filled in.
    start, bytes : where it lies in the arena, with its length rounded up to 16 bytes.
    """

    tensor: tuple[int, int] | None
    name: str
    first: int
    last: int
    start: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """Tensors placed in the arena as TFLite Micro places them: the largest first.

    Attributes
    ----------
    bytes : length of the planned part, which TFLite Micro calls the head.
    most_at_once : bytes of the tensors that are needed at the busiest step; no plan can be shorter.
    persistent_bytes : estimate of what TFLite Micro keeps besides, at the arena's other end: one
        record for each tensor and operator, and the operators' own numbers.
    planning_bytes : what planning itself needs for a moment in place of the planned part.
    steps : steps of the computation.
    placements : in the order of their tensors.
    """

    bytes: int
    most_at_once: int
    persistent_bytes: int
    planning_bytes: int
    steps: int
    placements: tuple[Placement, ...]

    @property
    def whole(self) -> int:
        """Estimated bytes of the whole arena."""
        return max(self.bytes, self.planning_bytes) + self.persistent_bytes


def planned(
    tensors: Sequence[Sequence[Tensor]],
    operators: Sequence[Operator],
    ends: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
) -> Plan | None:
    """Place every computed tensor as TFLite Micro's greedy planner does.

    Sources: micro_allocation_info.cc and greedy_memory_planner.cc of tflite-micro.
    """
    wanted = [
        each
        for own in tensors
        for each in own
        if not each.constant and not each.variable and each.bytes
    ]
    if len(wanted) > _MOST_PLANNED:
        return None
    lives = _Lives(tensors, operators, ends)
    if not lives.follow(0):
        return None  # graphs that call each other without end
    waiting = [
        Placement(
            (each.subgraph, each.index),
            each.name,
            *lives.of((each.subgraph, each.index)),
            0,
            _aligned(each.bytes),
        )
        for each in wanted
    ]
    waiting += [
        Placement(None, f"scratch memory of {each.name}", step, step, 0, _aligned(length))
        for each in operators
        for step in lives.steps(each)
        for length in _scratch(each, tensors[each.subgraph])
    ]  # fmt: skip
    if len(waiting) > _MOST_PLANNED:
        return None
    placed: list[Placement] = []  # by start
    starts: dict[int, int] = {}
    # Of equals TFLite Micro takes the last first.
    for at in sorted(range(len(waiting)), key=lambda at: (-waiting[at].bytes, -at)):
        each = waiting[at]
        start = 0
        for other in placed:
            if other.first > each.last or each.first > other.last:
                continue
            if other.start - start >= each.bytes:
                break
            start = max(start, other.start + other.bytes)
        starts[at] = start
        bisect.insort(placed, replace(each, start=start), key=lambda other: other.start)
    placements = tuple(replace(each, start=starts[at]) for at, each in enumerate(waiting))
    return Plan(
        bytes=max((each.start + each.bytes for each in placements), default=0),
        most_at_once=_busiest(placements),
        persistent_bytes=_persistent(tensors, operators, ends),
        planning_bytes=_INFO_BYTES * sum(map(len, tensors)) + _PLANNED_BYTES * len(waiting) + 16,
        steps=lives.step + 1,
        placements=placements,
    )


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def _scratch(operator: Operator, tensors: Sequence[Tensor]) -> list[int]:
    """Bytes that a reference kernel needs while it runs, besides its inputs and outputs.

    Source: RequestScratchBufferInArena in transpose_conv.cc and reduce_common.cc of tflite-micro.
    """
    made = tensors[operator.outputs[0]] if operator.outputs and operator.outputs[0] >= 0 else None
    dtype = made.dtype if made else ""
    numbers = math.prod(made.shape) if made else 0
    if operator.name == "TRANSPOSE_CONV":
        # Sums of 8-bit numbers take 4 bytes, of 16-bit numbers 8.
        return [numbers * {"int8": 4, "int16": 8}[dtype]] if dtype in ("int8", "int16") else []
    if operator.name in ("MEAN", "SUM", "REDUCE_MAX"):
        axes = [4 * len(shape) for shape in operator.input_shapes[:1] if shape]
        axes += [4 * math.prod(shape) for shape in operator.input_shapes[1:2] if shape is not None]
        sums = [4 * numbers] if dtype in ("int8", "int16") and operator.name != "REDUCE_MAX" else []
        return [length for length in axes + sums if length]
    return []


class _Lives:
    """First and last step at which each tensor is needed."""

    def __init__(
        self,
        tensors: Sequence[Sequence[Tensor]],
        operators: Sequence[Operator],
        ends: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
    ) -> None:
        self._ends = ends
        self._operators: list[list[Operator]] = [[] for _ in tensors]
        for each in operators:
            self._operators[each.subgraph].append(each)
        self._lives: dict[tuple[int, int], list[int]] = {}
        self._steps: dict[tuple[int, int], int] = {}
        self._left = 4 * _MOST_PLANNED + len(operators)
        self.step = 0

    def of(self, tensor: tuple[int, int]) -> tuple[int, int]:
        """Its first and last step; -1 where nothing makes or uses it."""
        first, last = self._lives.get(tensor, (-1, -1))
        return first, last

    def steps(self, operator: Operator) -> tuple[int, ...]:
        """The step at which an operator runs; none where its graph is never called."""
        step = self._steps.get((operator.subgraph, operator.index))
        return () if step is None else (step,)

    def follow(self, graph: int, depth: int = 0) -> bool:
        """Run through a graph; False where it calls itself or others too often."""
        if not 0 <= graph < len(self._ends) or depth > _DEEPEST:
            return False
        inputs, outputs = self._ends[graph]
        self._made(graph, (*inputs, *outputs))
        for each in self._operators[graph]:
            self.step += 1
            self._left -= 1
            if self._left < 0:
                return False
            self._made(graph, each.outputs)
            self._steps[graph, each.index] = self.step
            for option in _GRAPHS.get(each.name, ()):
                if option in each.options:
                    self.step += 1
                    if not self.follow(each.options[option], depth + 1):
                        return False
            self._used(graph, (*each.inputs, *each.outputs))
        self._used(graph, outputs)
        return True

    def _made(self, graph: int, tensors: Sequence[int]) -> None:
        for at in tensors:
            self._lives[graph, at] = [self.step, self.step]

    def _used(self, graph: int, tensors: Sequence[int]) -> None:
        for at in tensors:
            self._lives.setdefault((graph, at), [-1, -1])[1] = self.step


_GRAPHS = {
    "IF": ("then_subgraph", "else_subgraph"),
    "WHILE": ("condition_subgraph", "body_subgraph"),
    "CALL_ONCE": ("init_subgraph",),
}


def _busiest(placements: Sequence[Placement]) -> int:
    changes: dict[int, int] = {}
    for each in placements:
        changes[each.first] = changes.get(each.first, 0) + each.bytes
        changes[each.last + 1] = changes.get(each.last + 1, 0) - each.bytes
    most = now = 0
    for step in sorted(changes):
        now += changes[step]
        most = max(most, now)
    return most


# Fitted to what TFLite Micro 0.dev20261023 records on x86-64 for a dozen models: its own objects,
# a TfLiteEvalTensor for each tensor, a TfLiteTensor with its quantization for each input and
# output, a NodeAndRegistration, the options and the kernel's numbers for each operator, and a
# multiplier and a shift for each channel that has a scale of its own.
_OWN_BYTES, _TENSOR_BYTES, _END_BYTES, _OPERATOR_BYTES, _CHANNEL_BYTES = 530, 24, 96, 172, 8
# Two tables of 513 numbers for a softmax of 16 bits (softmax_common.cc).
_SOFTMAX_BYTES = 2 * 513 * 2
# While it plans: an AllocationInfo for each tensor (micro_allocation_info.h), and what
# GreedyMemoryPlanner::per_buffer_size() says for each that it places.
_INFO_BYTES, _PLANNED_BYTES = 32, 44


def _persistent(
    tensors: Sequence[Sequence[Tensor]],
    operators: Sequence[Operator],
    ends: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
) -> int:
    channels = tables = 0
    for each in operators:
        own = tensors[each.subgraph]
        given = [own[at] for at in each.inputs if at >= 0]
        weights = given[1] if len(given) > 1 and given[1].constant else None
        if each.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
            made = each.output_shapes[0] if each.output_shapes else None
            channels += made[-1] if weights and made else 0
        elif each.name == "FULLY_CONNECTED" and weights and len(weights.scale) > 1:
            channels += len(weights.scale)
        elif each.name == "SOFTMAX" and given and given[0].dtype == "int16":
            tables += _SOFTMAX_BYTES
    variables = sum(each.bytes for own in tensors for each in own if each.variable)
    amount = (
        _OWN_BYTES
        + _TENSOR_BYTES * sum(map(len, tensors))
        + _END_BYTES * sum(map(len, ends[0]))
        + _OPERATOR_BYTES * len(operators)
        + _CHANNEL_BYTES * channels
        + variables
        + tables
    )
    return _aligned(amount)
