"""Module 07: pruned sizes, shares of time, and models that others published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from course.plots.house import (
    BLUE,
    GREEN,
    HOUSE_STYLE,
    INK,
    MARKERS,
    PURPLE,
    SKY,
    VERMILLION,
    WIDTH,
    HouseFigure,
    as_sentence,
    label_text,
    title_across,
)


def size_curves(
    points: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> HouseFigure:
    """Draw accuracy against packed bytes, one line for each way to make a model smaller.

    Parameters
    ----------
    points : Mapping[str, sequence of (float, float)]
        Name → (bytes when packed, accuracy from 0 to 1) of each model; a single one has no line.
    title : str
        The finding, in a sentence.
    notes : Mapping[str, sequence of str], optional
        Name → a few letters beside each of its points.

    Raises
    ------
    ValueError
        If there is no model, or the notes do not fit the points.
    """
    lines = {
        label_text(name, 40): np.array(each, float) for name, each in points.items() if len(each)
    }
    written = {label_text(name, 40): list(each) for name, each in (notes or {}).items()}
    if not lines or any(len(written[name]) != len(lines.get(name, ())) for name in written):
        raise ValueError("There must be a model, and each note needs a point of its own.")
    sentences = []
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        axes = figure.add_subplot()
        colours = (INK, VERMILLION, BLUE, GREEN, PURPLE)
        for number, (name, each) in enumerate(lines.items()):
            kilobytes, right = each[:, 0] / 1000, 100 * each[:, 1]
            axes.plot(
                kilobytes, right, marker=MARKERS[number % len(MARKERS)], markersize=8,
                color=colours[number % len(colours)], label=name,
            )  # fmt: skip
            for place, words in enumerate(written.get(name, ())):
                axes.annotate(
                    label_text(words, 20), (kilobytes[place], right[place]), (7, -13),
                    textcoords="offset points", fontsize=11,
                    color=colours[number % len(colours)],
                )  # fmt: skip
            listed = ", ".join(f"{one[0] / 1000:.1f} kB {100 * one[1]:.0f} %" for one in each)
            sentences.append(f"{name}: {listed}.")
        most = max(each[:, 0].max() for each in lines.values()) / 1000
        axes.set_xlim(0, 1.08 * most)
        axes.set_ylim(0, 104)
        axes.set_xlabel("Size of the packed file (kB)")
        axes.set_ylabel("Accuracy on new people (%)")
        axes.legend(loc="lower right")
        title_across(figure, title)
    return HouseFigure(
        figure, f"Accuracy against packed size: {as_sentence(title)} {' '.join(sentences)}"
    )


def share_bars(shares: Mapping[str, float], *, whole: str, title: str) -> HouseFigure:
    """Draw what is left of something by several measures, against a line at 100 %.

    Parameters
    ----------
    shares : Mapping[str, float]
        A measure and what is left by it, 1 for all of it; from top to bottom.
    whole : str
        What the line stands for.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no measure, or a share is not finite or below 0.
    """
    rows = {label_text(name, 40): 100 * float(value) for name, value in shares.items()}
    if not rows or not all(np.isfinite(value) and value >= 0 for value in rows.values()):
        raise ValueError("Every measure needs a share of 0 or more, and there must be a measure.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 1.35 + 0.55 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        # The first is what was promised, the others are what came of it.
        colours = [BLUE] + [SKY] * (len(rows) - 1)
        axes.barh(range(len(rows)), list(rows.values()), height=0.62, color=colours)
        for place, value in enumerate(rows.values()):
            axes.annotate(
                f"{value:.0f} %", (value, place), (6, 0), textcoords="offset points",
                va="center", fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
        axes.axvline(100, color=INK, linewidth=1.4, linestyle="--", zorder=0.5)
        axes.annotate(
            label_text(whole, 40), (100, 1), (0, 4), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", fontsize=11.5,
        )  # fmt: skip
        axes.set_xlim(0, max(125, 1.2 * max(rows.values())))
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"Left of {label_text(whole, 40)} (%)")
        title_across(figure, title)
    listed = ", ".join(f"{name} {value:.0f} %" for name, value in rows.items())
    return HouseFigure(
        figure, f"Bars, where 100 % is {label_text(whole, 40)}: {as_sentence(title)} {listed}."
    )


def published_models(models: Sequence[Any], *, title: str) -> HouseFigure:
    """Draw published models: time to the right, accuracy up, the file's size as the dot's area.

    Parameters
    ----------
    models : sequence
        Objects with ``model``, ``device``, ``milliseconds``, ``megabytes``, ``accuracy`` (0 to 1)
        and ``source``, as :func:`course.tflite.profile.published` gives them.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is none, or one lacks its size or accuracy.
    """
    rows = list(models)
    if not rows or not all(each.megabytes and each.accuracy for each in rows):
        raise ValueError("Each model needs a size and an accuracy, and there must be a model.")
    devices = ", ".join(dict.fromkeys(each.device for each in rows))
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
        axes = figure.add_subplot()
        for number, each in enumerate(rows):
            colour = (GREEN, SKY, BLUE)[number % 3]
            axes.scatter(
                each.milliseconds, 100 * each.accuracy, s=24 * each.megabytes, color=colour,
                alpha=0.85, linewidths=0, zorder=3,
            )  # fmt: skip
            radius = np.sqrt(24 * each.megabytes / np.pi)
            # Beside it where another dot stands close on the right, else below.
            crowded = any(1 < one.milliseconds / each.milliseconds < 3 for one in rows)
            axes.annotate(
                f"{each.model}\n{each.megabytes:g} MB", (each.milliseconds, 100 * each.accuracy),
                (-radius - 6, 0) if crowded else (0, -radius - 6), textcoords="offset points",
                ha="right" if crowded else "center", va="center" if crowded else "top",
                fontsize=11, linespacing=1.2,
            )  # fmt: skip
        axes.set_xscale("log")
        times = [each.milliseconds for each in rows]
        axes.set_xlim(min(times) / 2.6, max(times) * 2.6)
        axes.xaxis.set_major_locator(FixedLocator([10, 20, 50, 100, 200, 500]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        scores = [100 * each.accuracy for each in rows]
        axes.set_ylim(min(scores) - 4.5, max(scores) + 3)
        axes.set_xlabel(f"Time of one picture on a {devices} (ms, logarithmic)")
        axes.set_ylabel("Top-1 accuracy (%)")
        title_across(figure, title)
    listed = "; ".join(
        f"{each.model}: {each.megabytes:g} MB, {each.milliseconds:g} ms, "
        f"{100 * each.accuracy:.1f} %"
        for each in rows
    )
    sources = "; ".join(dict.fromkeys(each.source for each in rows))
    return HouseFigure(
        figure,
        f"Published models on a {devices}: {as_sentence(title)} {listed}. Source: {sources}.",
    )
