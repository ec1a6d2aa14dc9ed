"""Module 04: links, energy and a gate that wakes a model."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from course.plots.house import (
    BLUE,
    GREEN,
    HOUSE_STYLE,
    INK,
    LINE_COLOURS,
    MUTED,
    SKY,
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


def latency_strips(
    trips: Mapping[str, Any],
    *,
    local_ms: float | None = None,
    local_name: str = "on the device",
    title: str,
) -> HouseFigure:
    """Draw round trips on a logarithmic axis, one strip a link, with p50, p95 and p99 marked.

    Parameters
    ----------
    trips : Mapping[str, array_like of shape (N,)]
        Name of a link and its round trips in ms.
    local_ms : float, optional
        How long the device itself takes, in ms; a line.
    local_name : str
        What that line is called.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no link, or a trip is not above 0.
    """
    rows = {label_text(name): np.asarray(values, float).ravel() for name, values in trips.items()}
    if not rows or not all(len(values) and (values > 0).all() for values in rows.values()):
        raise ValueError("Every link needs round trips, and each of them must be above 0 ms.")
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.6 + 0.72 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for row, (name, values) in enumerate(rows.items()):
            few = np.sort(values)[:: max(1, len(values) // 400)]
            heights = row + 0.5 * ((np.arange(len(few)) * 0.618034) % 1 - 0.5)
            colour = LINE_COLOURS[row % len(LINE_COLOURS)]
            axes.scatter(few, heights, s=12, color=colour, alpha=0.45, linewidths=0)
            marks = np.percentile(values, [50, 95, 99])
            for label, mark in zip(("p50", "p95", "p99"), marks, strict=True):
                axes.plot([mark, mark], [row - 0.33, row + 0.33], color=INK, linewidth=1.6)
                # p95 and p99 may lie close together: their names go above and below.
                above = label != "p95"
                axes.annotate(
                    label,
                    (mark, row - 0.33 if above else row + 0.33),
                    (0, 2 if above else -2),
                    textcoords="offset points",
                    ha="center",
                    va="bottom" if above else "top",
                    fontsize=10.5,
                    color=MUTED,
                )
            sentences.append(
                f"{name}: p50 {milliseconds_text(marks[0])}, p95 {milliseconds_text(marks[1])}, "
                f"p99 {milliseconds_text(marks[2])}."
            )
        if local_ms is not None:
            axes.axvline(local_ms, color=VERMILLION, linewidth=2)
            axes.annotate(
                f"{local_name}, {milliseconds_text(local_ms)}",
                (local_ms, 1.0),
                (4, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                fontsize=11.5,
                color=VERMILLION,
            )
            sentences.append(f"A line marks {local_name}: {milliseconds_text(local_ms)}.")
        axes.set_xscale("log")
        left, right = axes.get_xlim()
        wide = right > 30 * left
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.35, -0.65)
        axes.tick_params(axis="y", length=0)
        grid = "each step of the grid: 10 times" if wide else "logarithmic"
        axes.set_xlabel(f"Milliseconds from asking to the answer ({grid})")
        axes.set_title(wrapped_title(title), pad=26 if local_ms is not None else None)
    start = f"Round trips of {len(rows)} link{'s' if len(rows) != 1 else ''}: {as_sentence(title)}"
    return HouseFigure(figure, " ".join([start, *sentences]))


def cost_dots(
    costs: Mapping[str, float], *, unit: str, title: str, quantity: str = "Energy"
) -> HouseFigure:
    """Draw amounts of very different size as dots on a logarithmic axis, values beside them.

    Parameters
    ----------
    costs : Mapping[str, float]
        A name and an amount above 0, from top to bottom.
    unit : str
        The unit of all amounts.
    title : str
        The finding, in a sentence.
    quantity : str
        What the axis is called.

    Raises
    ------
    ValueError
        If there is nothing to draw, or an amount is not above 0.
    """
    rows = {label_text(name, 40): float(value) for name, value in costs.items()}
    if not rows or not all(value > 0 and np.isfinite(value) for value in rows.values()):
        raise ValueError(f"Every amount must be a number above 0, in {unit}.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.25 + 0.5 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        low = 10 ** np.floor(np.log10(min(rows.values())) - 0.3)
        for place, value in enumerate(rows.values()):
            axes.plot([low, value], [place, place], color=SKY, linewidth=3, zorder=1)
            axes.plot(value, place, "o", color=BLUE, markersize=9, zorder=2)
            axes.annotate(
                f"{figure_text(value)} {unit}",
                (value, place),
                (9, 0),
                textcoords="offset points",
                va="center",
                fontweight="bold",
            )
        axes.set_xscale("log")
        axes.set_xlim(low, max(rows.values()) * (max(rows.values()) / low) ** 0.22)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), [textwrap.fill(name, 24) for name in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{quantity} ({unit}; each step of the grid: 10 times)")
        title_across(figure, title)
    listed = ", ".join(f"{name} {figure_text(value)} {unit}" for name, value in rows.items())
    return HouseFigure(figure, f"Dots on a logarithmic axis: {as_sentence(title)} {listed}.")


def gate_strip(
    seconds: Any,
    values: Any,
    spans: Sequence[tuple[float, float]],
    *,
    threshold: float,
    title: str,
    quantity: str = "Spread (g)",
) -> HouseFigure:
    """Draw a gate's number over time, what it should wake for, and its threshold.

    Parameters
    ----------
    seconds, values : array_like, shape (N,)
        When each piece of signal ends, in s, and the number that the gate looks at.
    spans : sequence of (float, float)
        Start and end of each event that must not be missed, in s.
    threshold : float
        The gate wakes the model from this value up.
    title : str
        The finding, in a sentence.
    quantity : str
        Name and unit of the number.
    """
    when, heights = np.asarray(seconds, float), np.asarray(values, float)
    awake = heights >= threshold
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        axes = figure.add_subplot()
        top = 1.12 * max(threshold, heights.max(), 1e-9)
        for start, end in spans:
            axes.axvspan(start, end, color=GREEN, alpha=0.3, linewidth=0)
        middles = [(start + end) / 2 for start, end in spans]
        # In a long signal a gesture is two pixels wide: a triangle above says where it is.
        axes.plot(
            middles, [top] * len(spans), "v", color=GREEN, markersize=8, label="gesture",
            clip_on=False, linestyle="none",
        )  # fmt: skip
        for chosen, colour, name in ((~awake, MUTED, "asleep"), (awake, BLUE, "awake")):
            axes.scatter(when[chosen], heights[chosen], s=14, color=colour, label=name, zorder=3)
        axes.axhline(threshold, color=VERMILLION, label="threshold")
        axes.set_ylim(0, top)
        axes.set_xlim(when.min() - 2, when.max() + 2)
        axes.set_xlabel("Time (s)")
        axes.set_ylabel(quantity)
        axes.set_title(wrapped_title(title))
        figure.legend(loc="outside lower center", ncols=4)
    return HouseFigure(
        figure,
        f"A gate over {when.max() - when.min():.0f} s of signal: {as_sentence(title)} "
        f"{awake.sum()} of {len(awake)} pieces reach the threshold {threshold:.2f}; "
        f"{len(spans)} gestures are marked.",
    )
