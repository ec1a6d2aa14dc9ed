"""Keep back what native libraries write past Python, and hand it over when it matters."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def captured(*descriptors: int) -> Iterator[Callable[[], str]]:
    """Catch what a block writes to these file descriptors; Python exceptions still get through.

    Parameters
    ----------
    descriptors : 1 for stdout, 2 for stderr.

    Yields
    ------
    A function that returns the last 4,000 characters written so far.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as file, contextlib.ExitStack() as undo:

        def said() -> str:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4000))
            return file.read().decode(errors="replace")

        for descriptor in descriptors:
            stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
            with contextlib.suppress(AttributeError, ValueError, OSError):
                stream.flush()
            try:
                kept = os.dup(descriptor)
            except OSError:  # a program without a console has none
                continue
            os.dup2(file.fileno(), descriptor)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, descriptor)
        yield said
