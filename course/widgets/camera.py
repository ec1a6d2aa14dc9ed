"""Labelled pictures from the camera of the computer in front of the learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import traitlets
from matplotlib.figure import Figure

from course import plots
from course.widgets._base import script
from course.widgets._capture import Capture

_SHOWN = 6


class CameraCapture(Capture):
    """A button for each label that takes a picture; bundled pictures where there is no camera.

    The picture is the square in the middle of what the camera sees, made smaller in the browser.
    It goes to this notebook's kernel and nowhere else.

    Parameters
    ----------
    labels : sequence of str
        What pictures can be of; a button each.
    size : int
        Width and height of a picture, in pixels, from 8 to 256.
    fallback : Mapping[str, array_like of shape (N, size, size, 3)], optional
        Bundled uint8 pictures for each label, used until every label has a picture of your own.

    Attributes
    ----------
    label_names : tuple of str
        The labels.
    state : str
        What the browser said last: "off" before it says anything, "live" while the camera runs,
        or why it does not.

    Raises
    ------
    ValueError
        If labels, size and bundled pictures do not fit together.

    Examples
    --------
    >>> capture = CameraCapture(["rock", "paper"], size=8)
    >>> capture.examples().shape, capture.labels.tolist()
    ((0, 8, 8, 3), [])
    """

    _esm = script("_capture", "camera")
    _noun = ("picture", "pictures")
    _device = "camera"

    _size = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        labels: Sequence[str],
        *,
        size: int = 96,
        fallback: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not 8 <= size <= 256:
            raise ValueError(f"size is {size!r}; it must be a whole number from 8 to 256.")
        self._shape = (size, size, 3)
        super().__init__(labels, fallback, _size=size)

    def _fallback_figure(self) -> plots.HouseFigure:
        rows = self._first_of_each(_SHOWN)
        whose = "Bundled pictures" if self.uses_fallback else "Your own pictures"
        with mpl.rc_context(plots.HOUSE_STYLE):
            figure = Figure(figsize=(7.5, 0.6 + 1.15 * max(1, len(rows))), layout="constrained")
            grid = figure.subplots(max(1, len(rows)), _SHOWN, squeeze=False)
            for axes in grid.flat:
                axes.axis("off")
            for line, (name, pictures) in zip(grid, rows, strict=False):
                line[0].text(-0.1, 0.5, name, transform=line[0].transAxes, ha="right", va="center")
                for axes, picture in zip(line, pictures, strict=False):
                    axes.imshow(picture, interpolation="nearest")
            figure.suptitle(whose, x=0.01, ha="left", fontsize=13, fontweight="bold")
        counts = np.bincount(self.labels, minlength=len(self.label_names))
        listed = ", ".join(
            f"{count} of {name}" for name, count in zip(self.label_names, counts, strict=True)
        )
        return plots.HouseFigure(figure, f"{whose}: {listed}.")
