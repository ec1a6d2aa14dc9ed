"""Convert a Keras model to ``.tflite`` without the converter's silent traps.

>>> small = convert(model, quantize="int8", representative_dataset=windows)  # doctest: +SKIP
>>> Path("gesture_int8.tflite").write_bytes(small)                           # doctest: +SKIP

TensorFlow's converter is called as anybody would call it.  What this adds: the batch is fixed
to 1; calibration data are looked at before they are used; the result is run and compared with the
Keras model; and what goes wrong is told in sentences instead of a crash, NaN or garbage.
"""

from __future__ import annotations

import contextlib
import io as streams
import logging
import re
import signal
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from course.tflite import _quiet
from course.tflite.run import ModelError, Runner, structure

__all__ = ["convert"]

_FORMATS = ("none", "dynamic", "float16", "int8", "int16x8")
#: Types of input and output that each format can have; the first is what `io=None` means.
_IO = {
    "none": ("float32",),
    "dynamic": ("float32",),
    "float16": ("float32",),
    "int8": ("int8", "uint8", "float32"),
    "int16x8": ("int16", "float32"),
}
# Examples on which the converted model is compared with Keras.
_COMPARED = 16
# How much of the outputs' variation may be missed, 0 for none of it.  A model without its weights
# misses all of it; int8 models of the tests miss up to 0.05 on their calibration data.
_GARBAGE = 0.9
# float32 kernels add in another order than Keras does, and are off by a millionth.
_FLOAT_SLACK = 0.02


def convert(
    model: Any,
    *,
    quantize: str = "none",
    representative_dataset: Any = None,
    io: str | None = None,
    for_board: bool = False,
    select_tf_ops: bool = False,
) -> bytes:
    """The bytes of a ``.tflite`` file that does what a Keras model does, one example at a time.

    Parameters
    ----------
    model : a Keras model with known input shapes.
    quantize : ``"none"`` keeps float32; ``"dynamic"`` stores weights as int8 and computes
        activations in float; ``"float16"`` stores weights as float16; ``"int8"`` makes everything
        int8; ``"int16x8"`` has int8 weights and int16 activations.
    representative_dataset : for the last two: examples like those that the model will meet, from
        which the ranges of all activations are measured.  An array (N, …), a tuple of arrays for
        several inputs, or, as TensorFlow takes it, a function that yields lists with one array
        (1, …) for each input.  A hundred are enough for the models of this course.
    io : type of the inputs and outputs: ``"float32"``, ``"int8"`` or ``"uint8"`` for an int8 model
        (``None``: int8), ``"int16"`` or ``"float32"`` for int16x8 (``None``: int16).
    for_board : make only what TFLite Micro runs: no float16, no dynamic range, and one scale for
        each Dense layer's weights.  Released Arduino libraries compute wrong answers, without an
        error, where each of its columns has a scale of its own.
    select_tf_ops : allow TensorFlow's own operators where TFLite has none.  No runtime of this
        course can run such a model, so the result is not compared with Keras.

    Returns
    -------
    bytes
        The same for the same model and data, every time.  (Names of layers are in the file, and
        Keras numbers those that have none.)

    Raises
    ------
    ModelError
        If an option is unknown or contradicts another; if the model is no Keras model, is not
        built, or has a free axis besides the batch; if calibration data are missing, empty, NaN,
        constant or of another shape; if TFLite lacks an operator; if an LSTM or GRU would crash
        the converter; if the result does not answer like the Keras model.

    Notes
    -----
    A call takes about a second, and a few seconds more the first time, while TensorFlow starts.
    """
    _check_options(quantize, representative_dataset, io, for_board, select_tf_ops)
    _check_model(model)
    from course.training import keras

    if not isinstance(model, keras.Model):
        raise ModelError(
            f"convert takes a Keras model, and got {type(model).__name__}. A tf.function wrapped "
            "round a Keras model converts without an error and without its weights."
        )
    shapes = _input_shapes(model)
    whole = quantize in ("int8", "int16x8")
    if whole:
        _check_recurrent(model, keras)
    dtypes = [str(tensor.dtype) for tensor in model.inputs]
    samples = _samples(representative_dataset, shapes, dtypes) if whole else None
    if quantize == "float16":
        _check_float16(model)
    tested = _some(samples, shapes, dtypes)
    with _silence(keras):
        wanted = _keras_outputs(model, tested)
        data = _converted(keras, model, shapes, dtypes, quantize, samples, io, for_board,
                          select_tf_ops)  # fmt: skip
    data = _in_keras_order(data)
    record = structure(data)
    if not _needs_flex(record):
        _compare(data, tested, wanted, quantize, io or _IO[quantize][0])
    if for_board:
        _check_dense(record)
    return data


# --- what was asked for -------------------------------------------------------------------------


def _check_options(
    quantize: str, representative_dataset: Any, io: str | None, for_board: bool, select_tf_ops: bool
) -> None:
    if quantize not in _FORMATS:
        known = ", ".join(map(repr, _FORMATS))
        raise ModelError(f"There is no format quantize={quantize!r}; there are {known}.")
    if io is not None and io not in _IO[quantize]:
        known = " or ".join(_IO[quantize])
        raise ModelError(f"A model with quantize={quantize!r} has {known} as io, not {io!r}.")
    whole = quantize in ("int8", "int16x8")
    if whole and representative_dataset is None:
        raise ModelError(
            f"quantize={quantize!r} needs a representative_dataset: the range of every activation "
            "is measured on it. Give about a hundred training examples."
        )
    if not whole and representative_dataset is not None:
        raise ModelError(
            f"quantize={quantize!r} measures no activations, so representative_dataset would be "
            "ignored. Leave it out, or ask for quantize='int8'."
        )
    if for_board and quantize in ("dynamic", "float16"):
        raise ModelError(
            f"TFLite Micro does not run {quantize} models. For a board use quantize='int8'."
        )
    if for_board and io == "uint8":
        raise ModelError("A board's model has int8 inputs and outputs; leave io out.")
    if for_board and select_tf_ops:
        raise ModelError("TFLite Micro has no TensorFlow operators; leave out select_tf_ops.")


def _check_model(model: Any) -> None:
    """Refuse what cannot be a Keras model, before TensorFlow takes seconds to start."""
    if not any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__):
        name = type(model).__name__
        advice = ""
        if isinstance(model, (bytes, str)) or hasattr(model, "__fspath__"):
            advice = " Load a saved model first: keras.models.load_model(path)."
        elif "unction" in name:
            advice = (
                " A tf.function wrapped round a Keras model converts without an error and without "
                "its weights."
            )
        raise ModelError(f"convert takes a Keras model, and got {name}.{advice}")


def _input_shapes(model: Any) -> list[tuple[int, ...]]:
    """Shapes of one example for each input."""
    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(
            "The model does not say what its input is. Begin it with keras.Input(shape); a "
            "subclass of keras.Model can be wrapped: keras.Model(x, model(x)) with such an input x."
        )
    shapes = []
    for tensor in model.inputs:
        batch, *example = tensor.shape
        if None in example:
            axis = example.index(None) + 1
            raise ModelError(
                f"Axis {axis} of the model's input is free: {tuple(tensor.shape)}. A .tflite model "
                "for a device has fixed shapes; give keras.Input a length for each axis."
            )
        if batch not in (None, 1):
            raise ModelError(
                f"The model is built for batches of {batch}. Build it with a free batch, "
                "keras.Input(shape), so that it can be fixed to 1."
            )
        shapes.append(tuple(example))
    return shapes


def _check_recurrent(model: Any, keras: Any) -> None:
    recurrent = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)
    for layer in model._flatten_layers():
        if isinstance(layer, recurrent) and not layer.unroll:
            kind = type(layer).__name__
            raise ModelError(
                f"Layer {layer.name!r} is a looping {kind}, and TensorFlow's converter crashes on "
                f"it in full integer formats. Build it with {kind}(…, unroll=True) and copy the "
                "weights with set_weights."
            )


def _check_float16(model: Any) -> None:
    largest = max((float(np.abs(weights).max()) for weights in model.get_weights() if weights.size),
                  default=0.0)  # fmt: skip
    limit = float(np.finfo(np.float16).max)
    if largest > limit:
        raise ModelError(
            f"A weight is {largest:.3g}, and float16 ends at {limit:,.0f}: it would become "
            "infinite."
        )


# --- calibration data ---------------------------------------------------------------------------


def _samples(
    given: Any, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[str]
) -> list[np.ndarray]:
    """Calibration data as one (N, …) array for each input, looked at."""
    arrays = _from_function(given, shapes) if callable(given) else _from_arrays(given, shapes)
    if len(arrays) != len(shapes):
        raise ModelError(
            f"The model has {len(shapes)} inputs and representative_dataset holds arrays for "
            f"{len(arrays)}."
        )
    ready = []
    for array, shape, dtype in zip(arrays, shapes, dtypes, strict=True):
        if array.size == 0:
            raise ModelError(
                "The representative_dataset is empty: nothing would be measured, and the model "
                "would answer garbage. Give about a hundred examples."
            )
        if array.dtype.kind not in "biuf":
            raise ModelError(f"The representative_dataset holds {array.dtype}, not numbers.")
        if array.shape == shape and shape:
            raise ModelError(
                f"The representative_dataset has shape {array.shape}, that of a single example. "
                f"Give many, as an array of shape (N, {', '.join(map(str, shape))})."
            )
        if array.shape[1:] != shape:
            raise ModelError(
                f"The representative_dataset has examples of shape {array.shape[1:]}; "
                f"the model takes {shape}."
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int((~np.isfinite(array.reshape(len(array), -1)).all(axis=1)).sum())
            raise ModelError(
                f"{bad} of {len(array)} examples in the representative_dataset hold NaN or "
                "infinity: every scale measured on them would be meaningless."
            )
        if dtype.startswith("float") and array.size > 1 and array.min() == array.max():
            raise ModelError(
                f"All numbers in the representative_dataset are {array.flat[0]:g}: the model's "
                "input would have no range. Give real examples."
            )
        with np.errstate(over="ignore"):
            array = array.astype(dtype)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(
                f"The representative_dataset holds numbers that are too large for {dtype}."
            )
        ready.append(array)
    if len({len(array) for array in ready}) > 1:
        raise ModelError("The inputs in the representative_dataset have different lengths.")
    return ready


def _from_arrays(given: Any, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    several = isinstance(given, (tuple, list)) and len(shapes) > 1
    try:
        arrays = [np.asarray(part) for part in (given if several else (given,))]
    except ValueError as error:
        raise ModelError(
            "The representative_dataset is not an array: its examples have different shapes."
        ) from error
    return [array if array.ndim else array[None] for array in arrays]


def _from_function(
    given: Callable[[], Iterator[Any]], shapes: Sequence[tuple[int, ...]]
) -> list[np.ndarray]:
    rows: list[list[np.ndarray]] = [[] for _ in shapes]
    for number, item in enumerate(given()):
        parts = list(item.values()) if isinstance(item, dict) else item
        if not isinstance(parts, (list, tuple)) or len(parts) != len(shapes):
            raise ModelError(
                "The function given as representative_dataset must yield a list with one array "
                f"for each of the model's {len(shapes)} inputs; number {number} is "
                f"{type(item).__name__}."
            )
        for row, part, shape in zip(rows, parts, shapes, strict=True):
            array = np.asarray(part)
            if array.shape != (1, *shape):
                raise ModelError(
                    f"Example {number} of the representative_dataset has shape {array.shape}; "
                    f"the model takes {(1, *shape)}: one example with its batch axis."
                )
            row.append(array[0])
    empty = [np.zeros((0, *shape), np.float32) for shape in shapes]
    return [np.stack(row) if row else none for row, none in zip(rows, empty, strict=True)]


def _some(
    samples: list[np.ndarray] | None, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[str]
) -> list[np.ndarray]:
    """A few inputs to compare on: calibration data where there are any, else chance."""
    if samples is not None:
        chosen = np.unique(np.linspace(0, len(samples[0]) - 1, _COMPARED).astype(int))
        return [array[chosen] for array in samples]
    rng = np.random.default_rng(0)
    whole = [not dtype.startswith("float") for dtype in dtypes]
    return [
        rng.integers(0, 2, (_COMPARED, *shape)).astype(dtype)
        if is_whole
        else rng.normal(size=(_COMPARED, *shape)).astype(dtype)
        for shape, dtype, is_whole in zip(shapes, dtypes, whole, strict=True)
    ]


# --- TensorFlow ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _silence(keras: Any) -> Iterator[None]:
    """Keep back the converter's hundreds of characters, on every channel that it knows."""
    talked = keras.config.is_interactive_logging_enabled()
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [logger.level for logger in loggers]
    keras.config.disable_interactive_logging()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(streams.StringIO()),
            contextlib.redirect_stderr(streams.StringIO()),
            _quiet.captured(1, 2),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if talked:
            keras.config.enable_interactive_logging()


def _keras_outputs(model: Any, tested: list[np.ndarray]) -> list[np.ndarray]:
    given = tested[0] if len(tested) == 1 else tested
    result = model(given, training=False)
    outputs = list(result.values()) if isinstance(result, dict) else result
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    arrays = [np.asarray(output) for output in outputs]
    if not all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f"):
        raise ModelError(
            "The Keras model itself answers NaN or infinity. Look at its weights and its training; "
            "converting cannot mend that."
        )
    return arrays


def _converted(
    keras: Any,
    model: Any,
    shapes: Sequence[tuple[int, ...]],
    dtypes: Sequence[str],
    quantize: str,
    samples: list[np.ndarray] | None,
    io: str | None,
    for_board: bool,
    select_tf_ops: bool,
) -> bytes:
    import tensorflow as tf

    # Names of our own: Keras numbers its tensors, and the number would end up in the file.
    names = ["input"] if len(shapes) == 1 else [f"input_{at}" for at in range(len(shapes))]
    inputs = [
        keras.Input(batch_shape=(1, *shape), dtype=dtype, name=name)
        for shape, dtype, name in zip(shapes, dtypes, names, strict=True)
    ]
    fixed = keras.Model(inputs, model(inputs[0] if len(inputs) == 1 else inputs), name="model")
    converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
    builtin = tf.lite.OpsSet.TFLITE_BUILTINS
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        builtin = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
    if quantize == "int16x8":
        builtin = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [builtin]
    if select_tf_ops:
        converter.target_spec.supported_ops.append(tf.lite.OpsSet.SELECT_TF_OPS)
    if for_board:
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if samples is not None:
        converter.inference_input_type = converter.inference_output_type = getattr(
            tf, io or _IO[quantize][0]
        )

        # By name: lists are fed in the file's order, which is often not that of Keras, and an
        # input of another shape is then resized without a word.
        def one_by_one() -> Iterator[dict[str, np.ndarray]]:
            for at in range(len(samples[0])):
                if interrupted:
                    raise KeyboardInterrupt
                yield {name: array[at : at + 1] for name, array in zip(names, samples, strict=True)}

        converter.representative_dataset = one_by_one
    with _remembering_interrupts() as interrupted:
        try:
            data = bytes(converter.convert())
        except Exception as error:
            if not interrupted:  # C++ turns an interrupt into an error of its own
                raise ModelError(_told(error)) from error
        if interrupted:
            raise KeyboardInterrupt
    return data


@contextlib.contextmanager
def _remembering_interrupts() -> Iterator[list[int]]:
    """A list that is no longer empty once Ctrl-C was pressed in this block.

    Python drops a KeyboardInterrupt that arrives while a weak reference is cleared or C++ runs, and
    TensorFlow does a lot of both.
    """
    heard: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    # Only the main thread hears Ctrl-C, and a handler that is not Python's cannot be put back.
    if before is None or threading.current_thread() is not threading.main_thread():
        yield heard
        return

    def remember(number: int, frame: Any) -> None:
        heard.append(number)
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)


def _told(error: Exception) -> str:
    """A converter's pages of text as a sentence."""
    text = str(error)
    missing = sorted(set(re.findall(r"\btf\.(\w+)\s*\{|tf\.(\w+)\(", text)))
    names = sorted({first or second for first, second in missing})
    named = re.search(r"(?:ops?|operators?):\s*((?:tf\.|TF )?[A-Z]\w+(?:, [A-Z]\w+)*)", text)
    if "Flex" in text or "custom op" in text or "custom implementation" in text:
        # What follows may be the address of a guide instead.
        flex = re.search(r"[Ff]lex ops?:(?!\s*http)\s*([\w, ]+)", text)
        custom = re.search(r"[Cc]ustom ops?:(?!\s*http)\s*([\w, ]+)", text)
        which = flex or custom or named
        label = which.group(1).strip() if which else ", ".join(names) or "an operator"
        return (
            f"TFLite has no built-in operator for {label}. Write that part with operators it has, "
            "or allow TensorFlow's with select_tf_ops=True, which no runtime of this course can "
            "run."
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = (lines or [type(error).__name__])[0][:300].rstrip(".")
    return f"TensorFlow cannot convert this model: {reason}."


# --- what came out ------------------------------------------------------------------------------


def _in_keras_order(data: bytes) -> bytes:
    """The same file with its inputs and outputs listed as Keras lists them.

    The converter lists several inputs in an order of its own, often backwards.  A board's sketch
    only has the order, so it is put right, where it stands in the file.
    """
    from ai_edge_litert import schema_py_generated as schema

    changed = bytearray(data)
    model = schema.Model.GetRootAsModel(changed, 0)
    if model.SignatureDefsLength() != 1:
        return data
    signature, graph = model.SignatureDefs(0), model.Subgraphs(0)
    # Fields 1 and 2 of a subgraph's table are its inputs and outputs; field n stands at 4 + 2 n.
    for slot, count, entry in (
        (6, signature.InputsLength(), signature.Inputs),
        (8, signature.OutputsLength(), signature.Outputs),
    ):
        entries = [entry(at) for at in range(count)]
        numbers = [re.fullmatch(rb"(?:in|out)put_(\d+)", item.Name()) for item in entries]
        if count > 1 and all(numbers):
            order = sorted(range(count), key=lambda at: int(numbers[at].group(1)))
            indices = [entries[at].TensorIndex() for at in order]
            start = graph._tab.Vector(graph._tab.Offset(slot))
            struct.pack_into(f"<{count}i", changed, start, *indices)
    return bytes(changed)


def _needs_flex(record: dict[str, Any]) -> bool:
    return any(operator["name"].startswith("Flex") for operator in record["operators"])


def _check_dense(record: dict[str, Any]) -> None:
    for operator in record["operators"]:
        if operator["name"] == "FULLY_CONNECTED" and operator["subgraph"] == 0:
            weights = record["tensors"][operator["inputs"][1]]
            if weights["scales"] > 1:
                raise ModelError(
                    f"The Dense weights {weights['name']!r} have {weights['scales']} scales, which "
                    "released Arduino libraries compute wrongly. This is a fault of this course's "
                    "convert; please report it."
                )


def _compare(
    data: bytes, tested: list[np.ndarray], wanted: list[np.ndarray], quantize: str, io: str
) -> None:
    """Run the model and refuse it when it does not answer like Keras."""
    with Runner(data, engine="reference") as runner:
        answers = runner.predict(*tested)
    _check_io(runner, io)
    found = list(answers) if isinstance(answers, tuple) else [answers]
    for output in found:
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise ModelError(
                "The converted model answers NaN or infinity, and the Keras model does not."
            )
    # A model whose outputs are a dict may list them in another order than Keras does.
    for want in wanted:
        off = min((_off(got, want) for got in found if got.shape == want.shape), default=np.inf)
        if off > (_FLOAT_SLACK if quantize == "none" else _GARBAGE):
            where = "random inputs" if quantize in ("none", "dynamic", "float16") else (
                "the calibration data themselves")  # fmt: skip
            raise ModelError(
                "The converted model does not answer like the Keras model: on "
                f"{where} it misses {100 * min(off, 9.99):.0f} % of how its outputs vary."
            )


def _check_io(runner: Runner, io: str) -> None:
    for info in (*runner.inputs, *runner.outputs):
        # Integers that the Keras model itself takes, such as words of a text, stay as they are.
        if info.dtype.name not in (io, "int32", "int64", "bool"):
            raise ModelError(
                f"The converter left {info.name!r} as {info.dtype} instead of {io}: it measured no "
                "range for it. Does every example reach that part of the model?"
            )


def _off(got: np.ndarray, want: np.ndarray) -> float:
    """Error as a share of how much the wanted outputs vary (root of the mean squares)."""
    got, want = got.astype(np.float64), want.astype(np.float64)
    # One step of 256 is no fault where the outputs are constant.
    floor = 0.02 * float(np.abs(want).max(initial=0)) + 1e-6
    return float(np.sqrt(np.mean((got - want) ** 2) / (np.var(want) + floor**2)))
