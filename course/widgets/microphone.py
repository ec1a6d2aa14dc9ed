"""Labelled clips from the microphone of the computer in front of the learner."""

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

SAMPLE_RATE_HZ = 16_000
"""The rate of Speech Commands and of every speech model of this course."""

_SHOWN = 4
_COLOURS = tuple(plots.COLOURS.values())


class MicrophoneCapture(Capture):
    """A button for each label that records a clip; bundled clips where there is no microphone.

    A clip is mono, 16-bit, 16,000 samples per second, converted in the browser. It goes to this
    notebook's kernel and nowhere else.

    Parameters
    ----------
    labels : sequence of str
        What can be said; a button each.
    seconds : float
        Length of a clip, from 0.1 to 10 s.
    fallback : Mapping[str, array_like of shape (N, samples)], optional
        Bundled int16 clips for each label, used until every label has a clip of your own.

    Attributes
    ----------
    label_names : tuple of str
        The labels.
    state : str
        What the browser said last: "off" before it says anything, "live" while the microphone
        runs, or why it does not.

    Raises
    ------
    ValueError
        If labels, seconds and bundled clips do not fit together.

    Examples
    --------
    >>> capture = MicrophoneCapture(["yes", "no"], seconds=1)
    >>> capture.examples().shape, capture.labels.tolist()
    ((0, 16000), [])
    """

    _esm = script("_capture", "microphone")
    _noun = ("clip", "clips")
    _device = "microphone"
    _dtype = np.dtype(np.int16)

    _samples = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        labels: Sequence[str] = ("recording",),
        *,
        seconds: float = 1,
        fallback: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(seconds, int | float) or not 0.1 <= seconds <= 10:
            raise ValueError(f"seconds is {seconds!r}; it must lie between 0.1 and 10.")
        samples = round(seconds * SAMPLE_RATE_HZ)
        self._shape = (samples,)
        super().__init__(labels, fallback, _samples=samples)

    def _fallback_figure(self) -> plots.HouseFigure:
        rows = self._first_of_each(_SHOWN)
        whose = "Bundled clips" if self.uses_fallback else "Your own clips"
        seconds = self._shape[0] / SAMPLE_RATE_HZ
        with mpl.rc_context({**plots.HOUSE_STYLE, "axes.titlesize": 12}):
            figure = Figure(figsize=(7.5, 1.2 + 1.1 * max(1, len(rows))), layout="constrained")
            grid = figure.subplots(
                max(1, len(rows)), _SHOWN, squeeze=False, sharex=True, sharey=True
            )
            for place, (line, (name, clips)) in enumerate(zip(grid, rows, strict=False)):
                line[0].set_ylabel(name, rotation=0, ha="right", va="center")
                for axes, clip in zip(line, clips, strict=False):
                    times, low, high = _envelope(clip)
                    axes.fill_between(
                        times, low, high, color=_COLOURS[place % len(_COLOURS)], linewidth=0.6
                    )
                for axes in line[len(clips) :]:
                    axes.set_visible(False)
            grid[0, 0].set_xlim(0, seconds)
            grid[0, 0].set_ylim(-100, 100)
            grid[0, 0].set_yticks([-100, 0, 100])
            figure.supxlabel("Time (s)", fontsize=12)
            figure.suptitle(
                f"{whose}, loudness in % of the largest sample",
                x=0.01,
                ha="left",
                fontsize=13,
                fontweight="bold",
            )
        counts = np.bincount(self.labels, minlength=len(self.label_names))
        listed = ", ".join(
            f"{count} of {name}" for name, count in zip(self.label_names, counts, strict=True)
        )
        return plots.HouseFigure(figure, f"{whose} of {seconds:g} s: {listed}.")


def _envelope(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest and highest sample of each of some 200 stretches, in percent."""
    step = max(1, len(clip) // 200)
    whole = clip[: len(clip) // step * step].reshape(-1, step) / 327.68
    times = np.arange(len(whole)) * step / SAMPLE_RATE_HZ
    return times, whole.min(axis=1), whole.max(axis=1)
