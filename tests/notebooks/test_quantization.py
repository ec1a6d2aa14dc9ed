"""What Module 06's checks say to answers that nobody planted in the notebook."""

import time

import numpy as np
import pytest

from autograder import build, cells, check
from course import artefacts, syllabus
from course.tflite import Runner


@pytest.fixture(scope="module")
def checks():
    return build.checks_of(cells.read(syllabus.find("quantization").source))


def verdict(checks, name, answer, folder, *, seed=5):
    """Collect an answer as a notebook does, and judge it."""
    chosen = checks[name]
    inputs = chosen.draw(seed)
    chosen.evidence.collect(answer, list(inputs.calls), folder / name)
    return check.evaluate(chosen, inputs, chosen.evidence.read(folder / name))


def said(verdict):
    return " ".join(finding.text for finding in verdict.findings if not finding.holds)


def clipped(steps):
    return np.clip(steps, -128, 127).astype(np.int8)


@pytest.mark.parametrize(
    "rounded",
    [
        lambda steps, zero: np.round(steps) + zero,
        lambda steps, zero: np.round(steps + zero),
        lambda steps, zero: np.floor(steps + 0.5) + zero,
        lambda steps, zero: np.ceil(steps - 0.5) + zero,
        lambda steps, zero: np.sign(steps) * np.floor(np.abs(steps) + 0.5) + zero,
    ],
    ids=["even step", "even stored number", "up", "down", "away from zero"],
)
def test_a_half_may_be_rounded_to_either_side(checks, rounded, tmp_path):
    def quantize(values, scale, zero_point):
        return clipped(rounded(values / scale, zero_point))

    assert verdict(checks, "quantize", quantize, tmp_path).passed


def test_rounding_down_is_named_as_a_mistake_though_halves_may_go_down(checks, tmp_path):
    def quantize(values, scale, zero_point):
        return clipped(np.floor(values / scale) + zero_point)

    assert "you always round down" in said(verdict(checks, "quantize", quantize, tmp_path))


def test_unsigned_bytes_are_refused_with_the_dtype_that_is_needed(checks, tmp_path):
    def quantize(values, scale, zero_point):
        return clipped(values / scale + zero_point).view(np.uint8)

    found = said(verdict(checks, "quantize", quantize, tmp_path))
    assert "uint8" in found
    assert "needs an array of dtype int8" in found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_numbers_in_float32_are_precise_enough(checks, dtype, tmp_path):
    def dequantize(stored, scale, zero_point):
        return dtype(scale) * (stored.astype(dtype) - dtype(zero_point))

    assert verdict(checks, "dequantize", dequantize, tmp_path).passed


def test_whether_an_end_itself_saturates_does_not_matter(checks, tmp_path):
    def saturated(values, scale, zero_point):
        stored = clipped(np.round(values / scale) + zero_point)
        return float(np.isin(stored, (-128, 127)).mean())

    assert verdict(checks, "saturated", saturated, tmp_path).passed


def test_a_model_compared_with_itself_is_told_apart_from_the_float_model(checks, tmp_path):
    path = artefacts.REFERENCES / "gesture_int8.tflite"
    if not path.is_file():
        pytest.fail("Run `python -m autograder.references quantization`.")
    with Runner(path) as runner:
        found = verdict(checks, "int8_model", (path, runner.predict), tmp_path)
    assert [finding.title for finding in found.findings if not finding.holds] == [
        "Accuracy of the float model on the same people"
    ]
    assert "answers of a quantized model" in said(found)


def test_the_shipped_model_earns_every_point_and_its_judge_takes_three_seconds(checks, tmp_path):
    with Runner(artefacts.REFERENCES / "gesture.tflite") as floats:
        chosen = checks["int8_model"]
        inputs = chosen.draw(7)
        answer = (artefacts.REFERENCES / "gesture_int8.tflite", floats.predict)
        chosen.evidence.collect(answer, list(inputs.calls), tmp_path / "set-0" / "int8_model")
    started = time.monotonic()
    found = check.evaluate(chosen, inputs, chosen.evidence.read(tmp_path / "set-0" / "int8_model"))
    seconds = time.monotonic() - started
    assert found.passed, said(found)
    assert seconds < 6  # 3 s on two free cores; other work may share the machine


def test_float_scores_of_another_shape_are_refused_in_a_sentence(checks, tmp_path):
    path = artefacts.REFERENCES / "gesture_int8.tflite"
    found = verdict(checks, "int8_model", (path, lambda windows: np.zeros((3, 2))), tmp_path)
    assert "4 scores for each of 1200 windows" in said(found)


def test_a_float_model_earns_next_to_nothing(checks, tmp_path):
    path = artefacts.REFERENCES / "gesture.tflite"
    with Runner(path) as runner:
        found = verdict(checks, "int8_model", (path, runner.predict), tmp_path)
    assert found.fraction < 0.1
    assert "this is the model before quantization" in said(found)
