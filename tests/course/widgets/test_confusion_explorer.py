"""The confusion explorer: the examples of each cell, and what is sent to the browser."""

import numpy as np
import pytest

from course.widgets import ConfusionExplorer

TRUE = ["wing", "wing", "ring", "ring", "ring"]
SAID = ["wing", "ring", "ring", "wing", "wing"]
SIGNALS = np.arange(5 * 16 * 3, dtype=np.float32).reshape(5, 16, 3)


def sent(explorer, true, said):
    """Positions of the examples that the browser has for a cell."""
    row, column = explorer.row_names.index(true), explorer.column_names.index(said)
    start, count = explorer._cells[row * len(explorer.column_names) + column]
    return explorer._positions[start : start + count]


def test_each_cell_has_its_own_examples():
    explorer = ConfusionExplorer(TRUE, SAID, SIGNALS, sample_rate_hz=25, units="mg")
    assert explorer.counts.tolist() == [[1, 1], [2, 1]]
    assert explorer.indices("ring", "wing").tolist() == sent(explorer, "ring", "wing") == [3, 4]
    assert explorer.indices("wing", "ring").tolist() == [1]
    data = np.frombuffer(explorer._examples, "<f4").reshape(5, 16, 3)
    np.testing.assert_array_equal(data, SIGNALS[explorer._positions])


def test_a_full_cell_sends_a_spread_of_its_examples_and_counts_them_all():
    explorer = ConfusionExplorer(["a"] * 1000, ["a"] * 1000, np.arange(1000 * 8).reshape(1000, 8))
    positions = sent(explorer, "a", "a")
    assert explorer.counts.item() == 1000
    assert len(positions) == 24
    assert (positions[0], positions[-1]) == (0, 999)


def test_large_pictures_and_long_sounds_stay_within_the_limit():
    pictures = np.zeros((300, 96, 96, 3), np.uint8)
    names = [str(n % 6) for n in range(300)]
    explorer = ConfusionExplorer(
        names, names[::-1], pictures, sounds=[np.zeros(32_000, np.int16)] * 300
    )
    assert len(explorer._examples) <= 4_000_000
    assert len(explorer._sounds) <= 4_000_000
    shown = np.array([count for _, count in explorer._cells]).reshape(explorer.counts.shape)
    assert ((shown > 0) == (explorer.counts > 0)).all()


def test_answers_that_are_no_label_get_columns_and_the_rest_shares_one():
    said = ["wing", None, 3, "x", "y"]
    explorer = ConfusionExplorer(TRUE, said, SIGNALS, label_names=["ring", "wing"])
    assert explorer.column_names == ["ring", "wing", "no answer", "3", "x", "something else"]
    assert explorer.indices("ring", "something else").tolist() == [4]
    assert "no answer" in explorer._fallback_text()


@pytest.mark.parametrize(
    ("shape", "rate", "kind"),
    [
        ((128, 3), 25, "signal"),
        ((128, 3), None, "signal"),
        ((16_000,), 16_000, "signal"),
        ((8, 8), None, "picture"),
        ((49, 40), 50, "bands"),
        ((24, 24, 1), None, "picture"),
        ((24, 24, 3), None, "picture"),
    ],
)
def test_examples_are_drawn_by_their_shape(shape, rate, kind):
    explorer = ConfusionExplorer(["a"], ["b"], np.zeros((1, *shape)), sample_rate_hz=rate)
    assert explorer._kind == kind
    assert len(explorer._examples) == np.prod(explorer._shape) * (4 if kind == "signal" else 1)


def test_brightness_means_the_same_in_every_picture():
    pictures = np.zeros((2, 8, 8))
    pictures[1] = 16
    explorer = ConfusionExplorer(["a", "a"], ["a", "a"], pictures)
    assert sorted(set(explorer._examples)) == [0, 255]
    shares = ConfusionExplorer(["a"], ["a"], np.full((1, 8, 8), 0.5))
    assert set(shares._examples) == {128}
    odd = ConfusionExplorer(["a"], ["a"], np.full((1, 8, 8), np.nan))
    assert set(odd._examples) == {0}


def test_sounds_travel_beside_their_examples():
    clips = [np.full(n, n, np.int16) for n in (1, 2, 3, 4)] + [None]
    explorer = ConfusionExplorer(TRUE, SAID, SIGNALS, sounds=clips)
    assert explorer._positions == [0, 1, 3, 4, 2]
    assert explorer._sound_lengths == [1, 2, 4, 0, 3]
    assert np.frombuffer(explorer._sounds, "<i2").tolist() == [1, 2, 2, 4, 4, 4, 4, 3, 3, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true_names": TRUE[:4]}, "4 true names, 5 predicted"),
        ({"true_names": [], "predicted_names": [], "examples": []}, "at least one"),
        ({"examples": SIGNALS[:4]}, "each example needs"),
        ({"examples": np.array(["a"] * 5)}, "must hold numbers"),
        ({"examples": np.zeros((5, 2, 2, 2))}, "cannot be drawn"),
        ({"examples": np.zeros((5, 0))}, "nothing to draw"),
        ({"sounds": [None]}, "1 sounds for 5"),
        ({"sounds": [np.zeros(3)] * 5}, "int16"),
        ({"sample_rate_hz": -1}, "above 0"),
        ({"true_names": "abcdefghijklm", "predicted_names": "a" * 13, "examples": np.ones((13, 9))},
         "at most 12"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(change, message):
    given = {"true_names": TRUE, "predicted_names": SAID, "examples": SIGNALS} | change
    with pytest.raises(ValueError, match=message):
        ConfusionExplorer(
            given.pop("true_names"), given.pop("predicted_names"), given.pop("examples"), **given
        )


def test_a_cell_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no cell for 'wing' taken for 'flap'"):
        ConfusionExplorer(TRUE, SAID, SIGNALS).indices("wing", "flap")
