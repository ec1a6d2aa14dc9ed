"""A question with radio buttons; the answer card comes from Python the moment one is picked."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from course.widgets._base import HouseWidget, script


class Quiz(HouseWidget):
    """Radio buttons under a question, and the card that answers the learner's choice.

    The browser also dispatches an ``on-device:choice`` event with ``{task, choice}``, by which the
    course's JupyterLab extension writes the letter into the learner's cell ``task-<task>``.

    Parameters
    ----------
    question : str
        The question; `backticks` mark code, everything else is plain text.
    options : Mapping[str, str]
        A letter and its text for each option, in order.
    task : str
        The task that the choice answers.
    on_choice : Callable[[str], str]
        Called with the letter, returns the HTML of a card. The HTML is shown as it is, so it must
        be the course's own. It may be called from another thread than the cell's, one call at a
        time.
    choice : str or None
        An earlier choice: its radio button is selected and its card shown.

    Raises
    ------
    ValueError
        If there are fewer than two options, or `choice` is not one of them.

    Examples
    --------
    >>> quiz = Quiz("What is 1 + 1?", {"a": "1", "b": "2"}, "sum", lambda letter: "<p>Seen.</p>")
    >>> quiz.choice = "b"
    >>> quiz.card
    '<p>Seen.</p>'
    """

    _esm = script("quiz")

    question = traitlets.Unicode().tag(sync=True)
    task = traitlets.Unicode().tag(sync=True)
    choice = traitlets.Unicode("").tag(sync=True)
    _options = traitlets.List().tag(sync=True)
    _answer = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        question: str,
        options: Mapping[str, str],
        task: str,
        on_choice: Callable[[str], str],
        *,
        choice: str | None = None,
    ) -> None:
        if len(options) < 2:
            raise ValueError("A quiz needs at least two options.")
        if choice and choice not in options:
            raise ValueError(
                f"The choice {choice!r} is not an option; the options are {', '.join(options)}."
            )
        self.options = {str(letter): str(text) for letter, text in options.items()}
        self._on_choice = on_choice
        # The front end's messages arrive in a thread of their own (ipykernel 7).
        self._lock = threading.RLock()
        super().__init__(
            question=question, task=task, _options=[list(pair) for pair in self.options.items()]
        )
        self.observe(self._answer_choice, names="choice")
        if choice:
            self.choice = choice

    @property
    def card(self) -> str:
        """HTML of the card that answers the present choice; empty before any choice."""
        return self._answer.get("html", "")

    def _answer_choice(self, change: dict[str, Any]) -> None:
        letter = change["new"]
        with self._lock:
            if letter not in self.options:
                return
            try:
                card = str(self._on_choice(letter))
            except Exception as error:  # a traceback in the widget's thread reaches nobody
                card = (
                    "<p>Your choice could not be checked: "
                    f"{html.escape(type(error).__name__)}: {html.escape(str(error))}. "
                    "Run the cells above once more, then choose again.</p>"
                )
            # The serial number tells the browser of a new answer even if the card is the same.
            serial = self._answer.get("serial", 0) + 1
            self._answer = {"choice": letter, "html": card, "serial": serial}

    def _fallback_text(self) -> str:
        lines = [self.question, *(f"{letter}) {text}" for letter, text in self.options.items())]
        if self.choice:
            lines.append(f"Your choice: {self.choice}")
            lines += [_plain(self.card)] if self.card else []
        else:
            lines.append(
                "Write the letter of your choice into the cell above and run this cell again."
            )
        return "\n".join(lines)

    def _fallback_html(self) -> str:
        items = "".join(
            f"<li>{'<strong>' if letter == self.choice else ''}{html.escape(letter)}) "
            f"{html.escape(text)}{'</strong> (your choice)' if letter == self.choice else ''}</li>"
            for letter, text in self.options.items()
        )
        end = (
            self.card
            if self.choice
            else "<p><em>Write the letter of your choice into the cell above and run this cell "
            "again.</em></p>"
        )
        return (
            f"<p><strong>{html.escape(self.question)}</strong></p>"
            f'<ul style="list-style: none; padding-left: 0">{items}</ul>{end}'
        )


def _plain(markup: str) -> str:
    """Return the text of trusted HTML, one line for each block."""
    markup = re.sub(r"(?is)<(style|script)\b.*?</\1>", "", markup)
    markup = re.sub(r"(?i)</(p|div|li|tr|h\d|summary|details)>|<br\s*/?>", "\n", markup)
    lines = html.unescape(re.sub(r"<[^>]+>", " ", markup)).splitlines()
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))
