"""Gestures drawn in the air with a wand: wing, ring, slope, and anything else.

Nothing here was recorded.  An arm of each person's own traces the shapes, and the accelerometer
in the wand is read (see :mod:`course.data._wand` for the model and the origin of its figures).

>>> generate(people=2, takes_per_label=3)
gestures: 24 examples of shape (128, 3) in mg, 2 groups (6 wing, 6 ring, 6 slope, 6 negative)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from course.data import _wand
from course.data._wand import LABELS, SAMPLE_RATE_HZ, WINDOW
from course.data.dataset import Dataset, whole_number

if TYPE_CHECKING:
    from course.plots import HouseFigure

__all__ = [
    "LABELS", "RECORDING", "SAMPLE_RATE_HZ", "WINDOW", "generate", "path", "recordings", "shapes"
]  # fmt: skip

# 6.4 s: room for five windows, 8 readings apart.
RECORDING = 160
# Number of the first purpose of chance that recordings have; streams have those from 5 to 10.
_RECORDINGS = 11


def generate(*, people: int = 12, takes_per_label: int = 20, seed: int = 0) -> Dataset:
    """Windows of 5.12 s in which somebody makes a gesture, or does not.

    Person 3 of seed 0 is the same whether 4 or 40 people are asked for, and the first takes are
    the same whether 5 or 50 are asked for.

    Parameters
    ----------
    people : int
        How many people, numbered from 0.
    takes_per_label : int
        How many windows of each label each person gives.
    seed : int
        Not negative.  Different seeds have different people.

    Returns
    -------
    Dataset
        people × 4 × takes_per_label examples, float32 of shape (128, 3): acceleration in mg
        along the wand's x (towards the hand), y (sideways) and z (up), 25 readings a second,
        from -2,040 to 2,040.  A gesture lies wholly inside its window, anywhere.  Negatives are
        other movements and figures, a hand that waits, and gestures of which less than half is
        inside.

    Raises
    ------
    ValueError
        If a count is less than one or the seed is negative.

    Examples
    --------
    >>> generate(people=1, takes_per_label=2).names.tolist()[:3]
    ['wing', 'wing', 'ring']
    """
    people = whole_number("people", people, 1)
    takes = whole_number("takes_per_label", takes_per_label, 1)
    seed = whole_number("seed", seed, 0)
    windows = np.empty((people, len(LABELS), takes, WINDOW, 3), np.float32)
    for who in range(people):
        person = _wand.meet(seed, who)
        for label, name in enumerate(LABELS):
            rng = _wand.chance(seed, who, 1 + label)
            for take in range(takes):
                kind = _wand.negative(rng) if name == "negative" else name
                windows[who, label, take] = _wand.window(person, kind, rng)
    return Dataset(
        name="gestures",
        examples=windows.reshape(-1, WINDOW, 3),
        labels=np.tile(np.repeat(np.arange(len(LABELS)), takes), people),
        label_names=LABELS,
        person=np.repeat(np.arange(people), len(LABELS) * takes),
        units="mg",
        sample_rate_hz=SAMPLE_RATE_HZ,
        description=(
            "Simulated readings of a wand that draws wings, rings and slopes in the air. "
            "Windows of 5.12 s: x, y and z of an accelerometer at 25 Hz, ±2,040 mg; negatives "
            "are other movements."
        ),
        licence="generated; CC0",
    )


def recordings(
    *, people: int = 12, takes_per_label: int = 10, seed: int = 0
) -> list[tuple[np.ndarray, str, int]]:
    """Recordings of 6.4 s as a recorder keeps them: readings, label, person.

    A window of 5.12 s cut from one, wherever it starts, holds the whole gesture but for a few of
    the slowest.  People are those of :func:`generate`.

    Parameters
    ----------
    people, takes_per_label, seed : int
        As in :func:`generate`.

    Returns
    -------
    list of tuples
        Readings float32 (160, 3) in mg, one of `LABELS`, and the number of the person; ordered by
        person, then by label.

    Raises
    ------
    ValueError
        If a count is less than one or the seed is negative.

    Examples
    --------
    >>> readings, label, person = recordings(people=1, takes_per_label=1)[0]
    >>> readings.shape, label, person
    ((160, 3), 'wing', 0)
    """
    people = whole_number("people", people, 1)
    takes = whole_number("takes_per_label", takes_per_label, 1)
    seed = whole_number("seed", seed, 0)
    made = []
    for who in range(people):
        person = _wand.meet(seed, who)
        for number, label in enumerate(LABELS):
            rng = _wand.chance(seed, who, _RECORDINGS + number)
            for _ in range(takes):
                kind = _wand.negative(rng) if label == "negative" else label
                made.append((_wand.window(person, kind, rng, RECORDING), label, who))
    return made


def path(label: str) -> np.ndarray:
    """Way of a wand's tip as the gesture is meant, seen by who holds it.

    Parameters
    ----------
    label : str
        ``"wing"``, ``"ring"`` or ``"slope"``.

    Returns
    -------
    float64 array, shape (corners, 2)
        Right and up, from -0.5 to 0.5, in the order in which they are drawn.

    Raises
    ------
    ValueError
        If it is no gesture.

    Examples
    --------
    >>> path("slope").tolist()
    [[0.25, 0.5], [-0.35, -0.5], [0.5, -0.5]]
    """
    if label not in _wand.GESTURES:
        raise ValueError(
            f"There is no gesture {label!r} to draw; there are {', '.join(_wand.GESTURES)}."
        )
    return _wand.corners(label)[0]


def shapes(*, title: str = "Three gestures, as the one who draws them sees them") -> HouseFigure:
    """Draw wing, ring and slope side by side.

    Parameters
    ----------
    title : str
        The finding, in a sentence.
    """
    from course.data import _figures

    return _figures.shapes({label: path(label) for label in _wand.GESTURES}, title)
