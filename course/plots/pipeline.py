"""Module 03: pictures, scores over time and the time of each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from course.plots.house import (
    BLUE,
    HOUSE_STYLE,
    LINE_COLOURS,
    MUTED,
    VERMILLION,
    WIDTH,
    HouseFigure,
    as_sentence,
    figure_text,
    label_text,
    milliseconds_text,
    title_across,
    wrapped_title,
)


def pictures(images: Any, *, title: str) -> HouseFigure:
    """Draw pictures of any size side by side, each with its size below.

    Parameters
    ----------
    images : sequence of arrays (H, W) or (H, W, 3)
        uint8, or float from 0 to 1; grey ones have no third axis.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no picture, or an array is none.
    """
    images = [np.asarray(image) for image in images]
    if not images or any(image.shape[2:] not in ((), (3,)) or image.ndim < 2 for image in images):
        raise ValueError("A picture is an array of shape (H, W) or (H, W, 3); there must be one.")
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
        for axes, image in zip(
            figure.subplots(1, len(images), squeeze=False)[0], images, strict=True
        ):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
            axes.set_xlabel(f"{image.shape[0]} × {image.shape[1]}")
        title_across(figure, title)
    sizes = ", ".join(f"{image.shape[0]} by {image.shape[1]}" for image in images)
    return HouseFigure(figure, f"Pictures of {sizes} pixels: {as_sentence(title)}")


def score_strips(
    seconds: Any,
    scores: Any,
    names: Sequence[str],
    *,
    events: Any = (),
    found: Sequence[tuple[float, str]] = (),
    title: str,
) -> HouseFigure:
    """Draw a model's scores over time, one strip a label, with what happened and what was found.

    Parameters
    ----------
    seconds : array_like, shape (N,)
        When each window ends.
    scores : array_like, shape (N, K)
        From 0 to 1.
    names : sequence of str, length K
    events : sequence of `course.data.streams.Event`
        What really happened, shaded in its own strip.
    found : sequence of (second, label)
        Events that a pipeline reported, as triangles.
    title : str
        The finding, in a sentence.
    """
    when, heights = np.asarray(seconds, float), np.asarray(scores, float)
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 0.85 * len(names)), layout="constrained")
        strips = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for position, (axes, name) in enumerate(zip(strips, names, strict=True)):
            colour = LINE_COLOURS[position % len(LINE_COLOURS)]
            axes.fill_between(when, heights[:, position], color=colour, alpha=0.75, linewidth=0)
            for event in events:
                if event.label == name:
                    axes.axvspan(event.start_s, event.end_s, color=MUTED, alpha=0.35, linewidth=0)
            marks = [second for second, label in found if label == name]
            axes.plot(
                marks, [1.12] * len(marks), "v", color=VERMILLION, markersize=9, clip_on=False
            )
            axes.set_ylim(0, 1.2)
            axes.set_yticks([0, 1])
            axes.text(
                0.006, 0.93, name, transform=axes.transAxes, va="top", fontweight="bold",
                bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
            )  # fmt: skip
        strips[-1].set_xlabel("Time at which the window ends (s)")
        strips[0].set_title(wrapped_title(title))
    return HouseFigure(
        figure,
        f"Scores of {', '.join(names)} over {np.ptp(when):.0f} s: {as_sentence(title)} "
        f"{len(events)} events happened (shaded), {len(found)} were found (triangles).",
    )


def stage_bars(milliseconds: Mapping[str, float], *, title: str) -> HouseFigure:
    """Draw how long each stage of a pipeline takes, on a logarithmic axis.

    Parameters
    ----------
    milliseconds : Mapping[str, float]
        Name and time of each stage, above 0, in order.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no stage, or a time is not above 0.
    """
    stages = {label_text(name, 40): float(value) for name, value in milliseconds.items()}
    if not stages or not all(value > 0 for value in stages.values()):
        raise ValueError("Every stage needs a time above 0 ms, and there must be one stage.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.25 + 0.55 * len(stages)), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(stages))
        axes.barh(places, list(stages.values()), height=0.62, color=BLUE)
        for place, value in zip(places, stages.values(), strict=True):
            axes.text(1.15 * value, place, milliseconds_text(value), va="center", fontweight="bold")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: figure_text(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(min(stages.values()) / 3, 6 * max(stages.values()))
        axes.set_yticks(places, list(stages))
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Time for one window (ms, logarithmic)")
        title_across(figure, title)
    listed = ", ".join(f"{name} {milliseconds_text(value)}" for name, value in stages.items())
    return HouseFigure(figure, f"Bar chart of times: {as_sentence(title)} {listed}.")
