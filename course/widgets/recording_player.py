"""Ten seconds of an activity, played as its sensors felt it, with a label to guess."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script


class RecordingPlayer(HouseWidget):
    """Plays recordings of speed and wrist acceleration in real time.

    Parameters
    ----------
    recordings : sequence
        Objects with ``acceleration`` (T, 3) in g, ``speed`` (T,) in mph, ``label`` and
        ``sample_rate_hz``, such as :func:`course.data.activity.recording` returns.
    guess : bool
        Hide the labels, mix the order (always the same way), and let the learner guess each one.

    Attributes
    ----------
    recordings : list
        The recordings in the order in which they are played.
    guesses : dict of str to str
        What the learner guessed, by position of the recording counted from 0.

    Raises
    ------
    ValueError
        If there is no recording, or its arrays do not fit together.
    """

    _esm = script("recording_player")

    guess = traitlets.Bool(True).tag(sync=True)
    guesses = traitlets.Dict().tag(sync=True)
    _recordings = traitlets.List().tag(sync=True)
    _choices = traitlets.List().tag(sync=True)
    _axis_colours = traitlets.List(list(plots.AXIS_COLOURS.values())).tag(sync=True)

    def __init__(self, recordings: Sequence[Any], *, guess: bool = True) -> None:
        items = list(recordings)
        if not items:
            raise ValueError("There is no recording to play.")
        labels = [str(item.label) for item in items]
        if guess:
            random.Random(2).shuffle(items)
        self.recordings = items
        super().__init__(
            guess=guess,
            _recordings=[_state(item, index) for index, item in enumerate(items)],
            _choices=[name for name in dict.fromkeys((*plots.COLOURS, *labels)) if name in labels],
        )

    def _fallback_figure(self) -> plots.HouseFigure:
        title = "Which is which?" if self.guess else "How fast, second by second"
        return plots.recordings(self.recordings, title=title, hide_labels=self.guess)

    def _fallback_text(self) -> str:
        answers = ", ".join(f"{n} {item.label}" for n, item in enumerate(self.recordings, 1))
        return f"{self._fallback_figure().alt} Answers: {answers}."


def _state(item: Any, index: int) -> dict[str, Any]:
    acceleration = np.asarray(item.acceleration, np.float32)
    speed = np.asarray(item.speed, np.float32)
    if speed.ndim != 1 or acceleration.shape != (len(speed), 3) or len(speed) < 2:
        raise ValueError(
            f"Recording {index} has speeds of the shape {speed.shape} and accelerations of the "
            f"shape {acceleration.shape}; they must be (T,) and (T, 3)."
        )
    return {
        "label": str(item.label),
        "colour": plots.colour_of(str(item.label), index),
        "sample_rate_hz": float(item.sample_rate_hz),
        "speed": speed.tobytes(),
        "acceleration": acceleration.tobytes(),
    }
