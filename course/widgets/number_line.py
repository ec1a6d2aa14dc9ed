"""The 256 numbers of int8 on a line of real numbers: drag the range, see what rounds to what."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script

#: The numbers that int8 holds.
LOWEST, HIGHEST = -128, 127
# A slider's round trip stays below a tenth of a second with so many values.
_MOST_VALUES = 50_000
_BINS = 100
# The narrowest range that can be set, as a share of the line.
_NARROWEST = 1e-3


class NumberLine(HouseWidget):
    """Sliders for the lowest and highest real number that int8 shall hold, and for one number.

    Parameters
    ----------
    values : array_like, optional
        Real numbers of any shape that shall be stored; a histogram above the line.
    low, high : float
        Where the range starts out; 0 always lies inside.
    value : float
        The number that is followed to the step on which it lands.
    unit : str
        Unit of all of them.
    reach : float, optional
        The line goes from ``-reach`` to ``reach``; by default a quarter further than anything
        given.

    Attributes
    ----------
    low, high, value : float
        Where the sliders stand.
    scale : float
        Distance between two neighbouring steps.
    zero_point : int
        The stored number that means 0.
    stored : int
        The step on which the number lands.
    landed : float
        What that step means.
    outside : float
        Share of the values beyond the range, which are stored as its ends.
    mean_error : float
        Mean distance between a value and what is stored for it.

    Raises
    ------
    ValueError
        If there is no value, one is not finite, or the line has no length.

    Examples
    --------
    >>> line = NumberLine(low=-1, high=1.55, value=0.123, unit="g")
    >>> line.stored, round(line.scale, 4), line.zero_point
    (-16, 0.01, -28)
    >>> line.high = 4.1
    >>> round(line.scale, 4)
    0.02
    """

    _esm = script("number_line")

    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)
    value = traitlets.Float().tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)
    zero_point = traitlets.Int(0).tag(sync=True)
    stored = traitlets.Int(0).tag(sync=True)
    landed = traitlets.Float(0.0).tag(sync=True)
    outside = traitlets.Float(0.0).tag(sync=True)
    mean_error = traitlets.Float(0.0).tag(sync=True)
    _reach = traitlets.Float(1.0).tag(sync=True)
    _unit = traitlets.Unicode().tag(sync=True)
    _counts = traitlets.List().tag(sync=True)
    _many = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        values: Any = None,
        *,
        low: float = -1.0,
        high: float = 1.0,
        value: float = 0.3,
        unit: str = "",
        reach: float | None = None,
    ) -> None:
        self.values = np.asarray([] if values is None else values, float).ravel()
        if values is not None and not len(self.values):
            raise ValueError("There is no value to store.")
        points = np.concatenate([self.values, [low, high, value]]).astype(float)
        if not np.isfinite(points).all():
            raise ValueError("Values, ends and the number must all be finite.")
        reach = 1.25 * float(np.abs(points).max()) if reach is None else float(reach)
        if not 0 < reach < np.inf:
            raise ValueError(f"The line needs a length above 0; reach is {reach}.")
        few = self.values[:: max(1, -(-len(self.values) // _MOST_VALUES))]
        self._few, self._lock = few, threading.RLock()
        edges = np.linspace(-reach, reach, _BINS + 1)
        super().__init__(
            low=float(low),
            high=float(high),
            value=float(value),
            _reach=reach,
            _unit=unit,
            _counts=np.histogram(few.clip(-reach, reach), edges)[0].tolist(),
            _many=len(self.values),
        )
        self.observe(self._measure, names=["low", "high", "value"])
        self._measure()

    def _measure(self, _: Any = None) -> None:
        with self._lock, self.hold_sync():
            low, high = self.ends()
            self.scale = (high - low) / (HIGHEST - LOWEST)
            self.zero_point = int(np.clip(round(LOWEST - low / self.scale), LOWEST, HIGHEST))
            self.stored = int(self._store(np.array([self.value]))[0])
            self.landed = self._means(self.stored)
            if len(self._few):
                stored = self._store(self._few)
                beyond = (self._few < self._means(LOWEST) - self.scale / 2) | (
                    self._few > self._means(HIGHEST) + self.scale / 2
                )
                self.outside = float(beyond.mean())
                self.mean_error = float(np.abs(self._means(stored) - self._few).mean())

    def ends(self) -> tuple[float, float]:
        """The range that the sliders ask for, widened to hold 0 and to have a length."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        return low, max(high, low + _NARROWEST * self._reach)

    def _store(self, values: np.ndarray) -> np.ndarray:
        return np.clip(np.round(values / self.scale) + self.zero_point, LOWEST, HIGHEST)

    def _means(self, stored: Any) -> Any:
        return self.scale * (stored - self.zero_point)

    def _sentence(self) -> str:
        unit = f" {self._unit}" if self._unit else ""
        off = abs(self.landed - self.value)
        said = (
            f"Scale {self.scale:.3g}{unit}, zero point {self.zero_point}. {self.value:.4g}{unit} "
            f"is stored as {self.stored}, which means {self.landed:.4g}{unit}: off by "
            f"{off:.2g}{unit}."
        )
        if self._many:
            said += (
                f" Of {self._many:,} values {100 * self.outside:.1f} % lie beyond the range; on "
                f"average a value is off by {self.mean_error:.2g}{unit}."
            )
        return said

    def _fallback_figure(self) -> plots.HouseFigure:
        low, high = self.ends()
        unit = f" {self._unit}" if self._unit else ""
        return plots.number_line(
            self._few,
            low=low,
            high=high,
            unit=self._unit,
            title=f"From {low:.2f} to {high:.2f}{unit} a step is {self.scale:.2g}{unit} wide",
        )

    def _fallback_text(self) -> str:
        return (
            f"{self._sentence()} To try others, set low, high and value of this line and print "
            "its scale, its stored and its mean_error."
        )
