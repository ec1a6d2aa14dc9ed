"""Data sets of the course: one module each, generated from a seed or fetched by hash.

>>> from course import data
>>> data.load("gestures", people=2, takes_per_label=3)
gestures: 24 examples of shape (128, 3) in mg, 2 groups (6 wing, 6 ring, 6 slope, 6 negative)
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course.data.dataset import Dataset

__all__ = ["load", "names"]

_NAMES = ("activity", "gestures", "keywords", "digits")


def names() -> tuple[str, ...]:
    """Names that :func:`load` knows.

    Examples
    --------
    >>> "gestures" in names()
    True
    """
    return _NAMES


def load(name: str, *, people: int | None = None, seed: int = 0, **options: Any) -> Dataset:
    """Generate or open a data set of the course.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    people : int, optional
        How many people (or machines). Each data set has a number of its own by default.
    seed : int
        Different seeds have different people. Person 3 of a seed is always the same.
    **options
        Those of the data set's own ``generate``, such as ``takes_per_label`` of gestures.

    Raises
    ------
    ValueError
        If there is no such data set or no such option, or a value is out of range.

    Examples
    --------
    >>> load("activity", people=1, windows_per_label=2).units
    'g'
    """
    if name not in _NAMES:
        raise ValueError(f"There is no data set {name!r}; there are {', '.join(_NAMES)}.")
    generate = (
        _activity if name == "activity" else importlib.import_module(f"course.data.{name}").generate
    )
    if people is not None and "people" not in inspect.signature(generate).parameters:
        raise ValueError(f"The data set {name} does not say who is who: leave people out.")
    known = [key for key in inspect.signature(generate).parameters if key not in ("people", "seed")]
    for option in options:
        if option not in known:
            raise ValueError(
                f"The data set {name} has no option {option!r}; "
                + (f"its options are {', '.join(known)}." if known else "it has none.")
            )
    if people is not None:
        options["people"] = people
    return generate(seed=seed, **options)


def _activity(*, people: int = 12, windows_per_label: int = 20, seed: int = 0) -> Dataset:
    """Wrist acceleration alone, in g; the speeds stay in :mod:`course.data.activity`."""
    from course.data import activity
    from course.data.dataset import Dataset

    made = activity.generate(people=people, windows_per_label=windows_per_label, seed=seed)
    return Dataset(
        name="activity",
        examples=made.acceleration,
        labels=made.labels,
        label_names=activity.LABELS,
        person=made.person,
        units="g",
        sample_rate_hz=activity.SAMPLE_RATE_HZ,
        description=(
            "Simulated wrist acceleration of people walking, running, biking and golfing. "
            "Windows of 5.12 s: x, y and z of a watch's accelerometer, ±4 g."
        ),
        licence=made.licence,
    )
