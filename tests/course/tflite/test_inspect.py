"""inspect: what a file says, counted without running it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course.tflite import ModelError, arena
from course.tflite import run as run_module
from course.tflite.inspect import inspect, planned_arena
from tests.models import needs_micro

# Prints the length of the part that TFLite Micro planned: it says so on stderr only.
RECORD = """
import os, re, sys, tempfile
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_bytes(open(sys.argv[1], "rb").read(), arena_size=8 << 20)
with tempfile.TemporaryFile() as words:
    kept = os.dup(2)
    os.dup2(words.fileno(), 2)
    interpreter.print_allocations()
    os.dup2(kept, 2)
    words.seek(0)
    print(re.search(rb"Arena allocation head (\\d+) bytes", words.read()).group(1).decode())
"""
COURSE_MODELS = sorted((Path(run_module.__file__).parents[1] / "models").glob("*.tflite"))


@pytest.fixture(scope="session")
def residual(zoo):
    """A model in which one tensor has to wait for three others, with every kind of convolution."""
    from course.tflite import convert
    from course.training import keras

    layers = keras.layers
    first = keras.Input((8, 8, 4))
    kept = layers.Conv2D(8, 3, padding="same", activation="relu")(first)
    x = layers.DepthwiseConv2D(3, padding="same")(kept)
    x = layers.Conv2D(8, 1)(x)
    x = layers.Add()([x, kept])
    x = layers.Concatenate()([x, kept])
    x = layers.Conv2DTranspose(4, 2, strides=2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(first, layers.Dense(3)(x))
    known = np.random.default_rng(0).normal(size=(20, 8, 8, 4)).astype(np.float32)
    return convert(model, quantize="int8", representative_dataset=known, for_board=True)


def recorded(path):
    """What TFLite Micro itself planned."""
    result = subprocess.run(
        [sys.executable, "-c", RECORD, str(path)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


@needs_micro
@pytest.mark.parametrize("name", ["board", "int8", "float", "int16x8", "uint8 io", "float io"])
def test_the_planned_arena_is_the_one_that_tflite_micro_records(zoo, tmp_path, name):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files[name])
    assert inspect(path).arena.bytes == recorded(path)


@needs_micro
@pytest.mark.parametrize("path", COURSE_MODELS, ids=lambda path: path.name)
def test_the_plan_of_a_course_model_is_the_recorded_one(path):
    assert inspect(path).arena.bytes == recorded(path)


@needs_micro
def test_a_tensor_that_waits_keeps_its_place_in_the_plan(residual, tmp_path):
    path = tmp_path / "residual.tflite"
    path.write_bytes(residual)
    plan = inspect(path).arena
    assert plan.bytes == recorded(path)
    assert plan.bytes >= plan.most_at_once
    # The transposed convolution keeps its sums of 4 bytes, the mean its own.
    assert {each.name for each in plan.placements if each.tensor is None} == {
        "scratch memory of TRANSPOSE_CONV",
        "scratch memory of MEAN",
    }


@needs_micro
@pytest.mark.parametrize("name", ["board", "int8", "float", "int16x8"])
def test_the_estimate_of_the_whole_arena_is_enough_and_not_much_more(zoo, name):
    smallest = arena(zoo.files[name]).bytes
    assert smallest <= planned_arena(zoo.files[name]) <= 1.25 * smallest


def test_tensors_that_are_needed_at_once_do_not_overlap(residual):
    placements = inspect(residual).arena.placements
    assert len(placements) > 5
    for at, one in enumerate(placements):
        for other in placements[at + 1 :]:
            at_once = one.first <= other.last and other.first <= one.last
            apart = one.start + one.bytes <= other.start or other.start + other.bytes <= one.start
            assert apart or not at_once, (one, other)


@pytest.mark.parametrize("name", ["board", "float", "float16", "dynamic", "dynamic batch"])
def test_the_parts_of_a_file_sum_to_its_length(zoo, name):
    data = zoo.files[name]
    report = inspect(data)
    assert sum(report.parts.values()) == report.file_bytes == len(data)
    assert report.weights_bytes + report.structure_bytes == len(data)
    # What is left unread is alignment and the root: little in every file.
    assert report.parts["padding and root"] < 600


def test_multiplications_are_those_that_one_counts_by_hand(zoo):
    report = inspect(zoo.files["board"])
    # Convolution: 6 × 6 places, 6 filters, 3 × 3 weights; then 3 × 3 × 6 numbers to 24 and 4.
    by_hand = {0: 6 * 6 * 6 * 9, 3: 54 * 24, 4: 24 * 4}
    assert {each.index: each.macs for each in report.operators if each.macs} == by_hand
    assert report.macs == sum(by_hand.values())


def test_depthwise_and_transposed_convolutions_are_counted(residual):
    macs = {each.name: each.macs for each in inspect(residual).operators}
    assert macs["DEPTHWISE_CONV_2D"] == 8 * 8 * 8 * 9
    assert macs["TRANSPOSE_CONV"] == 8 * 8 * 16 * 4 * 2 * 2


def test_operators_tell_their_options_and_what_they_read(zoo):
    first, *_, last = inspect(zoo.files["board"]).operators
    assert (first.name, last.name) == ("CONV_2D", "SOFTMAX")
    assert first.options["padding"] == "VALID"
    assert first.options["activation"] == "RELU"
    assert first.input_shapes[:2] == ((1, 8, 8, 1), (6, 3, 3, 1))
    # Picture, 54 weights, 6 biases of 4 bytes.
    assert first.bytes_read == 64 + 54 + 24
    assert first.bytes_written == 6 * 6 * 6
    assert last.options["beta"] == 1


def test_quantization_tells_every_scale_and_along_which_axis(zoo):
    one_each = inspect(zoo.files["int8"]).tensor(inspect(zoo.files["int8"]).operators[0].inputs[1])
    assert len(one_each.scale) == 6
    assert one_each.quantized_dimension == 0
    dense = inspect(zoo.files["board"])
    weights = [
        dense.tensor(each.inputs[1]) for each in dense.operators if each.name == "FULLY_CONNECTED"
    ]
    assert [len(each.scale) for each in weights] == [1, 1]
    assert all(each.constant and not each.variable for each in weights)


def test_a_selective_build_names_the_methods_of_the_resolver(zoo):
    report = inspect(zoo.files["board"])
    assert report.selective_build == (
        "AddConv2D",
        "AddFullyConnected",
        "AddMaxPool2D",
        "AddReshape",
        "AddSoftmax",
    )
    assert report.not_in_micro == report.flex == report.custom == ()


def test_a_free_batch_is_told_from_a_fixed_one(zoo):
    assert inspect(zoo.files["board"]).fixed_batch
    free = inspect(zoo.files["dynamic batch"])
    assert not free.fixed_batch
    assert "free" in repr(free)


def test_flex_operators_are_told_from_built_in_ones(zoo):
    import tensorflow as tf

    from course.tflite import convert
    from course.training import keras

    class Determinant(keras.layers.Layer):
        def call(self, x):
            return tf.linalg.det(x)

    model = keras.Sequential([keras.Input((3, 3)), Determinant()])
    report = inspect(convert(model, select_tf_ops=True))
    assert report.flex == ("FlexMatrixDeterminant",)
    assert report.custom == ()
    assert report.not_in_micro == report.flex
    assert "TensorFlow's own" in repr(report)


def test_int8_weights_are_a_quarter_and_structure_does_not_shrink(zoo):
    small, large = inspect(zoo.files["board"]), inspect(zoo.files["float"])
    assert small.weights_bytes < 0.35 * large.weights_bytes
    assert small.structure_bytes > 0.9 * large.structure_bytes


def test_a_report_is_shown_with_pictures_that_have_words(zoo):
    bundle = inspect(zoo.files["board"])._repr_mimebundle_()
    page = bundle["text/html"]
    assert page.count('role="img" aria-label="') == page.count("<svg ") == 3
    assert "<script" not in page
    # The ink of the page it stands on, so that dark pages can be read.
    assert 'fill="currentColor"' in page
    assert "CONV_2D" in bundle["text/plain"]
    assert len(page) < 60_000


def test_names_from_a_file_cannot_become_markup(zoo):
    data = bytearray(zoo.files["board"])
    name = inspect(bytes(data)).outputs[0].name.encode()
    at = data.find(name)
    evil = b"<b>\x00&"
    data[at : at + len(evil)] = evil
    report = inspect(bytes(data))
    assert report.outputs[0].name.startswith("<b>")
    page = report._repr_mimebundle_()["text/html"]
    assert "<b>" not in page
    assert "\x00" not in page
    assert "\x00" not in repr(report)


def test_no_interpreter_and_no_tensorflow_is_loaded(zoo, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files["board"])
    code = (
        "import json, sys; from course.tflite.inspect import inspect\n"
        f"report = inspect({str(path)!r}); report._repr_mimebundle_()\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'matplotlib',"
        " 'ai_edge_litert.interpreter', 'tflite_micro') if name in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(result.stdout) == [], result.stderr


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"\0" * 100, b"\0\0\0\0TFL3", b"\xff" * 8])
def test_what_is_no_model_gets_a_sentence(data):
    with pytest.raises(ModelError, match=r"\.$"):
        inspect(data)


def test_a_keras_model_gets_a_sentence(zoo):
    with pytest.raises(ModelError, match="Convert a Keras model first"):
        inspect(zoo.keras)


def test_the_package_offers_functions_and_starts_tensorflow_for_its_callbacks_only():
    code = (
        "import sys; import course.tflite as package\n"
        "from course.tflite.inspect import planned_arena\n"
        "names = [name for name in package.__all__ if name not in ('Prune', 'Cluster')]\n"
        "print(all(callable(getattr(package, name)) for name in names))\n"
        "print([name for name in ('tensorflow', 'matplotlib') if name in sys.modules])\n"
        "print(package.Prune.__name__, package.Cluster.__name__, 'keras' in sys.modules)\n"
        "print(hasattr(package, 'nothing'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.splitlines() == ["True", "[]", "Prune Cluster True", "False"]
