"""What judges may rely on: an answer of any other form is refused with what it is."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autograder import expect
from autograder.evidence import EvidenceError, plain
from autograder.expect import Unexpected

NAN, INF = float("nan"), float("inf")
WORDS = ("walking", "running")


def refused(kind, value):
    with pytest.raises(Unexpected) as caught:
        kind.normalise(value)
    error = caught.value
    assert error.got
    assert error.needed
    assert error.next.endswith((".", "?"))
    return error


# --- accepted --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (expect.Number(), 2.5, 2.5),
        (expect.Number(), 3, 3.0),
        (expect.Number(), np.array(2.5), 2.5),
        (expect.Number(whole=True), 3.0, 3),
        (expect.Number(whole=True), -128, -128),
        (expect.Number(whole=True), 1e300, int(1e300)),
        (expect.Text(WORDS), "walking", "walking"),
        (expect.Texts(WORDS), ["walking", "running"], ["walking", "running"]),
        (expect.Texts(WORDS), [], []),
        (expect.Texts(WORDS, count=1), ["walking"], ["walking"]),
    ],
)
def test_what_is_expected_passes(kind, value, found):
    result = kind.normalise(value)
    assert result == found
    assert type(result) is type(found)


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        ((3,), [1, 2, 3]),
        ((3,), np.array([1, 2, 3], np.int8)),
        ((2, 2), [[1, 2], [3, 4.5]]),
        ((None, 2), [[1, 2]]),
        ((None,), []),
        ((), 5),
        ((), np.array(5)),
        ((2,), [True, False]),
        ((2,), np.array([1, 2], np.float16)),
    ],
)
def test_lists_and_arrays_of_numbers_pass_as_float64(shape, value):
    found = expect.Array(shape).normalise(value)
    assert found.dtype == np.float64
    assert np.array_equal(found, np.asarray(value, float))


def test_an_array_may_hold_nan_where_the_check_allows_it():
    assert np.isnan(expect.Array((1,), finite=False).normalise([NAN])).all()


# --- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "got"),
    [
        (expect.Number(), None, "nothing (None)"),
        (expect.Number(), "3", "'3'"),
        (expect.Number(), True, "True"),
        (expect.Number(), [3], "a list of 1 item"),
        (expect.Number(), np.array([3.0]), "an array of shape 1, dtype float64"),
        (expect.Number(), np.array(True), "True"),
        (expect.Number(), NAN, "nan"),
        (expect.Number(), INF, "inf"),
        (expect.Number(), -INF, "-inf"),
        (expect.Number(whole=True), 2.5, "2.5"),
        (expect.Text(WORDS), None, "nothing (None)"),
        (expect.Text(WORDS), 1, "1"),
        (expect.Text(WORDS), "Walking", "'Walking'"),
        (expect.Text(WORDS), ["walking"], "a list of 1 item"),
        (expect.Texts(WORDS), None, "nothing (None)"),
        (expect.Texts(WORDS), "walking", "'walking'"),
        (expect.Texts(WORDS), [0, 1], "a list that holds other things than words"),
        (expect.Texts(WORDS), [["walking"]], "a list that holds other things than words"),
        (expect.Texts(WORDS), ["walking", "Running"], "'Running'"),
        (expect.Texts(WORDS, count=2), ["walking"], "1 words"),
        (expect.Array((3,)), None, "nothing (None)"),
        (expect.Array((3,)), "123", "'123'"),
        (expect.Array((3,)), ["1", "2", "3"], "a list that holds other things than numbers"),
        (expect.Array((3,)), [1, None, 3], "a list that holds other things than numbers"),
        (expect.Array((3,)), [1, [2], 3], "a list whose rows differ in length"),
        (expect.Array((3,)), {"a": 1}, "a dict of 1 item"),
        (expect.Array((3,)), [10**70] * 3, "a list that holds other things than numbers"),
        (expect.Array((3,)), 5, "shape scalar"),
        (expect.Array((3,)), [1, 2], "shape 2"),
        (expect.Array((3,)), [[1, 2, 3]], "shape 1×3"),
        (expect.Array((None, 2)), np.zeros((2, 3)), "shape 2×3"),
        (expect.Array((3,)), [1, NAN, 3], "1 value that is NaN or infinite"),
        (expect.Array((3,)), [INF, NAN, 3], "2 values that are NaN or infinite"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_not_expected_is_refused_with_what_it_is(kind, value, got):
    assert refused(kind, value).got == got


def test_what_is_needed_is_said_with_its_unit():
    assert refused(expect.Number(unit="mph"), None).needed == "one number in mph"
    assert refused(expect.Number(whole=True), None).needed == "one whole number"
    assert refused(expect.Array((None, 3)), None).needed == "an array of shape N×3"
    assert refused(expect.Text(WORDS), None).needed == "one of 'walking', 'running'"
    assert "2 words" in refused(expect.Texts(WORDS, count=2), None).needed


def test_an_empty_answer_asks_whether_the_cell_was_run():
    for kind in (expect.Number(), expect.Text(WORDS), expect.Texts(WORDS), expect.Array((1,))):
        assert "filled in and run" in refused(kind, None).next


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**256), 2**256), st.floats(), st.text(max_size=3),
        arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)  # fmt: skip


@given(anything)
def test_whatever_evidence_holds_is_accepted_or_refused(value):
    try:
        value = plain(value)
    except EvidenceError:
        return
    kinds = (expect.Number(), expect.Number(whole=True), expect.Text(WORDS), expect.Texts(WORDS),
             expect.Array(()), expect.Array((3,)), expect.Array((None, None)))  # fmt: skip
    for kind in kinds:
        with contextlib.suppress(Unexpected):
            kind.normalise(value)
