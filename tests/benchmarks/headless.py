"""How long each module takes with its solutions in, sandbox and judge included."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder import build, cells, submission


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure():
    tensorflow = [sys.executable, "-c", "import tensorflow"]
    yardstick = seconds(lambda: subprocess.run(tensorflow, check=True, stderr=subprocess.DEVNULL))
    yield "import tensorflow", f"{yardstick:.1f} s"
    with tempfile.TemporaryDirectory() as folder:
        for notebook in build.build(view="solution", to=Path(folder)):
            (source,) = build.sources(notebook.stem)
            promised = cells.read(source).course["headless_seconds"]
            took = seconds(lambda notebook=notebook: submission.grade(notebook, seed=1))
            figure = f"{took:.1f} s of {promised} s, {took / yardstick:.1f}× import tensorflow"
            yield notebook.stem, figure
