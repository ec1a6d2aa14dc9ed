"""The slider of Module 07: what it shows for a share, and what is left without it."""

import numpy as np
import pytest

from course import widgets


def explorer(**changes):
    given = {"shares": [0, 0.5, 0.9], "accuracies": [0.95, 0.9, 0.3]} | changes
    return widgets.PruneExplorer(np.arange(-5.0, 5.0), packed_bytes=[900, 500, 100], **given)


def test_moving_the_slider_shows_the_model_of_the_nearest_share():
    moved = explorer()
    assert (moved.accuracy, moved.packed, moved.raw) == (0.95, 900, 40)
    moved.share = 0.6
    assert (moved.share, moved.accuracy, moved.packed) == (0.5, 0.9, 500)


def test_the_raw_size_stays_whatever_is_pruned():
    moved = explorer()
    moved.share = 0.9
    assert moved.raw == 40


def test_the_cut_lies_at_the_largest_weight_that_is_pruned():
    # 0, ±1, ±2 are the five smallest of -5 to 4.
    assert explorer(share=0.5)._cut == 2
    assert explorer()._cut == 0


def test_the_still_picture_names_the_share_at_which_the_answers_fall():
    still = explorer()._fallback_figure()
    assert "90 % are too many" in still.alt
    assert "share" in explorer()._fallback_text()


@pytest.mark.parametrize(
    "changes", [{"shares": [0]}, {"accuracies": [0.9, np.nan, 0.1]}, {"shares": [[0, 1, 2]]}]
)
def test_numbers_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match="explorer needs"):
        explorer(**changes)
