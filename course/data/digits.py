"""Handwritten digits of 8×8 pixels: real ones, which scikit-learn carries with it."""

from __future__ import annotations

import numpy as np

from course.data.dataset import Dataset, whole_number

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIZE = 8


def generate(*, seed: int = 0) -> Dataset:
    """All 1,797 digits, in an order drawn from the seed.

    The set does not say who wrote which digit, so all of them are of group 0: `split_by_group`
    refuses it, and a test on a random part of it tells nothing about people who are new.

    Parameters
    ----------
    seed : int
        Not negative: in which order they come.

    Returns
    -------
    Dataset
        1,797 examples, float32 (8, 8): ink from 0 to 16.  Each pixel counts the dark ones among
        4×4 of the form that was scanned.

    Raises
    ------
    ValueError
        If the seed is not a whole number from 0 up.
    ModuleNotFoundError
        If scikit-learn is not installed.
    """
    seed = whole_number("seed", seed, 0)
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "The digits come with scikit-learn, which is not installed here. "
            "`python -m pip install scikit-learn` adds it."
        ) from None
    bunch = load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.target))
    return Dataset(
        name="digits",
        examples=bunch.images[order].astype(np.float32),
        labels=bunch.target[order],
        label_names=LABELS,
        person=np.zeros(len(order), np.int64),
        units="ink (0 to 16)",
        sample_rate_hz=None,
        description=(
            "Handwritten digits of 8 by 8 pixels. The test part of E. Alpaydin and C. Kaynak, "
            "Optical Recognition of Handwritten Digits (UCI Machine Learning Repository, 1998), "
            "as scikit-learn carries it; who wrote which digit is not known."
        ),
        licence="CC BY 4.0 (UCI Machine Learning Repository)",
    )
