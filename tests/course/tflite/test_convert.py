"""convert: what comes out answers like Keras, and every silent trap has a sentence."""

import hashlib
import importlib
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from course.doctor import ROOT
from course.tflite import ModelError, Runner, convert
from course.tflite.run import structure
from tests import models
from tests.models import needs_micro


@pytest.fixture(scope="module")
def keras():
    from course.training import keras

    return keras


@pytest.fixture(scope="module")
def small(keras):
    """An untrained model with four inputs, and a hundred examples for it."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    return model, np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)


def refusal_of(*arguments, **options):
    with pytest.raises(ModelError) as caught:
        convert(*arguments, **options)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    return sentence


def refusal_of_calibration(model, data):
    return refusal_of(model, quantize="int8", representative_dataset=data)


# --- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "inside"),
    [
        ("float", "float32", {"float32"}),
        ("dynamic", "float32", {"float32", "int8"}),
        ("float16", "float32", {"float16"}),
        ("int8", "int8", {"int8", "int32"}),
        ("uint8 io", "uint8", {"int8", "int32"}),
        ("float io", "float32", {"int8", "int32"}),
        ("int16x8", "int16", {"int8", "int64"}),
        ("board", "int8", {"int8", "int32"}),
    ],
)
def test_each_format_has_its_types_and_keeps_the_accuracy(zoo, name, given, inside):
    data = zoo.files[name]
    tensors = structure(data)["tensors"]
    constants = {each["dtype"] for each in tensors if each["bytes"] and len(each["shape"]) != 1}
    weights = {each["dtype"] for each in tensors if each["bytes"] and each["scales"]}
    assert inside >= weights | (constants - {"int32"})
    with Runner(data) as runner:
        assert {info.dtype.name for info in (*runner.inputs, *runner.outputs)} == {given}
        found = runner.predict(zoo.hidden[0]).argmax(axis=1)
    exact = np.asarray(zoo.keras(zoo.hidden[0])).argmax(axis=1)
    assert (found == exact).mean() >= 0.97


def test_int8_weights_take_a_quarter(zoo):
    sizes = [len(zoo.files[name]) for name in ("float", "float16", "int8")]
    assert sizes == sorted(sizes, reverse=True)


def test_the_batch_is_fixed_to_one(zoo):
    record = structure(zoo.files["float"])
    assert record["tensors"][record["inputs"][0]]["signature"] == [1, 8, 8, 1]
    names = {operator["name"] for operator in record["operators"]}
    assert not names & {"SHAPE", "STRIDED_SLICE", "PACK"}


def test_dense_weights_have_one_scale_for_a_board_and_several_otherwise(zoo):
    def scales(name):
        record = structure(zoo.files[name])
        return {
            record["tensors"][operator["inputs"][1]]["scales"]
            for operator in record["operators"]
            if operator["name"] == "FULLY_CONNECTED"
        }

    assert scales("board") == {1}
    assert scales("int8") == {24, 4}


@needs_micro
@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_what_is_for_a_board_runs_in_tflite_micro(zoo, quantize):
    calibrated = {"representative_dataset": zoo.known[0][:50]} if quantize == "int8" else {}
    data = convert(zoo.keras, quantize=quantize, for_board=True, **calibrated)
    with Runner(data, engine="micro") as runner:
        assert runner.predict(zoo.hidden[0][:5]).shape == (5, 4)


def test_the_same_model_gives_the_same_bytes_in_another_process(keras):
    program = (
        "import hashlib, numpy as np\n"
        "from course.training import keras\nfrom course.tflite import convert\n"
        "from tests.models import network, pictures\n"
        "model = network(keras, seed=4)\n"
        "data = convert(model, quantize='int8', representative_dataset=pictures(20, 3)[0])\n"
        "print(hashlib.sha256(data).hexdigest())"
    )
    there = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT)
    here = convert(
        models.network(keras, seed=4),
        quantize="int8",
        representative_dataset=models.pictures(20, 3)[0],
    )
    assert hashlib.sha256(here).hexdigest() == there.strip()


def test_converting_twice_in_one_process_gives_the_same_bytes(small):
    model, data = small
    once, again = (
        hashlib.sha256(convert(model, quantize="int8", representative_dataset=data)).hexdigest()
        for _ in range(2)
    )
    assert once == again


def test_nothing_is_printed(small, capfd):
    from course.training import keras

    talked = keras.config.is_interactive_logging_enabled()
    convert(small[0], quantize="int8", representative_dataset=small[1])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert keras.config.is_interactive_logging_enabled() == talked


def test_the_model_is_left_as_it_was(zoo):
    before = [weights.copy() for weights in zoo.keras.get_weights()]
    expected = np.asarray(zoo.keras(zoo.hidden[0][:5]))
    convert(zoo.keras)
    assert all(map(np.array_equal, before, zoo.keras.get_weights()))
    np.testing.assert_array_equal(zoo.keras(zoo.hidden[0][:5]), expected)
    assert zoo.keras.input_shape == (None, 8, 8, 1)


def test_calibration_data_come_as_arrays_lists_or_a_function(small):
    model, data = small
    forms = [data, data.tolist(), lambda: ([example[None]] for example in data)]
    found = {convert(model, quantize="int8", representative_dataset=form) for form in forms}
    assert len(found) == 1


def test_several_inputs_are_calibrated_each_with_its_own_data(keras):
    """TensorFlow feeds lists in the file's order, which is backwards here."""
    first, second = keras.Input((3,)), keras.Input((3,))
    total = keras.layers.Add()([first, keras.layers.Dense(3)(second)])
    model = keras.Model([first, second], total)
    rng = np.random.default_rng(0)
    data = rng.uniform(-1, 1, (50, 3)), rng.uniform(-9, 9, (50, 3))
    with Runner(convert(model, quantize="int8", representative_dataset=data)) as runner:
        scales = [info.scale for info in runner.inputs]
    assert scales == pytest.approx([2 / 255, 18 / 255], rel=0.05)


def test_words_keep_their_integers(keras):
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(10, 4),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    data = np.arange(50).reshape(10, 5) % 10
    with Runner(convert(model, quantize="int8", representative_dataset=data)) as runner:
        assert runner.inputs[0].dtype == np.int32
        assert runner.outputs[0].dtype == np.int8


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_an_unrolled_recurrent_layer_becomes_int8(keras, kind):
    layer = getattr(keras.layers, kind)(3, unroll=True)
    model = keras.Sequential([keras.Input((4, 2)), layer, keras.layers.Dense(2)])
    data = np.random.default_rng(0).normal(size=(20, 4, 2))
    with Runner(convert(model, quantize="int8", representative_dataset=data)) as runner:
        assert np.abs(runner.predict(data) - model(data)).max() < 0.3


# --- traps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:0], "is empty"),
        (lambda data: iter(()), "not numbers"),
        (lambda data: lambda: iter(()), "is empty"),
        (lambda data: np.where(data > 2, np.nan, data), "examples in the representative_dataset"),
        (lambda data: np.where(data > 2, np.inf, data), "NaN or infinity"),
        (lambda data: data * 0 + 7, "All numbers in the representative_dataset are 7"),
        (lambda data: data.astype(float) * 1e39, "too large for float32"),
        (lambda data: data[:, :3], "examples of shape (3,); the model takes (4,)"),
        (lambda data: data[0], "that of a single example"),
        (lambda data: data[:, None], "examples of shape (1, 4)"),
        (lambda data: "windows", "not numbers"),
        (lambda data: [[1, 2], [3]], "different shapes"),
        (lambda data: lambda: iter(data), "must yield a list"),
        (lambda data: lambda: ([example] for example in data), "with its batch axis"),
        (lambda data: None, "needs a representative_dataset"),
    ],
)
def test_calibration_that_measures_nothing_is_refused(small, change, words):
    model, data = small
    assert words in refusal_of_calibration(model, change(data))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantize": "int4"}, "'int16x8'"),
        ({"io": "int8"}, "has float32 as io"),
        ({"quantize": "int8", "io": "int16"}, "int8 or uint8 or float32"),
        ({"quantize": "dynamic", "for_board": True}, "does not run dynamic"),
        ({"quantize": "float16", "for_board": True}, "does not run float16"),
        ({"select_tf_ops": True, "for_board": True}, "no TensorFlow operators"),
        ({"representative_dataset": [[1, 2, 3, 4]]}, "would be ignored"),
    ],
)
def test_contradictions_are_told(small, options, words):
    assert words in refusal_of(small[0], **options)


@pytest.mark.parametrize("thing", [None, 42, "model.keras", b"TFL3", object()])
def test_only_keras_models_are_taken(thing):
    assert "takes a Keras model" in refusal_of(thing)


def test_a_function_round_a_model_is_refused_because_it_loses_the_weights(small):
    import tensorflow as tf

    assert "without its weights" in refusal_of(tf.function(lambda x: small[0](x)))


def test_a_model_without_input_shape_is_refused(keras):
    class Own(keras.Model):
        def call(self, x):
            return x * 2

    assert "keras.Input" in refusal_of(keras.Sequential([keras.layers.Dense(2)]))
    assert "keras.Model(x, model(x))" in refusal_of(Own())


def test_a_free_axis_is_named(keras):
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.Conv1D(2, 3)])
    assert "Axis 1 of the model's input is free" in refusal_of(model)


def test_a_batch_other_than_one_is_refused(keras):
    model = keras.Sequential([keras.Input(batch_shape=(8, 3)), keras.layers.Dense(2)])
    assert "batches of 8" in refusal_of(model)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_a_looping_layer_is_refused_before_it_crashes_the_converter(keras, kind):
    inner = getattr(keras.layers, kind)(3)
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Bidirectional(inner)])
    data = np.random.default_rng(0).normal(size=(20, 4, 2))
    assert "unroll=True" in refusal_of_calibration(model, data)


def test_an_operator_that_tflite_lacks_is_named_and_can_be_let_in(keras):
    import tensorflow as tf

    class Determinant(keras.layers.Layer):
        def call(self, x):
            return tf.linalg.det(x)

    model = keras.Sequential([keras.Input((3, 3)), Determinant()])
    assert "MatrixDeterminant" in refusal_of(model)
    data = convert(model, select_tf_ops=True)
    assert [each["name"] for each in structure(data)["operators"]] == ["FlexMatrixDeterminant"]
    with pytest.raises(ModelError, match="Select TF"):
        Runner(data)


def test_weights_that_float16_cannot_hold_are_refused(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.set_weights([np.full((4, 2), 1e6), np.zeros(2)])
    assert "float16 ends at 65,504" in refusal_of(model, quantize="float16")


def test_a_model_that_answers_nan_is_refused(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.set_weights([np.full((4, 2), np.nan), np.zeros(2)])
    assert "itself answers NaN" in refusal_of(model)


def test_a_result_without_its_weights_is_refused(small, monkeypatch):
    """What from_concrete_functions gives for a Keras 3 model, and what a bug might."""
    import tensorflow as tf

    model, data = small
    converter = type(tf.lite.TFLiteConverter.from_keras_model(model))
    real = converter.convert

    def forgetful(self):
        kept = model.get_weights()
        model.set_weights([np.zeros_like(weights) for weights in kept])
        try:
            return real(self)
        finally:
            model.set_weights(kept)

    monkeypatch.setattr(converter, "convert", forgetful)
    assert "does not answer like the Keras model" in refusal_of(model)
    assert "calibration data" in refusal_of_calibration(model, data)


@pytest.mark.skipif(os.name != "posix", reason="Signals of POSIX.")
# The first interrupt may arrive where Python can only drop it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupting_a_conversion_raises_and_gives_stderr_back(keras, capfd):
    model = models.network(keras)
    # Minutes of calibration.
    data = np.random.default_rng(0).uniform(size=(200_000, 8, 8, 1)).astype(np.float32)
    timer = threading.Timer(2, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        convert(model, quantize="int8", representative_dataset=data)
    os.write(2, b"heard")
    assert capfd.readouterr().err.endswith("heard")


@pytest.mark.parametrize(
    "said",
    [
        "see instructions to implement custom ops: https://example.org/guide\nCustom ops: Cross\n",
        "Select TF ops: https://example.org\nTF Select ops: Cross\nFlex ops: Cross\nDetails:\n",
    ],
)
def test_a_missing_operator_is_named_and_not_the_guide_to_it(said):
    module = importlib.import_module("course.tflite.convert")
    assert "no built-in operator for Cross." in module._told(RuntimeError(said))
