"""Long recordings in which something happens now and then, at known times.

>>> gesture_stream(seconds=60)
Stream: 60.0 s at 25 Hz, 5 events (2 wing, 1 ring, 2 slope)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from course.data import _wand
from course.data.dataset import player, whole_number

if TYPE_CHECKING:
    from course.plots import HouseFigure

_SHORTEST_S, _LONGEST_S = 10, 1800
_MOST_GESTURES = 8
# A signal of fewer readings a second has nothing that an ear could hear.
_AUDIBLE_HZ = 4000

# Numbers of the purposes of chance; the wand's labels have 1 to 4.
_STREAM, _SENSOR, _PRACTICE = 5, 6, 7


@dataclass(frozen=True)
class Event:
    """Something that happens from one moment to another, in seconds since the start."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, eq=False, repr=False)
class Stream:
    """A long recording and what happens in it.

    Attributes
    ----------
    readings : float32 array, shape (readings, axes) or (readings,)
    sample_rate_hz : float
        Readings a second.
    events : tuple of Event
        In order of time; they do not overlap.
    person : int
        Who, or which machine, was recorded.
    units : str
        Unit of the readings, such as ``"mg"``.
    labels : tuple of str
        What an event can be.
    """

    readings: np.ndarray
    sample_rate_hz: float
    events: tuple[Event, ...]
    person: int
    units: str
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.readings)

    def __repr__(self) -> str:
        names = [event.label for event in self.events]
        each = ", ".join(f"{names.count(name)} {name}" for name in self.labels if name in names)
        many = f"{len(names)} event{'' if len(names) == 1 else 's'}"
        return (
            f"Stream: {self.seconds:.1f} s at {self.sample_rate_hz:g} Hz, {many}"
            f"{f' ({each})' if each else ''}"
        )

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.readings) / self.sample_rate_hz

    @property
    def time(self) -> np.ndarray:
        """Seconds since the start, one for each reading."""
        return np.arange(len(self.readings)) / self.sample_rate_hz

    def cut(self, start_s: float, end_s: float) -> Stream:
        """Return the part between two moments, with the events that lie wholly in it.

        Raises
        ------
        ValueError
            If there is no reading between them.
        """
        first, last = round(start_s * self.sample_rate_hz), round(end_s * self.sample_rate_hz)
        if not 0 <= first < last <= len(self.readings):
            raise ValueError(
                f"There is nothing from {start_s:g} to {end_s:g} s to cut out; the recording "
                f"lasts from 0 to {self.seconds:g} s."
            )
        began = first / self.sample_rate_hz
        kept = tuple(
            Event(event.start_s - began, event.end_s - began, event.label)
            for event in self.events
            if began <= event.start_s and event.end_s <= last / self.sample_rate_hz
        )
        return Stream(
            self.readings[first:last],
            self.sample_rate_hz,
            kept,
            self.person,
            self.units,
            self.labels,
        )

    def plot(self, *, title: str | None = None) -> HouseFigure:
        """Draw the readings with the events shaded.

        Parameters
        ----------
        title : str, optional
            The finding, in a sentence. By default how many events there are.
        """
        from course.data import _figures

        return _figures.stream(self, title)

    def play(self) -> Any:
        """Return a player for the signal, which a notebook shows.

        Raises
        ------
        ValueError
            If its sample rate is too low to hear anything.
        """
        if self.sample_rate_hz < _AUDIBLE_HZ or self.readings.ndim != 1:
            raise ValueError(f"There is nothing to hear in readings at {self.sample_rate_hz:g} Hz.")
        loudest = np.abs(self.readings).max() or 1.0
        sound = np.round(self.readings / loudest * 32_000).astype(np.int16)
        return player(sound, round(self.sample_rate_hz))


def gesture_stream(
    *,
    seconds: float = 60,
    events_per_minute: float = 5,
    person: int = 0,
    seed: int = 0,
) -> Stream:
    """One person's wand for a while: idle, moved about, and now and then a gesture.

    About three fifths of the time the hand is still.  What moves beside the gestures is
    everyday movement and, rarely, a figure that is no gesture, such as a ring drawn the wrong
    way round.  The person is the same as in :func:`course.data.gestures.generate`.

    Parameters
    ----------
    seconds : float
        From 10 to 1,800.
    events_per_minute : float
        Gestures a minute, from 0 to 8; of slow people there may be a few less.
    person : int
        Which person of this seed, counted from 0.
    seed : int
        Not negative.  Different seeds have different people and other things happen.

    Returns
    -------
    Stream
        Readings (seconds × 25, 3) float32 in mg.  Labels wing, ring and slope.  An event lasts
        from the first movement of the gesture itself to the last: lifting the arm is not part
        of it.  Between two events lie two seconds and more.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> stream = gesture_stream(seconds=30, seed=4)
    >>> stream.readings.shape
    (750, 3)
    >>> stream.events[0].label in stream.labels
    True
    """
    seconds = _between("seconds", seconds, _SHORTEST_S, _LONGEST_S)
    rate = _between("events_per_minute", events_per_minute, 0, _MOST_GESTURES)
    person = whole_number("person", person, 0)
    seed = whole_number("seed", seed, 0)
    rng = _wand.chance(seed, person, _STREAM)
    count = round(rate * seconds / 60)
    labels = [name for _ in range(count // 3 + 1) for name in rng.permutation(_wand.GESTURES)]
    # Plain range: a movement without meaning every 35 s or so.
    others = round(seconds / 35)
    return _recorded(seed, person, labels[:count], others, seconds, rng)


def practice(label: str, *, seconds: float = 60, person: int = 0, seed: int = 0) -> Stream:
    """One person repeating one gesture, as one does to record examples.

    Parameters
    ----------
    label : str
        ``"wing"``, ``"ring"`` or ``"slope"``; or ``"negative"``, for a recording without any.
    seconds : float
        From 10 to 1,800; a repetition takes about 7 s.
    person : int
        Which person of this seed, counted from 0.
    seed : int
        Not negative.

    Returns
    -------
    Stream
        As from :func:`gesture_stream`.

    Raises
    ------
    ValueError
        If there is no such label, or a value is out of range.

    Examples
    --------
    >>> {event.label for event in practice("ring", seconds=30).events}
    {'ring'}
    """
    if label not in _wand.LABELS:
        raise ValueError(f"There is no label {label!r}; there are {', '.join(_wand.LABELS)}.")
    seconds = _between("seconds", seconds, _SHORTEST_S, _LONGEST_S)
    person = whole_number("person", person, 0)
    seed = whole_number("seed", seed, 0)
    rng = _wand.chance(seed, person, _PRACTICE + _wand.LABELS.index(label))
    count = max(1, round(seconds / 7.5))
    if label == "negative":
        return _recorded(seed, person, [], count, seconds, rng)
    return _recorded(seed, person, [label] * count, 0, seconds, rng)


def _recorded(
    seed: int,
    person: int,
    labels: list[str],
    others: int,
    seconds: float,
    rng: np.random.Generator,
) -> Stream:
    """Put gestures and other movements into a recording, with rests between them."""
    who = _wand.meet(seed, person)
    actions = [(str(label), _wand.stroke(who, str(label), rng)) for label in labels]
    actions += [("", _wand.movement(who, rng)) for _ in range(others)]
    actions = [actions[i] for i in rng.permutation(len(actions))]
    # Plain range: an arm is lifted, it waits, it moves, it waits, it sinks.
    pauses = [
        (rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.7), rng.uniform(0.2, 1.0), rng.uniform(0.5, 0.9))
        for _ in actions
    ]
    busy = [len(poses) / _wand.HZ + sum(p) for (_, poses), p in zip(actions, pauses, strict=True)]
    # At least a second of rest before, between and after; what does not fit is left out.
    while actions and sum(busy) + len(actions) + 1 > seconds:
        drop = next((i for i, (label, _) in enumerate(actions) if not label), len(actions) - 1)
        for listed in (actions, pauses, busy):
            del listed[drop]
    spare = seconds - sum(busy) - (len(actions) + 1)
    rests = 1 + spare * rng.dirichlet(np.full(len(actions) + 1, 2.0))

    track = _wand.Track(_wand.rest(who, rng))
    track.hold(rests[0])
    events = []
    for (label, poses), (lift, wait, stay, sink), pause in zip(
        actions, pauses, rests[1:], strict=True
    ):
        track.go(poses[0], lift)
        track.hold(wait)
        start = track.seconds
        track.add(poses)
        if label:
            events.append(Event(round(start, 2), round(track.seconds, 2), label))
        track.hold(stay)
        track.go(_wand.rest(who, rng), sink)
        track.hold(pause)
    # The last rest is longer than it needs to be by what rounding took away.
    track.hold(1)
    poses = track.poses()[: round(seconds * _wand.SAMPLE_RATE_HZ) * _wand.HZ // 25]
    readings = _wand.read(who, poses, _wand.chance(seed, person, _SENSOR))
    return Stream(readings, _wand.SAMPLE_RATE_HZ, tuple(events), person, "mg", _wand.GESTURES)


def _between(name: str, value: Any, least: float, most: float) -> float:
    whole = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least} to {most}, not {value!r}.")
    return float(value)
