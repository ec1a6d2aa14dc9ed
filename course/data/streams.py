"""Long recordings in which something happens now and then, at known times.

>>> gesture_stream(seconds=60)
Stream: 60.0 s at 25 Hz, 5 events (2 wing, 1 ring, 2 slope)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from course.data import _bearing, _wand
from course.data._chance import chance
from course.data.dataset import player, whole_number

if TYPE_CHECKING:
    from course.plots import HouseFigure

_SHORTEST_S, _LONGEST_S = 10, 1800
# Of vibration there are 12,000 readings a second: 300 s are 14 MB.
_LONGEST_VIBRATION_S = 300
_MOST_GESTURES = 8
# A signal of fewer readings a second has nothing that an ear could hear.
_AUDIBLE_HZ = 4000

# Numbers of the purposes of chance; the wand's labels have 1 to 4.
_STREAM, _SENSOR, _PRACTICE = 5, 6, 7
# The same for machines, whose labels have 1 to 4 too.
_RUN, _DAMAGE = 5, 6

# Plain range: a pit of a fiftieth of the usual damage, which nobody can find, grows by the same
# factor every second to three times the usual one, which a hand on the housing feels.
_FIRST_SEVERITY, _LAST_SEVERITY = 0.02, 3.0


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


def vibration_stream(
    *,
    seconds: float = 120,
    fault: str | None = "inner",
    starts_at_s: float | None = None,
    person: int = 0,
    seed: int = 0,
) -> Stream:
    """One machine for a while, whose bearing starts to fail at a known time.

    A film at high speed: what takes weeks in a factory takes a minute or two.  From the moment
    the bearing starts to fail the damage grows by the same factor every second, from a fiftieth
    of what is usual in :func:`course.data.vibration.generate` to three times that at the end of
    the recording.  The machine is the one of that number there.

    Parameters
    ----------
    seconds : float
        From 10 to 300.
    fault : {"inner", "outer", "ball", None}
        What starts to fail; with None nothing does.  Until then it is the same recording.
    starts_at_s : float, optional
        When, from 0 to a second before the end.  By default chance decides, between 40 and 60 %
        of the recording.
    person : int
        Which machine of this seed, counted from 0.
    seed : int
        Not negative.  Different seeds have different machines.

    Returns
    -------
    Stream
        Readings (seconds × 12,000,) float32 in g.  One event, from the start of the failure to
        the end of the recording, with the fault as its label; or none.

    Raises
    ------
    ValueError
        If there is no such fault, or a value is out of range.

    Examples
    --------
    >>> vibration_stream(seconds=20, fault="outer", starts_at_s=12.5).events
    (Event(start_s=12.5, end_s=20.0, label='outer'),)
    """
    seconds = _between("seconds", seconds, _SHORTEST_S, _LONGEST_VIBRATION_S)
    person = whole_number("person", person, 0)
    seed = whole_number("seed", seed, 0)
    if fault is not None and fault not in _bearing.FAULTS:
        raise ValueError(
            f"There is no fault {fault!r}; there are {', '.join(_bearing.FAULTS)}, and None for "
            "a bearing that stays sound."
        )
    if fault is None and starts_at_s is not None:
        raise ValueError(
            "A bearing that stays sound does not start to fail: leave starts_at_s out."
        )
    if starts_at_s is not None:
        starts_at_s = _between("starts_at_s", starts_at_s, 0, seconds - 1)
    machine = _bearing.build(seed, person)
    rate = _bearing.SAMPLE_RATE_HZ
    count = round(seconds * rate)
    rng = chance(seed, person, _RUN)
    turns = _bearing.wandering(machine, count, rng)
    readings = _bearing.sound(machine, turns, rng)
    events: tuple[Event, ...] = ()
    if fault is not None:
        rng = chance(seed, person, _DAMAGE)
        by_chance = round(rng.uniform(0.4, 0.6) * seconds, 2)
        start = by_chance if starts_at_s is None else starts_at_s
        first = round(start * rate)
        grown = np.linspace(0, 1, count - first)
        severity = _FIRST_SEVERITY * (_LAST_SEVERITY / _FIRST_SEVERITY) ** grown
        readings[first:] += _bearing.strikes(machine, fault, turns[first:], severity, rng)
        events = (Event(start, seconds, fault),)
    return Stream(readings.astype(np.float32), rate, events, person, "g", _bearing.FAULTS)


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
