"""Running cells without a kernel: the log, errors that stop nothing, and variables brought back."""

import json
import os

import pytest

from autograder import sandbox


@pytest.fixture
def execute(tmp_path):
    """Runs cells given as text or as (text, metadata of the course); returns log and outcome."""

    def run(*cells, seconds=60, environment=None):
        cells = [cell if isinstance(cell, tuple) else (cell, {}) for cell in cells]
        record = [
            {"cell_type": "code", "id": f"c{n}", "metadata": {"course": course}, "source": text}
            for n, (text, course) in enumerate(cells)
        ]
        notebook, log = tmp_path / "notebook.ipynb", tmp_path / "log.jsonl"
        notebook.write_text(json.dumps({"cells": record}), "utf-8")
        (tmp_path / "work").mkdir(exist_ok=True)
        outcome = sandbox.run(
            "autograder.execute", [str(notebook), str(log)],
            folder=tmp_path / "work", writable=[tmp_path],
            limits=sandbox.Limits(wall_seconds=seconds), environment=environment, keep_errors=True,
        )  # fmt: skip
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        return [json.loads(line) for line in lines], outcome

    return run


@pytest.fixture
def written(tmp_path):
    """Reads what a cell wrote into its folder."""
    return lambda name: (tmp_path / "work" / name).read_text("utf-8")


def errors(log):
    return [record.get("error") for record in log if "index" in record]


def test_no_error_stops_the_run(execute, written):
    hostile = [
        "1 / 0",
        "def f(:",
        "raise SystemExit(3)",
        "exit()",
        "raise KeyboardInterrupt",
        "raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})()",
        "raise type('Empty', (Exception,), {'__bool__': lambda self: False})('said')",
        "raise type('Odd', (Exception,), {'__bool__': lambda self: 1 / 0})('said')",
        "raise type('<script>', (Exception,), {})('\\ud800')",
        "def deeper(): deeper()\ndeeper()",
        "input()",
        "%no_such_magic",
        "!exit 7",
        "import asyncio; await asyncio.sleep(0)",
        "open('last', 'w').write('reached')",
    ]
    log, outcome = execute(*hostile)
    assert written("last") == "reached"
    assert log[0] == {"started": True}
    assert log[-1] == {"finished": True}
    assert outcome.returncode == 0
    said = errors(log)
    assert said[0] == "ZeroDivisionError: division by zero"
    assert said[1].startswith("SyntaxError")
    assert said[2] == "SystemExit: 3"
    assert said[4] == "KeyboardInterrupt"
    assert said[5] == "Mute: (its message raised ZeroDivisionError)"
    assert said[6:8] == ["Empty: said", "Odd: said"]
    assert said[8].startswith("<script>: ")
    assert said[9].startswith("RecursionError")
    assert said[-2:] == [None, None]


def test_the_log_names_every_cell_with_its_seconds(execute):
    log, _ = execute("import time; time.sleep(0.2)", "1")
    assert [(record["index"], record["id"]) for record in log[1:-1]] == [(0, "c0"), (1, "c1")]
    assert log[1]["seconds"] >= 0.2


@pytest.mark.parametrize(
    "cell",
    [
        "import os; os._exit(0)",
        "import os; os.kill(os.getpid(), 9)",
        "get_ipython().run_cell = None",
        "import json; json.dumps = None",
    ],
)
def test_a_run_that_is_broken_off_has_no_last_line(execute, cell):
    log, _ = execute(cell, "1", seconds=20)
    assert log[0] == {"started": True}
    assert {"finished": True} not in log


def test_what_learners_type_into_notebooks_works(execute):
    log, _ = execute(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "%%time\nx = 1",
        "%%javascript\nalert(1)",
        "!true",
        "from IPython.display import HTML, display\ndisplay(HTML('<p>'))",
        "%load_ext autoreload\n%autoreload 2",
    )
    assert errors(log) == [None] * 6


def test_a_thread_that_was_left_running_does_not_hold_the_run_up(execute):
    log, outcome = execute(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    )
    assert log[-1] == {"finished": True}
    assert outcome.returncode == 0
    assert outcome.seconds < 30


def test_variables_are_brought_back(execute, written):
    execute(
        ("x = 1; y = 2", {}),
        ("x = 3", {"namespace": "keep"}),
        ("x = 5; z = 6\ndel y", {}),
        ("w = x", {"namespace": "restore"}),
        ("open('seen', 'w').write(repr((x, y, w, 'z' in dir())))", {}),
    )
    assert written("seen") == "(1, 2, 1, False)"


def test_files_are_brought_back(execute, written):
    execute(
        ("open('model', 'w').write('right')", {}),
        ("x = 3", {"namespace": "keep"}),
        ("open('model', 'w').write('wrong')", {}),
        ("w = x", {"namespace": "restore"}),
        ("open('seen', 'w').write(open('model').read())", {}),
    )
    assert written("seen") == "right"


def test_evidence_goes_to_the_folder_of_the_variant(execute, written, tmp_path):
    execute(
        ("import os\nsaid = [os.environ['COURSE_EVIDENCE']]", {}),
        ("said.append(os.environ['COURSE_EVIDENCE'])", {"variant": "wrong-1"}),
        ("said.append(os.environ['COURSE_EVIDENCE'])", {"variant": "restored"}),
        ("open('seen', 'w').write(repr(said))", {}),
        environment={"COURSE_EVIDENCE": os.path.join("some", "place")},
    )
    assert written("seen") == repr(
        [os.path.join("some", "place", *rest) for rest in ([], ["wrong-1"], ["restored"])]
    )
