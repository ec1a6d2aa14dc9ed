"""The vocabulary of judges: figures, bounds, mistakes by name, and the first case that fails."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import require

NAN = float("nan")


def mph(value):
    return f"{value:g} mph"


def test_the_examples_in_the_docstrings_hold():
    failed, tried = doctest.testmod(require)
    assert tried >= 3
    assert failed == 0


# --- bounds -----------------------------------------------------------------------------------


def test_at_least_shows_both_figures():
    finding = require.at_least(0.831, 0.85, title="Accuracy", next="Calibrate.")
    assert finding.text == "Accuracy: 83.1 %, needs at least 85.0 %. Next: Calibrate."


def test_at_most_shows_both_figures_in_their_unit():
    finding = require.at_most(30, 27.8, title="Speed", next="Slow down.", unit=mph)
    assert finding.text == "Speed: 30 mph, needs at most 27.8 mph. Next: Slow down."


@pytest.mark.parametrize("value", [0.85, 0.9, float("inf"), np.float32(0.9)])
def test_a_bound_itself_holds(value):
    assert require.at_least(value, 0.85, title="x", next="y").holds is True
    assert require.at_most(-value, -0.85, title="x", next="y").holds is True


def test_nan_reaches_no_bound():
    assert not require.at_least(NAN, 0.0, title="x", next="y").holds
    assert not require.at_most(NAN, 1.0, title="x", next="y").holds


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_two_bounds_disagree_but_on_the_bound(value, bound):
    at_least = require.at_least(value, bound, title="x", next="y").holds
    at_most = require.at_most(value, bound, title="x", next="y").holds
    assert at_least or at_most
    assert (at_least and at_most) == (value == bound)


def test_holds_takes_any_truth_and_its_words():
    finding = require.holds(np.bool_(False), title="Order", next="Swap.", got="9, 4", needed="4, 9")
    assert finding.holds is False
    assert finding.text == "Order: 9, 4, needs 4, 9. Next: Swap."


# --- case by case -----------------------------------------------------------------------------


def test_all_right_says_in_how_many_cases():
    finding = require.equal([1, 2], [1, 2], title="Sums", next="Add.")
    assert finding.text == "Sums: right in all 2 cases."


def test_the_first_case_that_fails_is_shown():
    finding = require.equal(
        [1, 5, 6], [1, 2, 3], title="Sums", next="Add.", calls=[(1,), (2,), (3,)]
    )
    assert finding.got == "right in 1 of 3 cases"
    assert finding.example == "For 2 you return 5, expected 2."


def test_a_known_mistake_is_named_only_where_every_case_agrees():
    mistakes = {"you forget the sign": [-1, -2, 3], "you add one": [2, 3, 4]}
    found = require.equal([2, 3, 4], [1, 2, 3], title="x", next="y", mistakes=mistakes)
    assert found.detail == "It looks as if you add one."
    found = require.equal([2, 3, 5], [1, 2, 3], title="x", next="y", mistakes=mistakes)
    assert found.detail == ""


def test_the_first_of_several_mistakes_that_fit_is_named():
    mistakes = {"this": [9], "that": [9]}
    found = require.equal([9], [1], title="x", next="y", mistakes=mistakes)
    assert found.detail == "It looks as if this."


def test_arrays_are_compared_and_short_ones_shown():
    got, want = [np.array([1.0, 2.5])], [np.array([1.0, 2.0])]
    finding = require.equal(got, want, title="x", next="y", calls=[(np.zeros((2, 2)),)])
    assert not finding.holds
    assert "For an array of shape 2×2, dtype float64 you return [1. , 2.5]" in finding.example


@pytest.mark.parametrize("value", [None, "1", [1], np.array([1, 1]), [[1], [2, 3]], {}, NAN])
def test_what_is_of_another_form_is_not_equal(value):
    assert not require.equal([value], [1], title="x", next="y").holds


def test_close_allows_its_tolerance_and_no_more():
    def close(value, want):
        return require.close([value], [want], title="x", next="y", tolerance=1e-3).holds

    assert close(1.001, 1.0)
    assert close(0.0009, 0.0)
    assert not close(1.01, 1.0)
    assert not close(NAN, 1.0)
    assert not close(np.ones(3), np.ones(2))
    assert close(np.ones((2, 2)), np.ones((2, 2)))


def test_one_result_too_few_is_an_error_of_the_judge():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        require.equal([1], [1, 2], title="x", next="y")


# --- predictions ------------------------------------------------------------------------------


def test_accuracy_names_the_commonest_confusion():
    true = ["walking"] * 4 + ["biking"] * 4
    predicted = ["walking"] * 3 + ["biking"] + ["running"] * 3 + ["biking"]
    finding = require.accuracy(predicted, true, 0.85, title="Accuracy", next="Look.")
    assert finding.got == "50.0 %"
    assert finding.detail == "biking is taken for running in 3 of 4 windows."


def test_without_a_confusion_nothing_is_said():
    assert require.accuracy(["a"], ["a"], 0.5, title="x", next="y").detail == ""


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_a_confusion_is_one_that_happened(pairs):
    predicted, true = zip(*pairs, strict=True)
    said = require.commonest_confusion(predicted, true)
    if predicted == true:
        assert said == ""
    else:
        label, taken_for = said.split(" is taken for ")
        assert pairs.count((taken_for[0], label)) == int(taken_for.split()[2])


@pytest.mark.parametrize("make", [require.at_least, require.at_most])
def test_a_weight_reaches_the_finding(make):
    assert make(1, 1, title="x", next="y", weight=3).weight == 3
    assert require.equal([1], [1], title="x", next="y", weight=3).weight == 3
    assert require.close([1], [2], title="x", next="y", tolerance=0, weight=3).weight == 3
    assert require.accuracy(["a"], ["a"], 1, title="x", next="y", weight=3).weight == 3
