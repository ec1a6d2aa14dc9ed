"""Run a notebook's cells in one IPython shell, without a kernel: the inside of a sandbox.

``python -m autograder.execute NOTEBOOK LOG`` appends lines of JSON to LOG: one when it is ready to
run, one a cell with its index, id, seconds and the error that it raised, if any, and one when the
end was reached. An error does not stop the run, so that one broken cell does not take the other
checks with it.

A cell's ``metadata.course`` may ask for two things, which rehearsals use: ``variant`` sends
evidence to a folder of that name, and ``namespace`` (``"keep"`` or ``"restore"``) brings variables
and files of the current folder back to what they were.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from autograder import sandbox
from autograder.evidence import Raised, describe


def main(notebook_path: str, log_path: str) -> None:
    """Run the notebook; see the module's docstring."""
    from IPython.core.interactiveshell import InteractiveShell

    cells = json.loads(Path(notebook_path).read_text("utf-8"))["cells"]
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    # `%matplotlib inline` asks for an event loop, which there is none of here.
    shell.enable_gui = lambda gui=None: None
    kept: dict[str, Any] = {}
    files: dict[Path, bytes] = {}
    evidence = os.environ.get("COURSE_EVIDENCE", "")
    with open(log_path, "a", encoding="utf-8") as log:

        def say(record: dict) -> None:
            log.write(json.dumps(record) + "\n")
            log.flush()

        say({"started": True})
        sandbox.ready()
        for index, cell in enumerate(cells):
            if cell["cell_type"] != "code":
                continue
            course = cell["metadata"].get("course", {})
            if "variant" in course:
                os.environ["COURSE_EVIDENCE"] = os.path.join(evidence, course["variant"])
            if course.get("namespace") == "keep":
                kept = dict(shell.user_ns)
                files = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
            elif course.get("namespace") == "restore":
                shell.user_ns.clear()
                shell.user_ns.update(kept)
                for path, content in files.items():
                    path.write_bytes(content)
            started = time.monotonic()
            result = shell.run_cell("".join(cell["source"]), store_history=False)
            error = result.error_before_exec
            error = result.error_in_exec if error is None else error
            say(
                {
                    "index": index,
                    "id": cell.get("id", ""),
                    "seconds": round(time.monotonic() - started, 3),
                    "error": None if error is None else describe(Raised.from_exception(error)),
                }
            )
        say({"finished": True})


if __name__ == "__main__":
    main(*sys.argv[1:])
    # All is written. A thread that a learner left running must not keep the process alive.
    os._exit(0)
