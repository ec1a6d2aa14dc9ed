"""House figures: one look, axes with units, colour-blind-safe colours, and alt text.

Every function returns a :class:`HouseFigure`. A notebook shows it once, as a picture whose alt
text is composed from the data that was drawn, so a screen reader and a terminal get the finding
too. No function touches ``pyplot``: nothing stays open, and the inline backend has nothing to show
a second time.
"""

from __future__ import annotations

import base64
import html
import io
import textwrap
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color Universal Design": distinguishable with every common colour blindness.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
INK, MUTED, RULE = "#222222", "#5f6368", "#d9dce0"

COLOURS: dict[str, str] = {
    "walking": BLUE,
    "running": VERMILLION,
    "biking": GREEN,
    "golfing": PURPLE,
}
"""The colour of each activity, the same in every figure and widget."""

TRAINING_COLOUR, VALIDATION_COLOUR = BLUE, VERMILLION

WIDTH = 7.5  # inches

SPARE_COLOURS = (ORANGE, SKY, MUTED, INK)
MARKERS = "os^DvP*X"
LONGEST_NAME = 22

HOUSE_STYLE: dict[str, Any] = {
    # 750 CSS pixels fill most of the notebook column of a 1280 pixel wide window; at 900 pixels
    # the picture shrinks to some 450, and 12 point letters are still 10 pixels high.
    "figure.figsize": (WIDTH, 3.3),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=[*COLOURS.values(), ORANGE, SKY]),
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "text.color": INK,
    # Names come from learners: a "$" in one of them must not start a formula.
    "text.parse_math": False,
}
"""matplotlib settings of every house figure."""


def use_house_style() -> None:
    """Draw the notebook's own matplotlib figures in the house style from here on."""
    mpl.rcParams.update(HOUSE_STYLE)


class HouseFigure:
    """A finished figure with its alt text, shown once by any notebook front end.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it belongs to no ``pyplot`` window.
    alt : str
        What the figure shows, in sentences, for those who do not see it.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self.figure = figure
        self.alt = alt
        self._png: bytes | None = None

    def png(self) -> bytes:
        """Return the picture as PNG bytes, with one and a half pixels for each CSS pixel."""
        if self._png is None:
            buffer = io.BytesIO()
            with mpl.rc_context(HOUSE_STYLE), warnings.catch_warnings():
                # A learner's name in letters that the font lacks is drawn as boxes; it must not
                # be a warning on stderr besides.
                warnings.simplefilter("ignore", UserWarning)
                self.figure.savefig(buffer, format="png", dpi=1.5 * self.figure.dpi)
            self._png = buffer.getvalue()
        return self._png

    def html(self) -> str:
        """Return an ``<img>`` element that carries the picture and its alt text."""
        width = round(self.figure.get_figwidth() * self.figure.dpi)
        data = base64.b64encode(self.png()).decode("ascii")
        return (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(self.alt)}" '
            f'width="{width}" style="max-width: 100%; height: auto">'
        )

    def save(self, path: str | Path) -> Path:
        """Write the picture to a PNG file and return its path."""
        path = Path(path)
        path.write_bytes(self.png())
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # An image/png output has nowhere to put alt text in JupyterLab or nbconvert; both prefer
        # text/html, and an <img> has.
        return {"text/html": self.html(), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def colour_of(name: str, position: int = 0) -> str:
    """Return the colour of a label; labels the house does not know share the spare colours."""
    return COLOURS.get(name, SPARE_COLOURS[position % len(SPARE_COLOURS)])


def label_text(value: object, longest: int = LONGEST_NAME) -> str:
    text = "no answer" if value is None else " ".join(str(value).split()) or "(empty)"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def title_across(figure: Figure, title: str) -> None:
    """A title over the whole width, for figures whose axes begin far to the right."""
    figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontweight="bold", fontsize=13)


def wrapped_title(title: str) -> str:
    return textwrap.fill(title, 72, max_lines=2, placeholder="…")


def as_sentence(title: str) -> str:
    return title if not title or title[-1] in ".?" else f"{title}."


def percent_text(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def unique_names(*groups: Any, only: Any = None) -> list[str]:
    names = dict.fromkeys(name for group in groups for name in group)
    return [name for name in names if only is None or name in only]


LINE_COLOURS = (BLUE, GREEN, ORANGE, PURPLE, SKY, MUTED)


def milliseconds_text(value: float) -> str:
    return f"{figure_text(value)} ms"


def figure_text(value: float) -> str:
    """A number with three significant digits, and no power of ten."""
    digits = max(0, 2 - int(np.floor(np.log10(abs(value))))) if value else 0
    return f"{value:,.{digits}f}"
