"""Real digits, without any claim to know who wrote them."""

import sys

import numpy as np
import pytest

from course.data import digits

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


def test_there_are_1797_of_8_by_8_pixels_with_ink_from_0_to_16():
    data = digits.generate()
    assert data.examples.shape == (1797, 8, 8)
    assert data.examples.dtype == np.float32
    assert (data.examples.min(), data.examples.max()) == (0, 16)
    # 183 threes and 174 eights: scikit-learn's own description of the set.
    assert np.bincount(data.labels)[[3, 8]].tolist() == [183, 174]


def test_the_seed_changes_their_order_alone():
    one, other = digits.generate(seed=1), digits.generate(seed=2)
    assert np.array_equal(one.examples, digits.generate(seed=1).examples)
    assert not np.array_equal(one.examples, other.examples)
    assert one.examples.sum() == other.examples.sum()


def test_a_split_by_people_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="needs at least two"):
        digits.generate().split_by_group()


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        digits.generate()


def test_a_photo_holds_its_digit_in_the_middle_square():
    data = digits.generate()
    for seed in range(20):
        photo = digits.photo(data.examples[seed], seed=seed)
        assert photo.dtype == np.uint8
        assert all(80 <= side <= 230 for side in photo.shape[:2])
        pixels = min(photo.shape[:2]) // 8
        top, left = ((side - 8 * pixels) // 2 for side in photo.shape[:2])
        grey = photo[top : top + 8 * pixels, left : left + 8 * pixels].mean(axis=2)
        shrunk = grey.reshape(8, pixels, 8, pixels).mean(axis=(1, 3))
        assert np.corrcoef(shrunk.ravel(), data.examples[seed].ravel())[0, 1] > 0.97


def test_the_same_seed_gives_the_same_photo_and_another_one_another():
    example = digits.generate().examples[0]
    assert np.array_equal(digits.photo(example, seed=3), digits.photo(example, seed=3))
    assert digits.photo(example, seed=3).shape != digits.photo(example, seed=4).shape
