"""The ``course`` command: parsing, messages, exit codes, and a notebook checked from end to end."""

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import course
from course import cli, console, start, syllabus, workspace

SOURCE = '''\
# ---
# jupyter:
#   course:
#     title: Double
#     slug: double
#     minutes: 5
#     headless_seconds: 5
#     objectives: [Double]
#     needs: []
#     builds: []
# ---

# %%
from autograder import open_checks

check = open_checks("double")

# %% task="twice"
def twice(number: float) -> float:
    """Return twice the number."""
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION

# %% check="twice"
check.twice(twice)
'''
CHECKS = '''\
from autograder import Calls, Check, Inputs, expect, require


class Twice(Check):
    """Twice a number."""

    points = 2
    evidence = Calls(returns=expect.Number())

    def inputs(self, rng):
        return Inputs([(float(value),) for value in rng.normal(size=3)])

    def judge(self, inputs, outputs):
        right = [2 * number for (number,) in inputs.calls]
        yield require.close(outputs, right, tolerance=1e-9, title="Doubles", next="Double it.")
'''
HEAVY = (
    "numpy",
    "IPython",
    "tensorflow",
    "keras",
    "nbformat",
    "jupytext",
    "matplotlib",
    "autograder",
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout of one small module, built."""
    folder = tmp_path / "checkout" / "modules" / "01_double"
    folder.mkdir(parents=True)
    (folder / "double.py").write_text(SOURCE, "utf-8")
    (folder / "checks.py").write_text(CHECKS, "utf-8")
    monkeypatch.setattr(syllabus, "_ROOT", tmp_path / "checkout")
    monkeypatch.setenv("PYTHONPATH", str(Path(course.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["build"]) == 0
    return tmp_path / "checkout"


@pytest.fixture
def run(capsys):
    """Runs a command; returns its exit code, what it printed, and what it said on stderr."""

    def main(*arguments):
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = leaving.code
        return SimpleNamespace(
            code=code, **dict(zip(("out", "err"), capsys.readouterr(), strict=True))
        )

    return main


# --- parsing ----------------------------------------------------------------------------------


def test_help_comes_at_once_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom course.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(course.__file__).parents[1])}
    times = []
    for _ in range(3):
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        times.append(time.monotonic() - started)
    assert done.stderr.strip() == "[]"
    assert min(times) < 1
    for command in ("start", "check", "doctor", "build", "new", "bench", "test"):
        assert re.search(rf"^\s+{command}\s", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["tset"], ["check"], ["check", "a.ipynb", "--seed", "-1"], ["new", "Title"],
        ["check", "a.ipynb", "--seed", "x"], ["start", "--port", "x"], ["build", "a", "b"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_slip_in_the_command_line_shows_the_usage(run, arguments):
    done = run(*arguments)
    assert done.code == 2
    assert done.err.startswith("usage: course")
    assert done.out == ""


def test_the_version_is_the_packages(run):
    assert run("--version").out.strip() == f"course {course.__version__}"


@pytest.mark.parametrize("command", ["start", "check", "doctor", "build", "new", "bench"])
def test_every_command_explains_itself(run, command):
    done = run(command, "--help")
    assert done.code == 0
    assert done.out.startswith(f"usage: course {command}")


# --- errors -----------------------------------------------------------------------------------


def test_an_unknown_slug_lists_those_that_exist(root, run):
    done = run("build", "duoble")
    assert (done.code, done.out) == (1, "")
    assert done.err == "course: There is no module or lab 'duoble'; there is double.\n"
    done = run("check", root / "modules" / "01_double" / "double.ipynb", "--module", "duoble")
    assert done.code == 1
    assert "Those there are: double." in done.err


def test_an_unknown_view_lists_those_that_exist(root, run):
    done = run("build", "--view", "teacher")
    assert (done.code, done.out) == (1, "")
    assert "the views are learner, solution, nbgrader, rehearsal" in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "There is no file x.ipynb."), (b"{", "x.ipynb is not valid JSON"), (b"", "is empty.")],
)
def test_what_is_no_notebook_is_answered_in_a_sentence(root, run, tmp_path, content, message):
    if content is not None:
        (tmp_path / "x.ipynb").write_bytes(content)
    done = run("check", tmp_path / "x.ipynb")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("course: ")
    assert message in done.err
    assert "Traceback" not in done.err


def test_ctrl_c_ends_a_command_in_a_word(root, run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("autograder.submission.grade", interrupted)
    done = run("check", "x.ipynb")
    assert done.code == 130
    assert done.err.strip() == "course: stopped."


@pytest.mark.parametrize("error", [KeyError("x"), IndexError("x"), TypeError("x")])
def test_errors_of_ours_keep_their_traceback(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("autograder.build.build", fail)
    with pytest.raises(type(error)):
        cli.main(["build"])


# --- check ------------------------------------------------------------------------------------


@pytest.fixture
def notebooks(root, run, tmp_path):
    """Paths of the blank and of the solved notebook; one has a space in its name."""
    run("build", "double", "--view", "solution", "--to", tmp_path / "solved ones")
    return (
        root / "modules" / "01_double" / "double.ipynb",
        tmp_path / "solved ones/double/double.ipynb",
    )


def test_checking_prints_findings_points_and_how_to_repeat_it(notebooks, run):
    blank, solved = notebooks
    done = run("check", blank)
    assert (done.code, done.err) == (0, "")
    assert "Not yet: Twice a number · 0 of 2 points" in done.out
    assert "nothing (None), needs one number. Next: Is the task's cell filled in" in done.out
    assert "double: 0 of 2 points" in done.out
    done = run("check", solved)
    assert "Done: Twice a number · 2 of 2 points\n  [x] Doubles: right in all 3 cases." in done.out
    assert "double: 2 of 2 points" in done.out
    seed = re.search(r'again: course check "(.*)" --seed (\d+)', done.out)
    assert seed[1] == str(solved)
    assert run("check", solved, "--seed", seed[2]).out == done.out


def test_checking_can_print_json(notebooks, run):
    done = run("check", notebooks[0], "--seed", 7, "--json")
    record = json.loads(done.out)
    assert (done.code, record["seed"], record["score"], record["points"]) == (0, 7, 0, 2)
    assert record["verdicts"][0]["check"] == "twice"
    assert record["verdicts"][0]["findings"][0]["holds"] is False


def test_notes_about_the_run_are_printed(notebooks, run, tmp_path):
    record = json.loads(notebooks[1].read_text("utf-8"))
    record["cells"].append({"cell_type": "code", "source": "1 / 0", "metadata": {}})
    (tmp_path / "double.ipynb").write_text(json.dumps(record), "utf-8")
    done = run("check", tmp_path / "double.ipynb")
    assert "Note: Cell 4, '1 / 0', raised ZeroDivisionError: division by zero.\n" in done.out
    assert "double: 2 of 2 points" in done.out


def test_a_terminal_without_the_signs_gets_others(notebooks, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    assert cli.main(["check", str(notebooks[0])]) == 0
    sys.stdout.flush()
    assert b"Twice a number ? 0 of 2 points" in written.getvalue()


# --- build ------------------------------------------------------------------------------------


def test_building_prints_what_was_written(root, run, tmp_path):
    done = run("build", "double", "--view", "solution", "--to", tmp_path / "new")
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() == str(tmp_path / "new" / "double" / "double.ipynb")
    assert Path(done.out.strip()).is_file()
    assert run("build").out.strip() == str(root / "modules" / "01_double" / "double.ipynb")


def test_a_source_that_breaks_the_grammar_is_named(root, run):
    path = root / "modules" / "01_double" / "double.py"
    path.write_text(SOURCE.replace("### END SOLUTION", ""), "utf-8")
    done = run("build")
    assert done.code == 1
    assert done.err == "course: A solution begins and never ends.\n"


# --- the other commands -------------------------------------------------------------------------


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
def test_the_doctors_findings_give_the_exit_code(run, monkeypatch, healthy, code):
    monkeypatch.setattr(
        "course.doctor.diagnose", lambda: [SimpleNamespace(ok=True), SimpleNamespace(ok=healthy)]
    )
    monkeypatch.setattr("course.doctor.report", lambda found: f"{len(found)} looked at")
    done = run("doctor")
    assert (done.code, done.out) == (code, "2 looked at\n")


def test_a_new_module_is_made_after_another(run, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "autograder.scaffold.new_module",
        lambda title, *, after: asked.append((title, after)) or ["x"],
    )
    assert run("new", "Two words", "--after", "double").out == "x\n"
    assert asked == [("Two words", "double")]


@pytest.fixture
def called(monkeypatch):
    """Commands that were handed to a process of their own."""
    commands = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command, **_: commands.append(command) or 5)
    return commands


@pytest.mark.parametrize(
    "arguments", [[], ["-k", "name and not other"], ["tests/course", "-x", "--co"], ["--version"]]
)
def test_pytest_gets_all_that_follows(run, called, arguments):
    assert run("test", *arguments).code == 5
    assert called[0][1:] == ["-m", "pytest", *arguments]


def test_benchmarks_are_run_by_name(run, called):
    assert run("bench", "check_latency").code == 5
    assert called[0][-1] == "check_latency"


# --- start ------------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch):
    """What the server would be started with; it is interrupted once and then ends."""
    seen = {}

    class Server:
        def __init__(self, command, *, env, cwd):
            seen.update(command=command, environment=env, folder=cwd)
            self.waits = iter([KeyboardInterrupt, 3])

        def wait(self):
            outcome = next(self.waits)
            if outcome is KeyboardInterrupt:
                raise outcome
            return outcome

    monkeypatch.setattr(start.subprocess, "Popen", Server)
    monkeypatch.setattr(start, "free_port", lambda first: first)
    return seen


def test_start_serves_the_workspace_and_leaves_ctrl_c_to_jupyter(root, run, served, tmp_path):
    folder = tmp_path / "my notebooks"
    done = run("start", "--workspace", folder, "--port", 9000, "--no-browser")
    assert done.code == 3
    assert f"Your notebooks are in {folder}" in done.out
    assert "01_double/double.ipynb is new." in done.out
    assert (folder / "01_double" / "double.ipynb").is_file()
    assert f"--ServerApp.root_dir={folder}" in served["command"]
    assert "--ServerApp.port=9000" in served["command"]
    assert "--ServerApp.open_browser=False" in served["command"]
    assert served["environment"]["COURSE_WORKSPACE"] == str(folder)


def test_start_opens_a_browser_unless_told_not_to(root, run, served, tmp_path):
    run("start", "--workspace", tmp_path / "mine")
    assert "--ServerApp.open_browser=True" in served["command"]
    assert "--ServerApp.port=8888" in served["command"]


def test_a_workspace_that_cannot_be_written_is_said(root, run, served, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("start", "--workspace", tmp_path / "file" / "inside")
    assert done.code == 1
    assert done.err.startswith("course: The workspace ")
    assert "Traceback" not in done.err
    assert served == {}


def test_the_first_free_port_is_taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        taken = holder.getsockname()[1]
        assert start.free_port(taken) > taken


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_that_does_not_exist_is_said(root, run, monkeypatch, port):
    monkeypatch.setattr(workspace, "prepare", lambda folder: [])
    done = run("start", f"--port={port}")
    assert done.code == 1
    assert f"There is no port {port}; choose one from 1024 to 65535" in done.err


def test_no_free_port_is_said_with_their_range(monkeypatch):
    class Taken:
        __enter__ = __exit__ = lambda self, *_: self

        def bind(self, address):
            raise PermissionError

    monkeypatch.setattr(start.socket, "socket", Taken)
    with pytest.raises(OSError, match="Ports 65520 to 65535 are all in use or reserved"):
        start.free_port(65520)


# --- the line that turns ------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_spinner_counts_on_a_terminal_and_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with console.Spinner("Running") as spinner:
        spinner.tick()
        assert sys.stderr.getvalue().endswith("\rRunning … 0 s ")
    assert sys.stderr.getvalue().endswith("\r\033[K")


def test_a_spinner_is_silent_in_a_file(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with console.Spinner("Running") as spinner:
        spinner.tick()
    assert sys.stderr.getvalue() == ""


def test_a_spinner_lets_errors_through_and_clears_its_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt), console.Spinner("Running"):
        raise KeyboardInterrupt
    assert sys.stderr.getvalue().endswith("\033[K")
