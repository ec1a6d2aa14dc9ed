"""ranges: what the data make of the ranges inside a model."""

import numpy as np
import pytest

from course.tflite import ModelError
from course.tflite.ranges import ranges


def test_good_calibration_fits(zoo):
    found = ranges(zoo.files["int8"], zoo.hidden[0][:100])
    assert [each.operator for each in found] == [
        "input", "CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED"
    ]  # fmt: skip
    assert max(each.saturated for each in found) < 0.05
    assert min(each.used for each in found) > 0.7
    for each in found:
        assert each.representable[0] <= each.seen[0] + each.scale
        assert each.seen[1] - each.scale <= each.representable[1]


def test_calibration_that_was_too_dark_saturates_the_input(zoo):
    given = ranges(zoo.files["dark calibration"], zoo.hidden[0][:100])[0]
    assert given.operator == "input"
    assert given.representable == pytest.approx((0, 0.1), abs=0.01)
    assert given.seen[1] > 0.9
    assert given.saturated > 0.8


def test_calibration_that_was_too_bright_leaves_the_range_unused(zoo):
    found = ranges(zoo.files["bright calibration"], zoo.hidden[0][:100])
    assert max(each.used for each in found) < 0.2


def test_stored_integers_are_taken_as_they_are(zoo):
    stored = np.full((3, 8, 8, 1), -128, np.int8)
    assert ranges(zoo.files["int8"], stored)[0].operator == "input"


def test_a_float_model_has_none(zoo):
    assert ranges(zoo.files["float"], zoo.hidden[0][:3]) == ()


def test_wrong_examples_are_refused(zoo):
    with pytest.raises(ModelError, match="has shape"):
        ranges(zoo.files["int8"], zoo.hidden[0][:, :5])
    with pytest.raises(ModelError, match="no examples"):
        ranges(zoo.files["int8"], zoo.hidden[0][:0])
    with pytest.raises(ModelError, match="cut short"):
        ranges(zoo.files["int8"][:900], zoo.hidden[0])
