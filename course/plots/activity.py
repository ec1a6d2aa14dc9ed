"""Module 01: recordings of a wrist, features, rules and learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from course.plots.house import (
    BLUE,
    COLOURS,
    HOUSE_STYLE,
    INK,
    MARKERS,
    MUTED,
    ORANGE,
    SKY,
    VERMILLION,
    WIDTH,
    HouseFigure,
    as_sentence,
    colour_of,
    unique_names,
    wrapped_title,
)

AXIS_COLOURS: dict[str, str] = {"x": ORANGE, "y": SKY, "z": "#444444"}
"""The colour of each axis of an accelerometer."""


def recordings(
    recordings: Sequence[Any],
    *,
    quantity: str = "speed",
    title: str = "",
    hide_labels: bool = False,
) -> HouseFigure:
    """Draw recordings side by side on the same axes.

    Parameters
    ----------
    recordings : sequence
        Objects with ``acceleration`` (T, 3) in g, ``speed`` (T,) in mph, ``label`` and
        ``sample_rate_hz``, such as :func:`course.data.activity.recording` returns.
    quantity : {"speed", "acceleration"}
        What to draw.
    title : str
        The finding, in a sentence.
    hide_labels : bool
        Number the recordings and do not name them, for a guessing game.

    Raises
    ------
    ValueError
        If there is no recording, or `quantity` is neither of the two.
    """
    if quantity not in ("speed", "acceleration"):
        raise ValueError(f'quantity is {quantity!r}; it must be "speed" or "acceleration".')
    items = list(recordings)
    if not items:
        raise ValueError("There is no recording to draw.")
    columns = min(4, len(items))
    rows = -(-len(items) // columns)
    unit = "mph" if quantity == "speed" else "g"
    sentences = [as_sentence(title)]

    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12}):
        figure = Figure(figsize=(WIDTH, 1.1 + 2.4 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for index, (axes, item) in enumerate(zip(grid.flat, items, strict=False)):
            name = f"Recording {index + 1}" if hide_labels else str(item.label)
            values = np.asarray(getattr(item, quantity), float)
            seconds = np.arange(len(values)) / float(item.sample_rate_hz)
            if quantity == "speed":
                colour = MUTED if hide_labels else colour_of(name, index)
                axes.plot(seconds, values, color=colour)
            else:
                for axis, colour in enumerate(AXIS_COLOURS.values()):
                    axes.plot(seconds, values[:, axis], color=colour, linewidth=1.1)
            axes.set_title(name)
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            sentences.append(f"{name.capitalize()}: {_describe(values, quantity)}.")
        for axes in grid.flat[len(items) :]:
            axes.set_visible(False)
        if quantity == "speed":
            grid[0, 0].set_ylim(bottom=0)
        else:
            handles = grid[0, 0].get_lines()
            figure.legend(handles, AXIS_COLOURS, loc="outside upper right", ncols=3)
        figure.supxlabel("Time (s)", fontsize=12)
        figure.supylabel(f"{quantity.capitalize()} ({unit})", fontsize=12)
        if title:
            figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontsize=13, fontweight="bold")

    many = f"{len(items)} plots" if len(items) > 1 else "1 plot"
    start = f"{many} of {quantity} in {unit} over time."
    return HouseFigure(figure, " ".join(filter(None, [start, *sentences])))


def feature_clouds(
    features: Any,
    names: Sequence[str],
    axes: tuple[int, int] = (0, 1),
    axis_names: Sequence[str] | None = None,
    *,
    title: str = "Each point is one window",
) -> HouseFigure:
    """Draw two features of every window as a scatter plot, one colour and shape per label.

    Parameters
    ----------
    features : array_like, shape (N, F)
        One row of features for each window.
    names : sequence of str, length N
        The label of each window.
    axes : (int, int)
        The columns drawn to the right and up.
    axis_names : sequence of str, length F, optional
        Name and unit of each feature.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    values, labels, feature_names = _check_features(features, names, axis_names)
    right, up = axes
    if not all(-values.shape[1] <= axis < values.shape[1] for axis in axes):
        raise ValueError(f"axes is {axes}, but there are {values.shape[1]} features.")
    sentences = []
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        plot = figure.add_subplot()
        for index, label in enumerate(unique_names(COLOURS, labels, only=labels)):
            chosen = np.array([name == label for name in labels])
            points = values[chosen][:, [right, up]]
            points = points[np.isfinite(points).all(axis=1)]
            plot.scatter(
                *points.T,
                s=26,
                marker=MARKERS[index % len(MARKERS)],
                color=colour_of(label, index),
                alpha=0.65,
                linewidths=0,
                label=label,
            )
            if len(points):
                middle = np.median(points, axis=0)
                sentences.append(
                    f"{label.capitalize()}: {_windows(len(points))} around {middle[0]:.3g} and "
                    f"{middle[1]:.3g}."
                )
        plot.set_xlabel(feature_names[right])
        plot.set_ylabel(feature_names[up])
        plot.set_title(wrapped_title(title))
        plot.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.4)
    start = (
        f"Scatter plot: {as_sentence(title)} To the right: {feature_names[right]}; "
        f"upwards: {feature_names[up]}."
    )
    return HouseFigure(figure, " ".join([start, *sentences]))


def speed_strips(
    speeds: Any,
    names: Sequence[str],
    *,
    walking_below: float,
    running_below: float,
    title: str,
) -> HouseFigure:
    """Draw the speed of every window, one strip per true label, and two thresholds across them.

    Parameters
    ----------
    speeds : array_like, shape (N,)
        Mean speed of each window in mph.
    names : sequence of str, length N
        The true label of each window.
    walking_below, running_below : float
        The thresholds, in mph.
    title : str
        The finding, in a sentence.
    """
    values = np.asarray(speeds, float)
    labels = [str(name) for name in names]
    order = unique_names(COLOURS, labels, only=labels)
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.3 + 0.6 * len(order)), layout="constrained")
        axes = figure.add_subplot()
        for row, label in enumerate(order):
            chosen = values[[name == label for name in labels]]
            # The golden ratio spreads the points over the strip, the same way every time.
            heights = row + 0.7 * ((np.arange(len(chosen)) * 0.618034) % 1 - 0.5)
            axes.scatter(
                chosen, heights, s=16, color=colour_of(label, row), alpha=0.6, linewidths=0
            )
            sentences.append(
                f"{label.capitalize()}: {_windows(len(chosen))} from {chosen.min():.1f} to "
                f"{chosen.max():.1f} mph."
            )
        for threshold in (walking_below, running_below):
            axes.axvline(threshold, color=INK, linewidth=1.6)
            axes.annotate(
                f" {threshold:.1f}",
                (threshold, 0.0),
                (0, 2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                fontsize=11.5,
            )
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(len(order) - 0.3, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(left=0, right=max(30.0, *values, walking_below, running_below) * 1.04)
        axes.set_xlabel("Mean speed of the window (mph)")
        axes.set_title(wrapped_title(title))
    start = (
        f"Speeds of windows by true activity: {as_sentence(title)} The rules say walking below "
        f"{walking_below:.1f} mph, running below {running_below:.1f} mph, biking above."
    )
    return HouseFigure(figure, " ".join([start, *sentences]))


def two_boxes() -> HouseFigure:
    """Draw programming (rules and data give answers) beside learning (answers and data give rules).

    Returns
    -------
    HouseFigure
        A drawing; it holds no data.
    """
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlim=(0, 16), ylim=(0.7, 5.6))
        axes.axis("off")
        _box(axes, 0.0, "You write the rules", "program", ("rules", "data"), "answers", BLUE)
        _box(
            axes, 8.4, "You give the answers", "training", ("answers", "data"), "rules", VERMILLION
        )
    return HouseFigure(
        figure,
        "Two diagrams. You write the rules: rules and data go into a program, and answers come "
        "out. You give the answers: answers and data go into training, and rules come out.",
    )


def _windows(count: int) -> str:
    return f"{count} window{'' if count == 1 else 's'}"


def _describe(values: np.ndarray, quantity: str) -> str:
    if quantity == "speed":
        return f"mean {values.mean():.1f} mph, from {values.min():.1f} to {values.max():.1f}"
    spreads = (f"{axis} {values[:, i].std():.2f}" for i, axis in enumerate(AXIS_COLOURS))
    return f"spread (standard deviation in g) {', '.join(spreads)}"


def _check_features(
    features: Any, names: Sequence[str], axis_names: Sequence[str] | None
) -> tuple[np.ndarray, list[str], list[str]]:
    values = np.asarray(features, float)
    labels = [str(name) for name in names]
    if values.ndim != 2 or values.shape[1] < 1:
        raise ValueError(
            f"features has the shape {values.shape}; it needs one row for each window and one "
            "column for each feature."
        )
    if len(labels) != len(values):
        raise ValueError(f"There are {len(values)} rows of features but {len(labels)} names.")
    titles = (
        [f"feature {index}" for index in range(values.shape[1])]
        if axis_names is None
        else [str(name) for name in axis_names]
    )
    if len(titles) != values.shape[1]:
        raise ValueError(f"There are {values.shape[1]} features but {len(titles)} axis names.")
    return values, labels, titles


def _box(
    axes: Any,
    left: float,
    heading: str,
    name: str,
    inputs: tuple[str, str],
    output: str,
    colour: str,
) -> None:
    """Draw one box with two inputs on its left and one output on its right."""
    axes.text(left, 5.0, heading, fontsize=13, fontweight="bold")
    axes.add_patch(
        FancyBboxPatch(
            (left + 2.6, 1.0),
            2.4,
            2.6,
            boxstyle="round,pad=0.1,rounding_size=0.25",
            facecolor=colour,
            edgecolor="none",
        )
    )
    axes.text(
        left + 3.8,
        2.3,
        name,
        color="white",
        ha="center",
        va="center",
        fontsize=13,
        fontweight="bold",
    )
    for text, height in zip(inputs, (3.0, 1.6), strict=True):
        axes.text(left + 1.45, height, text, ha="right", va="center", fontsize=12.5)
        _arrow(axes, (left + 1.6, height), (left + 2.4, height))
    _arrow(axes, (left + 5.15, 2.3), (left + 5.95, 2.3))
    axes.text(left + 6.1, 2.3, output, ha="left", va="center", fontsize=12.5, fontweight="bold")


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=MUTED, linewidth=1.6)
    )
