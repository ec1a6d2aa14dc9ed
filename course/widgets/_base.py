"""What every widget of the course shares: its script, its look, and something for those without it.

A front end that runs widgets shows the widget. Every other one (nbconvert, a terminal, a notebook
opened without its kernel) finds a still picture with alt text and a plain text beside it.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import anywidget

from course.plots import HouseFigure

_HERE = Path(__file__).parent
_NOTE = "This is a still picture. Run the cell in JupyterLab for the interactive one."


def script(*names: str) -> str:
    """Return the browser code of a widget's files, in order, with the shared helpers before it."""
    return "\n".join(
        (_HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("_shared", *names)
    )


def style() -> str:
    """Return the style sheet that all widgets share."""
    return (_HERE / "_shared.css").read_text(encoding="utf-8")


class HouseWidget(anywidget.AnyWidget):
    """A widget that leaves a still picture and a text for front ends without widgets."""

    _css = style()

    def _fallback_text(self) -> str:
        """Return what a terminal or a screen reader gets."""
        raise NotImplementedError

    def _fallback_figure(self) -> HouseFigure:
        """Return the still picture, drawn from the present state."""
        raise NotImplementedError

    def _fallback_html(self) -> str:
        """Return what front ends without widgets show."""
        return f"{self._fallback_figure().html()}<p><em>{html.escape(_NOTE)}</em></p>"

    def _bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        data["text/html"] = self._fallback_html()
        data["text/plain"] = self._fallback_text()
        return data, metadata

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._bundle()
