"""One shape for every data set of the course: examples, their labels, and whose they are."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from course.plots import HouseFigure

# Clips to listen to have the rate of the Speech Commands data set and of micro_speech.
SOUND_RATE_HZ = 16_000


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled examples, each of a known person (or machine).

    Attributes
    ----------
    name : str
        What :func:`course.data.load` calls it.
    examples : array, shape (N, …)
        Windows of readings (N, readings, axes), signals (N, readings) or pictures
        (N, rows, columns) and (N, rows, columns, 3).
    labels : int64 array, shape (N,)
        Indices into `label_names`.
    label_names : tuple of str
    person : int64 array, shape (N,)
        The group of each example: who made it, or which machine.
    units : str
        Unit of the examples' values, such as ``"mg"``.
    sample_rate_hz : float or None
        Readings a second; None for pictures.
    description : str
        The first sentence is the caption of its plots.
    licence : str
    sounds : tuple of int16 arrays, or None
        What each example sounds like, 16,000 samples a second, where there is anything to hear;
        an entry may be None.

    Raises
    ------
    ValueError
        If the arrays do not fit together.
    """

    name: str
    examples: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    person: np.ndarray
    units: str
    sample_rate_hz: float | None
    description: str
    licence: str
    sounds: tuple[np.ndarray | None, ...] | None = None

    def __post_init__(self) -> None:
        # The class is frozen; these four are put into the form that the others may rely on.
        object.__setattr__(self, "examples", np.asarray(self.examples))
        object.__setattr__(self, "labels", _whole(self.labels, "labels"))
        object.__setattr__(self, "person", _whole(self.person, "person"))
        object.__setattr__(self, "label_names", tuple(self.label_names))
        count = len(self.examples) if self.examples.ndim else 0
        sounds = count if self.sounds is None else len(self.sounds)
        if not self.labels.shape == self.person.shape == (count,) or sounds != count:
            raise ValueError(
                f"The data set {self.name} has {count} examples, but labels of the shape "
                f"{self.labels.shape}, person of the shape {self.person.shape}"
                f"{'' if self.sounds is None else f' and {sounds} sounds'}; "
                "there must be one of each for each example."
            )
        if count and not 0 <= self.labels.min() <= self.labels.max() < len(self.label_names):
            raise ValueError(
                f"The labels of {self.name} run from {self.labels.min()} to {self.labels.max()}; "
                f"with {len(self.label_names)} label names they must lie between 0 and "
                f"{len(self.label_names) - 1}."
            )

    def __len__(self) -> int:
        return len(self.examples)

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.label_names))
        each = ", ".join(f"{n} {name}" for n, name in zip(counts, self.label_names, strict=True))
        people = len(self.people)
        return (
            f"{self.name}: {_count(len(self), 'example')} of shape {self.examples.shape[1:]} in "
            f"{self.units}, {_count(people, 'group')} ({each})"
        )

    @property
    def names(self) -> np.ndarray:
        """Label of each example in words, an array of str, shape (N,)."""
        return np.array(self.label_names)[self.labels]

    @property
    def people(self) -> np.ndarray:
        """Ids of the people (or machines) in this data set, each once, in order."""
        return np.unique(self.person)

    def take(self, indices: Iterable[int] | np.ndarray) -> Dataset:
        """Return these examples, in this order.

        Parameters
        ----------
        indices : sequence of int, or bool array of shape (N,)

        Raises
        ------
        ValueError
            If there are no such examples.
        """
        wanted = np.asarray(indices if isinstance(indices, np.ndarray) else list(indices))
        if wanted.size == 0:
            wanted = wanted.astype(np.int64)
        if wanted.dtype == bool and wanted.shape == (len(self),):
            wanted = np.flatnonzero(wanted)
        if wanted.ndim != 1 or not np.issubdtype(wanted.dtype, np.integer):
            raise ValueError(
                "Examples are taken by a list of whole numbers, or by one True or False for each "
                f"of the {len(self)} examples."
            )
        outside = wanted[(wanted < -len(self)) | (wanted >= len(self))]
        if len(outside):
            raise ValueError(
                f"There is no example {outside[0]} in {self.name}; it has {len(self)}, "
                "counted from 0."
            )
        sounds = None if self.sounds is None else tuple(self.sounds[i] for i in wanted)
        return replace(
            self,
            examples=self.examples[wanted],
            labels=self.labels[wanted],
            person=self.person[wanted],
            sounds=sounds,
        )

    def for_people(self, ids: Iterable[int] | int) -> Dataset:
        """Return the examples of these people only, in their present order.

        Raises
        ------
        ValueError
            If nobody in this data set has one of the ids.
        """
        wanted = np.atleast_1d(np.asarray(ids if np.isscalar(ids) else list(ids)))
        strangers = np.setdiff1d(wanted, self.people)
        if len(strangers):
            raise ValueError(
                f"There is no person {strangers[0]} in {self.name}; "
                f"its people are {', '.join(map(str, self.people))}."
            )
        return self.take(np.isin(self.person, wanted))

    def only(self, *names: str) -> Dataset:
        """Return the examples with these labels only; `label_names` stays as it is.

        Raises
        ------
        ValueError
            If a name is not one of `label_names`.
        """
        for name in names:
            if name not in self.label_names:
                raise ValueError(
                    f"There is no label {name!r} in {self.name}; "
                    f"there are {', '.join(self.label_names)}."
                )
        return self.take(np.isin(self.names, names))

    def split_by_group(self, test: float = 0.25, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Split into a training and a test set that have no person in common.

        Parameters
        ----------
        test : float
            Share of the people, between 0 and 1, whose examples go into the test set: at least
            one person, and never all.
        seed : int
            Decides which people.

        Returns
        -------
        train, test : Dataset
            Each in its present order.

        Raises
        ------
        ValueError
            If there are fewer than two people, or the share is not between 0 and 1.
        """
        people = self.people
        if not 0 < test < 1:
            raise ValueError(
                f"The share of people to test with must lie between 0 and 1; it is {test}."
            )
        if len(people) < 2:
            raise ValueError(
                f"The data set {self.name} has {_count(len(people), 'group')}; a split by group "
                "needs at least two, one on each side."
            )
        count = min(max(1, round(test * len(people))), len(people) - 1)
        chosen = np.random.default_rng(seed).permutation(people)[:count]
        held_out = np.isin(self.person, chosen)
        return self.take(~held_out), self.take(held_out)

    def plot(self, count: int = 1, *, title: str | None = None) -> HouseFigure:
        """Draw one or a few examples of each label.

        Parameters
        ----------
        count : int
            Examples of each label, from 1 to 6; spread over the people as far as they go.
        title : str, optional
            The finding, in a sentence. By default the first sentence of `description`.

        Raises
        ------
        ValueError
            If the data set is empty or `count` is not from 1 to 6.
        """
        # matplotlib takes a moment; who only wants arrays does not wait for it.
        from course.data import _figures

        return _figures.examples(self, count, title)

    def play(self, index: int = 0) -> Any:
        """Return a player for the sound of one example, which a notebook shows.

        Raises
        ------
        ValueError
            If there is no such example, or nothing to hear.
        """
        if self.sounds is None:
            raise ValueError(f"There is nothing to hear in {self.name}: it has no sounds.")
        if not -len(self) <= index < len(self):
            raise ValueError(
                f"There is no example {index} in {self.name}; it has {len(self)}, counted from 0."
            )
        sound = self.sounds[index]
        if sound is None:
            audible = [i for i, other in enumerate(self.sounds) if other is not None]
            raise ValueError(
                f"Example {index} of {self.name} has no sound; "
                + (f"example {audible[0]} has one." if audible else "nor has any other.")
            )
        return player(sound, SOUND_RATE_HZ)


def player(sound: np.ndarray, rate_hz: int) -> Any:
    """Return an IPython ``Audio`` of this signal.

    Parameters
    ----------
    sound : int16 array, shape (samples,)
    rate_hz : int
        Samples a second.
    """
    from IPython.display import Audio

    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(np.asarray(sound, "<i2").tobytes())
    return Audio(data=file.getvalue(), rate=rate_hz)


def whole_number(name: str, value: Any, least: int) -> int:
    """Return `value` if it is a whole number of at least `least`; else raise a ValueError."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be a whole number, not {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}.")
    return int(value)


def _whole(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{what} must be whole numbers, not {array.dtype}.")
    return array.astype(np.int64)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
