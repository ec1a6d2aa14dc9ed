"""Lines in the terminal that say that something is going on; silent when it is not a terminal."""

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


class Bar:
    """A bar that fills as parts of a known number are done, with the time that is left.

    >>> with Bar("Grading", 30) as bar:
    ...     bar.advance()
    """

    _WIDTH = 30

    def __init__(self, sentence: str, total: int) -> None:
        self._sentence, self._total, self._done = sentence, total, 0
        self._shown = sys.stderr.isatty() and total > 0

    def __enter__(self) -> Bar:
        self._started = time.monotonic()
        self._draw()
        return self

    def advance(self) -> None:
        """One more part is done."""
        self._done += 1
        self._draw()

    def _draw(self) -> None:
        if not self._shown:
            return
        seconds = time.monotonic() - self._started
        filled = self._WIDTH * self._done // self._total
        left = ""
        if 0 < self._done < self._total:
            left = f", about {seconds * (self._total - self._done) / self._done:.0f} s left"
        bar = "#" * filled + "-" * (self._WIDTH - filled)
        sys.stderr.write(
            f"\r{self._sentence} [{bar}] {self._done} of {self._total}, {seconds:.0f} s{left}\033[K"
        )
        sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\n")
            sys.stderr.flush()
