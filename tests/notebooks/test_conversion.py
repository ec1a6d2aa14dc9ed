"""What Module 05's checks say to answers that nobody planted in the notebook."""

import struct
import time

import numpy as np
import pytest

from autograder import build, cells, check
from autograder.evidence import EvidenceError
from course import artefacts, syllabus
from course.tflite import ModelError, Runner
from course.tflite.inspect import inspect

SEEDS = range(20, 26)


@pytest.fixture(scope="module")
def checks():
    return build.checks_of(cells.read(syllabus.find("conversion").source))


@pytest.fixture(scope="module")
def model():
    return (artefacts.REFERENCES / "gesture.tflite").read_bytes()


def verdict(checks, name, answer, folder, *, seed=5):
    """Collect an answer as a notebook does, and judge it."""
    chosen = checks[name]
    inputs = chosen.draw(seed)
    try:
        chosen.evidence.collect(answer, list(inputs.calls), folder / name)
        outputs = chosen.evidence.read(folder / name)
    except EvidenceError as error:
        outputs = error
    return check.evaluate(chosen, inputs, outputs)


def said(verdict):
    return " ".join(finding.text for finding in verdict.findings if not finding.holds)


def gate(data, windows, expected):
    data = data.tobytes()
    try:
        got = Runner(data)(windows)
        return inspect(data).fixed_batch and bool((np.abs(got - expected) <= 1e-4).all())
    except ModelError:
        return False


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gate_is_asked_about_eleven_files_that_it_can_tell_apart(checks, seed):
    inputs = checks["ready"].draw(seed)
    passed = [gate(*call) for call in inputs.calls]
    assert passed == [kind == "" for kind in inputs.key]
    assert len(passed) == 11


@pytest.mark.parametrize("always", [True, False])
def test_a_gate_that_says_the_same_to_every_file_earns_next_to_nothing(checks, always, tmp_path):
    assert verdict(checks, "ready", lambda *_: always, tmp_path).score < 0.2


def test_a_gate_that_looks_at_labels_misses_only_the_rounded_weights(checks, tmp_path):
    def labels(data, windows, expected):
        try:
            same = (Runner(data.tobytes())(windows).argmax(1) == expected.argmax(1)).all()
        except ModelError:
            return False
        return bool(same) and inspect(data.tobytes()).fixed_batch

    text = said(verdict(checks, "ready", labels, tmp_path))
    assert "3 of 4 kinds stopped" in text
    assert "weights were rounded" in text


def test_two_seeds_ask_about_different_files(checks):
    files = [{call[0].tobytes() for call in checks["ready"].draw(seed).calls} for seed in (1, 2)]
    assert not files[0] & files[1]


def test_allclose_without_a_relative_tolerance_is_a_right_answer(checks, tmp_path):
    def agrees(expected, got, tolerance):
        return expected.shape == got.shape and np.allclose(expected, got, rtol=0, atol=tolerance)

    assert verdict(checks, "agrees", agrees, tmp_path).passed


def test_agreement_that_leaves_out_nan_is_named(checks, tmp_path):
    def agrees(expected, got, tolerance):
        if expected.shape != got.shape:
            return False
        difference = np.abs(expected - got)
        return not difference[~np.isnan(difference)].max(initial=0) > tolerance

    assert "NaN passes" in said(verdict(checks, "agrees", agrees, tmp_path))


def test_unpacking_the_place_by_struct_is_a_right_answer(checks, tmp_path):
    def root_table(data):
        data = data.tobytes()
        if len(data) < 8 or data[4:8] != b"TFL3":
            return None
        (place,) = struct.unpack("<I", data[:4])
        return place if place <= len(data) - 4 else None

    assert verdict(checks, "root_table", root_table, tmp_path).passed


def test_a_tuple_is_no_place_and_is_told_so(checks, tmp_path):
    def root_table(data):
        return (28,)

    text = said(verdict(checks, "root_table", root_table, tmp_path))
    assert "needs a whole number, or None" in text


def test_the_reference_beside_its_own_scores_passes_in_time(checks, model, tmp_path):
    started = time.monotonic()
    found = verdict(checks, "gesture_tflite", (model, lambda x: Runner(model)(x)), tmp_path)
    assert found.passed, said(found)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:9000], "damaged"),
        (lambda data: data[:8], "damaged"),
        (lambda data: b"", "neither a .tflite nor a .keras model"),
        (lambda data: data[:4] + b"TFL2" + data[8:], "neither a .tflite nor a .keras model"),
        (lambda data: b"PK\x03\x04" + data[4:], "damaged"),
        (lambda data: b"PK\x03\x04" + data[8:], "The .keras file is damaged"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_model_earns_nothing(checks, model, change, words, tmp_path):
    answer = (change(model), lambda x: Runner(model)(x))
    found = verdict(checks, "gesture_tflite", answer, tmp_path)
    assert words in said(found)
    assert found.score == 0


def test_other_weights_earn_less_than_a_third_and_are_named(checks, model, tmp_path):
    changed = bytearray(model)
    largest = max(inspect(model).buffers, key=lambda each: each.bytes)
    part = slice(largest.start, largest.start + largest.bytes)
    numbers = np.frombuffer(model[part], "<f4")
    changed[part] = np.random.default_rng(0).permutation(numbers).tobytes()
    answer = (bytes(changed), lambda x: Runner(model)(x))
    found = verdict(checks, "gesture_tflite", answer, tmp_path)
    assert "of the answers are the same" in said(found)
    assert found.score < found.points / 3


def test_the_gesture_model_is_no_determinant(checks, model, tmp_path):
    text = said(verdict(checks, "determinant", model, tmp_path))
    assert "an input of shape (1, 128, 3)" in text


@pytest.mark.parametrize(
    ("kernels", "words"),
    [
        (lambda names: None, "needs a list of texts"),
        (lambda names: {"AddConv2D()"}, "a set"),
        (lambda names: [f"resolver.Add{name}()" for name in names], "right in 0 of 8"),
    ],
)
def test_lists_that_are_none_are_told_calmly(checks, kernels, words, tmp_path):
    assert words in said(verdict(checks, "kernels", kernels, tmp_path))


def test_the_calls_are_those_that_inspect_derives_from_a_real_file(checks, model, tmp_path):
    report = inspect(model)
    names = [each.name for each in report.operators]

    def kernels(asked):
        words = {"".join(word.capitalize() for word in name.split("_")) for name in asked}
        return sorted(f"Add{word.replace('2d', '2D')}()" for word in words)

    assert verdict(checks, "kernels", kernels, tmp_path).passed
    assert kernels(names) == [f"{method}()" for method in report.selective_build]
