"""The vocabulary of judges for ``.tflite`` models; `autograder.require` offers it with the rest.

Every function takes the `ModelFile` that a judge receives (or the bytes of one of our own), opens
it only in a worker process with limits, and makes one finding with the figure and its bound.
A file that cannot be opened and run at all earns nothing: it raises `EvidenceError`, which becomes
the check's only finding, so that eight bytes do not earn the points for being small.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.evidence import EvidenceError, ModelFile

if TYPE_CHECKING:
    from autograder.check import Finding

#: Steps by which two engines may differ on the same int8 model. LiteRT's reference kernels stay
#: within them. XNNPACK does so on 94 to 99 % of the course's windows; a softmax in doubt between
#: two labels came out up to 33 of 256 steps apart, and labels agreed on 99.5 % and more. So for
#: ``engine="litert"`` give a share below 1.
ENGINE_STEPS = 4
#: Most that int8 weights, with their int32 biases, take of the same numbers in float32.  Weights
#: alone take 25 %.
WEIGHTS_RATIO = 0.27
#: Most that a full integer model loses against its float model, in points of accuracy.
ACCURACY_DROP = 0.01
# Largest share of numbers that may lie at an end of a tensor's range, and smallest share of the
# range that must be used.  Digits calibrated on 10 to 100 real examples: at most 2.0 % and at least
# 94 %; on noise, on examples ten times too small or sixteen times too large: over 7 % or under
# 15 %.
SATURATED_AT_MOST = 0.05
USED_AT_LEAST = 0.25


def size(
    model: ModelFile | bytes, bound: int, *, title: str = "Size of the file",
    next: str = "Quantize the weights, or make the largest layer smaller.", weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The file has at most ``bound`` bytes."""
    from autograder import require

    data = _sound(model)
    return require.at_most(len(data), bound, title=title, next=next, unit=kilobytes, weight=weight)


def compressed_size(
    model: ModelFile | bytes, bound: int, *, title: str = "Size when compressed",
    next: str = "Set more of the smallest weights to zero, then convert again: equal bytes pack "
    "well.", weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The file packed by zlib at level 9 has at most ``bound`` bytes."""
    from autograder import require

    packed = len(zlib.compress(_sound(model), 9))
    return require.at_most(packed, bound, title=title, next=next, unit=kilobytes, weight=weight)


def weights_ratio(
    model: ModelFile | bytes, bound: float = WEIGHTS_RATIO, *,
    title: str = "Weights, compared with the same numbers in float32",
    next: str = "Convert with quantize='int8': one byte for each weight instead of four.",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """Weights and biases take at most ``bound`` of what they would take in float32.

    The file itself also carries a few kilobytes of structure that do not shrink.
    """
    from autograder import require

    stored = as_float = 0
    for tensor in _constants(_record(model)):
        stored += tensor["bytes"]
        as_float += 4 * math.prod(tensor["shape"])
    detail = f"They are {kilobytes(stored)}, and {kilobytes(as_float)} in float32."
    return require.at_most(
        stored / as_float if as_float > 0 else float("nan"), bound,
        title=title, next=next, detail=detail if as_float > 0 else "The model holds no weights.",
        weight=weight,
    )  # fmt: skip


def arena(
    model: ModelFile | bytes, bound: int, *, title: str = "Tensor arena",
    next: str = "The two largest neighbouring activations decide it: make the first layers "
    "smaller.", weight: float = 1.0,
) -> Finding:  # fmt: skip
    """TFLite Micro runs the model in a tensor arena of at most ``bound`` bytes."""
    from autograder import require
    from course.tflite import arena as smallest

    data = _sound(model)
    with _answered():
        found = smallest(data)
    detail = "" if found.exact else f"The figure is {found.how}."
    return require.at_most(
        found.bytes, bound, title=title, next=next, unit=kilobytes, detail=detail, weight=weight
    )


def macs(
    count: int, bound: int, *, title: str = "Multiply-accumulates of one inference",
    next: str = "Replace a convolution by a depthwise-separable one, or give it fewer channels.",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The model needs at most ``bound`` multiply-accumulates; ``count`` is what was counted."""
    from autograder import require

    return require.at_most(count, bound, title=title, next=next, unit=millions, weight=weight)


def operators(
    model: ModelFile | bytes, allowed: Collection[str] | None = None, *,
    title: str = "Operators", next: str = "", weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The model uses operators that TFLite has built in, and of those only the allowed ones.

    Parameters
    ----------
    allowed : names such as ``"CONV_2D"``; None allows every built-in operator.
    """
    from autograder import require

    # Not run: a model with Select TF operators can only be read.
    found = _read(_bytes(model))["operators"]
    used = sorted({operator["name"] for operator in found})
    custom = sorted({operator["name"] for operator in found if not operator["builtin"]})
    other = [name for name in used if allowed is not None and name not in allowed]
    wrong = custom or other
    needed = "built-in operators" if allowed is None else f"only {_listed(sorted(allowed))}"
    advice = next or (
        f"Write {_listed(wrong)} with layers that TFLite has operators for."
        if custom
        else f"Build the model without {_listed(wrong)}."
    )
    return require.holds(
        not wrong, title=title, next=advice, got=_listed(wrong or used) or "none",
        needed=needed if wrong else "", weight=weight,
    )  # fmt: skip


def quantized_io(
    model: ModelFile | bytes, dtype: str = "int8", *, title: str = "Inputs and outputs",
    next: str = "", weight: float = 1.0,
) -> Finding:  # fmt: skip
    """Every input and output of the model stores ``dtype``, with a scale and a zero point."""
    from autograder import require

    record = _record(model)
    tensors = {
        side: [record["tensors"][at] for at in record[f"{side}puts"]] for side in ("in", "out")
    }
    got = ", ".join(
        f"{_listed(sorted({tensor['dtype'] for tensor in each}))} {side}"
        for side, each in tensors.items()
    )
    both = [tensor for each in tensors.values() for tensor in each]
    right = all(tensor["dtype"] == dtype and tensor["scale"] for tensor in both)
    inside = {tensor["dtype"] for tensor in _constants(record)}
    detail = ""
    if not right and "int8" in inside:
        detail = "The weights are int8, and a board would still have to handle the other type."
    elif not right and inside == {"float32"}:
        detail = "The weights are float32: this is the model before quantization."
    advice = next or f"Convert with quantize='int8' and io={dtype!r}."
    return require.holds(
        right, title=title, next=advice, got=got, needed="" if right else f"{dtype} in and out",
        detail=detail, weight=weight,
    )  # fmt: skip


def dense_scales(
    model: ModelFile | bytes, *, title: str = "Scales of each Dense layer's weights",
    next: str = "Convert with for_board=True, which gives each Dense layer one scale.",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """Every FULLY_CONNECTED weight tensor has exactly one scale.

    TensorFlow gives each column a scale of its own; the TFLite Micro that Arduino libraries
    released in 2023 and 2024 carry then computes wrong answers, up to 166 of 255 steps off, and
    reports no error.
    """
    from autograder import require

    record = _record(model)
    counts = [
        record["tensors"][operator["inputs"][1]]["scales"]
        for operator in record["operators"]
        if operator["name"] == "FULLY_CONNECTED"
        and operator["subgraph"] == 0
        and len(operator["inputs"]) > 1
        and 0 <= operator["inputs"][1] < len(record["tensors"])
    ]
    wrong = [count for count in counts if count != 1]
    detail = ""
    if any(count > 1 for count in wrong):
        detail = "Released Arduino libraries compute wrong answers with it, and report no error."
    elif wrong:
        detail = "Weights without a scale are not quantized."
    return require.holds(
        not wrong, title=title, next=next, got=_listed(list(map(str, counts))) or "no Dense layer",
        needed="one for each" if wrong else "", detail=detail, weight=weight,
    )  # fmt: skip


def fixed_batch(
    model: ModelFile | bytes, *, title: str = "Batch of the input",
    next: str = "Fix it before converting: keras.Input(batch_shape=(1, …)), or use convert().",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """Every input takes one example, with no axis left free."""
    from autograder import require

    record = _record(model)
    signatures = [record["tensors"][at]["signature"] for at in record["inputs"]]
    right = all(each[:1] in ([1], []) and -1 not in each for each in signatures)
    shown = " and ".join(
        "(" + ", ".join("free" if n == -1 else str(n) for n in each) + ")" for each in signatures
    )
    detail = "" if right else "Phone runtimes refuse a free axis, or answer wrongly in silence."
    return require.holds(
        right, title=title, next=next, got=f"input {shown}",
        needed="" if right else "a first axis of 1 and no free one", detail=detail, weight=weight,
    )  # fmt: skip


def parity(
    model: ModelFile | bytes, examples: np.ndarray, expected: np.ndarray, *,
    tolerance: float | None = None, steps: int | None = None, share: float = 1.0,
    engine: str = "reference", title: str = "Outputs that agree with the original model",
    next: str = "Run both on one example and compare layer by layer.", weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The model answers what another one does, within a tolerance that has a reason.

    Parameters
    ----------
    examples : (N, …) inputs, real numbers or as the input tensor stores them.
    expected : (N, …) outputs in real numbers, or, for integer ``expected``, as stored.
    tolerance : largest difference in real units: 1e-4 for a float model on another engine, which
        adds in another order.
    steps : largest difference in steps of a quantized output, `ENGINE_STEPS` for the same model
        on another engine, which rounds at other places.  Give one of the two.
    share : of the examples that must agree; below 1 where XNNPACK is one of the two engines.
    engine : on which to run, see `course.tflite.Runner`.
    """
    from autograder import require

    if (tolerance is None) == (steps is None):
        raise ValueError("parity needs either a tolerance or a number of steps.")
    output, info = _outputs(model, examples, engine)
    expected = np.asarray(expected)
    if output.shape != expected.shape:
        return require.holds(
            False, title=title, next="Give the model the output shape of the original.",
            got=f"shape {output.shape}", needed=f"{expected.shape}", weight=weight,
        )  # fmt: skip
    if steps is not None and info.scale is None:
        return require.holds(
            False, title=title, next="Convert with quantize='int8'.",
            got=f"{info.dtype} outputs", needed="quantized ones", weight=weight,
        )  # fmt: skip
    stored = expected.dtype.kind in "iu" and info.scale is not None
    wanted = info.dequantize(expected) if stored else expected
    difference = np.abs(output.astype(np.float64) - wanted)
    off = difference.reshape(len(difference), -1).max(axis=1, initial=0)
    if not np.isfinite(output).all():
        detail = "The model answers NaN or infinity."
        off = np.where(np.isfinite(off), off, np.inf)
    else:
        detail = ""
    if steps is not None:
        # Half a step more: the original's real number lies between two steps.
        bound, unit = (steps + 0.5) * info.scale, f"{steps} steps of {info.scale:.4g}"
        got = f"up to {off.max() / info.scale:.0f} steps apart"
        reason = f"Engines round at different places: {ENGINE_STEPS} steps are normal."
    else:
        bound, unit = tolerance, f"{tolerance:.4g}"
        got = f"up to {off.max():.4g} apart"
        reason = ""
    agreed = float((off <= bound).mean()) if len(off) else float("nan")
    right = agreed >= share
    if share < 1:
        got = f"{require.percent(agreed)} of the examples within {unit}"
        needed = f"at least {require.percent(share)}"
    else:
        needed = f"at most {unit}"
    return require.holds(
        right, title=title, next=next, got=got, needed=needed,
        detail=detail or ("" if right else reason), weight=weight,
    )  # fmt: skip


def model_accuracy(
    model: ModelFile | bytes, examples: np.ndarray, labels: np.ndarray, bound: float, *,
    names: Sequence[str] | None = None, engine: str = "reference",
    title: str = "Accuracy on people you never saw",
    next: str = "Compare it with the float model's accuracy, then look at calibration.",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The model's largest output is the right label for a share of at least ``bound``.

    Parameters
    ----------
    examples : (N, …) real numbers; a quantized input gets them quantized.
    labels : (N,) index of the right output.
    names : of the labels, for the sentence about the commonest mistake.
    """
    from autograder import require

    labels = np.asarray(labels)
    predicted = _labels(model, examples, labels, engine)
    return require.at_least(
        float((predicted == labels).mean()), bound, title=title, next=next,
        detail=_mistake(predicted, labels, names), weight=weight,
    )  # fmt: skip


def accuracy_drop(
    model: ModelFile | bytes, examples: np.ndarray, labels: np.ndarray, reference: float, *,
    bound: float = ACCURACY_DROP, names: Sequence[str] | None = None, engine: str = "reference",
    title: str = "Accuracy lost against the float model",
    next: str = "Calibrate on a hundred examples of every label, from the training people.",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """The model is at most ``bound`` less accurate than ``reference``, on the same examples."""
    from autograder import require

    labels = np.asarray(labels)
    predicted = _labels(model, examples, labels, engine)
    reached = float((predicted == labels).mean())
    detail = f"It reaches {require.percent(reached)}, the float model {require.percent(reference)}."
    # What 0.90 and 0.89 leave is not exactly 0.01.
    return require.at_most(
        round(reference - reached, 9), bound, title=title, next=next, unit=points,
        detail=f"{detail} {_mistake(predicted, labels, names)}".strip(), weight=weight,
    )  # fmt: skip


def calibration(
    model: ModelFile | bytes, examples: np.ndarray, *, saturated: float = SATURATED_AT_MOST,
    used: float = USED_AT_LEAST, title: str = "Ranges that fit the data",
    next: str = "Calibrate on data like those that the model will meet, in the same unit.",
    weight: float = 1.0,
) -> Finding:  # fmt: skip
    """No tensor inside saturates on the data, and none leaves most of its range unused.

    Parameters
    ----------
    examples : (N, …) real numbers that the model has not been calibrated on.
    saturated : largest share of numbers at an end of a tensor's range.
    used : smallest share of a tensor's range between the lowest and highest number in it.
    """
    from autograder import require
    from course.tflite.ranges import ranges

    data = _sound(model)
    with _answered():
        found = ranges(data, examples)
    if not found:
        return require.holds(
            False, title=title, next="Convert with quantize='int8'.",
            got="no quantized tensor", needed="a full integer model", weight=weight,
        )  # fmt: skip
    full = max(found, key=lambda each: each.saturated)
    empty = min(found, key=lambda each: each.used)
    too_full, too_empty = full.saturated > saturated, empty.used < used
    detail = ""
    if too_full:
        detail = f"{_place(full)} ends at {full.representable[1]:.4g}, and the data go further."
        if full.operator == "input":
            low, high = full.seen
            detail = (
                f"The input holds {full.representable[0]:.4g} to {full.representable[1]:.4g}, and "
                f"the data go from {low:.4g} to {high:.4g}."
            )
    elif too_empty:
        detail = (
            f"{_place(empty)} holds {empty.representable[0]:.4g} to "
            f"{empty.representable[1]:.4g}, and the data only go from {empty.seen[0]:.4g} to "
            f"{empty.seen[1]:.4g}: {round(255 * empty.used)} of 255 steps are used."
        )
    got = f"{require.percent(full.saturated)} saturated, {require.percent(empty.used)} used"
    needed = (
        f"at most {require.percent(saturated)} saturated, at least {require.percent(used)} used"
    )
    return require.holds(
        not (too_full or too_empty), title=title, next=next, got=got, needed=needed,
        detail=detail, weight=weight,
    )  # fmt: skip


# --- units --------------------------------------------------------------------------------------


def kilobytes(count: float) -> str:
    """Bytes as text: 24300 → ``24.3 kB``."""
    return f"{count / 1000:.1f} kB" if count >= 1000 else f"{count:.0f} bytes"


def millions(count: float) -> str:
    """A count as text: 7500000 → ``7.50 million``."""
    return f"{count / 1e6:.2f} million" if count >= 1e6 else f"{count:,.0f}"


def points(share: float) -> str:
    """A difference of two shares as text: 0.012 → ``1.2 points``."""
    return f"{100 * share:.1f} points"


# --- opening ------------------------------------------------------------------------------------


@contextmanager
def _answered() -> Iterator[None]:
    """A model's error becomes the check's only finding."""
    from course.tflite import ModelError

    try:
        yield
    except ModelError as error:
        raise EvidenceError(str(error)) from error


def _bytes(model: ModelFile | bytes) -> bytes:
    if isinstance(model, ModelFile):
        if model.format != "tflite":
            raise EvidenceError("The check needs a .tflite model, and got a .keras one.")
        return model.bytes
    return bytes(model)


def _sound(model: ModelFile | bytes) -> bytes:
    """The model's bytes, once it has run on zeros."""
    data = _bytes(model)
    with _answered():
        _run_once(data)
    return data


@functools.lru_cache(maxsize=4)
def _run_once(data: bytes) -> None:
    from course.tflite import Runner

    _read(data)
    with Runner(data, engine="reference", isolated=True, seconds=20) as runner:
        runner(*[np.zeros(info.shape, info.dtype) for info in runner.inputs])


@functools.lru_cache(maxsize=4)
def _structure(data: bytes) -> dict[str, Any]:
    from course.tflite.run import structure

    return structure(data)


def _read(data: bytes) -> dict[str, Any]:
    with _answered():
        return _structure(data)


def _record(model: ModelFile | bytes) -> dict[str, Any]:
    return _read(_sound(model))


def _constants(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Weights and biases: constants that an operator reads, but no shapes or indices."""
    tensors = record["tensors"]
    read = {at for op in record["operators"] if op["subgraph"] == 0 for at in op["inputs"]}
    constant = [tensors[at] for at in sorted(read) if 0 <= at < len(tensors)]
    return [
        each
        for each in constant
        if each["bytes"] and (each["scales"] or each["dtype"] in ("float32", "float16"))
    ]


def _outputs(model: ModelFile | bytes, examples: np.ndarray, engine: str) -> tuple:
    """First output in real numbers, and its tensor."""
    from course.tflite import Runner

    data = _sound(model)
    examples = np.asarray(examples)
    with _answered(), Runner(data, engine=engine, isolated=True) as runner:
        if len(runner.inputs) != 1:
            raise EvidenceError(f"The model has {len(runner.inputs)} inputs, and needs one.")
        info = runner.outputs[0]
        real = examples.dtype.kind == "f"
        result = runner.predict(examples) if real else runner(examples)
        output = result[0] if isinstance(result, tuple) else result
        return (output if real else info.dequantize(output)), info


def _labels(
    model: ModelFile | bytes, examples: np.ndarray, labels: np.ndarray, engine: str
) -> np.ndarray:
    output, _ = _outputs(model, examples, engine)
    if output.ndim != 2 or output.shape[0] != len(labels) or output.shape[1] <= labels.max():
        raise EvidenceError(
            f"The model answers {len(examples)} examples with shape {output.shape}; the check "
            f"needs one score for each of {int(labels.max()) + 1} labels."
        )
    # argmax takes NaN for the largest.
    return np.where(np.isnan(output).any(axis=1), -1, output.argmax(axis=1))


def _mistake(predicted: np.ndarray, labels: np.ndarray, names: Sequence[str] | None) -> str:
    """One sentence about what goes wrong most."""
    from autograder import require

    if (predicted == -1).any():
        return "The model answers NaN."
    kinds = np.unique(predicted)

    def name(label: int) -> str:
        return names[label] if names is not None and label < len(names) else f"label {label}"

    if len(kinds) == 1 and len(np.unique(labels)) > 1:
        return f"The model answers {name(kinds[0])} for every example."
    if names is None:
        return ""
    called = np.array([name(label) for label in range(max(predicted.max(), labels.max()) + 1)])
    return require.commonest_confusion(called[predicted], called[labels])


def _place(each: Any) -> str:
    return "The input" if each.operator == "input" else f"The output of {each.operator}"


def _listed(names: Sequence[str]) -> str:
    """Names in one phrase; of many the first few."""
    kept = [name[:40] for name in names[:8]]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(kept) + more
