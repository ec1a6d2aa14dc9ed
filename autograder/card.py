"""The card under a check: what was measured, what was needed, what to try next.

One object, two faces: HTML in a notebook, plain text in a terminal or for a screen reader. Styles
are inline and use JupyterLab's theme variables with fallbacks, so that a card also looks right in
Notebook 7, VS Code, nbconvert and after the notebook was closed and reopened.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from autograder.check import Finding, Verdict

_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:14px;line-height:1.5"
_MUTED = "color:var(--jp-ui-font-color2,#595959)"
# Okabe–Ito bluish green and vermillion, darkened until white text on them has a contrast above 4.5.
_COLOURS = {"held": "#00694c", "part": "#8a5a00", "missed": "#a8480a"}


@dataclass(frozen=True)
class Card:
    """What `check.<name>(…)` shows.

    Attributes
    ----------
    title : of the check.
    verdict : what the judge found.
    hints : all hints; HTML folds them one inside the other, text names the call.
    note : a sentence at the foot, such as why progress could not be saved.
    """

    title: str
    verdict: Verdict
    hints: tuple[str, ...] = ()
    note: str = ""

    @property
    def _state(self) -> str:
        if self.verdict.passed:
            return "held"
        return "part" if self.verdict.score else "missed"

    def __str__(self) -> str:
        verdict = self.verdict
        state = {"held": "Done", "part": "Partly there", "missed": "Not yet"}[self._state]
        lines = [
            f"{state}: {self.title} · {points(verdict.score)} of {points(verdict.points)} points"
        ]
        lines += [f"  {'[x]' if item.holds else '[ ]'} {item.text}" for item in verdict.findings]
        if self.hints and not verdict.passed:
            lines.append(f"  A hint: check.{verdict.check}.hint()")
        if self.note:
            lines.append(f"  {self.note}")
        return "\n".join(lines)

    def html(self) -> str:
        """The card as self-contained HTML; everything a learner wrote is escaped."""
        verdict, colour = self.verdict, _COLOURS[self._state]
        state = {"held": "Done", "part": "Partly there", "missed": "Not yet"}[self._state]
        score = f"{points(verdict.score)} of {points(verdict.points)} points"
        rows = "".join(_row(item) for item in verdict.findings)
        hints = "" if verdict.passed else _folded(self.hints, 0)
        note = (
            f'<div style="{_MUTED};font-size:13px">{escape(self.note)}</div>' if self.note else ""
        )
        return (
            f'<div role="region" aria-label="{escape(state)}: {escape(self.title)}, {score}" '
            f'class="on-device-card" data-check="{escape(verdict.check)}" '
            f'data-passed="{str(verdict.passed).lower()}" '
            f'style="{_FONT};max-width:46em;margin:4px 0;padding:10px 14px;'
            f"border:1px solid var(--jp-border-color2,#ccc);border-left:5px solid {colour};"
            f'background:var(--jp-layout-color1,#fff);color:var(--jp-ui-font-color1,#1c1c1c)">'
            f'<div style="display:flex;flex-wrap:wrap;gap:10px;align-items:baseline">'
            f'<span style="background:{colour};color:#fff;padding:1px 8px;border-radius:3px;'
            f'font-weight:600">{state}</span>'
            f'<strong style="flex:1">{escape(self.title)}</strong>'
            f'<span style="{_MUTED};white-space:nowrap">{score}</span></div>'
            f"{rows}{hints}{note}</div>"
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}


@dataclass(frozen=True)
class Note:
    """A short message in the style of a card: a hint, or what a check is waiting for."""

    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.title}: {self.text}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        html = (
            f'<div role="note" class="on-device-note" style="{_FONT};max-width:46em;margin:4px 0;'
            f"padding:8px 14px;border-left:5px solid #56748c;"
            f"background:var(--jp-layout-color1,#fff);"
            f'color:var(--jp-ui-font-color1,#1c1c1c)"><strong>{escape(self.title)}.</strong> '
            f"{escape(self.text)}</div>"
        )
        return {"text/plain": str(self), "text/html": html}


def points(value: float) -> str:
    """Points without a needless decimal: 3, 1.5, 0.33."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _row(item: Finding) -> str:
    mark, word = ("✓", "holds") if item.holds else ("✗", "does not hold")
    colour = _COLOURS["held" if item.holds else "missed"]
    figures = ""
    if item.got:
        figures = f'<span style="font-weight:600">{escape(item.got)}</span>'
    if item.needed:
        figures += (
            f'<span style="{_MUTED}">{", " if item.got else ""}needs {escape(item.needed)}</span>'
        )
    title = escape(item.title) + (": " if figures else "")
    said = " ".join(part for part in (item.detail, item.example) if part)
    detail = f"<div>{escape(said)}</div>" if said else ""
    then = ""
    if item.next and not item.holds:
        then = f"<div><strong>Next:</strong> {escape(item.next)}</div>"
    return (
        f'<div style="display:flex;gap:8px;margin-top:6px">'
        f'<span role="img" aria-label="{word}" style="color:{colour};font-weight:700">{mark}</span>'
        f"<div>{title}{figures}{detail}{then}</div></div>"
    )


def _folded(hints: tuple[str, ...], index: int) -> str:
    if index >= len(hints):
        return ""
    return (
        # JupyterLab takes keys such as Enter from a focused element unless it says otherwise.
        f'<details style="margin-top:6px">'
        f'<summary data-lm-suppress-shortcuts="true" style="cursor:pointer;{_MUTED}">'
        f"Hint {index + 1} of {len(hints)}</summary>"
        f'<div style="margin:2px 0 0 16px">{escape(hints[index])}{_folded(hints, index + 1)}</div>'
        f"</details>"
    )
