"""How well the ranges inside a quantized model fit the data that it meets.

>>> for each in ranges("gesture_int8.tflite", windows):  # doctest: +SKIP
...     print(f"{each.name}: {each.saturated:.1%} saturated, {each.used:.0%} of the range used")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.tflite import run
from course.tflite.run import ModelError


@dataclass(frozen=True)
class Range:
    """One quantized tensor, and what the data made of it.

    Attributes
    ----------
    name : the tensor's name in the file.
    operator : the operator that computes it; ``"input"`` for what goes into the model.
    scale, zero_point : ``real = scale * (stored - zero_point)``.
    representable : lowest and highest real number that it can hold.
    seen : lowest and highest real number that it held; for the input, of the data themselves.
    saturated : share of the data that lie outside the range; inside the model, share of numbers at
        an end of it, where everything outside ends up.
    used : share of the range between the lowest and the highest number seen, at most 1.

    Notes
    -----
    An activation function like ReLU puts numbers on zero, which is then the lowest that the tensor
    can hold; those are not counted as saturated.
    """

    name: str
    operator: str
    scale: float
    zero_point: int
    representable: tuple[float, float]
    seen: tuple[float, float]
    saturated: float
    used: float


def ranges(model: bytes | str | Path, examples: np.ndarray) -> tuple[Range, ...]:
    """Run a quantized model on real numbers and look at every tensor inside.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file with one input, or its path.
    examples : (N, …) real numbers, or what an integer input stores.

    Returns
    -------
    One `Range` for each quantized tensor in the order of computation, without those whose range is
    fixed by their operator (softmax, logistic, tanh) or copied from their input (reshape, pooling).

    Raises
    ------
    ModelError
        If the model cannot run these examples.
    """
    data = run.read_model(model)
    record = run.structure(data)
    with run.Runner(data, engine="reference", isolated=True) as runner:
        if len(runner.inputs) != 1:
            raise ModelError("ranges looks at models with one input.")
        stored, _ = run.as_batch(
            runner.inputs[0], examples, real=np.asarray(examples).dtype.kind == "f"
        )
        if not len(stored):
            raise ModelError("There are no examples to run.")
        counted = runner.observe(stored)
    found = []
    makers = _makers(record)
    info = runner.inputs[0]
    if info.scale is not None and np.asarray(examples).dtype.kind == "f":
        found.append(_of_input(info, np.asarray(examples)))
        makers.pop(record["inputs"][0], None)
    for index, operator in makers.items():
        tensor, seen = record["tensors"][index], counted.get(index)
        if seen is not None and tensor["scale"] and operator not in _FIXED | _COPYING:
            found.append(_of_tensor(tensor, operator, seen))
    return tuple(found)


# Their output's range does not come from calibration.
_FIXED = {"SOFTMAX", "LOGISTIC", "TANH", "LOG_SOFTMAX", "L2_NORMALIZATION"}
_COPYING = {"RESHAPE", "MAX_POOL_2D", "AVERAGE_POOL_2D", "EXPAND_DIMS", "SQUEEZE", "TRANSPOSE",
            "STRIDED_SLICE", "SLICE", "PAD", "SPLIT", "PACK", "UNPACK", "GATHER"}  # fmt: skip


def _makers(record: dict[str, Any]) -> dict[int, str]:
    """Tensor → the operator that computes it, for the model's input ``"input"``."""
    makers = dict.fromkeys(record["inputs"], "input")
    for operator in record["operators"]:
        if operator["subgraph"] == 0:
            makers |= dict.fromkeys(operator["outputs"], operator["name"])
    return makers


def _of_input(info: run.TensorInfo, examples: np.ndarray) -> Range:
    limits = np.iinfo(info.dtype)
    low, high = (info.scale * (end - info.zero_point) for end in (limits.min, limits.max))
    # Half a step outside still rounds to the end.
    outside = (examples < low - info.scale / 2) | (examples > high + info.scale / 2)
    seen = float(examples.min()), float(examples.max())
    return Range(info.name, "input", info.scale, info.zero_point, (low, high), seen,
                 float(outside.mean()), _used(seen, (low, high)))  # fmt: skip


def _of_tensor(tensor: dict[str, Any], operator: str, seen: dict[str, Any]) -> Range:
    scale, zero_point = tensor["scale"], tensor["zero_point"] or 0
    limits = np.iinfo(seen["dtype"])

    def real(stored: int) -> float:
        return scale * (stored - zero_point)

    representable = real(limits.min), real(limits.max)
    low, high = real(seen["low"]), real(seen["high"])
    # ReLU's zeros lie at the low end, by intention.
    at_ends = seen["at_high"] + (0 if zero_point == limits.min else seen["at_low"])
    saturated = at_ends / seen["count"]
    return Range(tensor["name"], operator, scale, zero_point, representable, (low, high),
                 saturated, _used((low, high), representable))  # fmt: skip


def _used(seen: tuple[float, float], representable: tuple[float, float]) -> float:
    low, high = max(seen[0], representable[0]), min(seen[1], representable[1])
    return max(0.0, high - low) / (representable[1] - representable[0])
