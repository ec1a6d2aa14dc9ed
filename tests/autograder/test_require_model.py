"""What judges say about models: good ones pass, and each planted wrong one fails for its reason."""

import io
import zipfile
import zlib

import numpy as np
import pytest

from autograder import require
from autograder.evidence import EvidenceError, Model, ModelFile
from autograder.require_model import ENGINE_STEPS
from course.tflite import Runner
from tests import models
from tests.models import NAMES, needs_micro


@pytest.fixture(scope="module")
def zoo():
    return models.zoo()


@pytest.fixture(scope="module")
def float_accuracy(zoo):
    answers = np.asarray(zoo.keras(zoo.hidden[0])).argmax(axis=1)
    return float((answers == zoo.hidden[1]).mean())


@pytest.fixture
def handed_in(tmp_path):
    """What a judge receives for a model that a learner handed in."""

    def read(answer):
        evidence = Model(max_bytes=1 << 20)
        evidence.collect(answer, None, tmp_path / "evidence")
        return evidence.read(tmp_path / "evidence")

    return read


def everything(model, zoo):
    """One call of every function that takes a model."""
    examples, labels = zoo.hidden
    return [
        lambda: require.size(model, 10_000),
        lambda: require.compressed_size(model, 10_000),
        lambda: require.weights_ratio(model),
        lambda: require.operators(model),
        lambda: require.quantized_io(model),
        lambda: require.dense_scales(model),
        lambda: require.fixed_batch(model),
        lambda: require.parity(model, examples, examples[:, :4, 0, 0], tolerance=1),
        lambda: require.model_accuracy(model, examples, labels, 0.9),
        lambda: require.accuracy_drop(model, examples, labels, 0.9),
        lambda: require.calibration(model, examples),
        lambda: require.arena(model, 8_000),
    ]


# --- a good one -----------------------------------------------------------------------------------


def test_a_good_model_holds_in_everything(zoo, handed_in, float_accuracy):
    model = handed_in(zoo.files["board"])
    examples, labels = zoo.hidden
    expected = np.asarray(zoo.keras(examples))
    findings = [
        require.size(model, 6_000),
        require.compressed_size(model, 4_000),
        require.weights_ratio(model, 0.30),
        require.operators(model),
        require.quantized_io(model),
        require.dense_scales(model),
        require.fixed_batch(model),
        require.parity(model, examples, expected, tolerance=0.1, share=0.95),
        require.model_accuracy(model, examples, labels, 0.85),
        require.accuracy_drop(model, examples, labels, float_accuracy),
        require.calibration(model, examples),
    ]
    assert [finding.text for finding in findings if not finding.holds] == []
    assert all(finding.got for finding in findings)


@needs_micro
def test_the_arena_is_the_smallest_that_runs(zoo):
    small = require.arena(zoo.files["board"], 8_000)
    assert small.holds
    large = require.arena(zoo.files["board"], 1_000)
    assert not large.holds
    assert "needs at most 1.0 kB" in large.text


def test_figures_and_bounds_are_shown(zoo):
    data = zoo.files["board"]
    finding = require.size(data, 1_500)
    assert finding.text.startswith(
        f"Size of the file: {len(data) / 1000:.1f} kB, needs at most 1.5 kB. Next: "
    )
    packed = len(zlib.compress(data, 9))
    assert require.compressed_size(data, packed).holds
    assert not require.compressed_size(data, packed - 1).holds


def test_multiply_accumulates_are_shown_in_millions():
    finding = require.macs(7_500_000, 5_000_000)
    assert "7.50 million, needs at most 5.00 million" in finding.text
    assert require.macs(900, 1_000).got == "900"


def test_bytes_and_points_read_well():
    assert [require.kilobytes(n) for n in (24_310, 999, 1000)] == ["24.3 kB", "999 bytes", "1.0 kB"]
    assert require.points(0.0123) == "1.2 points"


# --- planted wrong ones ---------------------------------------------------------------------------


def test_float_in_and_out_is_seen_although_the_weights_are_int8(zoo):
    finding = require.quantized_io(zoo.files["float io"])
    assert not finding.holds
    assert finding.got == "float32 in, float32 out"
    assert "weights are int8" in finding.detail
    assert require.weights_ratio(zoo.files["float io"], 0.30).holds


def test_a_float_model_under_another_name_is_seen(zoo):
    finding = require.quantized_io(zoo.files["float"])
    assert not finding.holds
    assert "before quantization" in finding.detail
    ratio = require.weights_ratio(zoo.files["float"])
    assert not ratio.holds
    assert ratio.got == "100.0 %"
    assert not require.dense_scales(zoo.files["float"]).holds
    assert not require.calibration(zoo.files["float"], zoo.hidden[0]).holds


def test_uint8_is_not_int8_and_may_be_asked_for(zoo):
    assert not require.quantized_io(zoo.files["uint8 io"]).holds
    assert require.quantized_io(zoo.files["uint8 io"], "uint8").holds


def test_a_dense_layer_with_many_scales_is_seen(zoo):
    finding = require.dense_scales(zoo.files["int8"])
    assert not finding.holds
    assert finding.got == "24, 4"
    assert "Arduino" in finding.detail
    assert "for_board=True" in finding.next


def test_a_free_batch_is_seen(zoo):
    finding = require.fixed_batch(zoo.files["dynamic batch"])
    assert not finding.holds
    assert finding.got == "input (free, 8, 8, 1)"


def test_the_majority_class_is_named(zoo):
    examples, labels = zoo.hidden
    finding = require.model_accuracy(zoo.files["majority"], examples, labels, 0.9, names=NAMES)
    assert not finding.holds
    assert finding.detail == "The model answers south-west for every example."


def test_shuffled_labels_cost_the_accuracy_alone(zoo, float_accuracy):
    model = zoo.files["shuffled labels"]
    examples, labels = zoo.hidden
    assert require.size(model, 6_000).holds
    assert require.quantized_io(model).holds
    assert not require.model_accuracy(model, examples, labels, 0.85).holds
    finding = require.accuracy_drop(model, examples, labels, float_accuracy, names=NAMES)
    assert not finding.holds
    assert "points, needs at most 1.0 points" in finding.text
    assert "is taken for" in finding.detail or "for every example" in finding.detail


@pytest.mark.parametrize(
    ("name", "words"),
    [("dark calibration", "the data go from"), ("bright calibration", "of 255 steps are used")],
)
def test_calibration_on_the_wrong_data_is_seen(zoo, name, words):
    finding = require.calibration(zoo.files[name], zoo.hidden[0])
    assert not finding.holds
    assert words in finding.detail
    assert "in the same unit" in finding.next


def test_an_accuracy_of_the_training_people_is_not_taken_at_its_word(zoo, float_accuracy):
    """A model that learned its own pictures by heart is judged on others."""
    from course.tflite import convert
    from course.training import keras

    examples, labels = models.pictures(40, 9)
    again = np.tile(examples, (10, 1, 1, 1)), np.tile(labels, 10)
    model = models.trained(keras, *again, epochs=40)
    data = convert(model, quantize="int8", representative_dataset=examples)
    assert require.model_accuracy(data, examples, labels, 0.95).holds
    hidden = require.accuracy_drop(data, *zoo.hidden, float_accuracy)
    assert not hidden.holds


def test_operators_outside_the_allowed_ones_are_named(zoo):
    allowed = {"CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED", "RESHAPE"}
    finding = require.operators(zoo.files["board"], allowed)
    assert not finding.holds
    assert finding.got == "SOFTMAX"
    assert require.operators(zoo.files["board"], allowed | {"SOFTMAX"}).holds


def test_select_tf_operators_are_named_although_nothing_can_run_them():
    import tensorflow as tf

    from course.tflite import convert
    from course.training import keras

    class Determinant(keras.layers.Layer):
        def call(self, x):
            return tf.linalg.det(x)

    model = keras.Sequential([keras.Input((3, 3)), Determinant()])
    finding = require.operators(convert(model, select_tf_ops=True))
    assert not finding.holds
    assert finding.got == "FlexMatrixDeterminant"
    assert finding.needed == "built-in operators"


@pytest.mark.parametrize("length", [8, 100, 2000])
def test_a_truncated_file_earns_nothing_from_any_function(zoo, handed_in, length):
    model = handed_in(zoo.files["board"][:length])
    for call in everything(model, zoo):
        with pytest.raises(EvidenceError, match="cut short"):
            call()


def test_a_zip_bomb_is_refused_before_it_unpacks(zoo, handed_in):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(100 << 20))
    with pytest.raises(EvidenceError, match="unpacks to"):
        handed_in(bomb.getvalue())


def test_a_keras_file_is_told_apart(zoo, handed_in):
    model = handed_in(zoo.keras)
    assert model.format == "keras"
    for call in everything(model, zoo):
        with pytest.raises(EvidenceError, match=r"needs a \.tflite model"):
            call()
    np.testing.assert_allclose(
        model.run(zoo.hidden[0][:3]), zoo.keras(zoo.hidden[0][:3]), atol=1e-6
    )


def test_a_model_for_other_inputs_says_which(zoo):
    with pytest.raises(EvidenceError, match=r"one example of shape \(7, 3\)"):
        require.model_accuracy(zoo.files["other shape"], *zoo.hidden, 0.5)


def test_a_model_with_too_few_scores_is_refused(zoo):
    with pytest.raises(EvidenceError, match="one score for each of 6 labels"):
        require.model_accuracy(zoo.files["board"], zoo.hidden[0], zoo.hidden[1] + 2, 0.5)


# --- parity ---------------------------------------------------------------------------------------


@needs_micro
def test_another_engine_is_within_the_steps_that_rounding_explains(zoo):
    examples = zoo.hidden[0]
    with Runner(zoo.files["board"], engine="micro") as runner:
        stored = runner(runner.inputs[0].quantize(examples))
    for engine in ("litert", "reference", "micro"):
        finding = require.parity(
            zoo.files["board"], examples, stored, steps=ENGINE_STEPS, engine=engine
        )
        assert finding.holds, finding.text


def test_another_model_is_more_steps_away(zoo):
    examples = zoo.hidden[0]
    expected = np.asarray(zoo.keras(examples))
    finding = require.parity(zoo.files["majority"], examples, expected, steps=ENGINE_STEPS)
    assert not finding.holds
    assert "4 steps are normal" in finding.detail
    assert "steps apart" in finding.got


def test_a_share_of_the_examples_may_be_asked_for(zoo):
    examples = zoo.hidden[0]
    expected = np.array(zoo.keras(examples))
    expected[:40] += 1
    finding = require.parity(zoo.files["float"], examples, expected, tolerance=1e-3, share=0.9)
    assert finding.holds
    assert finding.got == "90.0 % of the examples within 0.001"
    assert not require.parity(zoo.files["float"], examples, expected, tolerance=1e-3).holds


def test_steps_need_a_quantized_output(zoo):
    finding = require.parity(zoo.files["float"], zoo.hidden[0], zoo.hidden[0][:, :4, 0, 0], steps=4)
    assert not finding.holds
    assert finding.needed == "quantized ones"


def test_another_output_shape_is_told(zoo):
    finding = require.parity(zoo.files["float"], zoo.hidden[0], np.zeros((400, 3)), tolerance=1)
    assert not finding.holds
    assert finding.got == "shape (400, 4)"


def test_a_judge_gives_either_a_tolerance_or_steps(zoo):
    for both in ({}, {"tolerance": 1, "steps": 1}):
        with pytest.raises(ValueError, match="either"):
            require.parity(zoo.files["float"], zoo.hidden[0], zoo.hidden[0], **both)


# --- ModelFile.run --------------------------------------------------------------------------------


def test_run_quantizes_real_numbers_and_takes_stored_ones(zoo, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files["board"])
    model = ModelFile(path, "tflite")
    examples = zoo.hidden[0][:20]
    with Runner(zoo.files["board"], engine="reference") as runner:
        stored = runner.inputs[0].quantize(examples)
        np.testing.assert_array_equal(model.run(stored), runner(stored))
        np.testing.assert_array_equal(model.run(examples), runner.predict(examples))
        np.testing.assert_array_equal(
            model.run(examples, engine="litert").shape, runner.predict(examples).shape
        )


def test_run_answers_a_bad_file_with_a_sentence(zoo, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files["board"][:700])
    with pytest.raises(EvidenceError, match="cut short"):
        ModelFile(path, "tflite").run(zoo.hidden[0][:2])
