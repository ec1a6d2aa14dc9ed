"""A gate's threshold to move: what it costs, and what sleeps through."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script


class GateExplorer(HouseWidget):
    """One slider for the threshold of a gate that wakes a model, over a recorded signal.

    Parameters
    ----------
    values : array_like, shape (N,)
        The number that the gate looks at, one for each piece of the signal.
    spans : sequence of (float, float)
        Start and end, in s, of each event for which the model must wake.
    piece_s : float
        How long one piece lasts, in s.
    joules_per_day : callable
        From the share of pieces that wake the model, 0 to 1, to joules a day.
    battery_joules : float
        What the battery holds, in J.
    threshold : float
        Where the slider starts.
    unit : str
        Unit of the values.

    Attributes
    ----------
    threshold : float
        Where the slider stands.
    share : float
        Share of the pieces that wake the model.
    recall : float
        Share of the events for which it wakes.
    joules : float
        Joules a day.

    Raises
    ------
    ValueError
        If there is no piece or a value is not finite.
    """

    _esm = script("gate_explorer")

    threshold = traitlets.Float(0.0).tag(sync=True)
    share = traitlets.Float(0.0).tag(sync=True)
    recall = traitlets.Float(0.0).tag(sync=True)
    joules = traitlets.Float(0.0).tag(sync=True)
    days = traitlets.Float(0.0).tag(sync=True)
    caught = traitlets.Int(0).tag(sync=True)
    _values = traitlets.List().tag(sync=True)
    _spans = traitlets.List().tag(sync=True)
    _piece_s = traitlets.Float().tag(sync=True)
    _unit = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        values: Any,
        spans: Sequence[tuple[float, float]],
        *,
        piece_s: float,
        joules_per_day: Callable[[float], float],
        battery_joules: float,
        threshold: float = 0.0,
        unit: str = "g",
    ) -> None:
        self.values = np.asarray(values, float)
        if self.values.ndim != 1 or not len(self.values) or not np.isfinite(self.values).all():
            raise ValueError("The explorer needs one finite number for each piece of the signal.")
        self.spans = [(float(start), float(end)) for start, end in spans]
        self._joules_per_day, self._battery = joules_per_day, float(battery_joules)
        starts = np.arange(len(self.values)) * piece_s
        self._touching = [(starts < end) & (starts + piece_s > start) for start, end in self.spans]
        self._lock = threading.RLock()
        super().__init__(
            threshold=float(threshold),
            _values=self.values.round(4).tolist(),
            _spans=[list(span) for span in self.spans],
            _piece_s=float(piece_s),
            _unit=unit,
        )
        self.observe(self._measure, names="threshold")
        self._measure()

    def _measure(self, _: Any = None) -> None:
        with self._lock, self.hold_sync():
            awake = self.values >= self.threshold
            self.share = float(awake.mean())
            self.caught = sum(bool(awake[touching].any()) for touching in self._touching)
            self.recall = self.caught / max(1, len(self.spans))
            self.joules = float(self._joules_per_day(self.share))
            self.days = self._battery / self.joules

    def _sentence(self) -> str:
        return (
            f"Awake for {100 * self.share:.0f} % of the time: {self.joules:.0f} J a day, "
            f"{self.days:.0f} days on the battery. {self.caught} of {len(self.spans)} gestures."
        )

    def _fallback_figure(self) -> plots.HouseFigure:
        return plots.gate_strip(
            (np.arange(len(self.values)) + 1) * self._piece_s,
            self.values,
            self.spans,
            threshold=self.threshold,
            title=f"A threshold of {self.threshold:.2f} {self._unit} wakes the model for "
            f"{self.caught} of {len(self.spans)} gestures",
        )

    def _fallback_text(self) -> str:
        return (
            f"Threshold {self.threshold:.2f} {self._unit}. {self._sentence()} To try others, set "
            "threshold of this explorer and print its joules and its recall."
        )
