"""Two speed thresholds to move, and what becomes of the accuracy."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script

ANSWERS = ("walking", "running", "biking")


class ThresholdExplorer(HouseWidget):
    """Rules by speed with two sliders: slower than the first is walking, then running, then biking.

    Parameters
    ----------
    speeds : array_like, shape (N,) or (N, T)
        Speed of each window in mph; of (N, T) the mean over each row is taken.
    labels : sequence of str, length N
        The true label of each window.
    walking_below, running_below : float
        The thresholds to start with, in mph. 4 mph is a brisk walk; 27.8 mph (44.72 km/h) is Usain
        Bolt's pace over metres 60 to 80 of the 100 m world record of 2009: 20 m in 1.61 s.

    Attributes
    ----------
    walking_below, running_below : float
        Where the sliders stand, in mph.
    accuracy, best_accuracy : float
        Share of windows named rightly by the present thresholds and by the best ones tried yet.

    Raises
    ------
    ValueError
        If there is no window, a speed is not finite, or the lengths differ.

    Examples
    --------
    >>> explorer = ThresholdExplorer([3.1, 7.0, 12.0], ["walking", "running", "biking"])
    >>> round(explorer.accuracy, 2)
    0.67
    >>> explorer.running_below = 10
    >>> explorer.accuracy, explorer.best_accuracy
    (1.0, 1.0)
    """

    _esm = script("threshold_explorer")

    walking_below = traitlets.Float(4.0).tag(sync=True)
    running_below = traitlets.Float(27.8).tag(sync=True)
    accuracy = traitlets.Float(0.0).tag(sync=True)
    best_accuracy = traitlets.Float(0.0).tag(sync=True)
    _speeds = traitlets.List().tag(sync=True)
    _truths = traitlets.List().tag(sync=True)
    _labels = traitlets.List().tag(sync=True)
    _answers = traitlets.List(list(ANSWERS)).tag(sync=True)
    _colours = traitlets.List().tag(sync=True)

    def __init__(
        self,
        speeds: Any,
        labels: Sequence[str],
        walking_below: float = 4.0,
        running_below: float = 27.8,
    ) -> None:
        values = np.asarray(speeds, np.float64)
        values = values.mean(axis=1) if values.ndim == 2 else values
        names = [str(name) for name in labels]
        if values.ndim != 1 or len(values) != len(names) or not names:
            raise ValueError(
                f"There are speeds of the shape {values.shape} and {len(names)} labels; "
                "the explorer needs one label for each window, and at least one window."
            )
        if not np.isfinite(values).all():
            raise ValueError("Every speed must be a finite number of miles per hour.")
        self.speeds = values
        self.labels = names
        # The front end's messages arrive in a thread of their own (ipykernel 7).
        self._lock = threading.RLock()
        order = [name for name in dict.fromkeys((*ANSWERS, *names)) if name in names]
        super().__init__(
            walking_below=float(walking_below),
            running_below=float(running_below),
            _speeds=values.tolist(),
            _truths=[order.index(name) for name in names],
            _labels=order,
            _colours=[plots.colour_of(name, i) for i, name in enumerate(order)],
        )
        self.observe(self._measure, names=["walking_below", "running_below"])
        self._measure()

    def predictions(self) -> list[str]:
        """Return what the present thresholds call each window."""
        return [
            ANSWERS[0]
            if speed < self.walking_below
            else ANSWERS[1]
            if speed < self.running_below
            else ANSWERS[2]
            for speed in self.speeds
        ]

    def _measure(self, _: Any = None) -> None:
        with self._lock, self.hold_sync():
            hits = sum(map(str.__eq__, self.predictions(), self.labels))
            self.accuracy = hits / len(self.labels)
            self.best_accuracy = max(self.best_accuracy, self.accuracy)

    def _fallback_figure(self) -> plots.HouseFigure:
        return plots.speed_strips(
            self.speeds,
            self.labels,
            walking_below=self.walking_below,
            running_below=self.running_below,
            title=f"These thresholds name {100 * self.accuracy:.1f} % of the windows rightly",
        )

    def _fallback_text(self) -> str:
        return (
            f"Walking below {self.walking_below:.1f} mph, running below {self.running_below:.1f} "
            f"mph, biking above: {100 * self.accuracy:.1f} % of {len(self.labels)} windows are "
            "named rightly. To try others, set walking_below and running_below of this explorer "
            "and print its accuracy."
        )
