"""Features as a cloud of points; each point shows the signal that it was computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script

MOST_POINTS = 400
"""More points than this hide each other, and their windows make the page slow."""


class FeatureScatter(HouseWidget):
    """A scatter plot of two chosen features; pointing at a point draws the window behind it.

    Parameters
    ----------
    features : array_like, shape (N, F)
        One row of features for each window.
    names : sequence of str, length N
        The label of each window.
    axis_names : sequence of str, length F
        Name and unit of each feature.
    windows : array_like, shape (N, T, 3)
        The acceleration behind each row, in g. Of more than 400 windows a share of each label is
        drawn, evenly spaced. Windows whose numbers are not all finite are left out.
    sample_rate_hz : float
        Readings per second in a window.

    Raises
    ------
    ValueError
        If the shapes do not fit together, there are fewer than two features, or no row is finite.
    """

    _esm = script("feature_scatter")

    x_axis = traitlets.Int(0).tag(sync=True)
    y_axis = traitlets.Int(1).tag(sync=True)
    _axis_names = traitlets.List().tag(sync=True)
    _labels = traitlets.List().tag(sync=True)
    _label_of = traitlets.List().tag(sync=True)
    _colours = traitlets.List().tag(sync=True)
    _axis_colours = traitlets.List(list(plots.AXIS_COLOURS.values())).tag(sync=True)
    _features = traitlets.Bytes().tag(sync=True)
    _windows = traitlets.Bytes().tag(sync=True)
    _samples = traitlets.Int().tag(sync=True)
    _sample_rate_hz = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        features: Any,
        names: Sequence[str],
        axis_names: Sequence[str],
        windows: Any,
        sample_rate_hz: float = 25,
    ) -> None:
        values = np.asarray(features, np.float32)
        signals = np.asarray(windows, np.float32)
        labels = [str(name) for name in names]
        if values.ndim != 2 or values.shape[1] < 2 or len(axis_names) != values.shape[1]:
            raise ValueError(
                f"features has the shape {values.shape} and there are {len(axis_names)} axis "
                "names; the scatter plot needs two or more columns and a name for each."
            )
        if (
            signals.ndim != 3
            or signals.shape[2] != 3
            or not (len(signals) == len(labels) == len(values))
        ):
            raise ValueError(
                f"There are {len(values)} rows of features, {len(labels)} names and windows of "
                f"the shape {signals.shape}; each row needs one name and one (T, 3) window."
            )
        order = [name for name in dict.fromkeys((*plots.COLOURS, *labels)) if name in labels]
        usable = np.isfinite(values).all(axis=1) & np.isfinite(signals).all(axis=(1, 2))
        if not usable.any():
            raise ValueError(
                "No row of features holds finite numbers only; there is nothing to draw."
            )
        chosen = _share(np.array(labels), usable, order)
        self.features, self.names = values[chosen], [labels[i] for i in chosen]
        self.axis_names = [str(name) for name in axis_names]
        # Thousandths of a g in 16 bits: finer than any sensor here, half of float32's bytes.
        thousandths = np.clip(np.rint(signals[chosen] * 1000), -32768, 32767).astype("<i2")
        super().__init__(
            _axis_names=self.axis_names,
            _labels=order,
            _label_of=[order.index(name) for name in self.names],
            _colours=[plots.colour_of(name, i) for i, name in enumerate(order)],
            _features=self.features.astype("<f4").tobytes(),
            _windows=thousandths.tobytes(),
            _samples=signals.shape[1],
            _sample_rate_hz=float(sample_rate_hz),
        )

    def _fallback_figure(self) -> plots.HouseFigure:
        return plots.feature_clouds(
            self.features, self.names, (self.x_axis, self.y_axis), self.axis_names
        )

    def _fallback_text(self) -> str:
        return self._fallback_figure().alt


def _share(labels: np.ndarray, usable: np.ndarray, order: list[str]) -> list[int]:
    """Return positions of at most `MOST_POINTS` usable windows, as many of each label."""
    each = MOST_POINTS // max(1, len(order))
    chosen: list[int] = []
    for name in order:
        mine = np.flatnonzero((labels == name) & usable)
        if len(mine) > each:
            mine = mine[np.linspace(0, len(mine) - 1, each).round().astype(int)]
        chosen += mine.tolist()
    return chosen
