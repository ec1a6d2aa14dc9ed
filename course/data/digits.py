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


def photo(example: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """One digit as a camera might see it: chalk on a green board, somewhat off in light and size.

    The digit fills the middle square; above and below it, or beside it, there is more board.

    Parameters
    ----------
    example : array, shape (8, 8)
        Ink from 0 to 16.
    seed : int
        Not negative: size, light and noise of the photo.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        Red, green and blue; both sides between 80 and 230 pixels.

    Examples
    --------
    >>> photo(np.zeros((8, 8)), seed=1).dtype
    dtype('uint8')
    """
    rng = np.random.default_rng([whole_number("seed", seed, 0), 8])
    pixels = int(rng.integers(10, 18))
    spare = [int(rng.integers(0, 8)), int(rng.integers(30, 90))]
    height, width = (SIZE * pixels + extra for extra in rng.permutation(spare))
    board, chalk = rng.uniform((5, 25, 15), (25, 55, 35)), rng.uniform(205, 245, 3)
    ink = np.kron(np.asarray(example, float) / 16, np.ones((pixels, pixels)))
    top, left = (height - len(ink)) // 2, (width - len(ink)) // 2
    share = np.zeros((height, width, 1))
    share[top : top + len(ink), left : left + len(ink), 0] = ink
    # Light falls in from one side, and the sensor is noisy.
    light = 1 + rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, width)[:, None]
    seen = (board + share * (chalk - board)) * light + rng.normal(0, 6, (height, width, 3))
    return np.clip(seen.round(), 0, 255).astype(np.uint8)
