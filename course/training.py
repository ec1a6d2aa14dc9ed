"""Keras for notebooks: ``from course.training import keras``.

It is plain Keras. Only TensorFlow's first words are kept back: while it starts it writes a dozen
lines about processors and graphics cards straight to the process's stderr, whatever its log level
says, and a learner would take them for errors of their own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["keras"]


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment; Python exceptions still get through."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# 3 leaves errors only; those that are real reach Python as exceptions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _without_stderr():
    import keras

    # The first operation wakes the rest of TensorFlow, which has a few lines of its own.
    keras.ops.zeros(1)
