"""A line in the terminal that says that something is going on."""

from __future__ import annotations

import sys
import time


class Spinner:
    """Shows a sentence and the seconds so far while a block runs; silent when not a terminal.

    >>> with Spinner("Running") as spinner:
    ...     spinner.tick()
    """

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Spinner:
        self._started = time.monotonic()
        self.tick()
        return self

    def tick(self) -> None:
        """Draw the line anew."""
        if self._shown:
            seconds = time.monotonic() - self._started
            sys.stderr.write(f"\r{self._sentence} … {seconds:.0f} s ")
            sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
