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

_NAMES = ("activity", "gestures", "keywords", "digits", "vibration", "people", "hands")
_PUBLIC = "public/"


def names() -> tuple[str, ...]:
    """Names of the generated data sets, which :func:`load` has without a network.

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
        One of :func:`names`; or ``"public/…"`` with one of :func:`course.data.public.names`.
    people : int, optional
        How many people (or machines). Each data set has a number of its own by default. A
        public one has those who were recorded.
    seed : int
        Different seeds have different people. Person 3 of a seed is always the same. Of a
        public data set it decides which examples are taken.
    **options
        Those of the data set's own ``generate``, such as ``takes_per_label`` of gestures, or of
        :func:`course.data.public.load`, such as ``limit``.

    Raises
    ------
    ValueError
        If there is no such data set or no such option, or a value is out of range.
    PublicDataError
        If a public data set cannot be fetched or read.

    Examples
    --------
    >>> load("activity", people=1, windows_per_label=2).units
    'g'
    """
    if isinstance(name, str) and name.startswith(_PUBLIC):
        return _public(name.removeprefix(_PUBLIC), people, seed, options)
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


def _public(name: str, people: int | None, seed: int, options: dict[str, Any]) -> Dataset:
    from course.data import public

    if people is not None:
        raise ValueError(
            f"The data set {_PUBLIC}{name} has the people who were recorded: leave people out. "
            "`for_people` chooses among them, and limit how many examples are read."
        )
    return public.load(name, seed=seed, **options)


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
