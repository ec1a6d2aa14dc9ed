"""The vocabulary of judges: each call makes one finding with what was measured and needed.

>>> from autograder import require
>>> require.at_least(0.714, 0.85, title="Accuracy", next="Add the spread of each axis.").text
'Accuracy: 71.4 %, needs at least 85.0 %. Next: Add the spread of each axis.'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.check import Finding
from autograder.evidence import describe


def percent(value: float) -> str:
    """A share as text: 0.714 → ``71.4 %``."""
    return f"{100 * value:.1f} %"


def at_least(
    value: float,
    bound: float,
    *,
    title: str,
    next: str,
    unit: Callable[[float], str] = percent,
    detail: str = "",
    weight: float = 1.0,
) -> Finding:
    """``value`` reaches ``bound``; NaN does not. ``unit`` turns either into text."""
    holds = bool(value >= bound)
    return Finding(title, holds, unit(value), f"at least {unit(bound)}", detail, next, weight)


def at_most(
    value: float,
    bound: float,
    *,
    title: str,
    next: str,
    unit: Callable[[float], str] = percent,
    detail: str = "",
    weight: float = 1.0,
) -> Finding:
    """``value`` does not pass ``bound``; NaN fails too. ``unit`` turns either into text."""
    holds = bool(value <= bound)
    return Finding(title, holds, unit(value), f"at most {unit(bound)}", detail, next, weight)


def holds(
    condition: bool,
    *,
    title: str,
    next: str,
    got: str = "",
    needed: str = "",
    detail: str = "",
    weight: float = 1.0,
) -> Finding:
    """Any other condition, with the words for it."""
    return Finding(title, bool(condition), got, needed, detail, next, weight)


def equal(
    outputs: Sequence[Any],
    expected: Sequence[Any],
    *,
    title: str,
    next: str,
    calls: Sequence[tuple] = (),
    mistakes: Mapping[str, Sequence[Any]] | None = None,
    weight: float = 1.0,
) -> Finding:
    """Every output is the expected one, exactly.

    Parameters
    ----------
    outputs, expected : one item a call.
    calls : the arguments of each call, to show the first that went wrong.
    mistakes : sentence → the outputs that this known mistake gives. The finding names the first
        mistake whose outputs agree with the learner's on every call.
    """
    right = [bool(np.array_equal(got, want)) for got, want in zip(outputs, expected, strict=True)]
    return _compared(outputs, expected, right, title, next, calls, mistakes, weight, np.array_equal)


def close(
    outputs: Sequence[Any],
    expected: Sequence[Any],
    *,
    title: str,
    next: str,
    tolerance: float,
    calls: Sequence[tuple] = (),
    mistakes: Mapping[str, Sequence[Any]] | None = None,
    weight: float = 1.0,
) -> Finding:
    """Every output is within ``tolerance`` (absolute plus relative) of the expected one."""

    def agree(got: Any, want: Any) -> bool:
        got, want = np.asarray(got, float), np.asarray(want, float)
        return got.shape == want.shape and bool(
            np.allclose(got, want, rtol=tolerance, atol=tolerance)
        )

    right = [agree(got, want) for got, want in zip(outputs, expected, strict=True)]
    return _compared(outputs, expected, right, title, next, calls, mistakes, weight, agree)


def accuracy(
    predicted: Sequence[str],
    true: Sequence[str],
    bound: float,
    *,
    title: str,
    next: str,
    weight: float = 1.0,
) -> Finding:
    """Share of right predictions reaches ``bound``; the detail names the commonest confusion."""
    predicted, true = np.asarray(predicted), np.asarray(true)
    return at_least(
        float((predicted == true).mean()), bound,
        title=title, next=next, detail=commonest_confusion(predicted, true), weight=weight,
    )  # fmt: skip


def commonest_confusion(predicted: Sequence[str], true: Sequence[str]) -> str:
    """One sentence about the label pair that is most often confused, or nothing when none is.

    >>> commonest_confusion(["running", "running", "walking"], ["biking", "biking", "walking"])
    'biking is taken for running in 2 of 2 windows.'
    """
    predicted, true = np.asarray(predicted), np.asarray(true)
    wrong = predicted != true
    if not wrong.any():
        return ""
    pairs, counts = np.unique(
        np.stack([true[wrong], predicted[wrong]], 1), axis=0, return_counts=True
    )
    label, taken_for = pairs[counts.argmax()]
    return f"{label} is taken for {taken_for} in {counts.max()} of {(true == label).sum()} windows."


def _compared(
    outputs: Sequence[Any],
    expected: Sequence[Any],
    right: list[bool],
    title: str,
    next: str,
    calls: Sequence[tuple],
    mistakes: Mapping[str, Sequence[Any]] | None,
    weight: float,
    agree: Callable[[Any, Any], bool],
) -> Finding:
    if all(right):
        return Finding(title, True, f"right in all {len(right)} cases", weight=weight)
    first = right.index(False)
    detail = example = ""
    if calls:
        given = ", ".join(describe(argument) for argument in calls[first])
        example = (
            f"For {given} you return {_short(outputs[first])}, expected {_short(expected[first])}."
        )
    for sentence, outcome in (mistakes or {}).items():
        if all(agree(got, want) for got, want in zip(outputs, outcome, strict=True)):
            detail = f"It looks as if {sentence}."
            break
    got = f"right in {sum(right)} of {len(right)} cases"
    return Finding(title, False, got, "all of them", detail, next, weight, example)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size <= 8:
        return np.array2string(value, precision=4, separator=", ", max_line_width=200)
    if type(value) is list and len(value) <= 8:
        return "[" + ", ".join(describe(item) for item in value) + "]"
    return describe(value)


# Last, because they are made from what stands above.
from autograder.require_model import (  # noqa: E402
    accuracy_drop,
    arena,
    calibration,
    compressed_size,
    dense_scales,
    fixed_batch,
    kilobytes,
    macs,
    millions,
    model_accuracy,
    operators,
    parity,
    points,
    quantized_io,
    size,
    weights_ratio,
)

__all__ = [
    "accuracy",
    "accuracy_drop",
    "arena",
    "at_least",
    "at_most",
    "calibration",
    "close",
    "commonest_confusion",
    "compressed_size",
    "dense_scales",
    "equal",
    "fixed_batch",
    "holds",
    "kilobytes",
    "macs",
    "millions",
    "model_accuracy",
    "operators",
    "parity",
    "percent",
    "points",
    "quantized_io",
    "size",
    "weights_ratio",
]
